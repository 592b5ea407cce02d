"""Deadlines of a step or a case: its limits on its clock, by the calendar of its place as it is now."""

from __future__ import annotations

from onenet.domain import limits
from onenet.domain.case import Case
from onenet.domain.limits import Deadlines
from onenet.services.catalogue import Catalogue


async def of_step(catalogue: Catalogue, case: Case, step: str) -> Deadlines:
    """The deadlines of a step of the case."""
    return limits.of_step(case, case.steps[step], await catalogue.calendar(case.jurisdiction))


async def of_case(catalogue: Catalogue, case: Case) -> Deadlines:
    """The deadlines of the case as a whole."""
    return limits.of_case(case, await catalogue.calendar(case.jurisdiction))
