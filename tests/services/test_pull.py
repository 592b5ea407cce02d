"""Fetching at once: however many of a department's processes ask, each task is under one lease."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from onenet.adapters.transport import Transport
from onenet.clock import FrozenClock
from onenet.domain.visibility import EVERYTHING, OfTasks
from onenet.services import endpoints, examination, steps
from onenet.services.advance import Gate
from onenet.services.document_links import Links
from onenet.services.endpoints import Wanted
from onenet.services.pull import RECEIVED, Fetcher, Pull, given_back
from onenet.services.watch import Watch
from onenet.store import queue
from onenet.store.database import Database
from tests.documents.vaults import bare_vault
from tests.factories import Shelf, make_bundle, make_opening
from tests.keys import key_ring

pytestmark = pytest.mark.anyio

TASKS = 24


FETCHERS = 4


@pytest.fixture(params=["", "-skip_locked"])
async def at_once(
    request: pytest.FixtureRequest,
    database: Database,
    database_url: str,
    gate: Gate,
    shelf: Shelf,
    clock: FrozenClock,
) -> AsyncIterator[tuple[Fetcher, list[Pull]]]:
    """A department for which tasks wait, and who fetches them for it, each over connections of his own."""
    made = await endpoints.register(database, Wanted("department", "police", adapter="pull"), clock.now())
    bundle = shelf.put(make_bundle())
    await asyncio.gather(*(gate.submit(make_opening(bundle)) for _ in range(TASKS)))
    async with Transport() as transport:
        for claimed in await steps.claim(database, queue.TASKS, clock, TASKS):
            await steps.dispatch(gate, transport, clock, claimed)
    others = [
        Database(database_url, pool_size=2, ring=key_ring(), capabilities=request.param)
        for _ in range(FETCHERS)
    ]
    links = Links(bare_vault(database, clock), "https://onenet.example")
    who = Fetcher(made.endpoint, OfTasks(EVERYTHING, EVERYTHING))
    yield who, [Pull(each, gate, links, clock, Watch(each)) for each in others]
    for each in others:
        await each.close()


async def test_each_task_is_fetched_by_one(at_once: tuple[Fetcher, list[Pull]]) -> None:
    """They read the same tasks before any of them writes; a lock that cannot be passed over is waited for."""
    who, pulls = at_once
    leases = await asyncio.gather(*(each.fetch(who, most=TASKS) for each in pulls for _ in range(3)))
    fetched = Counter(sheet.key for lease in leases for _, sheet in lease.tasks)
    assert (len(fetched), set(fetched.values())) == (TASKS, {1})


async def test_nobody_is_told_that_nothing_waits_while_tasks_wait(
    at_once: tuple[Fetcher, list[Pull]],
) -> None:
    """All choose the same oldest task first. Each miss is another's gain, and there are four of them."""
    who, pulls = at_once
    leases = await asyncio.gather(*(each.fetch(who, most=1) for each in pulls))
    assert [len(lease.tasks) for lease in leases] == [1] * FETCHERS


async def test_receipts_and_returns_are_no_sign_of_a_lost_callback(
    at_once: tuple[Fetcher, list[Pull]], shelf: Shelf
) -> None:
    """What a department fetches changes a case in its name, and no callback belongs to that."""
    who, (first, *_) = at_once
    lease = await first.fetch(who, most=2)
    (_, taken), (_, back) = lease.tasks
    await first.settle(who, lease.token, taken.key, RECEIVED)
    await first.settle(who, lease.token, back.key, given_back(None), "系统维护")
    found = [each async for each in examination.examine(first.database, shelf.bundle_of)]
    assert [each for each in found if each.invariant == "I6"] == []
