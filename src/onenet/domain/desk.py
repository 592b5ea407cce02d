"""The desk of a department that has no system: a clerk takes a task up, and decides it alone.

Who has a task is the office's business, so what is done with a claim is on record only; that somebody is at
work on it is everybody's, and is what the step says it waits for. A move that is not possible leaves nothing
on record: it is refused to a person, who sees how the step is now and what can be done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC
from typing import Any
from uuid import UUID

from onenet.domain import answers, flow, lapses, moves, opinions, proceedings, refusals
from onenet.domain.case import OPINION, Claim, Reply, Step, Waiting
from onenet.domain.commands import Clerk, HandOver, PutBack, TakeUp, WorkAtDesk
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.outcome import WORDS, Outcome, Proceeding, Rejected, SupplementNeeded, TakenBack
from onenet.domain.procedures import Hearing, Opinion
from onenet.domain.promises import Commitment, Tolerance
from onenet.domain.states import FINAL_STEP, StepState
from onenet.errors import DateNotPossible, Fault, HearingAhead, MoveRefused, NotFound, PreconditionFailed


def lay(draft: Draft, code: str) -> None:
    """The step's task lies at the desk; whoever had the step before a supplement has it again."""
    step = draft.steps[code]
    draft.steps[code] = step._replace(desk_at=step.desk_at or draft.now.at)
    _say_who_is_waited_for(draft, code)


def _say_who_is_waited_for(draft: Draft, code: str) -> None:
    step = draft.steps[code]
    match step.state:
        case StepState.DISPATCHED:
            reason = flow.WITH_CLERK if step.claim else flow.AT_DESK
        case StepState.ACCEPTED:
            reason = "being_decided" if step.claim else flow.AT_DESK
        case _:
            return  # it waits for something else, whoever has it
    draft.say_waiting(code, Waiting("department", reason, (step.department,)))


def mark(step: Step) -> str:
    """What the step is like, in 16 characters: another one after everything that is done with it."""
    claim = f"{step.claim.by} {step.claim.at.isoformat()}" if step.claim else ""
    beside = " ".join(_beside(step))
    said = f"{step.submission} {step.state} {step.since.isoformat()} {claim} {beside}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _beside(step: Step) -> Iterator[str]:
    """What a decision has to look at beside the state: nobody decides over an answer that came meanwhile."""
    for each in step.procedures:
        match each:
            case Opinion() | Hearing() | Commitment():
                yield f"{each.kind} {each.state}"
            case Tolerance():
                yield f"{each.kind} {each.material} {each.outcome}"
            case _:
                continue


def possible(step: Step, clerk: Clerk) -> tuple[str, ...]:
    """What this clerk can do with the step now."""
    if step.desk_at is None:
        return ()
    if step.state in FINAL_STEP:
        return tuple(word for word in ("recalled", "revoked") if moves.OF_STEP[word].holds(step))
    if step.claim is None:
        return ("claim",)
    if step.claim.by != clerk.name:
        return ("claim",) if clerk.is_supervisor else ()
    words = (word for word, outcome in WORDS.items() if moves.is_answerable(step, outcome))
    return (*words, "hand_over", "release")


def _refused(
    detail: str, draft: Draft, step: Step, clerk: Clerk, named: type[MoveRefused] = MoveRefused
) -> MoveRefused:
    """The error for a clerk, who is told as well who has the task, and what this clerk can do with it."""
    told: dict[str, Any] = {}
    if step.claim is not None:
        since = step.claim.at.astimezone(UTC).isoformat(timespec="milliseconds")
        told = {"claimed_by": step.claim.by, "claimed_at": since.replace("+00:00", "Z")}
    return moves.refused(detail, draft, step, named, **told, possible=list(possible(step, clerk)))


