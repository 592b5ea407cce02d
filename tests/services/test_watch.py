"""Watch: whoever waits for a case hears of its next event, from this process and from others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from onenet.clock import FrozenClock
from onenet.domain.case import Case
from onenet.domain.commands import Withdraw
from onenet.ids import new_id
from onenet.services.advance import Gate
from onenet.services.change import Change
from onenet.services.watch import Watch
from onenet.store.database import Database
from tests.factories import ACTOR, Shelf, make_bundle, make_opening
from tests.keys import key_ring

pytestmark = pytest.mark.anyio

LONG_S = 20.0
"""Longer than any of this takes; a test that waits so long has failed."""


@pytest.fixture
def watch(database: Database, gate: Gate) -> Watch:
    watching = Watch(database)
    gate.listen(watching.on_commit)
    return watching


@asynccontextmanager
async def running(watch: Watch) -> AsyncIterator[None]:
    """The watch with its look at other processes."""
    task = asyncio.create_task(watch.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def case(gate: Gate, shelf: Shelf) -> Case:
    result = await gate.submit(make_opening(shelf.put(make_bundle())))
    assert result.case is not None
    return result.case


async def until_waiting(watch: Watch, readers: int) -> None:
    async with asyncio.timeout(LONG_S):
        while sum(map(len, watch._waiting.values())) < readers:  # noqa: ASYNC110  # nobody tells of it
            await asyncio.sleep(0)


async def test_a_change_of_this_process_wakes_who_waits(watch: Watch, gate: Gate, case: Case) -> None:
    waiting = asyncio.create_task(watch.wait(case.id, case.seq, LONG_S))
    await until_waiting(watch, 1)
    await gate.submit(Change(case.id, Withdraw(), ACTOR))
    assert await waiting


async def test_a_change_of_another_process_wakes_who_waits(
    watch: Watch, case: Case, database_url: str, shelf: Shelf, clock: FrozenClock
) -> None:
    other = Database(database_url, ring=key_ring())
    async with running(watch):
        waiting = asyncio.create_task(watch.wait(case.id, case.seq, LONG_S))
        await until_waiting(watch, 1)
        await Gate(other, shelf.bundle_of, clock, clock).submit(Change(case.id, Withdraw(), ACTOR))
        assert await waiting
    await other.close()


async def test_what_happened_before_is_told_at_once(watch: Watch, case: Case) -> None:
    assert await watch.wait(case.id, 0, LONG_S)


async def test_a_change_just_before_the_look_is_not_missed(watch: Watch, gate: Gate, case: Case) -> None:
    """Who waits is entered before the database is asked, so that nothing falls between the two."""
    results = await asyncio.gather(
        watch.wait(case.id, case.seq, LONG_S), gate.submit(Change(case.id, Withdraw(), ACTOR))
    )
    assert results[0] is True


async def test_without_a_change_the_wait_ends(watch: Watch, case: Case) -> None:
    assert not await watch.wait(case.id, case.seq, 0.05)


async def test_a_case_that_does_not_exist_is_waited_for_in_vain(watch: Watch) -> None:
    assert not await watch.wait(new_id(), 0, 0.05)


async def test_a_change_of_another_case_wakes_nobody(
    watch: Watch, gate: Gate, case: Case, shelf: Shelf
) -> None:
    waiting = asyncio.create_task(watch.wait(case.id, case.seq, 0.3))
    await until_waiting(watch, 1)
    await gate.submit(make_opening(shelf.put(make_bundle())))
    assert not await waiting


async def test_all_who_wait_are_woken_and_none_is_left_behind(watch: Watch, gate: Gate, case: Case) -> None:
    waiting = [asyncio.create_task(watch.wait(case.id, case.seq, LONG_S)) for _ in range(50)]
    await until_waiting(watch, 50)
    await gate.submit(Change(case.id, Withdraw(), ACTOR))
    assert all(await asyncio.gather(*waiting))
    assert watch._waiting == {}


async def test_who_goes_away_is_forgotten(watch: Watch, case: Case) -> None:
    waiting = asyncio.create_task(watch.wait(case.id, case.seq, LONG_S))
    await until_waiting(watch, 1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert watch._waiting == {}


async def test_who_waits_is_sent_home_when_the_process_stops(watch: Watch, case: Case) -> None:
    waiting = asyncio.create_task(watch.wait(case.id, case.seq, LONG_S))
    await until_waiting(watch, 1)
    watch.end()
    assert not await waiting
    assert not await watch.wait(case.id, case.seq, LONG_S)
