"""The worker: does what is due, survives what goes wrong, and claims nothing more once it drains."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from onenet.clock import FrozenClock
from onenet.domain.bundle import Bundle
from onenet.domain.case import Case
from onenet.domain.states import CaseState
from onenet.errors import MisconfiguredError
from onenet.ids import new_id
from onenet.services import record, steps
from onenet.services.advance import Gate
from onenet.services.hands import MOST_FOR_ONE, Hand
from onenet.services.leases import Claimed
from onenet.store import bulk, queue
from onenet.store.database import Database
from onenet.worker import Line, Worker
from tests.adapters.loopback import Loopback, answer, loopback
from tests.factories import Shelf, make_bundle, make_member, make_opening
from tests.faults.evidence import calls_cut
from tests.keys import key_ring
from tests.outward import HERE
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
    return Worker(database, gate, clock, clock, destinations=HERE)


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
    other = Database(database_url, ring=key_ring())
    rival = Worker(other, Gate(other, shelf.bundle_of, clock, clock), clock, clock, destinations=HERE)
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


async def test_a_configuration_that_is_wrong_is_told_in_its_words() -> None:
    """A trace would name a line of onenet, and what is to be mended is a setting."""

    async def shut(_: Claimed) -> None:
        raise MisconfiguredError("set ONENET_KEK")

    line = Line(queue.TASKS, shut)
    with capture_logs() as said:
        line.begin(Claimed({"department": "police"}, new_id(), None))
        await asyncio.wait(line.under_way)
    assert said == [
        {"event": "work_failed", "log_level": "error", "queue": "task", "reason": "set ONENET_KEK"}
    ]


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
    other = Database(database_url, ring=key_ring())
    async with loopback(answer(202)) as department:
        await save_department(database, "police", department.url)

        async def heard() -> bool:
            return len(department.heard) == 1

        async with at_work(worker):
            await opened(Gate(other, shelf.bundle_of, clock, clock), bundle)
            await until(heard)
    await other.close()


WAITING = 4
"""Beyond the calls that one department or subscriber may have under way."""


@dataclass
class Hanging:
    """Somebody who does not answer before `go_on`."""

    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def conduct(self, writer: asyncio.StreamWriter) -> None:
        await self.go_on.wait()
        writer.write(COMPLETED)
        await writer.drain()


async def attempts_given_back(database: Database, which: queue.Queue) -> int:
    a = which.attempts.c
    statement = select(func.count()).where(a.reason == "given_back", a.ended_at.is_not(None))
    async with database.read() as connection:
        return int((await connection.execute(statement)).scalar_one())


async def work_of(database: Database, which: queue.Queue) -> Counter[tuple[str, int, bool]]:
    """How much work there is by its state, its attempts, and whether somebody owns it."""
    c = which.work.c
    statement = select(c.state, c.attempt, c.lease_token.is_not(None))
    async with database.read() as connection:
        return Counter(
            (state, number, bool(owned)) for state, number, owned in await connection.execute(statement)
        )


async def cut(database: Database) -> int:
    async with database.read() as connection:
        return await calls_cut(connection)


@asynccontextmanager
async def hanging_calls(
    database: Database, gate: Gate, shelf: Shelf, which: queue.Queue
) -> AsyncIterator[tuple[Hanging, Loopback]]:
    """More work for one who hangs than a worker may call about at once; nobody works on it yet."""
    bundle, hanging = shelf.put(make_bundle()), Hanging()
    async with loopback(hanging.conduct) as hung, loopback(answer(202)) as other:
        department, subscriber = (hung, other) if which is queue.TASKS else (other, hung)
        await save_department(database, "police", department.url)
        await save_subscriber(database, subscriber.url, events_wanted=("case.received",))
        for _ in range(MOST_FOR_ONE + WAITING):
            await opened(gate, bundle)
        try:
            yield hanging, hung
        finally:
            hanging.go_on.set()


@pytest.mark.parametrize("which", [queue.TASKS, queue.DELIVERIES], ids=["tasks", "deliveries"])
async def test_a_draining_worker_gives_back_what_waits_its_turn_and_another_one_takes_it_at_once(
    database: Database, database_url: str, gate: Gate, worker: Worker, clock: FrozenClock, shelf: Shelf,
    which: queue.Queue,
) -> None:  # fmt: skip
    other = Database(database_url, ring=key_ring())
    rival = Worker(other, Gate(other, shelf.bundle_of, clock, clock), clock, clock, destinations=HERE)
    async with hanging_calls(database, gate, shelf, which) as (hanging, hung):
        draining = asyncio.create_task(worker.run())
        await until(lambda: heard(hung, MOST_FOR_ONE))
        worker.stop()

        async def given_back() -> bool:
            return await attempts_given_back(database, which) == WAITING

        await until(given_back)
        expected = {("sending", 1, True): MOST_FOR_ONE, ("pending", 1, False): WAITING}
        assert await work_of(database, which) == expected
        async with at_work(rival):
            await until(lambda: heard(hung, MOST_FOR_ONE + WAITING))
            assert not draining.done(), "its calls hang"
            hanging.go_on.set()
            async with asyncio.timeout(DEADLINE_S):
                await draining
    await other.close()
    keys = [each.headers["webhook-id"] for each in hung.heard]
    assert len(keys) == len(set(keys)) == MOST_FOR_ONE + WAITING
    assert {number for _, number, _ in await work_of(database, which)} == {1, 2}
    assert await cut(database) == 0


@pytest.mark.parametrize("which", [queue.TASKS, queue.DELIVERIES], ids=["tasks", "deliveries"])
async def test_control_a_worker_that_keeps_what_waits_its_turn_calls_on_while_it_drains(
    database: Database, gate: Gate, worker: Worker, shelf: Shelf, which: queue.Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(Hand, "send_away", lambda hand: None)
    async with hanging_calls(database, gate, shelf, which) as (hanging, hung):
        draining = asyncio.create_task(worker.run())
        await until(lambda: heard(hung, MOST_FOR_ONE))
        worker.stop()
        hanging.go_on.set()
        async with asyncio.timeout(DEADLINE_S):
            await draining
    assert len(hung.heard) == MOST_FOR_ONE + WAITING
    assert await attempts_given_back(database, which) == 0


async def test_what_a_commit_brings_that_ends_while_the_worker_drains_is_given_back_too(
    database: Database, gate: Gate, worker: Worker, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch took its hands before the signal to stop, and its rows are written after it."""
    bundle, hanging = shelf.put(make_bundle()), Hanging()
    written, go_on = asyncio.Event(), asyncio.Event()
    write = bulk.write

    async def slow_write(*given: Any, **named: Any) -> None:
        await write(*given, **named)
        written.set()
        await go_on.wait()

    async with loopback(hanging.conduct) as hung:
        await save_department(database, "police", hung.url)
        draining = asyncio.create_task(worker.run())
        for _ in range(MOST_FOR_ONE):
            await opened(gate, bundle)
        await until(lambda: heard(hung, MOST_FOR_ONE))
        monkeypatch.setattr(bulk, "write", slow_write)
        late = asyncio.create_task(opened(gate, bundle))
        await written.wait()
        worker.stop()
        hanging.go_on.set()
        await until(lambda: drains_idly(worker))
        go_on.set()
        await late
        async with asyncio.timeout(DEADLINE_S):
            await draining
    assert len(hung.heard) == MOST_FOR_ONE
    assert await attempts_given_back(database, queue.TASKS) == 1
    assert (await work_of(database, queue.TASKS))["pending", 1, False] == 1


async def drains_idly(worker: Worker) -> bool:
    """Every call has ended; what they brought may wait for the commit before it."""
    return worker._tasks.hands.is_draining and not worker._tasks.hands.full()


async def test_what_was_given_back_is_not_what_a_lost_lease_left(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    """Somebody else owns the task by now: it stays theirs."""
    await opened(gate, shelf.put(make_bundle()))
    slow = await steps.claim(database, queue.TASKS, clock, 1)
    clock.advance(2 * queue.LEASE)
    await steps.claim(database, queue.TASKS, clock, 1)
    await steps.give_back(database, queue.TASKS, clock, slow)
    assert await work_of(database, queue.TASKS) == {("sending", 2, True): 1}


async def heard(hung: Loopback, number: int) -> bool:
    return len(hung.heard) == number
