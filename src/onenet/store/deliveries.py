"""Deliveries: the rows of the outbox, one for each event and subscriber, and their attempts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, and_, bindparam, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.visibility import Visible
from onenet.ids import lane_of
from onenet.store import tables, visibility
from onenet.store.bulk import Row
from onenet.store.queue import Queue
from onenet.store.sealing import key_of, opened_attempt, ring_of

_d = tables.delivery.c
_SETTLE = (
    update(tables.delivery)
    .where(
        _d.lane == bindparam("key_lane"), _d.case_id == bindparam("key_case_id"),
        _d.id == bindparam("key_id"),
        _d.lease_token == bindparam("key_token"),
    )
    .values(
        {name: bindparam(name) for name in ("state", "tries", "next_at", "held_reason")}
        | {"lease_token": None, "trigger": None}
    )
)  # fmt: skip


async def settle(connection: AsyncConnection, settled: Sequence[dict[str, Any]]) -> None:
    """Writes what became of attempts, where the lease is still owned; a stale result changes nothing.

    Each: key_lane, key_case_id, key_id, key_token, state, tries, next_at, held_reason.
    """
    if settled:
        await connection.execute(_SETTLE, list(settled))


async def unsettled_up_to(connection: AsyncConnection, row: Row) -> list[str]:
    """What this delivery says, after what those to the same endpoint say that come before it in its case and
    are not done; in order.
    """
    statement = (
        select(_d.payload)
        .where(
            _d.lane == row["lane"], _d.case_id == row["case_id"], _d.endpoint_id == row["endpoint_id"],
            or_(_d.seq == row["seq"], and_(_d.seq < row["seq"], _d.state != "done")),
        )
        .order_by(_d.seq)
    )  # fmt: skip
    return list((await connection.execute(statement)).scalars())


async def page(
    connection: AsyncConnection,
    visible: Visible,
    *,
    after: tuple[datetime, UUID] | None,
    state: str | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Deliveries about visible cases, newest first, after a position."""
    statement = select(tables.delivery).where(visibility.of_case(visible, _d.lane, _d.case_id))
    if state is not None:
        statement = statement.where(_d.state == state)
    if after is not None:
        created_at, id = after
        later = tuple_(_d.lane, _d.id) > (lane_of(id), id)
        statement = statement.where(or_(_d.created_at < created_at, and_(_d.created_at == created_at, later)))
    statement = statement.order_by(_d.created_at.desc(), _d.lane, _d.id).limit(limit)
    return (await connection.execute(statement)).mappings().all()


class Found(NamedTuple):
    """Where a delivery is, and where it goes."""

    case_id: UUID
    endpoint_id: UUID


async def find(connection: AsyncConnection, visible: Visible, id: UUID) -> Found | None:
    """The delivery of this id, if it is about a visible case."""
    theirs = visibility.of_case(visible, _d.lane, _d.case_id)
    statement = select(_d.case_id, _d.endpoint_id).where(_d.lane == lane_of(id), _d.id == id, theirs)
    row = (await connection.execute(statement)).first()
    return Found(*row) if row else None


async def exists(connection: AsyncConnection, visible: Visible, id: UUID) -> bool:
    """Whether there is a delivery of this id about a visible case."""
    theirs = visibility.of_case(visible, _d.lane, _d.case_id)
    statement = select(_d.id).where(_d.lane == lane_of(id), _d.id == id, theirs)
    return (await connection.execute(statement)).first() is not None


async def attempts(connection: AsyncConnection, queue: Queue, id: UUID) -> list[dict[str, Any]]:
    """The attempts of one delivery or task, in order, their words open. Raises: Unreadable."""
    a, cases, ring = queue.attempts, tables.cases.c, ring_of(connection)
    statement = (
        select(a, cases.data_key)
        .join(tables.cases, and_(cases.lane == a.c.lane, cases.id == a.c.case_id))
        .where(a.c.lane == lane_of(id), a.c[queue.of] == id)
        .order_by(a.c.number)
    )
    found = (await connection.execute(statement)).mappings()
    return [opened_attempt(key_of(ring, row["data_key"]), a.name, dict(row), id) for row in found]
