"""Erasure: takes what was said out of closed cases when the law's time for keeping it is over.

In three steps, each committed, so that a process that dies goes on where it was: it is decided (a row of
`erasure`), it is told (an event through the gate), it is done (`store.erasure.shred`). The record stays
provable: events hold what was said only as a commitment.

Source: PIPL article 19 (the shortest period that is needed) and 47 (deletion); security.md section 5.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from onenet.clock import Clock, comes
from onenet.domain.case import Case
from onenet.domain.commands import Erase
from onenet.domain.procedures import reapplied_by
from onenet.domain.states import FINAL_CASE
from onenet.errors import Conflict, PreconditionFailed, Unavailable
from onenet.ids import LANES
from onenet.services.advance import Gate
from onenet.services.change import Change
from onenet.store import accesses, break_glass, cases
from onenet.store import erasure as store
from onenet.store.database import Database

ACTOR = "system:retention"
RETENTION = "retention"
EVERY_S = 60.0
"""A lane in a minute: each case is looked at six times a day, by each worker."""

BATCH = 100
LEAST_DAYS = 1
"""The shortest time that an item can name: what closed since then need not be looked at."""

log = structlog.get_logger()


async def due(database: Database, gate: Gate, lane: int, now: datetime) -> list[UUID]:
    """Cases of a lane whose time is over, at most a hundred."""
    async with database.read() as connection:
        found = await store.closed(connection, lane, now - timedelta(days=LEAST_DAYS), BATCH)
    over = []
    for each in found:
        bundle = await gate.bundle_of(each.bundle, each.version)
        if each.closed_at + timedelta(days=bundle.retention_days) <= now:
            over.append(each.id)
    return over


async def erase(
    database: Database, gate: Gate, case_id: UUID, *, basis: str, actor: str, now: datetime
) -> None:
    """Erases what was said in a closed case.

    Raises: NotFound; Conflict while it is open or held back, or an open case goes on with what it issued.
    """
    await _check_nobody_goes_on(database, gate, case_id)
    async with database.transaction() as connection:
        await store.decide(connection, case_id, basis=basis, actor=actor, now=now)
    await _carry_out(database, gate, case_id, now)
    await _finish(database, [case_id], now)


async def _check_nobody_goes_on(database: Database, gate: Gate, case_id: UUID) -> None:
    """What it issued could be taken back no more for who applies again after it. Raises: Conflict."""
    found = await _read(database, gate, [case_id])
    while found:
        again = {reapplied_by(step.procedures) for case in found for step in case.steps.values()}
        found = await _read(database, gate, [id for id in again if id is not None])
        for case in found:
            if case.state not in FINAL_CASE:
                raise Conflict(f"the open case {case.number} applies again after it")


async def _read(database: Database, gate: Gate, ids: Sequence[UUID]) -> list[Case]:
    async with database.read() as connection:
        fetched = await cases.fetch(connection, list(ids))
    return list((await cases.assemble(fetched, gate.bundle_of)).values())


async def _carry_out(database: Database, gate: Gate, case_id: UUID, now: datetime) -> None:
    await _tell(database, gate, case_id)
    async with database.transaction() as connection:
        await store.shred(connection, case_id, now)


async def _finish(database: Database, case_ids: list[UUID], now: datetime) -> None:
    async with database.transaction() as connection:
        await store.finish(connection, case_ids, now)


async def _tell(database: Database, gate: Gate, case_id: UUID) -> None:
    """One event, also when two processes are at it: each says after which event it is to come."""
    for _ in range(3):
        async with database.read() as connection:
            found = await store.decided(connection, case_id)
        if found is None or found.is_told:
            return
        try:
            await gate.submit(Change(case_id, Erase(found.basis), found.actor, if_seq=found.seq))
        except PreconditionFailed:
            continue
    raise Conflict("the case changes all the time")


async def hold(database: Database, case_id: UUID, *, reason: str, actor: str, now: datetime) -> None:
    """Holds a case back from erasure. Raises: NotFound, Conflict."""
    async with database.transaction() as connection:
        await store.hold(connection, case_id, reason=reason, actor=actor, now=now)


async def lift(database: Database, case_id: UUID, *, actor: str, now: datetime) -> None:
    """Ends the hold. Raises: NotFound."""
    async with database.transaction() as connection:
        await store.lift(connection, case_id, actor=actor, now=now)


async def round_of(database: Database, gate: Gate, lane: int, now: datetime) -> int:
    """Does what was left undone and what is due in a lane; gives how many. Raises: Unavailable."""
    for case_id in await due(database, gate, lane, now):
        await _decide(database, gate, case_id, now)
    async with database.read() as connection:
        undone = await store.undone(connection, BATCH)
    done = [case_id for case_id in undone if await _is_carried_out(database, gate, case_id, now)]
    if done:
        await _finish(database, done, now)
    return len(done)


async def _decide(database: Database, gate: Gate, case_id: UUID, now: datetime) -> None:
    try:
        await _check_nobody_goes_on(database, gate, case_id)
        async with database.transaction() as connection:
            await store.decide(connection, case_id, basis=RETENTION, actor=ACTOR, now=now)
    except Conflict:
        return  # held back since it was looked at, or another case goes on with it


async def _is_carried_out(database: Database, gate: Gate, case_id: UUID, now: datetime) -> bool:
    """One case that cannot be erased must not keep the others."""
    try:
        await _carry_out(database, gate, case_id, now)
    except Unavailable:
        raise
    except Exception:
        log.exception("erasure_failed", case=str(case_id))
        return False
    return True


async def forget_records(database: Database, lane: int, before: datetime) -> int:
    """Takes access records and break-glass rows of a lane away that are from before; gives how many."""
    gone = 0
    for forget in (accesses.forget, break_glass.forget):
        done = 1
        while done:
            async with database.transaction() as connection:
                done = await forget(connection, lane, before, BATCH)
            gone += done
    return gone


async def run(
    database: Database, gate: Gate, clocks: tuple[Clock, Clock], kept_for: timedelta, stopping: asyncio.Event
) -> None:
    """A lane in a minute, until told to stop. `clocks`: of legal time and of the machine.

    `kept_for`: how long it stays on record who looked. Source: CSL article 21 (six months at least).
    """
    clock, machine_clock = clocks
    lane = random.randrange(LANES)  # noqa: S311  # spreads workers, no secret
    while not await comes(stopping, EVERY_S):
        try:
            if done := await round_of(database, gate, lane, clock.now()):
                log.info("erased", cases=done)
            if gone := await forget_records(database, lane, machine_clock.now() - kept_for):
                log.info("access_records_forgotten", rows=gone)
        except Unavailable:
            continue  # the database has told the log
        except Exception:
            log.exception("erasure_failed")
        lane = (lane + 1) % LANES
