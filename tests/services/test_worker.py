"""The worker: does what is due, survives what goes wrong, and claims nothing more once it drains."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from onenet.clock import FrozenClock
from onenet.domain.bundle import Bundle
from onenet.domain.case import Case
from onenet.domain.states import CaseState
from onenet.services import record
from onenet.services.advance import Gate
from onenet.store.database import Database
from onenet.worker import Worker
from tests.adapters.loopback import answer, loopback
from tests.factories import Shelf, make_bundle, make_member, make_opening
from tests.store.seeding import load_one, save_department, save_subscriber

pytestmark = pytest.mark.anyio

DEADLINE_S = 20.0
COMPLETED = answer(200, {"outcome": "completed"})


@asynccontextmanager
async def at_work(*workers: Worker) -> AsyncIterator[None]:
    """The workers run; afterwards they drain."""
    running = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*running)


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    """Waits until it is so."""
    async with asyncio.timeout(DEADLINE_S):
        while not await fact():  # noqa: ASYNC110  # it is asked of the database
            await asyncio.sleep(0.02)


@pytest.fixture
def worker(database: Database, gate: Gate, clock: FrozenClock) -> Worker:
    return Worker(database, gate, clock, clock)


@pytest.fixture
def bundle(shelf: Shelf) -> Bundle:
    return shelf.put(make_bundle(make_member("a"), make_member("b", department="bank", after=["a"])))


async def opened(gate: Gate, bundle: Bundle) -> Case:
    result = await gate.submit(make_opening(bundle))
    assert result.case is not None
    return result.case


async def test_a_case_runs_to_its_end_and_its_front_end_hears_of_it(
    database: Database, gate: Gate, worker: Worker, bundle: Bundle, shelf: Shelf
) -> None:
    async with loopback(COMPLETED) as department, loopback(answer(204)) as subscriber:
        for code in ("police", "bank"):
            await save_department(database, code, department.url)
        await save_subscriber(database, subscriber.url)

        async def all_told() -> bool:
            told = [json.loads(heard.body)["type"] for heard in subscriber.heard]
            return "case.completed" in told and len(told) >= case_events

        async with at_work(worker):
            case = await opened(gate, bundle)

            async def closed() -> bool:
                return (await load_one(database, shelf, case.id)).state is CaseState.COMPLETED

            await until(closed)
            case_events = (await load_one(database, shelf, case.id)).seq
            await until(all_told)
    assert [json.loads(heard.body)["data"]["step"] for heard in department.heard] == ["a", "b"]
    seqs = sorted(json.loads(heard.body)["data"]["seq"] for heard in subscriber.heard)
    assert seqs == list(range(1, case_events + 1))
    assert (await record.verify(database)).tamperings == ()


async def test_two_workers_call_each_department_once_for_each_task(
    database: Database, database_url: str, gate: Gate, worker: Worker, clock: FrozenClock, shelf: Shelf
) -> None:
    bundle = shelf.put(make_bundle())
    other = Database(database_url)
    rival = Worker(other, Gate(other, shelf.bundle_of, clock, clock), clock, clock)
    async with loopback(COMPLETED) as department:
        await save_department(database, "police", department.url)
        cases = [await opened(gate, bundle) for _ in range(30)]

        async def all_closed() -> bool:
            loaded = [await load_one(database, shelf, case.id) for case in cases]
            return all(case.state is CaseState.COMPLETED for case in loaded)

        async with at_work(worker, rival):
            await until(all_closed)
    keys = [heard.headers["webhook-id"] for heard in department.heard]
    assert len(keys) == len(set(keys)) == 30
    await other.close()


async def test_a_draining_worker_finishes_its_call_and_claims_nothing_more(
    database: Database, gate: Gate, worker: Worker, bundle: Bundle, shelf: Shelf
) -> None:
    """draining_process_does_not_reclaim: what it would take now, its successor takes."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def think(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await go_on.wait()
        writer.write(COMPLETED)
        await writer.drain()

    async with loopback(think) as department:
        for code in ("police", "bank"):
            await save_department(database, code, department.url)
        case = await opened(gate, bundle)
        running = asyncio.create_task(worker.run())
        await asked.wait()
        worker.stop()
        go_on.set()
        async with asyncio.timeout(DEADLINE_S):
            await running
    after = await load_one(database, shelf, case.id)
    assert [step.state.value for step in after.steps.values()] == ["completed", "dispatched"]
    assert [task.attempt for task in after.tasks.values() if task.step == "b"] == [0]
    assert len(department.heard) == 1


async def test_a_worker_goes_on_after_an_accident(
    database: Database, gate: Gate, worker: Worker, shelf: Shelf
) -> None:
    """A case that cannot be loaded is one case; the others must not wait for it."""
    lost = shelf.put(make_bundle(code="lost"))
    kept = shelf.put(make_bundle(code="kept"))
    async with loopback(COMPLETED) as department:
        await save_department(database, "police", department.url)
        await opened(gate, lost)
        del shelf._bundles["lost", 1]
        case = await opened(gate, kept)

        async def closed() -> bool:
            return (await load_one(database, shelf, case.id)).state is CaseState.COMPLETED

        async with at_work(worker):
            await until(closed)


async def test_a_commit_of_this_process_wakes_an_idle_worker(
    database: Database, gate: Gate, worker: Worker, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for its next look, which here is an hour away."""
    monkeypatch.setattr("onenet.worker.POLL_LEAST_S", 3_600.0)
    monkeypatch.setattr("onenet.worker.POLL_MOST_S", 3_600.0)
    async with loopback(answer(202)) as department:
        await save_department(database, "police", department.url)

        async def heard() -> bool:
            return len(department.heard) == 1

        async with at_work(worker):
            await asyncio.sleep(0)
            await opened(gate, bundle)
            await until(heard)


async def test_work_of_another_process_is_found_by_looking(
    database: Database, database_url: str, worker: Worker, bundle: Bundle, clock: FrozenClock, shelf: Shelf
) -> None:
    other = Database(database_url)
    async with loopback(answer(202)) as department:
        await save_department(database, "police", department.url)

        async def heard() -> bool:
            return len(department.heard) == 1

        async with at_work(worker):
            await opened(Gate(other, shelf.bundle_of, clock, clock), bundle)
            await until(heard)
    await other.close()
