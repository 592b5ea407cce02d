"""What a department's answer does to its step: one table from outcome to state, and what is kept on record.

Source of the rules for duplicate, late and stale answers: delivery.md section 10.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from onenet.domain import (
    corrections,
    flow,
    lapses,
    moves,
    opinions,
    proceedings,
    refusals,
    results,
    suspensions,
    unfolding,
)
from onenet.domain.bundle import Member
from onenet.domain.carried import TakeBackCarried
from onenet.domain.case import Reply, Step, Task
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.outcome import (
    Accepted,
    AtDesk,
    Completed,
    Extended,
    Offered,
    OpinionGiven,
    Outcome,
    Proceeding,
    Received,
    RecordHearing,
    Rejected,
    Resumed,
    SetHearing,
    SupplementNeeded,
    Suspended,
    TakenBack,
    TellHearingRight,
    TryLater,
    Unclear,
)
from onenet.domain.states import FINAL_STEP, OVER, STEP_MOVES, StepState, TaskState
from onenet.errors import Conflict

_S = StepState

TARGET: dict[type[Outcome], StepState] = {
    Accepted: _S.ACCEPTED,
    Completed: _S.COMPLETED,
    Rejected: _S.REJECTED,
    SupplementNeeded: _S.SUPPLEMENT_NEEDED,
    Suspended: _S.SUSPENDED,
    Resumed: _S.ACCEPTED,
}
"""Where each outcome takes a step. The other outcomes are handled by name below."""

FINAL = (_S.COMPLETED, _S.REJECTED)

NOT_THE_ITEMS = Unclear("asks for what the item does not name")
DAY_IS_OVER = Unclear("asks for something until a day that is over")


def apply(draft: Draft, task_id: UUID, outcome: Outcome, seq: int | None) -> Reply:
    """Applies an answer to a task of the case, or keeps it on record where it changes nothing."""
    task = draft.task(task_id)
    outcome = unfolding.taken(draft.case.bundle, task.step, outcome)
    word = type(outcome).__name__
    step = draft.steps[task.step]
    if isinstance(outcome, TakenBack):
        return _take_back(draft, task, step, outcome, seq)
    if _is_over(draft, task, step):
        draft.add(EventType.ANSWER_LATE, step.code, outcome=word, task=str(task.id))
        return "recorded-late"
    if seq is not None and seq <= task.applied_seq:
        return _note_stale(draft, task, word, seq)
    if isinstance(outcome, Received | Offered | AtDesk | TryLater):
        return "unchanged"
    if isinstance(outcome, Proceeding):
        return _proceed(draft, task, step, outcome, seq)
    if unclear := _for_a_person(draft, step, outcome):
        return _hold_unclear(draft, task, step, unclear)
    if isinstance(outcome, Accepted) and step.state is _S.ACCEPTED:
        _settle_task(draft, task, outcome, seq)
        return "unchanged"
    if isinstance(outcome, OpinionGiven) or not moves.is_answerable(step, type(outcome)):
        why = moves.HEARING_FIRST if moves.is_before_hearing(step, type(outcome)) else None
        draft.add(EventType.ANSWER_REFUSED, step.code, outcome=word, state=step.state, reason=why)
        return "refused"
    if opinions.are_passed_over(step, outcome):
        draft.add(EventType.ANSWER_REFUSED, step.code, outcome=word, state=step.state, reason=opinions.OPEN)
        return "refused"
    _settle_task(draft, task, outcome, seq)
    _move(draft, outcome, step)
    return "applied"


def _proceed(draft: Draft, task: Task, step: Step, outcome: Proceeding, seq: int | None) -> Reply:
    """What is done before the decision; what cannot be is on record, and says why."""
    try:
        reply = proceedings.take_from_system(draft, step, outcome)
    except Conflict as error:
        why, word = str(error), type(outcome).__name__
        draft.add(EventType.ANSWER_REFUSED, step.code, outcome=word, state=step.state, reason=why)
        return "refused"
    if seq is not None:
        draft.tasks[task.id] = draft.task(task.id)._replace(applied_seq=seq)
    return reply


def _for_a_person(draft: Draft, step: Step, outcome: Outcome) -> Unclear | None:
    """What a person has to look at, if anything: it is never guessed."""
    match outcome:
        case Unclear():
            return outcome
        case SupplementNeeded() if not can_be_handed_in(draft, step, outcome):
            return NOT_THE_ITEMS
        case SupplementNeeded(due_on=due_on) if lapses.is_over(draft, due_on):
            return DAY_IS_OVER
        case Completed(results=given):
            member = draft.case.bundle.member(step.code)
            fault = next(itertools.chain(results.strangers(given, member), results.faults(given)), None)
            return Unclear(f"{fault.pointer}: {fault.message_en}") if fault else None
        case Rejected() if refusals.names_no_body(outcome):
            return refusals.WHERE_ELSE
        case _:
            return None


def _is_over(draft: Draft, task: Task, step: Step) -> bool:
    superseded = task.submission != step.submission
    return superseded or step.state in FINAL_STEP or task.state in OVER


def _note_stale(draft: Draft, task: Task, word: str, seq: int) -> Reply:
    draft.add(EventType.ANSWER_STALE, task.step, outcome=word, seq=seq, applied_seq=task.applied_seq)
    return "recorded-stale"


def _take_back(draft: Draft, task: Task, step: Step, outcome: TakenBack, seq: int | None) -> Reply:
    """After the decision the step stays completed, and its results say that they do not stand. Before it a
    person decides: departments differ in what they mean by it (domain.md 4.2).
    """
    if task.submission != step.submission or step.state in FINAL_STEP - {_S.COMPLETED}:
        draft.add(EventType.ANSWER_LATE, step.code, outcome=outcome.state, task=str(task.id))
        return "recorded-late"
    if seq is not None and seq <= task.applied_seq:
        return _note_stale(draft, task, outcome.state, seq)
    if step.state is not _S.COMPLETED:
        return _hold_unclear(draft, task, step, Unclear(f"{outcome.state} before it was decided"))
    meant = [each.code for each in step.results if not outcome.results or each.code in outcome.results]
    if set(outcome.results) - set(meant) or not meant:
        draft.add(EventType.ANSWER_REFUSED, step.code, outcome=outcome.state, reason="no such result")
        return "refused"
    taken = [code for code in to_take_back(step, outcome) if code in meant]
    if not taken:
        if all(each.state == outcome.state for each in step.results if each.code in meant):
            return "unchanged"
        draft.add(EventType.ANSWER_REFUSED, step.code, outcome=outcome.state, reason="revoked already")
        return "refused"
    if seq is not None:
        draft.tasks[task.id] = task._replace(applied_seq=seq)
    mark_taken_back(draft, step, taken, outcome)
    return "applied"


def take_back_carried(draft: Draft, command: TakeBackCarried) -> Reply:
    """Marks what an earlier case issued and has taken back, as far as this one goes on with it."""
    step = draft.steps[command.step]
    taken = [code for code in to_take_back(step, command.what) if code in command.what.results]
    if not taken:
        return "unchanged"
    mark_taken_back(draft, step, taken, command.what)
    return "applied"


def to_take_back(step: Step, what: TakenBack) -> list[str]:
    """Codes of its results of which that can be said. What was recalled, as lawfully granted (LIC art. 8),
    can still turn out to be wrongly obtained (LIC art. 69), which is graver; not the other way round.
    """
    return [each.code for each in step.results if each.state in moves.OF_STEP[what.state].of_results]


def mark_taken_back(draft: Draft, step: Step, codes: Collection[str], what: TakenBack) -> None:
    """Marks results of a step that is over. What comes after it and is still open is held, unless it goes on
    without that step by its edge; a closed case stays as it is.
    """
    today = draft.today.isoformat()
    results = tuple(
        replace(each, state=what.state, state_reason=what.reason, state_on=today)
        if each.code in codes
        else each
        for each in step.results
    )
    draft.steps[step.code] = step._replace(results=results)
    draft.add(EventType(f"result.{what.state}"), step.code, codes=sorted(codes), reason=what.reason)
    for member in draft.case.bundle.members:
        if step.code in member.after:
            _hold_after(draft, member, step.code)


def _hold_after(draft: Draft, member: Member, before: str) -> None:
    open_ = StepState.HELD in STEP_MOVES[draft.steps[member.code].state]
    if open_ and not member.whose_failure("go_on", [before]):
        flow.hold(draft, member.code, "upstream_taken_back", before, (before,))


def follow(draft: Draft) -> None:
    """Holds what goes on again, and could not be held while something before it was taken back: it was
    suspended, or waited for the applicant.
    """
    for code in dict.fromkeys(event.step for event in draft.events):
        old, now = (steps.get(code) if code else None for steps in (draft.case.steps, draft.steps))
        if old is None or now is None or old.state is now.state or old.state not in _NOT_HELD:
            continue
        member = draft.case.bundle.member(now.code)
        for before in member.after:
            if any(each.state != "issued" for each in draft.steps[before].results):
                _hold_after(draft, member, before)


_NOT_HELD = frozenset({_S.SUPPLEMENT_NEEDED, _S.SUSPENDED})


def can_be_handed_in(draft: Draft, step: Step, outcome: SupplementNeeded) -> bool:
    """Whether everything asked for is the item's own: nothing else would reach the department."""
    member = draft.case.bundle.member(step.code)
    known = {"material": set(member.materials), "field": set(member.fields)}
    return all(request.code in known[request.kind] for request in outcome.requests)


