"""Case numbers: an atomic counter for each scope and day, and the table that finds a case by its number."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.ids import lane_of
from onenet.store import tables

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def take(connection: AsyncConnection, scope: str, day: str, count: int) -> int:
    """Takes `count` serial numbers, from 1 up, and gives the first; the row stays locked till commit."""
    counter = tables.case_counter
    statement = (
        _INSERT[connection.dialect.name](counter)
        .values(scope=scope, day=day, serial=count)
        .on_conflict_do_update(
            index_elements=[counter.c.scope, counter.c.day], set_={"serial": counter.c.serial + count}
        )
        .returning(counter.c.serial)
    )
    last: int = (await connection.execute(statement)).scalar_one()
    return last - count + 1


def row(organisation: str, number: str, case_id: UUID) -> dict[str, Any]:
    """The row by which a case is found by its number."""
    return {"organisation": organisation, "number": number, "lane": lane_of(case_id), "case_id": case_id}
