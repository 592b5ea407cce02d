"""Ratings: the row of one, lists of them, and the counts that figures are made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.calendar import local_day
from onenet.domain.case import Case
from onenet.domain.ratings import Rating, RatingState
from onenet.ids import lane_of
from onenet.store.rating_tables import rating

Row = Mapping[str, Any]

_r = rating.c


def row(case: Case, given: Rating) -> dict[str, Any]:
    """The row of a rating."""
    return {
        "lane": case.lane,
        "case_id": case.id,
        "stage": given.stage,
        "id": given.id,
        "jurisdiction": case.jurisdiction,
        "bundle": case.bundle.code,
        "item": case.bundle.member(given.step).item if given.step else None,
        "department": given.department,
        "level": given.level,
        "is_named": int(given.is_named),
        "state": given.state,
        "rated_on": local_day(given.at, case.utc_offset_minutes).isoformat(),
        "due_at": given.due_at,
    }


# ---- lists


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose ratings somebody sees: of one department or of all, in these jurisdictions or everywhere.

    `unnamed_before`: without a name only those of earlier days.
    """

    department: str | None = None
    within: Collection[str] | None = None
    unnamed_before: date | None = None

    def criterion(self) -> list[ColumnElement[bool]]:
        """As conditions on a row."""
        found: list[ColumnElement[bool]] = []
        if self.department is not None:
            found.append(_r.department == self.department)
        if self.within is not None:
            found.append(_r.jurisdiction.in_(sorted(self.within)))
        if self.unnamed_before is not None:
            found.append(or_(_r.is_named == 1, _r.rated_on < self.unnamed_before.isoformat()))
        return found


EVERYWHERE = Reach()


class Wanted(NamedTuple):
    """Which ratings: in one state, bad ones alone, those whose next move is late at this moment."""

    state: str | None = None
    overdue_at: datetime | None = None


class Place(NamedTuple):
    """Where a rating stands in the list."""

    rated_on: str
    id: UUID


async def page(
    connection: AsyncConnection, reach: Reach, wanted: Wanted, after: Place | None, limit: int
) -> list[Row]:
    """Ratings, of the newest day first."""
    statement = select(rating).where(*reach.criterion())
    if wanted.state is not None:
        statement = statement.where(_r.state == wanted.state)
    if wanted.overdue_at is not None:
        statement = statement.where(_r.due_at <= wanted.overdue_at)
    if after is not None:
        statement = statement.where(tuple_(_r.rated_on, _r.id) < after)
    statement = statement.order_by(_r.rated_on.desc(), _r.id.desc()).limit(limit)
    return [dict(row) for row in (await connection.execute(statement)).mappings()]


async def find(connection: AsyncConnection, reach: Reach, id: UUID) -> Row | None:
    """One of them."""
    statement = select(rating).where(_r.id == id, *reach.criterion())
    found = (await connection.execute(statement)).mappings().first()
    return dict(found) if found else None


async def give_up(connection: AsyncConnection, case_id: UUID) -> None:
    """Nothing is due to the ratings of a case any more: nobody knows who gave them, and what was said."""
    mine = (_r.lane == lane_of(case_id), _r.case_id == case_id)
    await connection.execute(update(rating).where(*mine).values(due_at=None))


# ---- figures


class Count(NamedTuple):
    """How many ratings of one level."""

    of: str | None
    level: int
    ratings: int


async def counts(
    connection: AsyncConnection,
    by: str,
    month: str,
    within: Collection[str] | None,
    before: date | None = None,
) -> list[Count]:
    """The ratings given in a month (`2026-11`), by the values of a column and by level.

    A rating that was removed is in none of them. `before`: of earlier days alone.
    """
    of = _r[by]
    statement = (
        select(of, _r.level, func.count())
        .where(_r.rated_on.between(f"{month}-01", f"{month}-31"), _r.state != RatingState.REMOVED)
        .where(*Reach(within=within).criterion())
        .group_by(of, _r.level)
    )
    if before is not None:
        statement = statement.where(_r.rated_on < before.isoformat())
    return [Count(*each) for each in await connection.execute(statement)]
