"""The only reader of the time. Whoever needs the time is handed a Clock."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that tells the time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


def unix_ms() -> int:
    """Milliseconds since 1970, of the machine's clock: what the ids of this moment begin with."""
    return int(datetime.now(UTC).timestamp() * 1_000)


def steady_s() -> float:
    """Seconds of a clock that nobody can set; they also pass while a Linux machine sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


async def comes(event: asyncio.Event, within_s: float) -> bool:
    """Waits for an event, at most so long; tells whether it came."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


class SteadyClock:
    """A moment that was measured, carried on since then by a clock that nobody can set."""

    def __init__(self, at: datetime):
        """It is `at` now."""
        self.set(at)

    def set(self, at: datetime) -> None:
        """It is `at` now: somebody measured again."""
        self._at, self._since_s = at.astimezone(UTC), steady_s()

    def now(self) -> datetime:
        """The moment measured last, and what has passed since."""
        return self._at + timedelta(seconds=steady_s() - self._since_s)


class FrozenClock:
    """A clock that stands still until it is moved; for tests."""

    def __init__(self, at: datetime):
        """Starts at `at`, which must be aware."""
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """The moment at which the clock stands."""
        return self._at

    def advance(self, by: timedelta) -> None:
        """Moves the clock forward."""
        self._at += by


class ScaledClock:
    """A clock that runs `speed` times as fast as the machine's, from `origin`; for the demo's legal time.

    Leases, retries and timeouts never use it: they are about real processes.
    """

    def __init__(self, origin: datetime, speed: float, started: datetime | None = None):
        """`started` is the real moment at which `origin` was shown; now, when left out."""
        self._origin = origin
        self._speed = speed
        self._started = started or datetime.now(UTC)

    def now(self) -> datetime:
        """The scaled moment, aware, in UTC."""
        return self._origin + (datetime.now(UTC) - self._started) * self._speed
