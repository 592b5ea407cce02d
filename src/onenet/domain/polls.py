"""Polls: a department that does not call back is asked, again and again, what became of its task.

What it says is where the task stands, not what happened: the same answer comes with every poll, and what lay
between two polls was not seen. Source: docs/decisions/0037.
"""

from __future__ import annotations

import contextlib

from onenet.domain import answers, flow, moves, opinions, proceedings, refusals
from onenet.domain.case import Reply, Step, Task
from onenet.domain.draft import Draft
from onenet.domain.outcome import (
    Accepted,
    AtDesk,
    Offered,
    Outcome,
    Proceeding,
    Received,
    Rejected,
    Resumed,
    SupplementNeeded,
    TakenBack,
    TryLater,
    Unclear,
)
from onenet.domain.retry import GiveUp, after_failed_poll, after_giving_up
from onenet.domain.states import STEP_MOVES, StepState, TaskState
from onenet.errors import Conflict

MOST_COUNTED = 32_000
"""As far as the columns count."""


def begin(draft: Draft, task: Task, outcome: Received) -> None:
    """Keeps what the department calls the task it just took; it is asked about it from now on, if it is."""
    if outcome.reference is None and outcome.poll_after_s is None:
        return
    draft.ask_again(task, tries=0, polls=0, **_told(task, outcome))


def record(draft: Draft, task: Task, outcome: Outcome) -> Reply:
    """Applies what a poll brought, and says when the next one is; whatever it is, nothing is sent again."""
    if task.state is not TaskState.SENT:
        draft.tasks[task.id] = task._replace(poll_token=None, poll_at=None)
        return "applied"
    if isinstance(outcome, TryLater):
        return _note_failure(draft, task, outcome)
    flow.say_reached(draft, task.step)
    if isinstance(outcome, Received | Offered | AtDesk):
        told = _told(task, outcome) if isinstance(outcome, Received) else {}
        _ask_again(draft, task, **told)
        return "applied"
    before = draft.steps[task.step]
    reply = _apply(draft, task, before, outcome)
    task = draft.task(task.id)
    if draft.steps[task.step] is before:
        _ask_again(draft, task)
    elif task.state is TaskState.SENT:
        draft.ask_again(task, tries=0, polls=0)
    return reply


def _told(task: Task, outcome: Received) -> dict[str, str | int | None]:
    return {
        "reference": task.reference if outcome.reference is None else outcome.reference,
        "poll_every_s": task.poll_every_s if outcome.poll_after_s is None else outcome.poll_after_s,
    }


def _ask_again(draft: Draft, task: Task, **told: str | int | None) -> None:
    """After a poll that brought nothing, later than after the one before."""
    draft.ask_again(task, tries=0, polls=min(task.polls + 1, MOST_COUNTED), **told)


def _note_failure(draft: Draft, task: Task, failure: TryLater) -> Reply:
    """Once the whole schedule has failed a person is told; asking goes on, in case that helps by itself."""
    now, tries = draft.now.machine_at, min(task.tries + 1, MOST_COUNTED)
    polls = min(task.polls + 1, MOST_COUNTED)
    verdict = after_failed_poll(failure, task.id, tries, now)
    at = after_giving_up(task.id, tries, now) if isinstance(verdict, GiveUp) else verdict.at
    draft.tasks[task.id] = task._replace(poll_token=None, poll_at=at, tries=tries, polls=polls)
    if not isinstance(verdict, GiveUp):
        flow.say_with_department(draft, task.step, flow.UNREACHABLE, at)
    elif StepState.HELD in STEP_MOVES[draft.steps[task.step].state]:
        flow.hold(draft, task.step, f"delivery_{verdict.reason}", failure.reason)
        return "held"
    return "applied"


def _apply(draft: Draft, task: Task, step: Step, outcome: Outcome) -> Reply:
    """Takes the step where the department says that it stands, over the state that was not seen, if need be.

    What can neither be applied nor hold the step is with the attempt: as an event it would be there again
    with every poll.
    """
    if isinstance(outcome, SupplementNeeded) and not answers.can_be_handed_in(draft, step, outcome):
        outcome = answers.NOT_THE_ITEMS
    if isinstance(outcome, Rejected) and refusals.names_no_body(outcome):
        outcome = refusals.WHERE_ELSE
    if isinstance(outcome, Unclear | TakenBack):
        if StepState.HELD not in STEP_MOVES[step.state]:
            return "applied"
        return answers.apply(draft, task.id, outcome, None)
    if isinstance(outcome, Proceeding):
        return _proceed(draft, step, outcome)
    if answers.TARGET[type(outcome)] is step.state or _is_before_hearing(step, outcome):
        return "applied"
    if isinstance(outcome, Accepted | Resumed):
        return answers.apply(draft, task.id, _accepted(step, outcome), None)
    if not moves.is_answerable(step, type(outcome)):
        answers.apply(draft, task.id, _accepted(step, Accepted()), None)
    if opinions.are_passed_over(step, outcome):
        return _hold_until_said(draft, step.code)
    return answers.apply(draft, task.id, outcome, None)


def _is_before_hearing(step: Step, outcome: Outcome) -> bool:
    """Whether its hearing comes first; a later poll, which says it again, finds that over."""
    return moves.is_stopped_for_hearing(step) or moves.is_before_hearing(step, type(outcome))


def _proceed(draft: Draft, step: Step, outcome: Proceeding) -> Reply:
    with contextlib.suppress(Conflict):
        proceedings.take_from_system(draft, step, outcome)
    return "applied"


def _hold_until_said(draft: Draft, code: str) -> Reply:
    """A person withdraws the opinions, or waits for them; the next poll that finds none open decides."""
    if draft.steps[code].state is StepState.HELD:
        return "applied"
    flow.hold(draft, code, "unclear_answer", opinions.OPEN)
    return "held"


def _accepted(step: Step, outcome: Accepted | Resumed) -> Outcome:
    """What takes a step to `accepted`: whoever decides again has ended a special procedure."""
    if step.state is StepState.SUSPENDED:
        return Resumed()
    return outcome if isinstance(outcome, Accepted) else Accepted()
