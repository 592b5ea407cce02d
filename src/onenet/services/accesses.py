"""Accesses: keeps a record of who looks at whose case, outside the case's own history.

Looks at how a case stands are gathered for at most a second and written together: a crash loses the records
of that second, never those of what a person said, which are written before it is shown (`write`). While they
cannot be written, they are kept; a heap of them stops looking altogether, so that nobody looks unseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from onenet.domain.delegation import Owner
from onenet.errors import Unavailable
from onenet.store import accesses as store
from onenet.store.accesses import Access
from onenet.store.database import Database

FLUSH_S = 1.0
MOST_KEPT = 20_000
BATCH = 500

log = structlog.get_logger()


class Accesses:
    """The records of one process; `run` must be running, or somebody must `flush`."""

    def __init__(self, database: Database):
        """Has seen nobody look."""
        self._database = database
        self._kept: dict[tuple[Any, ...], Access] = {}

    def note(self, access: Access) -> None:
        """Notes a look; like ones of the same second become one record. Raises: Unavailable."""
        key = access._replace(at=None, times=1)  # type: ignore[arg-type]  # everything but the moment
        known = self._kept.get(key)
        if known is not None:
            self._kept[key] = known._replace(times=known.times + access.times)
        elif len(self._kept) >= MOST_KEPT:
            raise Unavailable("looks cannot be recorded")
        else:
            self._kept[key] = access

    async def write(self, made: Sequence[Access]) -> None:
        """Writes these now. Raises: Unavailable, and then nothing may be shown."""
        async with self._database.transaction() as connection:
            await store.add(connection, made)

    async def of_owner(self, owner: Owner, after: tuple[datetime, UUID] | None, limit: int) -> list[Access]:
        """Who looked at this owner's cases, newest first; what this process noted is among it."""
        await self.flush()
        async with self._database.read() as connection:
            return await store.page(connection, owner, after, limit)

    async def flush(self) -> None:
        """Writes what was noted. Raises: Unavailable; what is not written is kept."""
        while self._kept:
            keys = list(self._kept)[:BATCH]
            made = [self._kept.pop(key) for key in keys]
            try:
                await self.write(made)
            except BaseException:
                for access in made:
                    self._again(access)
                raise

    def _again(self, access: Access) -> None:
        key = access._replace(at=None, times=1)  # type: ignore[arg-type]
        known = self._kept.get(key)
        self._kept[key] = access._replace(times=access.times + known.times) if known else access

    async def run(self) -> None:
        """Writes every second, and what is left when it is told to stop."""
        try:
            while True:
                await asyncio.sleep(FLUSH_S)
                await self._flush_if_possible()
        finally:
            await self._flush_if_possible()

    async def _flush_if_possible(self) -> None:
        try:
            await self.flush()
        except Unavailable:
            return  # kept for the next second; the database has told the log
        except Exception:
            log.exception("access_records_not_written")
