"""Ratings: the applicant gives one, the office handles a bad one, everybody may see the figures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from onenet.domain import rating_figures
from onenet.domain.case import Case
from onenet.domain.commands import GiveRating, HandleRating
from onenet.domain.delegation import Owner
from onenet.domain.principal import Principal, Role
from onenet.domain.rating_figures import Figures
from onenet.domain.ratings import Rating, ratings_of
from onenet.domain.visibility import EVERYTHING
from onenet.errors import NotFound
from onenet.recent import Recent
from onenet.services import cases
from onenet.services.advance import Gate
from onenet.services.cases import Replying, change
from onenet.services.catalogue import Catalogue
from onenet.services.change import Result
from onenet.store import ratings as store
from onenet.store.accesses import Access
from onenet.store.database import Database
from onenet.store.ratings import Place, Reach, Wanted

FRESH_S = 60.0
"""How old figures may be: whoever asks again and again costs one look a minute."""


async def give(gate: Gate, case_id: UUID, command: GiveRating, replying: Replying) -> Result:
    """The applicant rates a stage. Raises: AlreadyRated, StageNotReached, UnknownReference, Unavailable."""
    return await gate.submit(change(case_id, command, replying))


# ---- handling


@dataclass(frozen=True, slots=True)
class Found:
    """A rating with its row and case. `rating` None: what was said in the case has been erased."""

    row: store.Row
    case: Case
    rating: Rating | None


async def reach_of(catalogue: Catalogue, who: Principal, now: datetime) -> Reach:
    """Whose ratings this principal sees: its department's, in its jurisdictions and those below.

    A department sees one without a name from the next day on, or it would tell who was just there.
    """
    within = await catalogue.below(who.jurisdictions) if who.jurisdictions else None
    is_of_department = who.role in (Role.OFFICER, Role.DEPARTMENT)
    if not is_of_department:
        return Reach(None, within)
    return Reach(who.department or "", within, today(now))


def today(now: datetime) -> date:
    """The day whose ratings are not told yet, in UTC: it ends at 08:00 in China, after the local one."""
    return now.astimezone(UTC).date()


async def page(
    database: Database, reach: Reach, wanted: Wanted, after: Place | None, limit: int
) -> tuple[list[store.Row], Place | None]:
    """Ratings, of the newest day first, and where the next page begins, if there is one."""
    async with database.read() as connection:
        found = await store.page(connection, reach, wanted, after, limit + 1)
    shown = found[:limit]
    last = Place(shown[-1]["rated_on"], shown[-1]["id"]) if len(found) > limit else None
    return shown, last


async def find(database: Database, catalogue: Catalogue, reach: Reach, id: UUID) -> Found:
    """One rating. Raises: NotFound, the same for one of somebody else."""
    async with database.read() as connection:
        row = await store.find(connection, reach, id)
    if row is None:
        raise NotFound
    case = await cases.get(database, catalogue, row["case_id"], EVERYTHING)
    return Found(row, case, rating_in(case, id))


def rating_in(case: Case, id: UUID) -> Rating | None:
    """The rating in the case."""
    return next((each for each in ratings_of(case.content.procedures) if each.id == id), None)


async def handle(gate: Gate, case_id: UUID, command: HandleRating, replying: Replying) -> Result:
    """Somebody of the office does the next thing.

    Raises: NotFound, MoveRefused, DateNotPossible, Unavailable.
    """
    return await gate.submit(change(case_id, command, replying))


def look(found: Found, who: Principal, now: datetime, fields: tuple[str, ...]) -> Access:
    """The record of who looked at a rating, for the owner of the case; `fields`: what told who gave it."""
    case = found.case
    return Access(
        case.id, Owner(case.client, case.subject), now, who.id, who.role, "rating", "rating", fields
    )


# ---- figures


class RatingFigures:
    """The public figures, up to yesterday: the newest rating would be told by its minute."""

    def __init__(self, database: Database, catalogue: Catalogue):
        """Has counted nothing yet."""
        self._database = database
        self._catalogue = catalogue
        self._kept: Recent[tuple[str, str, str | None, date], tuple[float, Figures]] = Recent(1_000)

    async def of(self, by: str, month: str, jurisdiction: str | None, now: datetime) -> Figures:
        """The figures of a month, by a column of the ratings. Raises: NotFound for an unknown place."""
        key = (by, month, jurisdiction, today(now))
        kept = self._kept.get(key)
        if kept is None or time.monotonic() - kept[0] >= FRESH_S:
            kept = (time.monotonic(), await self._count(*key))
            self._kept.put(key, kept)
        return kept[1]

    async def _count(self, by: str, month: str, jurisdiction: str | None, before: date) -> Figures:
        within = None
        if jurisdiction is not None:
            await self._catalogue.jurisdiction(jurisdiction)
            within = await self._catalogue.below([jurisdiction])
        async with self._database.read() as connection:
            counts = await store.counts(connection, by, month, within, before)
        return rating_figures.figures(rating_figures.lines_of(counts))
