"""What the processes of the claiming test run."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from onenet.ids import new_id
from onenet.store import queue
from onenet.store.database import Database
from tests.keys import key_ring


def claim_everything(url: str, now: datetime) -> list[tuple[UUID, int]]:
    """Claims tasks in small batches, each way, until none is due; gives each one's id and attempt."""
    return asyncio.run(_claim_everything(url, now))


async def _claim_everything(url: str, now: datetime) -> list[tuple[UUID, int]]:
    database = Database(url, ring=key_ring())
    claimed: list[tuple[UUID, int]] = []
    skip_locked = database.capabilities.skip_locked
    while True:
        wanted = queue.Wanted(new_id(), now, 5)
        async with database.read() as connection:
            lanes = await queue.due_lanes(connection, queue.TASKS, now)
        if not lanes:
            break
        random.shuffle(lanes)
        async with database.transaction() as connection:
            rows: Sequence[Mapping[str, Any]]
            if database.capabilities.at_once and random.random() < 0.5:
                rows = await queue.claim_at_once(connection, queue.TASKS, wanted, skip_locked=skip_locked)
            else:
                rows = await queue.claim(connection, queue.TASKS, lanes, wanted, skip_locked=skip_locked)
        claimed += [(row["id"], row["attempt"]) for row in rows]
    await database.close()
    return claimed
