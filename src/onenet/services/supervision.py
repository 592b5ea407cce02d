"""Supervision: what is late or urged, how many are, and urging.

Departments see their own steps, supervisors all in their jurisdictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from onenet.domain.case import Step
from onenet.domain.visibility import Visible
from onenet.services.reading import Reading, Seen
from onenet.store import supervision as store
from onenet.store.database import Database
from onenet.store.supervision import Count, Place, Wanted


class Supervised(NamedTuple):
    """An open step that supervision looks at, in its case."""

    seen: Seen
    step: Step


async def page(
    database: Database,
    reading: Reading,
    visible: Visible,
    wanted: Wanted,
    *,
    after: Place | None,
    limit: int,
) -> tuple[list[Supervised], Place | None]:
    """Such steps, and where the next page begins, if there is one."""
    async with database.read() as connection:
        found = await store.page(connection, visible, wanted, after, limit + 1)
    shown = found[:limit]
    cases = await reading.whole({place.case_id: version for place, version in shown})
    steps = []
    for place, _ in shown:
        case = cases[place.case_id]
        sight, step = visible.sight_of(case), case.steps[place.code]
        # In the case as it is by now it may be closed.
        if sight is not None and step.waiting is not None:
            steps.append(Supervised(Seen(case, sight), step))
    return steps, shown[-1][0] if len(found) > limit else None


async def counts(
    database: Database, visible: Visible, department: str | None, since: datetime, until: datetime
) -> Sequence[Count]:
    """How many steps of cases received in that time are open or closed under which light, by department."""
    async with database.read() as connection:
        found = await store.counts(connection, visible, since, until)
    return [each for each in found if department in (None, each.department)]
