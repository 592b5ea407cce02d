"""Steps of which something that was promised is still awaited, by the first day for it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.visibility import Visible
from onenet.ids import LANES, lane_of
from onenet.store import tables
from onenet.store.visibility import criterion

_step = tables.step.alias("promised")
"""By a name of its own: what somebody may see is told by steps, too."""
_s, _case = _step.c, tables.cases.c

_AWAITED = (_s.lane.in_(range(LANES)), _s.awaited_on.is_not(None))
"""The lanes are said so that the index, which begins with them, is searched and not read through."""


class Place(NamedTuple):
    """Where one stands in the list."""

    due_on: date
    case_id: UUID
    code: str


async def page(
    connection: AsyncConnection, visible: Visible, department: str | None, after: Place | None, limit: int
) -> list[tuple[Place, int]]:
    """Places of those in visible cases, of one department or of all, each with its case's version."""
    where = [*_AWAITED, criterion(visible)]
    if department is not None:
        where.append(_s.department == department)
    if after is not None:
        key = (after.due_on, lane_of(after.case_id), after.case_id, after.code)
        where.append(tuple_(_s.awaited_on, _s.lane, _s.case_id, _s.code) > key)
    statement = (
        select(_s.awaited_on, _s.case_id, _s.code, _case.version)
        .join_from(_step, tables.cases, and_(_case.lane == _s.lane, _case.id == _s.case_id))
        .where(*where)
        .order_by(_s.awaited_on, _s.lane, _s.case_id, _s.code)
        .limit(limit)
    )
    return [(Place(*row[:3]), row.version) for row in await connection.execute(statement)]
