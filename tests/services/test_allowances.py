"""Allowances: the rate of an endpoint holds over all workers, and a call costs no statement."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from onenet.clock import FrozenClock
from onenet.services.allowances import Allowances
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from tests.store.seeding import save_department

pytestmark = pytest.mark.anyio

RATE = 20


@pytest.fixture
async def endpoint(database: Database) -> EndpointRow:
    made = await save_department(database, "police", "http://127.0.0.1:9/")
    return replace(made, rate_per_s=RATE)


async def calls_in(workers: list[Allowances], endpoint: EndpointRow, clock: FrozenClock, seconds: int) -> int:
    """How many calls workers may make that would call all the time."""
    calls = 0

    async def call(worker: Allowances) -> None:
        nonlocal calls
        while await worker.wait(endpoint):
            calls += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(call(worker))
        for _ in range(seconds * 10):
            await asyncio.sleep(0.01)
            clock.advance(timedelta(seconds=0.1))
        for worker in workers:
            worker._stopping.set()
    return calls


async def test_the_rate_holds_however_many_workers_there_are(
    database: Database, endpoint: EndpointRow, clock: FrozenClock
) -> None:
    workers = [Allowances(database, clock, asyncio.Event()) for _ in range(3)]
    calls = await calls_in(workers, endpoint, clock, 10)
    assert 10 * RATE / 2 < calls <= 10 * RATE + 2 * RATE


async def test_control_workers_of_databases_of_their_own_call_more_often(
    database: Database, endpoint: EndpointRow, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*given: object) -> None: ...

    monkeypatch.setattr("onenet.store.health.save_bucket", nothing)
    calls = await calls_in([Allowances(database, clock, asyncio.Event())], endpoint, clock, 2)
    assert calls > 4 * RATE


async def test_most_calls_cost_no_statement(
    database: Database, endpoint: EndpointRow, clock: FrozenClock
) -> None:
    statements = []
    engine = database._writer.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    worker = Allowances(database, clock, asyncio.Event())
    for _ in range(RATE // 2):
        assert await worker.wait(endpoint)
    assert len([each for each in statements if "endpoint_health" in each]) == 3


async def test_what_was_not_used_within_a_second_is_gone(
    database: Database, endpoint: EndpointRow, clock: FrozenClock
) -> None:
    """Ten workers that saved theirs would call at ten times the rate."""
    worker = Allowances(database, clock, asyncio.Event())
    assert await worker.wait(endpoint)
    clock.advance(timedelta(seconds=1))
    assert await worker.wait(endpoint)
    assert worker._blocks[endpoint.id].left == RATE // 2 - 1


async def test_no_limit_is_no_statement_and_who_stops_waits_for_nothing(
    database: Database, endpoint: EndpointRow, clock: FrozenClock
) -> None:
    stopping = asyncio.Event()
    worker = Allowances(database, clock, stopping)
    assert await worker.wait(replace(endpoint, rate_per_s=0))
    assert not worker._blocks
    stopping.set()
    assert not await worker.wait(endpoint)
