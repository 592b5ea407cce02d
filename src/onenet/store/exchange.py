"""Who reads the answers in a department's own database now, and how that goes: a row for each department.

As in `store.queue`, what is claimed stays due: `next_at` becomes the end of the lease, so that the reading of
a process that died is simply due again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Integer, String, Table, Uuid, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.store.schema import Timestamp, metadata

exchange_reading = Table(
    "exchange_reading",
    metadata,
    Column("endpoint_id", Uuid, primary_key=True),
    Column("next_at", Timestamp, nullable=False),
    Column("lease_token", Uuid),
    Column("looked_at", Timestamp),
    Column("unread", Integer, nullable=False),
    Column("unread_since", Timestamp),
    Column("fault", String(200)),
    Column("fault_since", Timestamp),
)
_c = exchange_reading.c


@dataclass(frozen=True, slots=True)
class Reading:
    """How the reading of one department's answers stands.

    `looked_at`: when a look last came to its end. `unread`: answers that it left there, since when some were.
    `fault`: why looks fail, since when.
    """

    endpoint_id: UUID
    next_at: datetime
    looked_at: datetime | None = None
    unread: int = 0
    unread_since: datetime | None = None
    fault: str | None = None
    fault_since: datetime | None = None


_COLUMNS = tuple(_c[name] for name in Reading.__dataclass_fields__)


async def every(connection: AsyncConnection) -> dict[UUID, Reading]:
    """All of them, by their endpoint."""
    found = await connection.execute(select(*_COLUMNS))
    return {row[0]: Reading(*row) for row in found}


async def claim(
    connection: AsyncConnection, endpoint_id: UUID, token: UUID, now: datetime, until: datetime
) -> bool:
    """Makes the reading of this department's answers the claimant's own until then, if it is nobody's."""
    free = update(exchange_reading).where(_c.endpoint_id == endpoint_id, _c.next_at <= now)
    taken = await connection.execute(free.values(next_at=until, lease_token=token))
    if taken.rowcount:
        return True
    first = insert(exchange_reading).values(
        endpoint_id=endpoint_id, next_at=until, lease_token=token, unread=0
    )
    try:
        async with connection.begin_nested():
            await connection.execute(first)
    except IntegrityError:
        return False  # somebody else reads
    return True


async def note(connection: AsyncConnection, reading: Reading, token: UUID) -> bool:
    """Writes down how it stands, and until when it is still the claimant's; False when it is not any more."""
    values: dict[str, Any] = {name: getattr(reading, name) for name in Reading.__dataclass_fields__}
    mine = update(exchange_reading).where(_c.endpoint_id == reading.endpoint_id, _c.lease_token == token)
    return bool((await connection.execute(mine.values(values))).rowcount)
