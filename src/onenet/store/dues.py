"""Cases to which something is due by itself. They need no lease: it happens under the case's lock, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.states import FINAL_CASE
from onenet.ids import LANES, lane_of
from onenet.store import tables
from onenet.store.inspection import OPEN

LATER = timedelta(hours=1)
"""So long nobody looks at a case that could not be decided: it would stand before those that can."""

_C = tables.cases.c
_DUE = (
    select(_C.id)
    # Lane by lane: nearly all open cases are due some day, and only those whose day it is are to be read.
    .where(_C.lane.in_(range(LANES)), _C.next_due_at <= bindparam("now"))
    .order_by(_C.next_due_at)
    .limit(bindparam("limit"))
)


async def due(connection: AsyncConnection, now: datetime, limit: int) -> list[UUID]:
    """Such cases whose time has come, the oldest first."""
    return list((await connection.execute(_DUE, {"now": now, "limit": limit})).scalars())


async def put_off(connection: AsyncConnection, ids: Sequence[UUID], now: datetime) -> None:
    """Lets these be due a little later."""
    for id in sorted(ids):
        same = (_C.lane == lane_of(id), _C.id == id)
        await connection.execute(update(tables.cases).where(*same).values(next_due_at=now + LATER))


async def look_again(connection: AsyncConnection, at: datetime) -> None:
    """Lets all open cases be looked at then, and of the closed ones those to which something is due still:
    what their deadlines hang on has changed.

    Their version goes up: who remembers a case as it was would write over this with its next change of it.
    """
    changed = {"next_due_at": at, "version": _C.version + 1}
    for which in (OPEN, _CLOSED_AND_DUE):
        await connection.execute(update(tables.cases).where(which).values(changed))


_CLOSED_AND_DUE = and_(_C.next_due_at.is_not(None), _C.state.in_(sorted(FINAL_CASE)))
"""Their results are still to be handed over, or a commitment is to be looked at."""