def _settle_task(draft: Draft, task: Task, outcome: Outcome, seq: int | None) -> None:
    """A decided task is done; an answer before our own "sent" proves that it was taken. One that comes while
    the department is being asked makes what it is about to say old.
    """
    task = draft.task(task.id)
    if seq is not None:
        task = draft.tasks[task.id] = task._replace(applied_seq=seq)
    if TARGET[type(outcome)] in FINAL:
        draft.move_task(task, TaskState.DONE)
    elif task.state is TaskState.HELD:
        task = draft.move_task(task, TaskState.PENDING)
        draft.move_task(task, TaskState.SENT, held_reason=None)
    elif task.state is not TaskState.SENT:
        draft.move_task(task, TaskState.SENT)
    elif task.poll_every_s is not None:
        draft.ask_again(task, polls=0, tries=0)


def _move(draft: Draft, outcome: Outcome, step: Step) -> None:
    code, department = step.code, step.department
    if step.state in (_S.HELD, _S.READY):
        step = draft.move_step(
            code, _S.DISPATCHED, EventType.STEP_DISPATCHED, waiting=flow.with_department(department)
        )
    match outcome:
        case Accepted(opinion):
            draft.move_step(
                code, _S.ACCEPTED, EventType.STEP_ACCEPTED, {"opinion": opinion},
                waiting=flow.with_department(department, "being_decided"), opinion=opinion,
            )  # fmt: skip
        case Completed(results, opinion, deficiency_open, without_opinions):
            told: dict[str, Any] = {"results": [r.as_issued() for r in results], "opinion": opinion}
            told["without_opinions"] = without_opinions
            draft.move_step(
                code, _S.COMPLETED, EventType.STEP_COMPLETED,
                told | ({"deficiency_open": True} if deficiency_open else {}),
                results=results, opinion=opinion, reason=without_opinions,
            )  # fmt: skip
        case Rejected():
            refusals.reject(draft, step, outcome)
        case SupplementNeeded():
            corrections.ask(draft, step, outcome)
        case Suspended():
            suspensions.begin(draft, step, outcome)
        case Resumed():
            suspensions.end(draft, step)
        case Received() | Offered() | AtDesk() | TryLater() | Unclear() | TakenBack() | OpinionGiven():
            raise AssertionError("handled before: these do not move a step by the table")
        case Extended() | TellHearingRight() | SetHearing() | RecordHearing():
            raise AssertionError("handled before: these do not move a step by the table")


def _hold_unclear(draft: Draft, task: Task, step: Step, outcome: Unclear) -> Reply:
    if StepState.HELD not in STEP_MOVES[step.state]:
        draft.add(EventType.ANSWER_REFUSED, step.code, outcome="Unclear", reason=outcome.reason)
        return "refused"
    flow.hold(draft, step.code, "unclear_answer", outcome.reason)
    return "held"
