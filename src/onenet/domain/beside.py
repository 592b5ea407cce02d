"""Tasks beside the application: a notice that it is withdrawn, a question to another department.

They are delivered as tasks are, at least once under one key, and no step waits for that: one that cannot be
delivered is held in sight, and its step goes on. Source: decisions 0047 and 0055.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onenet.domain.case import Reply, Task
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.outcome import Offered, Outcome, TryLater
from onenet.domain.retry import LONGEST_LIFE, GiveUp, after_failure
from onenet.domain.states import TaskState


def record(draft: Draft, task: Task, outcome: Outcome, held: EventType, of_what: Mapping[str, Any]) -> Reply:
    """What came of handing it out. `held`: the event that it could not be, which says `of_what` and why."""
    now, first_at = draft.now.machine_at, task.first_attempt_at or draft.now.machine_at
    if isinstance(outcome, Offered):
        ends_at = first_at + LONGEST_LIFE
        if ends_at > now:
            draft.move_task(task, TaskState.PENDING, next_at=ends_at, fetch_at=now, first_attempt_at=first_at)
            return "applied"
        draft.move_task(task, TaskState.HELD, held_reason="exhausted")
        draft.add(held, task.step, **of_what, reason="the department did not fetch it")
        return "held"
    if not isinstance(outcome, TryLater):
        draft.move_task(task, TaskState.SENT, first_attempt_at=first_at)
        return "applied"
    tries = max(task.tries + (task.trigger is None), 1)
    verdict = after_failure(outcome, task.id, tries, first_at=first_at, now=now)
    if isinstance(verdict, GiveUp):
        draft.move_task(
            task, TaskState.HELD, held_reason=verdict.reason, tries=tries, first_attempt_at=first_at
        )
        draft.add(held, task.step, **of_what, reason=outcome.reason)
        return "held"
    draft.move_task(
        task, TaskState.PENDING, next_at=verdict.at, tries=verdict.tries, first_attempt_at=first_at
    )
    return "applied"


def again(draft: Draft, task: Task, trigger: str | None) -> bool:
    """Has the department told once more now; gives whether there is anything to tell."""
    if task.state is TaskState.HELD:
        task = draft.move_task(task, TaskState.PENDING, tries=0, first_attempt_at=None, held_reason=None)
    if task.state is not TaskState.PENDING or task.fetch_at is not None:
        return False
    draft.tasks[task.id] = task._replace(next_at=draft.now.machine_at, trigger=trigger)
    return True
