"""Machine time: the database's, so that every process on it reads leases and schedules by the same clock.

Measured at the start and every few seconds, carried on in between by a clock that nobody can set. SQLite has
no clock of its own, it is the machine's: there a correction is followed and a jump is not, so that a machine
whose clock is set ends no lease early or late.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from onenet.clock import Clock, SteadyClock, SystemClock, steady_s
from onenet.errors import Unavailable
from onenet.store import clock as store_clock
from onenet.store.database import Database

EVERY_S = 5.0
MOST_SKEW = timedelta(seconds=2)
"""Beyond it somebody has to look at a clock. Source: reliability.md section 8."""

SLOWEST_S = 1.0
"""A round trip that took longer says too little: it may be half of that off."""

log = structlog.get_logger()


class MachineTime:
    """Keeps `clock` at the time of a database. `own`: the clock of this process, for comparison."""

    def __init__(self, database: Database, clock: SteadyClock, own: Clock):
        """Measures nothing yet."""
        self.clock = clock
        self._database = database
        self._own = own
        self._told = timedelta(0)

    async def run(self) -> None:
        """Measures again and again, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.measure()
            except Exception:  # the clock goes on by itself; a loop that ended would go unseen
                log.exception("clock_failed")

    async def measure(self) -> None:
        """One measurement. Without a database the clock simply goes on."""
        own = self._own.now()
        try:
            skew = await self._database_ahead(own)
        except Unavailable:
            return
        if skew is not None:
            self._tell(skew)

    async def _database_ahead(self, own: datetime) -> timedelta | None:
        """How far the database's time is ahead of the process's; None when that cannot be said."""
        if self._database.backend == "sqlite":
            ahead = self.clock.now() - own
            if abs(ahead) <= MOST_SKEW:
                self.clock.set(own)
            return ahead
        at, took_s = await database_time(self._database)
        if took_s > SLOWEST_S:
            return None
        self.clock.set(at)
        return self.clock.now() - self._own.now()

    def _tell(self, skew: timedelta) -> None:
        """An alarm when the difference appears, and whenever it is another one."""
        if abs(skew) <= MOST_SKEW:
            self._told = timedelta(0)
        elif abs(skew - self._told) > MOST_SKEW:
            self._told = skew
            log.warning("clock_skew", seconds=round(skew.total_seconds(), 3))


async def database_time(database: Database) -> tuple[datetime, float]:
    """The time of a PostgreSQL server, with half the round trip added, and how long that took.

    Raises: Unavailable.
    """
    async with database.read() as connection:
        await store_clock.now(connection)  # opens the transaction, which is a round trip of its own
        began_s = steady_s()
        at = await store_clock.now(connection)
        took_s = steady_s() - began_s
    return at + timedelta(seconds=took_s / 2), took_s


async def machine_time(database: Database) -> MachineTime:
    """Machine time, measured once: by the database's clock, or by the machine's where it has none."""
    own = SystemClock()
    kept = MachineTime(database, SteadyClock(own.now()), own)
    await kept.measure()
    return kept
