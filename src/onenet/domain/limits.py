"""Limits on the clock of a step: when each is used up, noted on the step for looking up."""

from __future__ import annotations

from datetime import datetime

from onenet.domain.bundle import Limit
from onenet.domain.case import Step, Timing
from onenet.domain.deadlines import deadline
from onenet.domain.draft import Draft


def note(draft: Draft, step: Step) -> Timing:
    """The timing of the step with both its limits as they now stand."""
    member = draft.case.bundle.member(step.code)
    return step.timing._replace(
        promised_due_at=_due_at(draft, step, member.promised),
        statutory_due_at=_due_at(draft, step, member.statutory),
    )


def _due_at(draft: Draft, step: Step, limit: Limit | None) -> datetime | None:
    clock = step.timing.clock
    if limit is None or clock is None:
        return None
    return deadline(limit, clock, draft.rules.calendar, draft.case.utc_offset_minutes).due_at
