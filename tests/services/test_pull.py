"""Fetching at once: however many of a department's processes ask, each task is under one lease."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from onenet.adapters.transport import Transport
from onenet.clock import FrozenClock
from onenet.domain.visibility import EVERYTHING
from onenet.services import endpoints, steps
from onenet.services.advance import Gate
from onenet.services.document_links import Links
from onenet.services.endpoints import Wanted
from onenet.services.pull import Fetcher, Pull
from onenet.services.watch import Watch
from onenet.store import queue
from onenet.store.database import Database
from tests.documents.vaults import bare_vault
from tests.factories import Shelf, make_bundle, make_opening
from tests.keys import key_ring

pytestmark = pytest.mark.anyio

TASKS = 24


@pytest.mark.parametrize("taken_away", ["", "-skip_locked"])
async def test_each_task_is_fetched_by_one(
    database: Database, database_url: str, gate: Gate, shelf: Shelf, clock: FrozenClock, taken_away: str
) -> None:
    """They read the same tasks before any of them writes; a lock that cannot be passed over is waited for."""
    made = await endpoints.register(database, Wanted("department", "police", adapter="pull"), clock.now())
    bundle = shelf.put(make_bundle())
    await asyncio.gather(*(gate.submit(make_opening(bundle)) for _ in range(TASKS)))
    async with Transport() as transport:
        for claimed in await steps.claim(database, queue.TASKS, clock, TASKS):
            await steps.dispatch(gate, transport, clock, claimed)
    others = [Database(database_url, pool_size=2, ring=key_ring(), capabilities=taken_away) for _ in range(4)]
    links = Links(bare_vault(database, clock), "https://onenet.example")
    who = Fetcher(made.endpoint, EVERYTHING)
    leases = await asyncio.gather(
        *(
            Pull(each, gate, links, clock, Watch(each)).fetch(who, most=TASKS)
            for each in others
            for _ in range(3)
        )
    )
    for each in others:
        await each.close()
    fetched = Counter(sheet.key for lease in leases for _, sheet in lease.tasks)
    assert (len(fetched), set(fetched.values())) == (TASKS, {1})
