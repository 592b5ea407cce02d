"""Timers that are due. They need no lease: whoever fires one does so under the case's lock, once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.store import tables


async def due(
    connection: AsyncConnection, now: datetime, limit: int, *, leave_out: Collection[UUID] = ()
) -> list[tuple[UUID, UUID]]:
    """(case id, timer id) of pending timers whose time has come, oldest first."""
    c = tables.timer.c
    statement = (
        select(c.case_id, c.id)
        .where(c.state == "pending", c.due_at <= now, c.id.not_in(leave_out))
        .order_by(c.due_at)
        .limit(limit)
    )
    return [(row.case_id, row.id) for row in await connection.execute(statement)]
