"""Dues: what time does to cases, put through the gate when it is due."""

from __future__ import annotations

import asyncio

import structlog

from onenet.clock import Clock
from onenet.domain.commands import LetTimePass
from onenet.errors import Unavailable
from onenet.services.advance import Gate
from onenet.services.change import Change
from onenet.store import dues
from onenet.store.database import Database

ACTOR = "system:time"

log = structlog.get_logger()


async def let_pass(database: Database, gate: Gate, clock: Clock, limit: int) -> int:
    """Does what is due to cases; in how many something was. Doing it twice changes nothing.

    A case that cannot be decided keeps no other back: the log tells of it, and it is tried again later.
    """
    async with database.read() as connection:
        ids = await dues.due(connection, clock.now(), limit)
    changes = [Change(id, LetTimePass(), ACTOR) for id in ids]
    outcomes = await asyncio.gather(*map(gate.submit, changes), return_exceptions=True)
    failed = []
    for id, outcome in zip(ids, outcomes, strict=True):
        if isinstance(outcome, Exception) and not isinstance(outcome, Unavailable):
            log.error("due_failed", case=str(id), exc_info=outcome)
            failed.append(id)
    if failed:
        async with database.transaction() as connection:
            await dues.put_off(connection, failed, clock.now())
    return sum(not isinstance(outcome, BaseException) for outcome in outcomes)
