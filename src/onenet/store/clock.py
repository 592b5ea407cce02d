"""Clock: what time the database has."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

_NOW = select(func.clock_timestamp())


async def now(connection: AsyncConnection) -> datetime:
    """The time of the PostgreSQL server, at this moment and not at the beginning of the transaction."""
    at: datetime = (await connection.execute(_NOW)).scalar_one()
    return at.astimezone(UTC)
