"""Deadlines of a step: each of its limits on its clock, by the calendar of the case's place as it is now."""

from __future__ import annotations

from dataclasses import dataclass

from onenet.domain.bundle import Limit
from onenet.domain.case import Case
from onenet.domain.clocks import Clock
from onenet.domain.deadlines import Deadline, deadline
from onenet.services.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class StepDeadlines:
    """Both limits side by side. `clock` None: it has not begun to run, and so there is no deadline yet."""

    clock: Clock | None
    promised: Deadline | None
    statutory: Deadline | None


async def of_step(catalogue: Catalogue, case: Case, step: str) -> StepDeadlines:
    """The deadlines of a step of the case."""
    clock = case.steps[step].timing.clock
    member = case.bundle.member(step)
    if clock is None:
        return StepDeadlines(None, None, None)
    calendar = await catalogue.calendar(case.jurisdiction)

    def on_clock(limit: Limit | None) -> Deadline | None:
        return deadline(limit, clock, calendar, case.utc_offset_minutes) if limit else None

    return StepDeadlines(clock, on_clock(member.promised), on_clock(member.statutory))
