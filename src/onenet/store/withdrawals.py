"""Withdrawals that a department has not confirmed: tasks of that kind, the oldest first."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.visibility import Visible
from onenet.ids import LANES, lane_of
from onenet.store import tables
from onenet.store.visibility import criterion

_t, _case = tables.task.c, tables.cases.c

_OUTSTANDING = (_t.lane.in_(range(LANES)), text("kind = 'withdrawal' AND task.state <> 'done'"))
"""The lanes are said so that the index, which begins with them, is searched and not read through."""


class Place(NamedTuple):
    """Where one stands in the list."""

    created_at: datetime
    case_id: UUID
    task_id: UUID


async def page(
    connection: AsyncConnection, visible: Visible, department: str | None, after: Place | None, limit: int
) -> list[tuple[Place, int]]:
    """Places of those in visible cases, of one department or of all, each with its case's version."""
    where = [*_OUTSTANDING, criterion(visible)]
    if department is not None:
        where.append(_t.department == department)
    if after is not None:
        key = (after.created_at, lane_of(after.case_id), after.case_id, after.task_id)
        where.append(tuple_(_t.created_at, _t.lane, _t.case_id, _t.id) > key)
    statement = (
        select(_t.created_at, _t.case_id, _t.id, _case.version)
        .join_from(tables.task, tables.cases, and_(_case.lane == _t.lane, _case.id == _t.case_id))
        .where(*where)
        .order_by(_t.created_at, _t.lane, _t.case_id, _t.id)
        .limit(limit)
    )
    return [(Place(*row[:3]), row.version) for row in await connection.execute(statement)]
