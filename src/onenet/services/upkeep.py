"""Upkeep: what a worker does about endpoints and drafts, beside calling them and carrying on jobs."""

from __future__ import annotations

import asyncio

import structlog

from onenet.clock import Clock, comes
from onenet.errors import Unavailable
from onenet.services import drafts, rotations
from onenet.store.database import Database

EVERY_S = 60.0

log = structlog.get_logger()


async def run(database: Database, clock: Clock, stopping: asyncio.Event) -> None:
    """A round every minute until `stopping`. `clock` tells machine time."""
    while not await comes(stopping, EVERY_S):
        try:
            await rotations.forget(database, clock.now())
            await drafts.look_round(database, clock.now())
        except Unavailable:
            continue  # the database has told the log
        except Exception:
            log.exception("upkeep_failed")
