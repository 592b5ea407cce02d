"""Stamps' rows: what an authority signed of checkpoints, and since when none has."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.store.log_tables import log_checkpoint, log_stamp

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def put(connection: AsyncConnection, size: int, reply: bytes, now: datetime) -> None:
    """Keeps a stamp; of two of one checkpoint the first."""
    row = {"size": size, "reply": reply, "created_at": now}
    made = _INSERT[connection.dialect.name](log_stamp).values(row)
    await connection.execute(made.on_conflict_do_nothing())


async def newest_at(connection: AsyncConnection) -> datetime | None:
    """When the newest stamp came."""
    found: datetime | None = await connection.scalar(select(func.max(log_stamp.c.created_at)))
    return found


async def unstamped_since(connection: AsyncConnection) -> datetime | None:
    """When the first checkpoint was signed that no stamp covers; None while one covers all."""
    covered = select(func.coalesce(func.max(log_stamp.c.size), 0)).scalar_subquery()
    c = log_checkpoint.c
    statement = select(c.created_at).where(c.size > covered).order_by(c.size).limit(1)
    found: datetime | None = await connection.scalar(statement)
    return found