def work(draft: Draft, command: WorkAtDesk) -> Reply:
    """Does what the clerk wants. Raises: NotFound, PreconditionFailed, Conflict."""
    task, clerk = draft.tasks.get(command.task_id), command.clerk
    step = draft.steps[task.step] if task else None
    if task is None or step is None or step.desk_at is None or task.kind == OPINION:
        raise NotFound
    if command.seen is not None and mark(step) not in command.seen:
        raise PreconditionFailed
    if step.state is StepState.COMPLETED and isinstance(command.act, TakenBack):
        return _take_back(draft, task.id, step, clerk, command.act)
    if step.state in FINAL_STEP:
        raise _refused("the step is closed", draft, step, clerk)
    if task.submission != step.submission:
        raise _refused("a later task has replaced this one", draft, step, clerk)
    if isinstance(command.act, TakeUp):
        return _take_up(draft, step, clerk, command.act.reason)
    if step.claim is None or step.claim.by != clerk.name:
        raise _refused("only who has claimed the task can do this", draft, step, clerk)
    match command.act:
        case HandOver(to, reason):
            return _hand_over(draft, step, to, reason)
        case PutBack(reason):
            draft.add(EventType.STEP_PUT_BACK, step.code, state=step.state, reason=reason)
            _claim(draft, step, None)
            return "applied"
        case outcome:
            return _answer(draft, task.id, step, clerk, outcome)


def _answer(draft: Draft, task_id: UUID, step: Step, clerk: Clerk, outcome: Outcome) -> Reply:
    """Applies an answer. Raises: Conflict, where a system would be held or on record as refused."""
    _check_answer(draft, step, clerk, outcome)
    if isinstance(outcome, Proceeding):
        return proceedings.take(draft, step, outcome)
    return answers.apply(draft, task_id, outcome, None)


def _take_back(draft: Draft, task_id: UUID, step: Step, clerk: Clerk, act: TakenBack) -> Reply:
    """The claim ended with the step: whoever is of the department can say what does not stand any more."""
    reply = answers.apply(draft, task_id, act, None)
    if reply == "refused":
        raise _refused("the step has no such result to take back", draft, step, clerk)
    return reply


def _take_up(draft: Draft, step: Step, clerk: Clerk, reason: str | None) -> Reply:
    if step.claim is None:
        draft.add(EventType.STEP_CLAIMED, step.code, state=step.state, reason=reason)
    elif step.claim.by == clerk.name:
        return "unchanged"
    elif clerk.is_supervisor and reason:
        _say_handed_over(draft, step, clerk.name, reason)
    else:
        wanted = ": give a reason to take it over" if clerk.is_supervisor else ""
        raise _refused(f"somebody else has claimed the task{wanted}", draft, step, clerk)
    _claim(draft, step, clerk.name)
    return "applied"


def _hand_over(draft: Draft, step: Step, to: str, reason: str) -> Reply:
    if step.claim is not None and to == step.claim.by:
        return "unchanged"
    _say_handed_over(draft, step, to, reason)
    _claim(draft, step, to)
    return "applied"


def _say_handed_over(draft: Draft, step: Step, to: str, reason: str) -> None:
    whose = {"from": step.claim and step.claim.by, "to": to}
    draft.add(EventType.STEP_HANDED_OVER, step.code, state=step.state, reason=reason, **whose)


def _claim(draft: Draft, step: Step, by: str | None) -> None:
    draft.steps[step.code] = step._replace(claim=Claim(by, draft.now.at) if by else None)
    _say_who_is_waited_for(draft, step.code)


def _check_answer(draft: Draft, step: Step, clerk: Clerk, outcome: Outcome) -> None:
    """Passes when the answer is possible. Raises: MoveRefused, HearingAhead, DateNotPossible: a system would
    be refused or held.
    """
    if moves.is_before_hearing(step, type(outcome)):
        raise _refused(moves.HEARING_FIRST, draft, step, clerk, HearingAhead)
    if type(outcome) not in WORDS.values() or not moves.is_answerable(step, type(outcome)):
        raise _refused("the step is in another state", draft, step, clerk)
    if opinions.are_passed_over(step, outcome):
        raise _refused(opinions.OPEN, draft, step, clerk)
    if isinstance(outcome, Rejected) and refusals.names_no_body(outcome):
        raise _refused("go_to: expected the body that is competent", draft, step, clerk)
    if isinstance(outcome, SupplementNeeded):
        if not answers.can_be_handed_in(draft, step, outcome):
            raise _refused("the item has no such material or field", draft, step, clerk)
        if lapses.is_over(draft, outcome.due_on):
            zh, en = "应为今天或以后的日期", "Expected a day that is not over"
            raise DateNotPossible(en, faults=(Fault("date", zh, en, pointer="/due_on"),))
