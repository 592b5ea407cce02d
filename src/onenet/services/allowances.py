"""Allowances: how many calls this worker may make of the rate that all workers share.

Tokens are taken in blocks ahead, from the row of the endpoint, so that most calls cost no statement. A block
that is not used within a second is gone: otherwise ten workers that saved theirs would call at ten times the
rate.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from onenet.clock import Clock, comes
from onenet.domain import bucket
from onenet.store import health as store
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow

BLOCK_LASTS = timedelta(seconds=1)


@dataclass(slots=True)
class _Block:
    """What is left of the tokens that were taken last, until when. `lock`: one at a time takes more."""

    left: int = 0
    until: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Allowances:
    """The tokens of one worker."""

    def __init__(self, database: Database, clock: Clock, stopping: asyncio.Event):
        """Has none yet. `stopping`: nobody waits any more."""
        self._database = database
        self._clock = clock
        self._stopping = stopping
        self._blocks: dict[UUID, _Block] = defaultdict(_Block)

    async def wait(self, endpoint: EndpointRow | None) -> bool:
        """Waits until the endpoint may be called; False when it will not be. Raises: Unavailable."""
        if endpoint is None or not endpoint.rate_per_s:
            return True
        block = self._blocks[endpoint.id]
        async with block.lock:  # first come, first served
            while not self._stopping.is_set():
                if block.left and block.until is not None and self._clock.now() < block.until:
                    block.left -= 1
                    return True
                if pause_s := await self._fill(block, endpoint):
                    await comes(self._stopping, pause_s)
        return False

    async def _fill(self, block: _Block, endpoint: EndpointRow) -> float:
        """Takes a block; gives how long it is until there is one."""
        async with self._database.transaction() as connection:
            before = await store.bucket(connection, endpoint)
            now = self._clock.now()
            after, block.left = bucket.take(before, endpoint.rate_per_s, now)
            block.until = now + BLOCK_LASTS
            if block.left:
                await store.save_bucket(connection, endpoint.id, after)
        return 0.0 if block.left else bucket.wait_s(after, endpoint.rate_per_s)
