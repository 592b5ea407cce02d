"""The oldest rows of a lane: at the head of the primary key, as ids begin with the time of their making."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection


async def remove(
    connection: AsyncConnection, at: Column[Any], lane: int, before: datetime, limit: int
) -> int:
    """Takes away those of the first `limit` rows whose `at` is before that moment; gives how many.

    No index of time is needed: none that is younger stands before one that is older, but for milliseconds.
    """
    table: Table = at.table
    c = table.c
    first = select(c.id).where(c.lane == lane).order_by(c.id).limit(limit).scalar_subquery()
    old = delete(table).where(c.lane == lane, c.id.in_(first), at < before)
    return (await connection.execute(old)).rowcount
