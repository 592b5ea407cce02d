"""Unsealed: what this process has committed and the sealer does not know of yet.

The gate tells of its commits in memory; every few seconds one row names the cases. So the way of a case pays
nothing, and the sealer looks at cases that changed instead of through all. A process that dies may take some
seconds of this with it: each process asks for a look at all cases when it starts, and the sealer goes through
all of them by and by in any case. Why this way: decision 0022.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog

from onenet.clock import Clock, comes
from onenet.domain.case import Case
from onenet.errors import Unavailable
from onenet.store import log as store_log
from onenet.store.database import Database

TELL_EVERY_S = 5.0
TELL_AFTER = 500
"""Changes of cases, each of one event or several, that are told of at once."""

MOST_KEPT = 20_000
"""Cases; beyond that, while the database is away, a look at all of them is asked for."""

log = structlog.get_logger()


class Unsealed:
    """Tells the sealer which cases changed. One for each process."""

    def __init__(self, database: Database, clock: Clock):
        """`clock` tells machine time. What it tells first is that any case may have changed."""
        self._database = database
        self._clock = clock
        self._cases: set[UUID] = set()
        self._any_case = True
        self._changes = 0
        self._is_due = asyncio.Event()

    def on_commit(self, committed: Sequence[Case]) -> None:
        """Notes these cases; a gate's listener."""
        self._cases.update([case.id for case in committed])
        self._changes += len(committed)
        if self._changes >= TELL_AFTER:
            self._is_due.set()

    async def run(self) -> None:
        """Tells every few seconds, and more often when much happens, until cancelled."""
        while True:
            try:
                await self.tell()
            except Unavailable:
                await asyncio.sleep(TELL_EVERY_S)  # the database has told the log
            except Exception:
                log.exception("unsealed_not_told")
                await asyncio.sleep(TELL_EVERY_S)
            await comes(self._is_due, TELL_EVERY_S)

    async def tell(self) -> None:
        """Writes what there is to tell. Raises: Unavailable; it is kept for the next time then."""
        if not (self._cases or self._any_case):
            return
        cases, any_case, changes = self._cases, self._any_case, self._changes
        self._cases, self._any_case, self._changes = set(), False, 0
        self._is_due.clear()
        any_case = any_case or len(cases) > MOST_KEPT
        try:
            async with self._database.transaction() as connection:
                await store_log.tell(connection, None if any_case else cases, changes, self._clock.now())
        except BaseException:
            self._cases |= cases
            self._any_case, self._changes = self._any_case or any_case, self._changes + changes
            raise
