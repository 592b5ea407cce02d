"""Jobs: a worker carries on, in small committed pieces, what an administrator asked for once.

Each piece has three beats, as a call-out has: *take* the job for a while (committed), *send again* what is
next (tasks through the gate, with nothing open), *count* what has ended, under the lease of the first beat.
Whoever dies in between leaves a job that another one goes on with when the lease ends: a delivery is made due
by the commit that notes it, a task may be sent once more, under the same key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import structlog

from onenet import crashing
from onenet.clock import Clock, comes
from onenet.domain.commands import Command, Reconcile, SendAgain
from onenet.errors import OnenetError, StaleWrite, Unavailable
from onenet.services.advance import Gate
from onenet.services.change import Change
from onenet.store import endpoints
from onenet.store import jobs as store
from onenet.store.database import Database
from onenet.store.jobs import Item, Job
from onenet.store.queue import TASKS

LEASE = timedelta(seconds=30)
LOOK_EVERY_S = 0.5

log = structlog.get_logger()


class Pace(NamedTuple):
    """How a kind of job is carried on: at most so many begun in a second and so many under way, whether what
    becomes of them is awaited, and what is noted as the trigger of the attempts.
    """

    a_second: int
    under_way: int
    waits: bool = False
    trigger: str | None = None


PACES = {
    "pause": Pace(200, 200),
    "resumption": Pace(200, 200),
    "replay": Pace(10, 50, waits=True, trigger="replay"),
}
"""A replay takes at most half of what an endpoint is sent in a second, so that what is new gets through."""


def pace_of(kind: str, rate_per_s: int) -> Pace:
    """How a job about an endpoint of that rate is carried on; 0 is no rate."""
    pace = PACES[kind]
    return pace._replace(a_second=max(1, rate_per_s // 2)) if pace.waits and rate_per_s else pace


async def run(database: Database, gate: Gate, clock: Clock, stopping: asyncio.Event) -> None:
    """Goes on with jobs until `stopping`. `clock` tells machine time."""
    while not await comes(stopping, LOOK_EVERY_S):
        try:
            await go_on(database, gate, clock)
        except Unavailable:
            continue  # the database has told the log
        except Exception:
            log.exception("jobs_failed")


async def go_on(database: Database, gate: Gate, clock: Clock) -> None:
    """One piece of each job that is due."""
    async with database.read() as connection:
        found = await store.due(connection, clock.now())
    for id in found:
        async with database.transaction() as connection:
            now = clock.now()
            taken = await store.take(connection, id, now, now + LEASE)
        if taken is not None:
            try:
                await _piece(database, gate, clock, taken)
            except StaleWrite:
                log.info("job_lost", job=str(id))


async def _piece(database: Database, gate: Gate, clock: Clock, job: Job) -> None:
    async with database.read() as connection:
        endpoint = await endpoints.by_id(connection, job.endpoint_id)
        if endpoint is None:
            raise StaleWrite("its endpoint is gone")
        pace = pace_of(job.kind, endpoint.rate_per_s)
        work = store.queue_of(endpoint)
        sent, _ = await store.under_way(connection, job.id, work)
        items = await store.waiting(connection, job.id, max(0, min(pace.a_second, pace.under_way - sent)))
    is_of_tasks = work is TASKS
    if is_of_tasks:
        await _send_again(gate, job, items)
    crashing.point("job_piece")
    async with database.transaction() as connection:
        now = clock.now()
        if not is_of_tasks and job.kind != "pause":
            await store.make_due(connection, items, pace.trigger, now)
        await store.begin(connection, job.id, items)
        sent, ended = await store.under_way(connection, job.id, work)
        if not pace.waits:
            sent, ended = 0, [(each, True) for each in items]
        left = sent or await store.waiting(connection, job.id, 1)
        next_at = now + timedelta(seconds=1) if left else None
        await store.settle(connection, job, ended, next_at=next_at, now=now)


async def _send_again(gate: Gate, job: Job, items: Sequence[Item]) -> None:
    """Puts tasks on their way; one that is not to be sent any more is left as it is. Raises: Unavailable."""
    changes = [Change(each.case_id, _command(job, each), job.actor) for each in items]
    for outcome in await asyncio.gather(*map(gate.submit, changes), return_exceptions=True):
        if isinstance(outcome, Unavailable):
            raise outcome
        if isinstance(outcome, BaseException) and not isinstance(outcome, OnenetError):
            log.error("job_item_failed", job=str(job.id), exc_info=outcome)


def _command(job: Job, item: Item) -> Command:
    """What is put through the gate about a task; of a pause, nothing but that the step says so."""
    if job.kind == "pause":
        return Reconcile()
    return SendAgain(item.work_id, f"{job.kind} of the endpoint", PACES[job.kind].trigger)
