"""Attempts: what a call about the task of a step came to: taken, answered at once, fetched, or failed."""

from __future__ import annotations

from datetime import datetime

from onenet.domain import answers, desk, flow, moves, polls
from onenet.domain.case import Reply, Task
from onenet.domain.draft import Draft
from onenet.domain.outcome import AtDesk, Offered, Outcome, Received, TryLater
from onenet.domain.retry import LONGEST_LIFE, GiveUp, Retry, after_failure, after_giving_up
from onenet.domain.states import TaskState


def record(draft: Draft, task: Task, outcome: Outcome) -> Reply:
    """Says of task and step what came of the call."""
    first_at = task.first_attempt_at or draft.now.machine_at
    if isinstance(outcome, Offered):
        return _offer(draft, task, first_at)
    if isinstance(outcome, TryLater):
        return _fail(draft, task, outcome, first_at)
    task = draft.move_task(task, TaskState.SENT, first_attempt_at=first_at)
    flow.say_reached(draft, task.step)
    if isinstance(outcome, AtDesk):
        desk.lay(draft, task.step)
    if isinstance(outcome, Received):
        polls.begin(draft, task, outcome)
    if isinstance(outcome, Received | AtDesk):
        return "applied"
    return _take_pushed(draft, task, outcome)


def _fail(draft: Draft, task: Task, failure: TryLater, first_at: datetime) -> Reply:
    """Tries again later; where that is over a person is told, or it goes on where none can be."""
    # A call that somebody asked for spends no try: who looks after a department must not use its schedule up.
    tries = max(task.tries + (task.trigger is None), 1)
    verdict = after_failure(failure, task.id, tries, first_at=first_at, now=draft.now.machine_at)
    if isinstance(verdict, GiveUp) and flow.can_be_held(draft, task.step):
        held = draft.move_task(
            task, TaskState.HELD, tries=tries, held_reason=verdict.reason, first_attempt_at=first_at
        )
        flow.hold(draft, held.step, f"delivery_{verdict.reason}", failure.reason)
        return "held"
    if isinstance(verdict, GiveUp):
        verdict = Retry(after_giving_up(task.id, tries, draft.now.machine_at), tries)
    draft.move_task(
        task, TaskState.PENDING, next_at=verdict.at, tries=verdict.tries, first_attempt_at=first_at
    )
    flow.say_with_department(draft, task.step, flow.UNREACHABLE, verdict.at)
    return "applied"


def _offer(draft: Draft, task: Task, first_at: datetime) -> Reply:
    """Lets the department fetch the task. One that nobody took for as long as a call is retried is held."""
    ends_at = first_at + LONGEST_LIFE
    if ends_at <= draft.now.machine_at and not flow.can_be_held(draft, task.step):
        ends_at = draft.now.machine_at + LONGEST_LIFE
    if ends_at <= draft.now.machine_at:
        draft.move_task(task, TaskState.HELD, held_reason="exhausted", first_attempt_at=first_at)
        flow.hold(draft, task.step, "delivery_exhausted", "the department did not fetch it")
        return "held"
    draft.move_task(
        task, TaskState.PENDING, next_at=ends_at, fetch_at=draft.now.machine_at, first_attempt_at=first_at
    )
    flow.say_with_department(draft, task.step, flow.TO_BE_FETCHED, ends_at)
    return "applied"


def _take_pushed(draft: Draft, task: Task, outcome: Outcome) -> Reply:
    """An answer to the call itself. One that is not possible holds the step: nobody can be told a 409."""
    is_hasty = moves.is_before_hearing(draft.steps[task.step], type(outcome))
    reply = answers.apply(draft, task.id, outcome, None)
    if reply == "refused" and flow.can_be_held(draft, task.step):
        why = moves.HEARING_FIRST if is_hasty else "the answer is not possible in this state"
        flow.hold(draft, task.step, "unclear_answer", why)
        return "held"
    return reply
