"""Watch: tells waiting readers that a case has moved, without a connection or a thread for each.

Changes of this process are heard at once; those of others are found by one query for all watched cases.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

import structlog

from onenet.domain.case import Case
from onenet.errors import Unavailable
from onenet.store import cases
from onenet.store.database import Database

POLL_S = 0.5

log = structlog.get_logger()


class Watch:
    """Who waits for which case. One for each process; `run` must be running."""

    def __init__(self, database: Database):
        """Watches nothing yet."""
        self._database = database
        self._waiting: dict[UUID, set[tuple[int, asyncio.Event]]] = defaultdict(set)
        self.has_ended = False

    def on_commit(self, committed: Sequence[Case]) -> None:
        """Wakes those who wait for one of these cases; a gate's listener."""
        for case in committed:
            self._wake(case.id, case.seq)

    def _wake(self, case_id: UUID, seq: int) -> None:
        for since, event in self._waiting.get(case_id, ()):
            if seq > since:
                event.set()

    async def wait(self, case_id: UUID, since: int, timeout_s: float) -> bool:
        """Waits until the case has an event after `since`; False when the time or the watch is over first."""
        if self.has_ended:
            return False
        event = asyncio.Event()
        entry = (since, event)
        self._waiting[case_id].add(entry)
        try:
            async with self._database.read() as connection:
                known = await cases.seqs(connection, [case_id])
            if known.get(case_id, 0) > since:
                return True
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            return False
        else:
            return not self.has_ended
        finally:
            self._waiting[case_id].discard(entry)
            if not self._waiting[case_id]:
                del self._waiting[case_id]

    def end(self) -> None:
        """Lets nobody wait any longer, now or later: the process stops, and whoever waits is answered."""
        self.has_ended = True
        for entries in self._waiting.values():
            for _, event in entries:
                event.set()

    async def run(self) -> None:
        """Looks for changes by other processes, for ever."""
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self._look()
            except Unavailable:
                continue  # whoever waits goes on waiting; the database has told the log
            except Exception:  # whoever waits goes on waiting; the database comes back
                log.exception("watch_failed")

    async def _look(self) -> None:
        if not self._waiting:
            return
        async with self._database.read() as connection:
            known = await cases.seqs(connection, list(self._waiting))
        for case_id, seq in known.items():
            self._wake(case_id, seq)
