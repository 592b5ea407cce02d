"""Stamping: lets an authority sign the newest checkpoint now and then, beside everything else.

A stamp covers all events of its checkpoint, and so all before it: while the authority is away nothing is lost
but the moment. The sealer asks again each minute. Source: RFC 3161; security.md section 6.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.adapters.asking import NotFetched
from onenet.adapters.stamps import Authority, UnfitStamp
from onenet.clock import Clock
from onenet.domain import note
from onenet.errors import Unavailable
from onenet.services.advance import Gate
from onenet.store import log as store_log
from onenet.store import stamps
from onenet.store.database import Database

MOST_LATE = timedelta(hours=1)
"""A stamp that is overdue for longer is told of."""

LOOK_EVERY_S = 10.0

log = structlog.get_logger()


class Stamping:
    """Has checkpoints stamped. One for each process that seals."""

    def __init__(self, database: Database, clock: Clock, authority: Authority, url: str, every: timedelta):
        """`clock` tells machine time; a stamp is due `every` so often, while there is something new."""
        self._database = database
        self._clock = clock
        self._authority = authority
        self._url = url
        self._every = every

    async def look(self) -> None:
        """Has the newest checkpoint stamped, if that is due. Raises: Unavailable."""
        async with self._database.read() as connection:
            due_at = await due(connection, self._every)
            newest = await store_log.newest(connection)
        if due_at is None or newest is None or self._clock.now() < due_at:
            return
        try:
            reply = await self._authority.stamp(self._url, newest.encode())
        except (NotFetched, UnfitStamp) as error:
            log.warning("stamp_failed", reason=str(error))
            return
        async with self._database.transaction() as connection:
            await stamps.put(connection, note.read(newest).checkpoint.size, reply, self._clock.now())

    async def keep_closed(self, gate: Gate, most_late: timedelta) -> None:
        """Closes the gate to new cases while a stamp is so late, until cancelled."""
        while True:
            with suppress(Unavailable):  # the database has told the log, and lets nobody in anyway
                await self.close_if_late(gate, most_late)
            await asyncio.sleep(LOOK_EVERY_S)

    async def close_if_late(self, gate: Gate, most_late: timedelta) -> None:
        """Closes the gate to new cases, or opens it again. Raises: Unavailable."""
        async with self._database.read() as connection:
            due_at = await due(connection, self._every)
        is_late = due_at is not None and self._clock.now() - due_at > most_late
        if is_late != bool(gate.closed):
            log.warning("stamps_too_late" if is_late else "stamps_in_time")
        gate.closed = "the record has no time stamp: no new case is taken meanwhile" if is_late else ""


async def due(connection: AsyncConnection, every: timedelta) -> datetime | None:
    """When the next stamp is due; None while the last one covers everything."""
    since, last = await stamps.unstamped_since(connection), await stamps.newest_at(connection)
    if since is None or last is None:
        return since
    return max(since, last + every)
