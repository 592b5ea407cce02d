"""Events: everything that can happen to a case. The names are the types of webhooks too.

A new event is one line in the table; the webhook list, the record and the docs come from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from onenet.domain.states import Word


class EventType(Word):
    """The kind of a fact that happened to a case."""

    CASE_RECEIVED = "case.received"
    CASE_ACCEPTED = "case.accepted"
    CASE_IN_PROGRESS = "case.in_progress"
    CASE_COMPLETED = "case.completed"
    CASE_PARTLY_COMPLETED = "case.partly_completed"
    CASE_REJECTED = "case.rejected"
    CASE_WITHDRAWN = "case.withdrawn"
    CASE_DEADLINE_MOVED = "case.deadline_moved"
    CASE_EXTENDED = "case.extended"
    STEP_WAITING = "step.waiting"
    STEP_READY = "step.ready"
    STEP_DISPATCHED = "step.dispatched"
    STEP_ACCEPTED = "step.accepted"
    STEP_SUPPLEMENT_NEEDED = "step.supplement_needed"
    STEP_SUPPLEMENT_SAVED = "step.supplement_saved"
    STEP_SUPPLEMENT_DUE = "step.supplement_due"
    STEP_SUPPLEMENTED = "step.supplemented"
    STEP_SUSPENDED = "step.suspended"
    STEP_RESUMED = "step.resumed"
    STEP_PROCEDURE_OVERDUE = "step.procedure_overdue"
    HEARING_TOLD = "hearing.told"
    HEARING_ASKED = "hearing.asked"
    HEARING_WAIVED = "hearing.waived"
    HEARING_LAPSED = "hearing.lapsed"
    HEARING_SET = "hearing.set"
    HEARING_HELD = "hearing.held"
    STEP_COMPLETED = "step.completed"
    STEP_REJECTED = "step.rejected"
    STEP_SKIPPED = "step.skipped"
    STEP_CANCELLED = "step.cancelled"
    STEP_HELD = "step.held"
    STEP_RELEASED = "step.released"
    STEP_LIGHT = "step.light"
    CASE_LIGHT = "case.light"
    STEP_URGED = "step.urged"
    STEP_URGING_ANSWERED = "step.urging_answered"
    STEP_URGING_OVERDUE = "step.urging_overdue"
    OPINION_ASKED = "opinion.asked"
    OPINION_HELD = "opinion.held"
    OPINION_GIVEN = "opinion.given"
    OPINION_OVERDUE = "opinion.overdue"
    OPINION_WITHDRAWN = "opinion.withdrawn"
    OPINION_ENDED = "opinion.ended"
    STEP_DEADLINE_MOVED = "step.deadline_moved"
    STEP_EXTENDED = "step.extended"
    STEP_REAPPLIED = "step.reapplied"
    STEP_CLAIMED = "step.claimed"
    STEP_HANDED_OVER = "step.handed_over"
    STEP_PUT_BACK = "step.put_back"
    RESULT_RECALLED = "result.recalled"
    RESULT_REVOKED = "result.revoked"
    RESULT_DELIVERY_DUE = "result.delivery_due"
    RESULT_DELIVERY_OVERDUE = "result.delivery_overdue"
    RESULT_DELIVERED = "result.delivered"
    STEP_TOLERATED = "step.tolerated"
    STEP_MADE_GOOD = "step.made_good"
    STEP_TOLERANCE_DEFERRED = "step.tolerance_deferred"
    STEP_TOLERANCE_LAPSED = "step.tolerance_lapsed"
    WITHDRAWAL_DUE = "withdrawal.due"
    WITHDRAWAL_CONFIRMED = "withdrawal.confirmed"
    WITHDRAWAL_HELD = "withdrawal.held"
    STEP_COMMITTED = "step.committed"
    STEP_COMMITMENT_TAKEN_BACK = "step.commitment_taken_back"
    STEP_CHECK_PLANNED = "step.check_planned"
    STEP_CHECK_OVERDUE = "step.check_overdue"
    STEP_CHECKED = "step.checked"
    ANSWER_LATE = "answer.late"
    ANSWER_STALE = "answer.stale"
    ANSWER_REFUSED = "answer.refused"
    RATING_GIVEN = "rating.given"
    RATING_CLASSIFIED = "rating.classified"
    RATING_REPAIRING = "rating.repairing"
    RATING_REPAIRED = "rating.repaired"
    RATING_FOLLOWED_UP = "rating.followed_up"
    RATING_CLOSED = "rating.closed"
    RATING_APPEALED = "rating.appealed"
    RATING_REMOVED = "rating.removed"
    TICKET_DISPATCHED = "ticket.dispatched"
    TICKET_NAMED = "ticket.named"
    TICKET_RETURNED = "ticket.returned"
    TICKET_PART_GIVEN = "ticket.part_given"
    TICKET_OVERDUE = "ticket.overdue"
    TICKET_ANSWERED = "ticket.answered"
    TICKET_CLOSED = "ticket.closed"
    TICKET_CALLED_BACK = "ticket.called_back"
    TICKET_REOPENED = "ticket.reopened"
    TICKET_ENDED = "ticket.ended"
    ACCESS_GRANTED = "access.granted"
    DATA_ERASED = "data.erased"


@dataclass(frozen=True, slots=True)
class EventKind:
    """What the docs and the webhook list say of a type; `public` ones go to subscribers."""

    zh: str
    en: str
    public: bool = True


EVENT_KINDS: Mapping[EventType, EventKind] = {
    EventType.CASE_RECEIVED: EventKind("已收件", "The case was received and its number issued"),
    EventType.CASE_ACCEPTED: EventKind("已受理", "A department accepted its first step"),
    EventType.CASE_IN_PROGRESS: EventKind("办理中", "Departments are at work"),
    EventType.CASE_COMPLETED: EventKind("已办结", "Every step that applies was completed"),
    EventType.CASE_PARTLY_COMPLETED: EventKind("部分办结", "Some steps were completed, others were not"),
    EventType.CASE_REJECTED: EventKind("不予办理", "No step was completed and at least one was rejected"),
    EventType.CASE_WITHDRAWN: EventKind("已撤件", "The case was withdrawn"),
    EventType.CASE_DEADLINE_MOVED: EventKind(
        "办件期限已调整", "A deadline of the case is another now, or no longer provisional"
    ),
    EventType.CASE_EXTENDED: EventKind("办件期限已延长", "A limit of the case was extended"),
    EventType.STEP_WAITING: EventKind("环节等待中", "The step waits for something else than before"),
    EventType.STEP_READY: EventKind("环节待派发", "The step queues behind another task for its department"),
    EventType.STEP_DISPATCHED: EventKind("环节已派发", "The step was handed to its department"),
    EventType.STEP_ACCEPTED: EventKind("环节已受理", "The department accepted the step"),
    EventType.STEP_SUPPLEMENT_NEEDED: EventKind("需补正", "The applicant must hand in or repair something"),
    EventType.STEP_SUPPLEMENT_SAVED: EventKind(
        "部分补正已收到", "The applicant handed in a part of what was asked for; the step waits for the rest"
    ),
    EventType.STEP_SUPPLEMENT_DUE: EventKind("补正即将到期", "The time to hand it in runs out"),
    EventType.STEP_SUPPLEMENTED: EventKind("已补正", "The applicant handed in what was asked for"),
    EventType.STEP_SUSPENDED: EventKind("特别程序开始", "A special procedure began"),
    EventType.STEP_RESUMED: EventKind("特别程序结束", "The special procedure ended"),
    EventType.STEP_PROCEDURE_OVERDUE: EventKind(
        "特别程序超过预计时间", "The special procedure takes longer than the applicant was told"
    ),
    EventType.HEARING_TOLD: EventKind(
        "告知听证权利", "The applicant was told that a hearing can be asked for"
    ),
    EventType.HEARING_ASKED: EventKind("申请听证", "The applicant asked for a hearing"),
    EventType.HEARING_WAIVED: EventKind("放弃听证", "The applicant does without a hearing"),
    EventType.HEARING_LAPSED: EventKind("逾期未申请听证", "Nobody asked for a hearing in time"),
    EventType.HEARING_SET: EventKind("听证通知", "Day and place of the hearing were set"),
    EventType.HEARING_HELD: EventKind("听证笔录", "The hearing was held and its minutes recorded"),
    EventType.STEP_COMPLETED: EventKind("环节办结", "The department completed the step"),
    EventType.STEP_REJECTED: EventKind("环节未通过", "The step was rejected"),
    EventType.STEP_SKIPPED: EventKind("环节无需办理", "The step is not needed"),
    EventType.STEP_CANCELLED: EventKind("环节已取消", "The step was cancelled"),
    EventType.STEP_HELD: EventKind("环节暂停待人工处理", "The step is stopped until a person decides"),
    EventType.STEP_RELEASED: EventKind("环节恢复办理", "A person let the step go on"),
    EventType.STEP_LIGHT: EventKind("环节亮灯", "The light of the step turned: a limit runs out, or has"),
    EventType.CASE_LIGHT: EventKind("办件亮灯", "The worst light among the steps is another one"),
    EventType.STEP_URGED: EventKind("催办或督办", "The department was told to act, and to answer", False),
    EventType.STEP_URGING_ANSWERED: EventKind("催办已答复", "The department answered an urging", False),
    EventType.STEP_URGING_OVERDUE: EventKind("催办逾期未答复", "An urging was not answered in time", False),
    EventType.OPINION_ASKED: EventKind(
        "征求意见", "Another department was asked for its opinion inside the step"
    ),
    EventType.OPINION_HELD: EventKind(
        "征求意见未能送达", "The question could not be delivered to the department that is asked"
    ),
    EventType.OPINION_GIVEN: EventKind("意见已反馈", "The department that was asked gave its opinion"),
    EventType.OPINION_OVERDUE: EventKind("意见逾期未反馈", "An opinion was not given in time"),
    EventType.OPINION_WITHDRAWN: EventKind("撤回征求意见", "The opinion is not wanted any more"),
    EventType.OPINION_ENDED: EventKind("征求意见终止", "The step was closed before the opinion was given"),
    EventType.STEP_DEADLINE_MOVED: EventKind(
        "环节期限已调整", "A deadline of the step is another now, or no longer provisional"
    ),
    EventType.STEP_EXTENDED: EventKind("环节期限已延长", "A limit of the step was extended"),
    EventType.STEP_REAPPLIED: EventKind("已重新申请", "Another case applies again for the step"),
    EventType.STEP_CLAIMED: EventKind("工作人员认领", "A clerk of the department took the step up", False),
    EventType.STEP_HANDED_OVER: EventKind(
        "转交他人", "Another clerk of the department has the step now", False
    ),
    EventType.STEP_PUT_BACK: EventKind("放回待办", "The clerk who had the step put it back", False),
    EventType.RESULT_RECALLED: EventKind("已撤回", "A department took back what it had granted"),
    EventType.RESULT_REVOKED: EventKind("已撤销", "A department revoked what was wrongly obtained"),
    EventType.RESULT_DELIVERY_DUE: EventKind("待送达", "Results are to be handed over, or sent, until a day"),
    EventType.RESULT_DELIVERY_OVERDUE: EventKind("送达逾期", "Results were not handed over in time"),
    EventType.RESULT_DELIVERED: EventKind("已送达", "Results were handed over, or sent"),
    EventType.STEP_TOLERATED: EventKind("容缺受理", "The step goes on although materials follow later"),
    EventType.STEP_MADE_GOOD: EventKind("容缺材料已补齐", "The applicant handed in what was to follow"),
    EventType.STEP_TOLERANCE_DEFERRED: EventKind("容缺补正延期", "An officer put off the day of a material"),
    EventType.STEP_TOLERANCE_LAPSED: EventKind("容缺逾期未补", "What was to follow did not come in time"),
    EventType.WITHDRAWAL_DUE: EventKind("撤回待告知", "A department must be told that its step is closed"),
    EventType.WITHDRAWAL_CONFIRMED: EventKind(
        "撤回已告知", "The department knows, and has undone what was to be undone"
    ),
    EventType.WITHDRAWAL_HELD: EventKind("撤回未能告知", "The department could not be told"),
    EventType.STEP_COMMITTED: EventKind("已作告知承诺", "The applicant signed the commitment of the step"),
    EventType.STEP_COMMITMENT_TAKEN_BACK: EventKind(
        "撤回承诺", "The commitment was taken back: the step goes the ordinary way"
    ),
    EventType.STEP_CHECK_PLANNED: EventKind("待事后核查", "Granted on a commitment; an officer looks later"),
    EventType.STEP_CHECK_OVERDUE: EventKind("核查或整改逾期", "The check, or the repair, is late"),
    EventType.STEP_CHECKED: EventKind("已事后核查", "An officer looked whether the commitment is kept"),
    EventType.ANSWER_LATE: EventKind(
        "迟到的答复", "An answer came for a finished task; on record only", False
    ),
    EventType.ANSWER_STALE: EventKind("过期的答复", "An answer came out of order; on record only", False),
    EventType.ANSWER_REFUSED: EventKind("被拒绝的答复", "An answer is not possible in this state", False),
    EventType.RATING_GIVEN: EventKind("已评价", "The applicant rated a stage of the case"),
    EventType.RATING_CLASSIFIED: EventKind(
        "差评已核实", "The rater of a bad rating was contacted, and it was classified"
    ),
    EventType.RATING_REPAIRING: EventKind("差评整改中", "What a bad rating speaks of is being repaired"),
    EventType.RATING_REPAIRED: EventKind("差评已整改", "What a bad rating speaks of was repaired"),
    EventType.RATING_FOLLOWED_UP: EventKind("差评已回访", "The rater was asked about the repair"),
    EventType.RATING_CLOSED: EventKind("差评已办结", "The handling of a bad rating ended"),
    EventType.RATING_APPEALED: EventKind(
        "差评申诉中", "The department wants a rating out of the figures", False
    ),
    EventType.RATING_REMOVED: EventKind(
        "差评不计入统计", "A rating was taken out of the figures; it stays on record"
    ),
    EventType.TICKET_DISPATCHED: EventKind("工单已派发", "The hotline gave the ticket to a lead unit"),
    EventType.TICKET_NAMED: EventKind(
        "指定承办单位", "The duty was disputed: the hotline named the unit", False
    ),
    EventType.TICKET_RETURNED: EventKind("工单退回", "A unit returned the ticket: it is not its duty", False),
    EventType.TICKET_PART_GIVEN: EventKind("协办意见", "A co-unit gave its part to the lead unit", False),
    EventType.TICKET_OVERDUE: EventKind("工单逾期", "Units had not ended their parts in time", False),
    EventType.TICKET_ANSWERED: EventKind("工单已答复", "The lead unit answered the ticket", False),
    EventType.TICKET_CLOSED: EventKind("工单已办结", "The hotline closed the round with the unit's answer"),
    EventType.TICKET_CALLED_BACK: EventKind("工单已回访", "The citizen was called back"),
    EventType.TICKET_REOPENED: EventKind("工单重办", "What was not solved is handled in a new round"),
    EventType.TICKET_ENDED: EventKind("工单终结", "The hotline ended a ticket that was not solved"),
    EventType.DATA_ERASED: EventKind("个人信息已删除", "What was said in the case was erased"),
    EventType.ACCESS_GRANTED: EventKind("应急查阅获批", "Somebody was let look in an emergency"),
}


class NewEvent(NamedTuple):
    """A fact that a decision adds; the gate gives it its place in the chain, its actor and its time.

    `data` holds JSON values only.
    """

    type: EventType
    step: str | None
    data: Mapping[str, Any]


RATING_EVENTS = frozenset(kind for kind in EventType if kind.startswith("rating."))
"""What a department is not told of a case: which one a rating without a name is of."""

OPINION_EVENTS = frozenset(kind for kind in EventType if kind.startswith("opinion."))
"""Their words are between the two departments: whoever else sees the case is told without them."""

SAID_BY_CITIZENS = frozenset({EventType.TICKET_CALLED_BACK})
"""Their words are the citizen's: for whoever sees what applicants say."""

