"""Notice of defects: an office that says nothing in time has accepted, from the day it received.

Source: LIC art. 32(1)(4), five working days; ANY art. 36; domain.md section 5.1.
"""

from __future__ import annotations

from datetime import datetime

from onenet.domain import flow
from onenet.domain.case import Step
from onenet.domain.clocks import Clock
from onenet.domain.deadlines import deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.states import StepState


def ends_at(draft: Draft, step: Step) -> datetime | None:
    """When the office's time to say what is missing is over; None where there is no such time, or no more."""
    if step.state is not StepState.DISPATCHED or step.received_at is None or step.timing.clock is not None:
        return None
    rules = draft.rules
    if draft.case.bundle.member(step.code).item_type not in rules.notice_item_types:
        return None
    clock = Clock(step.received_at)
    return deadline(rules.notice, clock, rules.calendar, draft.case.utc_offset_minutes).due_at


def deem_accepted(draft: Draft, step: Step, due_at: datetime) -> None:
    """Accepts the step in the office's place; its limits run from the day of receipt."""
    received_at = step.received_at
    if received_at is None:
        raise AssertionError("asked before: it was received")
    draft.move_step(
        step.code, StepState.ACCEPTED, EventType.STEP_ACCEPTED,
        {"deemed": "no_notice", "due_at": due_at.isoformat(), "from": received_at.isoformat()},
        waiting=flow.with_department(step.department, "being_decided"),
        timing=step.timing._replace(clock=Clock(received_at)),
    )  # fmt: skip
