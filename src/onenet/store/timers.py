"""Timers that are due. They need no lease: whoever fires one does so under the case's lock, once.

One whose case cannot be read is held, in sight, until a person has seen to it: it would stand before those
that go well, and say so in the log for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.ids import lane_of
from onenet.store import tables

Due = tuple[UUID, UUID]
"""Case id, timer id."""

_PENDING = tables.timer.c.state == "pending"
_HELD = tables.timer.c.held_reason.is_not(None)


async def due(connection: AsyncConnection, now: datetime, limit: int) -> list[Due]:
    """Pending timers whose time has come, oldest first."""
    c = tables.timer.c
    statement = (
        select(c.case_id, c.id).where(_PENDING, ~_HELD, c.due_at <= now).order_by(c.due_at).limit(limit)
    )
    return [(row.case_id, row.id) for row in await connection.execute(statement)]


async def hold(connection: AsyncConnection, failed: Sequence[Due], reason: str) -> None:
    """Lets them be due no more."""
    c = tables.timer.c
    same = (c[name] == bindparam(f"key_{name}") for name in ("lane", "case_id", "id"))
    keys = [{"key_lane": lane_of(case), "key_case_id": case, "key_id": id} for case, id in sorted(failed)]
    await connection.execute(update(tables.timer).where(*same, _PENDING).values(held_reason=reason), keys)


async def count_held(connection: AsyncConnection) -> tuple[int, datetime | None]:
    """How many are held, and when the oldest of them was due."""
    statement = select(func.count(), func.min(tables.timer.c.due_at)).where(_PENDING, _HELD)
    row = (await connection.execute(statement)).one()
    return row[0], row[1]


async def let_go(connection: AsyncConnection) -> int:
    """Lets all that are held be due again; how many they were."""
    statement = update(tables.timer).where(_PENDING, _HELD).values(held_reason=None)
    return (await connection.execute(statement)).rowcount
