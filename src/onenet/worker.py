"""The worker: three loops that claim what is due, do it, and record it; a drain that claims nothing more.

Any number of workers work on one database. A worker that dies loses nothing: its leases end and another one
claims the same work, under the same keys.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import structlog

from onenet.adapters.transport import Transport
from onenet.clock import Clock
from onenet.domain.case import Case
from onenet.errors import Unavailable
from onenet.services import steps, webhooks
from onenet.services.advance import Gate
from onenet.services.steps import Claimed
from onenet.store import queue
from onenet.store.database import Database

POLL_LEAST_S, POLL_MOST_S = 0.25, 1.0
"""An idle loop looks again after a random time between these; a commit in this process wakes it at once."""

MOST_AT_ONCE = 64
"""Calls of one kind under way at the same time."""

log = structlog.get_logger()


class Worker:
    """Does due work until told to stop."""

    def __init__(
        self,
        database: Database,
        gate: Gate,
        clock: Clock,
        machine_clock: Clock,
        *,
        lease: timedelta = queue.LEASE,
    ):
        """`clock` tells legal time, for timers; `machine_clock` that of leases and retries."""
        self._database = database
        self._gate = gate
        self._clock = clock
        self._machine_clock = machine_clock
        self._lease = lease
        self._stopping = asyncio.Event()
        self._wake = {"tasks": asyncio.Event(), "deliveries": asyncio.Event(), "timers": asyncio.Event()}
        gate.listen(self._on_commit)

    def _on_commit(self, committed: Sequence[Case]) -> None:
        for event in self._wake.values():
            event.set()

    def stop(self) -> None:
        """Claims nothing more; `run` returns when the calls under way are recorded."""
        self._stopping.set()
        self._on_commit(())

    async def run(self) -> None:
        """Works until `stop`."""
        async with Transport() as transport, asyncio.TaskGroup() as group:

            async def dispatch(claimed: Claimed) -> None:
                await steps.dispatch(self._database, self._gate, transport, self._machine_clock, claimed)

            async def deliver(claimed: Claimed) -> None:
                await webhooks.deliver(self._database, transport, self._machine_clock, claimed)

            group.create_task(self._call_out("tasks", queue.TASKS, dispatch))
            group.create_task(self._call_out("deliveries", queue.DELIVERIES, deliver))
            group.create_task(self._fire())

    async def _call_out(
        self, name: str, which: queue.Queue, call: Callable[[Claimed], Awaitable[None]]
    ) -> None:
        """Claims as much as there are free hands, and sets each to work at once."""
        under_way: set[asyncio.Task[None]] = set()
        while not self._stopping.is_set():
            self._wake[name].clear()
            claimed = await self._claim(which, MOST_AT_ONCE - len(under_way))
            for work in claimed:
                task = asyncio.create_task(self._guard(name, call(work)))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            if len(under_way) >= MOST_AT_ONCE:
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            elif not claimed:
                await self._idle(name)
        if under_way:
            await asyncio.wait(under_way)

    async def _claim(self, which: queue.Queue, count: int) -> list[Claimed]:
        try:
            return await steps.claim(self._database, which, self._machine_clock, count, lease=self._lease)
        except Unavailable as error:
            log.warning("database_away", queue=which.work.name, reason=str(error))
            return []
        except Exception:
            log.exception("claim_failed", queue=which.work.name)
            return []

    async def _guard(self, name: str, work: Awaitable[None]) -> None:
        """Nothing that one piece of work does may stop the loop; its lease ends and it is due again."""
        try:
            await work
        except Exception:
            log.exception("work_failed", queue=name)

    async def _fire(self) -> None:
        while not self._stopping.is_set():
            self._wake["timers"].clear()
            try:
                fired = await steps.fire_timers(self._database, self._gate, self._clock, 100)
            except Unavailable as error:
                log.warning("database_away", queue="timer", reason=str(error))
                fired = 0
            except Exception:
                log.exception("timers_failed")
                fired = 0
            if not fired:
                await self._idle("timers")

    async def _idle(self, name: str) -> None:
        pause_s = random.uniform(POLL_LEAST_S, POLL_MOST_S)  # noqa: S311  # spreads polls, no secret
        try:
            async with asyncio.timeout(pause_s):
                await self._wake[name].wait()
        except TimeoutError:
            return
