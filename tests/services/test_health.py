"""Breakers: a department that does not answer is left alone, and asked now and then whether it is back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from onenet.clock import FrozenClock
from onenet.domain import breaker
from onenet.domain.breaker import FIRST_OPEN, BreakerState
from onenet.domain.bundle import Bundle
from onenet.domain.states import CaseState
from onenet.ids import new_id
from onenet.services import steps
from onenet.services.advance import Gate
from onenet.services.endpoints import standings
from onenet.services.hands import MOST_FOR_ONE
from onenet.services.health import Breakers
from onenet.store import health, queue, tables
from onenet.store.database import Database
from onenet.store.health import Health
from onenet.worker import Worker
from tests.adapters.loopback import Loopback, answer, loopback
from tests.factories import NOW, Shelf, make_bundle, make_member, make_opening
from tests.keys import key_ring
from tests.outward import HERE
from tests.store.seeding import save_department, save_subscriber

pytestmark = pytest.mark.anyio

DEADLINE_S = 20.0
BROKEN, COMPLETED = answer(500), answer(200, {"outcome": "completed"})
CASES = 20


class Ill:
    """A department that answers 500 until it is well."""

    def __init__(self) -> None:
        self.is_well = False

    async def conduct(self, writer: asyncio.StreamWriter) -> None:
        writer.write(COMPLETED if self.is_well else BROKEN)
        await writer.drain()


@pytest.fixture
def worker(database: Database, gate: Gate, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """It hears more often than once a second how endpoints fare, as time stands still here."""
    monkeypatch.setattr("onenet.worker.EVERY_S", 0.02)
    return Worker(database, gate, clock, clock, destinations=HERE)


@pytest.fixture
def bundle(shelf: Shelf) -> Bundle:
    return shelf.put(make_bundle(make_member("a"), make_member("b", department="bank")))


@asynccontextmanager
async def at_work(*workers: Worker) -> AsyncIterator[None]:
    running = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*running)


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await fact():  # noqa: ASYNC110  # it is asked of the database
            await asyncio.sleep(0.02)


async def known(database: Database) -> list[Health]:
    async with database.read() as connection:
        return list((await health.every(connection)).values())


async def stands(database: Database, state: BreakerState) -> bool:
    return [each.breaker.state for each in await known(database)] == [state]


async def tasks_of(database: Database, department: str = "police") -> Counter[tuple[str, int]]:
    """How many tasks there are, by state and tries."""
    t = tables.task.c
    async with database.read() as connection:
        found = await connection.execute(select(t.state, t.tries).where(t.department == department))
        return Counter((row.state, row.tries) for row in found)


async def closed_cases(database: Database) -> int:
    async with database.read() as connection:
        states = (await connection.execute(select(tables.cases.c.state))).scalars()
        return sum(state == CaseState.COMPLETED for state in states)


@asynccontextmanager
async def ill_police(
    database: Database, gate: Gate, worker: Worker, bundle: Bundle
) -> AsyncIterator[tuple[Ill, Loopback]]:
    """The police do not do their part and the bank does; over when the breaker of the police is open."""
    ill = Ill()
    async with loopback(ill.conduct) as police, loopback(COMPLETED) as bank:
        await save_department(database, "police", police.url)
        await save_department(database, "bank", bank.url)
        for _ in range(CASES):
            await gate.submit(make_opening(bundle))
        async with at_work(worker):

            async def bank_is_done() -> bool:
                rest = await tasks_of(database, "bank") == {("done", 0): CASES}
                return rest and not any(state == "sending" for state, _ in await tasks_of(database))

            await until(lambda: is_open(database))
            await until(bank_is_done)
            yield ill, police


async def is_open(database: Database) -> bool:
    return any(each.breaker.state is BreakerState.OPEN for each in await known(database))


async def test_a_breaker_opens_within_the_stated_count_and_what_waits_spends_nothing(
    database: Database, gate: Gate, worker: Worker, bundle: Bundle
) -> None:
    """Those that were under way when the fifth failed are calls too."""
    async with ill_police(database, gate, worker, bundle) as (_, police):
        called = len(police.heard)
        assert 5 <= called < 5 + MOST_FOR_ONE
        before = await tasks_of(database)
        assert before == {("pending", 1): called, ("pending", 0): CASES - called}
        await gate.submit(make_opening(bundle))
        await looked_again(worker, times=3)
        assert len(police.heard) == called
        assert await tasks_of(database) == before + Counter({("pending", 0): 1})


async def looked_again(worker: Worker, times: int) -> None:
    """Waits until the worker has asked for work so often."""
    claims = 0
    claim = worker._claim

    async def counting(*given: object) -> object:
        nonlocal claims
        claims += 1
        return await claim(*given)  # type: ignore[arg-type]  # as it was called

    worker._claim = counting  # type: ignore[method-assign, assignment]  # counts the claims
    while claims < times:
        worker.look("tasks")
        await asyncio.sleep(0.01)
    worker._claim = claim  # type: ignore[method-assign]  # the worker's own again


async def test_control_without_the_breaker_every_task_spends_a_try(
    database: Database, gate: Gate, worker: Worker, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Breakers, "note", lambda self, claimed, attempt: None)
    async with loopback(BROKEN) as police, loopback(COMPLETED) as bank:
        await save_department(database, "police", police.url)
        await save_department(database, "bank", bank.url)
        for _ in range(CASES):
            await gate.submit(make_opening(bundle))
        async with at_work(worker):

            async def all_tried() -> bool:
                return await tasks_of(database) == {("pending", 1): CASES}

            await until(all_tried)


async def test_one_call_finds_out_that_nothing_is_better(
    database: Database, gate: Gate, worker: Worker, bundle: Bundle, clock: FrozenClock
) -> None:
    async with ill_police(database, gate, worker, bundle) as (_, police):
        called = len(police.heard)
        for openings in (2, 3):
            (before,) = [each for each in await known(database) if each.owner == "police"]
            assert before.breaker.retry_at is not None
            clock.advance(before.breaker.retry_at - clock.now())

            async def asked_again(openings: int = openings) -> bool:
                return any(each.breaker.openings == openings for each in await known(database))

            await until(asked_again)
            called += 1
            assert len(police.heard) == called
            (after,) = [each for each in await known(database) if each.owner == "police"]
            assert after.breaker.retry_at == clock.now() + FIRST_OPEN * 2 ** (openings - 1)


async def test_three_answers_in_a_row_let_everything_go_on(
    database: Database, gate: Gate, worker: Worker, bundle: Bundle, clock: FrozenClock
) -> None:
    with capture_logs() as said:
        async with ill_police(database, gate, worker, bundle) as (ill, _):
            ill.is_well = True
            clock.advance(FIRST_OPEN * 2)

            async def all_closed() -> bool:
                return await closed_cases(database) == CASES

            await until(all_closed)
            assert not await is_open(database)
    told = [(each["event"], each["owner"]) for each in said if each["event"].startswith("endpoint.")]
    assert told == [("endpoint.open", "police"), ("endpoint.closed", "police")]


async def test_a_subscriber_has_a_breaker_too(
    database: Database, gate: Gate, worker: Worker, shelf: Shelf
) -> None:
    bundle = shelf.put(make_bundle())
    async with loopback(answer(202)) as police, loopback(BROKEN) as subscriber:
        await save_department(database, "police", police.url)
        endpoint = await save_subscriber(database, subscriber.url, events_wanted=("case.received",))
        for _ in range(CASES):
            await gate.submit(make_opening(bundle))
        async with at_work(worker):
            await until(lambda: is_open(database))
    (row,) = [each for each in await known(database) if not each.breaker.is_closed]
    assert (row.endpoint_id, row.kind) == (endpoint.id, "subscriber")
    assert 5 <= len(subscriber.heard) < 5 + MOST_FOR_ONE


# ---- shared by all processes


def ill_row(endpoint_id: UUID) -> Health:
    """Of an endpoint that may be probed in a minute."""
    opened = breaker.after_calls(breaker.CLOSED, breaker.Calls(failed=5, failed_last=5), NOW)
    return Health(endpoint_id, "department", "police", breaker=opened)


async def test_of_many_who_want_to_probe_one_does(
    database: Database, database_url: str, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    bundle = shelf.put(make_bundle())
    endpoint = await save_department(database, "police", "http://127.0.0.1:9/")
    for _ in range(CASES):
        await gate.submit(make_opening(bundle))
    async with database.transaction() as connection:
        assert await health.write(connection, ill_row(endpoint.id))
    clock.advance(timedelta(minutes=1))
    others = [Database(database_url, ring=key_ring()) for _ in range(4)]
    row = (await known(database))[0]
    claimed = await asyncio.gather(
        *(steps.claim_probe(each, queue.TASKS, clock, row) for each in others for _ in range(2))
    )
    assert [len(each) for each in claimed if each] == [1]
    for each in others:
        await each.close()


async def test_a_probe_is_given_up_with_its_lease_and_somebody_else_makes_one(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    bundle = shelf.put(make_bundle())
    endpoint = await save_department(database, "police", "http://127.0.0.1:9/")
    for _ in range(2):
        await gate.submit(make_opening(bundle))
    async with database.transaction() as connection:
        await health.write(connection, ill_row(endpoint.id))
    clock.advance(timedelta(minutes=1))
    breakers, rival = Breakers(database, clock), Breakers(database, clock)
    await breakers.exchange()
    assert len(await breakers.probes(queue.TASKS, (), queue.LEASE)) == 1
    await rival.exchange()
    assert await rival.probes(queue.TASKS, (), queue.LEASE) == []
    assert rival.is_shut("police")
    clock.advance(queue.LEASE)
    await rival.exchange()
    assert len(await rival.probes(queue.TASKS, (), queue.LEASE)) == 1


async def test_two_workers_that_count_at_once_lose_no_call(database: Database, clock: FrozenClock) -> None:
    endpoint = await save_department(database, "police", "http://127.0.0.1:9/")
    row = Health(endpoint.id, "department", "police")
    async with database.transaction() as connection:
        written = [await health.write(connection, row) for _ in range(2)]
        later = [await health.write(connection, (await health.every(connection))[endpoint.id])]
        stale = await health.write(connection, Health(new_id(), "x", "y", version=7))
    assert (written, later, stale) == ([True, False], [True], False)


async def test_who_asks_for_it_three_times_in_a_row_is_left_alone_so_long(
    database: Database, gate: Gate, worker: Worker, shelf: Shelf, clock: FrozenClock
) -> None:
    """Their own waits spend no try either."""
    bundle = shelf.put(make_bundle())
    busy = answer(429, retry_after="30")
    async with loopback(busy) as police:
        await save_department(database, "police", police.url)
        for _ in range(CASES):
            await gate.submit(make_opening(bundle))
        async with at_work(worker):

            async def rests() -> bool:
                return [each.rest_until for each in await known(database)] == [NOW + timedelta(seconds=30)]

            await until(rests)
            await looked_again(worker, times=3)
            assert 3 <= len(police.heard) < 3 + MOST_FOR_ONE
            assert not await is_open(database)
            calls = len(police.heard)
            clock.advance(timedelta(seconds=31))

            async def called_again() -> bool:
                return len(police.heard) > calls

            await until(called_again)


async def test_people_are_told_again_after_fifteen_minutes_an_hour_and_a_day(
    database: Database, clock: FrozenClock
) -> None:
    endpoint = await save_department(database, "police", "http://127.0.0.1:9/")
    async with database.transaction() as connection:
        await health.write(connection, ill_row(endpoint.id))
    workers = Breakers(database, clock), Breakers(database, clock)
    told = []
    for after in (14, 16, 59, 61, 1_439, 1_441):
        clock.advance(NOW + timedelta(minutes=after) - clock.now())
        with capture_logs() as said:
            for _ in range(2):
                for each in workers:
                    await each.exchange()
        told.append([line["since_s"] // 60 for line in said if line["event"] == "endpoint.open"])
    assert told == [[], [16], [], [61], [], [1_441]]


async def test_how_long_answers_took_is_known_to_all(
    database: Database, gate: Gate, worker: Worker, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onenet.services.health.WELL_EVERY", timedelta())
    async with loopback(COMPLETED) as both:
        for code in ("police", "bank"):
            await save_department(database, code, both.url)
        for _ in range(CASES):
            await gate.submit(make_opening(bundle))

        async def counted() -> bool:
            return [sum(each.answer_times) for each in await known(database)] == [CASES] * 2

        async with at_work(worker):
            await until(counted)
    fares = await standings(database)
    assert [each.waiting for each in fares.values()] == [0, 0]
    assert all((each.percentile_ms(50) or 0) <= (each.percentile_ms(95) or 0) for each in fares.values())
