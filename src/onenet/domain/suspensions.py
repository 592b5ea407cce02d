"""Suspensions: special procedures 特别程序 of the closed legal list, for which a step's clock stands still.

The law leaves its time out of the limit, and has the applicant told in writing how long it will take (LIC
art. 45). So it stops the clock only where the department says that, which is told to the applicant at once.
Who says nothing is heard, as its system may be older than that, and its clock runs on (domain.md section 9).
A procedure that takes longer than was said is told once. A consultation of another department is not on the
list (`domain.opinions`).
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from onenet.domain.case import Step, Waiting
from onenet.domain.clocks import Clock
from onenet.domain.deadlines import Deadline, deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.flow import with_department
from onenet.domain.outcome import Suspended
from onenet.domain.procedures import Extension, Procedure, Suspension, suspension_of
from onenet.domain.states import StepState


def gb39046_code(procedure: Procedure) -> str | None:
    """What it is in GB/T 39046 A.7, which knows two: 1 extended review 延长审批, 2 any other."""
    match procedure:
        case Extension():
            return "1"
        case Suspension():
            return "2"
        case _:
            return None


def begin(draft: Draft, step: Step, outcome: Suspended) -> None:
    """Begins it; the clock stops where its expected length is told with it."""
    begun = Suspension("suspension", outcome.procedure, draft.now.at, outcome.reason, outcome.expected)
    told: dict[str, Any] = {
        "procedure": outcome.procedure,
        "reason": outcome.reason,
        "expected": asdict(outcome.expected) if outcome.expected else None,
        "stops_clock": begun.stops_clock,
    }
    runs_on = {} if begun.stops_clock else {"timing": step.timing}
    expected = _expected(draft, begun)
    until = expected.due_at if expected else None
    draft.move_step(
        step.code, StepState.SUSPENDED, EventType.STEP_SUSPENDED, told,
        waiting=Waiting("department", "special_procedure", (step.department,), until),
        reason=outcome.reason, procedures=(*step.procedures, begun), **runs_on,
    )  # fmt: skip


def end(draft: Draft, step: Step) -> None:
    """Ends it; the clock goes on, if it stood still."""
    found = under_way(step)
    draft.move_step(
        step.code, StepState.ACCEPTED, EventType.STEP_RESUMED,
        waiting=with_department(step.department, "being_decided"),
        procedures=_with(step, found, replace(found, ended_at=draft.now.at)) if found else step.procedures,
    )  # fmt: skip


def under_way(step: Step) -> Suspension | None:
    """The special procedure that the step is in; None also where it began before they were kept."""
    if step.state is not StepState.SUSPENDED:
        return None
    return suspension_of(step.procedures)


def overdue_at(draft: Draft, step: Step) -> datetime | None:
    """When it has taken as long as was said; None where nothing was said, or that is told already."""
    found = under_way(step)
    expected = _expected(draft, found) if found and not found.is_overdue else None
    return expected.due_at if expected else None


def say_moved(draft: Draft, step: Step) -> None:
    """Shows and tells until when it is to take, where a calendar published since has it otherwise."""
    found, told_at = under_way(step), step.waiting and step.waiting.until
    now = _expected(draft, found) if found and not found.is_overdue else None
    if now and now.due_at and told_at and now.due_at != told_at:
        draft.say_until(step.code, "special_procedure", now.due_at, is_provisional=now.is_provisional)


def note_overdue(draft: Draft, step: Step, due_at: datetime) -> None:
    """Tells that it takes longer than was said; whose department is waited for, everybody sees."""
    found = under_way(step)
    if found is None:
        raise AssertionError("asked before: it is under way")
    procedures = _with(step, found, replace(found, is_overdue=True))
    draft.steps[step.code] = step._replace(procedures=procedures)
    draft.add(
        EventType.STEP_PROCEDURE_OVERDUE, step.code,
        state=step.state, procedure=found.procedure, due_at=due_at.isoformat(),
    )  # fmt: skip


def _expected(draft: Draft, found: Suspension) -> Deadline | None:
    if found.expected is None:
        return None
    calendar, offset = draft.rules.calendar, draft.case.utc_offset_minutes
    return deadline(found.expected, Clock(found.at), calendar, offset)


def _with(step: Step, old: Procedure, new: Procedure) -> tuple[Procedure, ...]:
    return tuple(new if each is old else each for each in step.procedures)
