"""The words of hotline tickets, on the page of a case and at the desk, in Chinese and English. Tables, and
nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from onenet.console.words import Words
from onenet.domain.tickets import TicketState

_S = TicketState

TICKET_STATES: Mapping[TicketState, Words] = {
    _S.RECEIVED: {"zh": "已登记，待派发", "en": "Taken down, to be given to a unit"},
    _S.DISPATCHED: {"zh": "承办单位办理中", "en": "With the unit"},
    _S.RETURNED: {"zh": "正在重新确定承办单位", "en": "To be given to another unit"},
    _S.ANSWERED: {"zh": "承办单位已办理，待热线审核", "en": "The unit is done; the hotline looks at it"},
    _S.CLOSED: {"zh": "已答复，待回访", "en": "Answered; you will be called back"},
    _S.SOLVED: {"zh": "已解决", "en": "Solved"},
    _S.UNSOLVED: {"zh": "未解决", "en": "Not solved"},
    _S.ENDED: {"zh": "已终结", "en": "Ended"},
    _S.WITHDRAWN: {"zh": "已撤回", "en": "Taken back"},
}

TICKET: Mapping[str, Words] = {
    "rounds": {"zh": "办理过程", "en": "How it is handled"},
    "round": {"zh": "第{number}轮", "en": "Round {number}"},
    "due": {"zh": "应在{day}前（含当日）答复", "en": "To be answered until {day}"},
    "answer": {"zh": "答复：{answer}", "en": "The answer: {answer}"},
    "tickets": {"zh": "热线工单", "en": "Hotline tickets"},
    "tickets_filter": {"zh": "筛选", "en": "Which tickets"},
    "tickets_waiting": {"zh": "待办理", "en": "Waiting for us"},
    "tickets_all": {"zh": "全部", "en": "All"},
    "tickets_empty": {"zh": "没有工单。", "en": "There is none."},
    "ticket_reference": {"zh": "热线编号", "en": "Number of the hotline"},
    "ticket_about": {"zh": "诉求类型", "en": "About"},
    "ticket_consultation": {"zh": "咨询", "en": "Consultation"},
    "ticket_help": {"zh": "求助", "en": "Help"},
    "ticket_complaint": {"zh": "投诉", "en": "Complaint"},
    "ticket_report": {"zh": "举报", "en": "Report"},
    "ticket_suggestion": {"zh": "建议", "en": "Suggestion"},
    "ticket_text": {"zh": "诉求内容", "en": "What was said"},
    "ticket_place": {"zh": "地点", "en": "Place"},
    "ticket_caller": {"zh": "来电人", "en": "Who called"},
    "ticket_case": {"zh": "所涉办件", "en": "About the case"},
    "ticket_due": {"zh": "答复期限（含当日）", "en": "Last day to answer"},
    "ticket_filed": {"zh": "登记时间", "en": "Filed"},
    "ticket_late": {"zh": "已逾期", "en": "late"},
    "ticket_lead": {"zh": "主办", "en": "leads"},
    "ticket_co": {"zh": "协办", "en": "gives its part"},
    "ticket_at_work": {"zh": "办理中", "en": "at work"},
    "ticket_done": {"zh": "已办理", "en": "done"},
    "ticket_returned": {"zh": "已退回", "en": "returned it"},
    "ticket_taken_off": {"zh": "不再承办", "en": "taken off"},
    "ticket_reason": {"zh": "重办原因：{reason}", "en": "Why it was opened again: {reason}"},
    "ticket_said": {"zh": "回访：{words}", "en": "When called back: {words}"},
    "ticket_answer": {"zh": "答复", "en": "Answer for all units"},
    "ticket_answer_help": {
        "zh": "热线审核办结后，来电人即可看到答复。",
        "en": "Whoever called reads it once the hotline has closed the round with it.",
    },
    "ticket_give_part": {"zh": "提交协办意见", "en": "Give your part to the lead"},
    "ticket_words": {"zh": "内容", "en": "What is to be said"},
    "ticket_return": {"zh": "退回", "en": "Return it"},
    "ticket_return_until": {
        "zh": "不属于本部门职责的，可在{until}前退回，退回后不再可见。",
        "en": "What is not your duty can be returned until {until}; you see it no more then.",
    },
    "ticket_nothing_possible": {"zh": "您目前无需办理此工单。", "en": "There is nothing to do with it now."},
    "ticket_back": {"zh": "返回工单列表", "en": "Back to the tickets"},
    "ticket_missing": {"zh": "内容不完整", "en": "Something is missing"},
    "ticket_missing_help": {
        "zh": "请填写内容或原因，文字中不要有不可见字符。操作未执行。",
        "en": "Say what is to be said, without characters that nobody sees. Nothing was done.",
    },
    "ticket_moved": {"zh": "工单状态已变化", "en": "The ticket has changed meanwhile"},
    "ticket_moved_help": {
        "zh": "您的操作未执行。下面是工单现在的情况；您填写的内容仍在。",
        "en": "Nothing was done. Below is how the ticket is now; what you wrote is still there.",
    },
    "ticket_too_late": {"zh": "已超过退回期限", "en": "It is too late to return it"},
    "ticket_too_late_help": {"zh": "请办理此工单。", "en": "It is yours to answer."},
}
"""Everything else. Places: `number`, `day`, `answer`."""

CALLED_BACK: Mapping[tuple[bool, bool], Words] = {
    (True, True): {"zh": "{day}回访：已解决，满意", "en": "Called back on {day}: solved, satisfied"},
    (True, False): {"zh": "{day}回访：已解决，不满意", "en": "Called back on {day}: solved, not satisfied"},
    (False, True): {"zh": "{day}回访：未解决，满意", "en": "Called back on {day}: not solved, satisfied"},
    (False, False): {
        "zh": "{day}回访：未解决，不满意",
        "en": "Called back on {day}: not solved, not satisfied",
    },
}
"""By whether it is solved, and whether the citizen is satisfied."""
