"""What a step waits for while its department cannot be reached: told when somebody looks.

A task that falls due while the breaker of its department is not closed is not called about, so nothing of it
is written; what it waits for stands in the one row of the department's endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from onenet.domain.case import APPLICATION, Case, Step, Waiting
from onenet.domain.flow import UNREACHABLE, with_department
from onenet.domain.states import TaskState


def as_it_waits(case: Case, shut: Mapping[str, datetime | None]) -> Case:
    """The case with the truth about steps whose departments cannot be reached.

    `shut`: these departments, and when each is tried next, if that is known.
    """
    told = {
        code: step._replace(waiting=_waiting(step, shut[step.department]))
        for code, step in case.steps.items()
        if step.department in shut and is_on_its_way(case, step)
    }
    return case._replace(steps={**case.steps, **told}) if told else case


def is_on_its_way(case: Case, step: Step) -> bool:
    """Whether the department of this step still has to be called about it."""
    said = with_department(step.department)
    return (
        step.waiting is not None
        and step.waiting.reason in (said.reason, UNREACHABLE)
        and _next_at(case, step) is not None
    )


def _next_at(case: Case, step: Step) -> datetime | None:
    """When the step's task is due."""
    for task in case.tasks.values():
        if task.kind != APPLICATION or task.step != step.code:
            continue
        if task.state in (TaskState.PENDING, TaskState.SENDING):
            return task.next_at if task.fetch_at is None else None
    return None


def _waiting(step: Step, retry_at: datetime | None) -> Waiting:
    own = step.waiting.until if step.waiting else None
    until = max(filter(None, (own, retry_at)), default=None)
    return Waiting("department", UNREACHABLE, (step.department,), until)