_OF_RATINGS = frozenset(
    {
        "stage",
        "about",
        "level",
        "channel",
        "is_named",
        "tags",
        "tags_version",
        "rating_state",
        "verdict",
        "department",
    }
)

PLAIN = frozenset(
    {
        *("state", "waiting", "outcome", "seq", "applied_seq", "task", "codes", "steps", "by", "until"),
        *("from", "to", "deemed", "due_at", "light", "ends_at", "urging", "level", "limit", "days"),
        *("is_provisional", "text_sha256", "deficiency_open", "finding"),
        *("number", "bundle", "version", "jurisdiction", "basis", "submission", "reason_code", "procedure"),
        *("without", "case", "reapplies"),
        *("phase", "correction", "not_said_at_once", "left", "expected", "stops_clock", "on", "opinion_id"),
        *_OF_RATINGS,
        *("round", "lead", "units", "taken_off", "is_solved", "is_satisfied"),
        *("without", "duplicate_of", "channel", "assisted", "by_agent", "receiving"),
    }
)
"""Members of an event's data in which nobody wrote anything. All others are private: whoever adds one that is
not, names it here.
"""


def split(data: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What may stand in the record for ever, and what somebody wrote."""
    if data.keys() <= PLAIN:
        return data, {}
    words = {name: value for name, value in data.items() if value and name not in PLAIN}
    return {name: value for name, value in data.items() if name not in words}, words
