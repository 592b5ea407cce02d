"""Break-glass: who asked to look at one case in an emergency, and who let them. The reason is sealed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, and_, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.visibility import Visible
from onenet.encryption import KeyRing
from onenet.ids import lane_of
from onenet.store import oldest, visibility
from onenet.store.access_tables import break_glass
from onenet.store.sealing import opened_system, ring_of, sealed_system

REASON = "break_glass.reason"

_c = break_glass.c


class BreakGlass(NamedTuple):
    """Asked by one, approved by another; holds before `ends_at`."""

    id: UUID
    case_id: UUID
    asked_by: str
    reason: str
    asked_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    ends_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether the case may be looked at."""
        return self.ends_at is not None and now < self.ends_at


async def add(connection: AsyncConnection, asked: BreakGlass) -> None:
    """Writes a new one."""
    reason = sealed_system(ring_of(connection), asked.reason, REASON, _place(asked.id))
    row = {"lane": lane_of(asked.id), **asked._asdict(), "reason": reason}
    await connection.execute(insert(break_glass), row)


async def find(connection: AsyncConnection, id: UUID) -> BreakGlass | None:
    """The one of this id."""
    statement = select(break_glass).where(_c.lane == lane_of(id), _c.id == id)
    row = (await connection.execute(statement)).first()
    return _read(ring_of(connection), row) if row else None


async def approve(connection: AsyncConnection, id: UUID, by: str, at: datetime, ends_at: datetime) -> bool:
    """Lets whoever asked look; whether nobody had yet."""
    statement = (
        update(break_glass)
        .where(_c.lane == lane_of(id), _c.id == id, _c.approved_by.is_(None))
        .values(approved_by=by, approved_at=at, ends_at=ends_at)
    )
    return (await connection.execute(statement)).rowcount == 1


async def page(
    connection: AsyncConnection, visible: Visible, after: tuple[datetime, UUID] | None, limit: int
) -> list[BreakGlass]:
    """Those about visible cases, newest first, after a position."""
    statement = select(break_glass).where(visibility.of_case(visible, _c.lane, _c.case_id))
    if after is not None:
        at, id = after
        later = and_(_c.asked_at == at, tuple_(_c.lane, _c.id) > (lane_of(id), id))
        statement = statement.where(or_(_c.asked_at < at, later))
    statement = statement.order_by(_c.asked_at.desc(), _c.lane, _c.id).limit(limit)
    ring = ring_of(connection)
    return [_read(ring, row) for row in await connection.execute(statement)]


async def forget(connection: AsyncConnection, lane: int, before: datetime, limit: int) -> int:
    """Takes the oldest of a lane away, if they were asked for before that moment; how many that were."""
    return await oldest.remove(connection, _c.asked_at, lane, before, limit)


def _place(id: UUID) -> str:
    return f"{lane_of(id)}/{id}"


def _read(ring: KeyRing, row: Row[Any]) -> BreakGlass:
    reason = opened_system(ring, row.reason, REASON, _place(row.id))
    found = {name: getattr(row, name) for name in BreakGlass._fields}
    return BreakGlass(**found | {"reason": reason})
