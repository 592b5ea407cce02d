"""Reconciler: looks through open cases for what waits for nothing, and lets it go on.

It never changes a row itself: it looks without a lock, and puts a `Reconcile` command through the gate for
the cases in which something is amiss, which looks again under the lock. It takes turns: a round does as much
as its time allows and the next one goes on from there.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from onenet.clock import Clock, comes
from onenet.domain.commands import Reconcile
from onenet.domain.stalls import stalls
from onenet.errors import NotFound, Unavailable
from onenet.ids import LANES
from onenet.services.advance import Gate
from onenet.services.change import Change
from onenet.store import cases, inspection
from onenet.store.database import Database
from onenet.store.inspection import FIRST, Key

ACTOR = "system:reconciler"
EVERY_S = 60.0
ROUND_S = 3.0
"""So long one round may take: a twentieth of a worker's time, however many cases are open."""

STILL = timedelta(seconds=60)
"""A case that moved since then is left alone."""

BATCH = 100

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch came to: cases looked at, cases mended, cases that were not to be mended, the last key.

    `last` is None when there are no more.
    """

    looked: int
    mended: int
    left: int
    last: Key | None


async def batch(
    database: Database, gate: Gate, machine_clock: Clock, after: Key, still_since: datetime
) -> Batch:
    """Looks at the next open cases after a key that have not moved since then. Raises: Unavailable."""
    async with database.read() as connection:
        keys = await inspection.keys(connection, after, BATCH, still_since=still_since)
    if not keys:
        return Batch(0, 0, 0, None)
    amiss, unreadable = await _amiss(database, gate, keys)
    await _unpark(database, keys, machine_clock.now())
    changes = [Change(id, Reconcile(), ACTOR) for id in amiss]
    results = await asyncio.gather(*map(gate.submit, changes), return_exceptions=True)
    mended = 0
    for id, result in zip(amiss, results, strict=True):
        if isinstance(result, BaseException):
            log.error("reconcile_failed", case=str(id), exc_info=result)
        elif result.case is None or not list(stalls(result.case)):
            mended += 1
    if mended:
        log.warning("reconciled", cases=mended)
    left = len(amiss) + unreadable - mended
    return Batch(len(keys), mended, left, keys[-1] if len(keys) == BATCH else None)


async def _amiss(database: Database, gate: Gate, keys: list[Key]) -> tuple[list[UUID], int]:
    """The cases in which something waits for nothing, and how many could not be read."""
    try:
        async with database.read() as connection:
            loaded = await cases.load(connection, [id for _, id in keys], gate.bundle_of)
    except (LookupError, ValueError, TypeError, NotFound) as error:
        if len(keys) == 1:
            log.warning("case_unreadable", case=str(keys[0][1]), error=type(error).__name__)
            return [], 1
        halves = [await _amiss(database, gate, half) for half in (keys[::2], keys[1::2])]
        return [id for amiss, _ in halves for id in amiss], sum(count for _, count in halves)
    return [case.id for case in loaded.values() if any(stalls(case))], 0


async def _unpark(database: Database, keys: list[Key], now: datetime) -> None:
    async with database.read() as connection:
        deliveries = await inspection.deliveries_of(connection, keys)
    of = [id for id, rows in deliveries.items() if any(map(inspection.parked, rows))]
    if of:
        async with database.transaction() as connection:
            await inspection.unpark_deliveries(connection, of, now)
        log.warning("deliveries_due_again", cases=len(of))


async def run(
    database: Database, gate: Gate, clock: Clock, machine_clock: Clock, stopping: asyncio.Event
) -> None:
    """A round every minute until `stopping`; each worker begins somewhere else."""
    after: Key = (random.randrange(LANES), UUID(int=0))  # noqa: S311  # spreads workers, no secret
    while not await comes(stopping, EVERY_S):
        ends_s = time.monotonic() + ROUND_S
        try:
            while time.monotonic() < ends_s and not stopping.is_set():
                done = await batch(database, gate, machine_clock, after, clock.now() - STILL)
                after = done.last or FIRST
                if done.last is None:
                    break
        except Unavailable:
            continue  # the database has told the log
        except Exception:
            log.exception("reconciler_failed")
