"""What lies at departments' desks: open steps by their department, the oldest first."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.visibility import Visible
from onenet.ids import LANES, lane_of
from onenet.store import tables
from onenet.store.visibility import criterion

# Under a name of its own: the rule of who sees a case looks through the case's other steps.
_step = tables.step.alias("at_desk")
_s, _case = _step.c, tables.cases.c


_OPEN = (_s.lane.in_(range(LANES)), _s.desk_at.is_not(None), _s.waits_for.is_not(None))
"""The lanes are said so that the index, which begins with them, is searched and not read through."""


class Place(NamedTuple):
    """Where a step lies in the list."""

    desk_at: datetime
    case_id: UUID
    code: str


class Wanted(NamedTuple):
    """Which steps: of one department or of all, of one clerk, nobody's (`claimed_by` empty), in one state."""

    department: str | None = None
    claimed_by: str | None = None
    state: str | None = None


async def page(
    connection: AsyncConnection, visible: Visible, wanted: Wanted, after: Place | None, limit: int
) -> list[tuple[Place, int]]:
    """Places of such steps in visible cases, after one, each with its case's version."""
    where = [*_OPEN, criterion(visible), *_narrowed(wanted)]
    if after is not None:
        key = (after.desk_at, lane_of(after.case_id), after.case_id, after.code)
        where.append(tuple_(_s.desk_at, _s.lane, _s.case_id, _s.code) > key)
    statement = (
        select(_s.desk_at, _s.case_id, _s.code, _case.version)
        .join_from(_step, tables.cases, and_(_case.lane == _s.lane, _case.id == _s.case_id))
        .where(*where)
        .order_by(_s.desk_at, _s.lane, _s.case_id, _s.code)
        .limit(limit)
    )
    return [(Place(*row[:3]), row.version) for row in await connection.execute(statement)]


def _narrowed(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.department is not None:
        found.append(_s.department == wanted.department)
    if wanted.claimed_by is not None:
        found.append(_s.claimed_by == wanted.claimed_by if wanted.claimed_by else _s.claimed_by.is_(None))
    if wanted.state is not None:
        found.append(_s.state == wanted.state)
    return found
