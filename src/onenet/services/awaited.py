"""What is awaited of promises, as the people of a department see it: the first days first."""

from __future__ import annotations

from dataclasses import dataclass

from onenet.domain import awaited
from onenet.domain.awaited import Awaited
from onenet.domain.case import Step
from onenet.domain.visibility import Visible
from onenet.services.reading import Reading, Seen
from onenet.store import awaited as store
from onenet.store.awaited import Place
from onenet.store.database import Database


@dataclass(frozen=True, slots=True)
class Followed:
    """A step with what is awaited of it; its case as whoever asks sees it."""

    seen: Seen
    step: Step
    awaited: list[Awaited]


async def page(
    database: Database,
    reading: Reading,
    visible: Visible,
    department: str | None,
    *,
    after: Place | None,
    limit: int,
) -> tuple[list[Followed], Place | None]:
    """Steps by the first day, and where the next page begins, if there is one."""
    async with database.read() as connection:
        found = await store.page(connection, visible, department, after, limit + 1)
    shown = found[:limit]
    cases = await reading.whole({place.case_id: version for place, version in shown})
    followed = []
    for place, _ in shown:
        case = cases[place.case_id]
        step, sight = case.steps[place.code], visible.sight_of(case)
        if sight is not None and (open_ := awaited.of(step)):
            followed.append(Followed(Seen(case, sight), step, open_))
    return followed, shown[-1][0] if len(found) > limit else None
