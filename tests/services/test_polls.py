"""Polls, as they run: claimed, asked, recorded; a crash between each two loses and doubles nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select, update

from onenet.adapters.base import Talk, TaskSheet
from onenet.adapters.transport import Transport
from onenet.adapters.webhook import Webhook
from onenet.clock import FrozenClock
from onenet.domain.bundle import Bundle
from onenet.domain.case import Case, Task
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Accepted, Received
from onenet.domain.states import CaseState, StepState, TaskState
from onenet.encryption import blobs
from onenet.services import doctor, reconciler, record, steps
from onenet.services.advance import Gate
from onenet.services.change import Change
from onenet.services.leases import Claimed
from onenet.store import deliveries, tables
from onenet.store.database import Database
from onenet.store.inspection import FIRST
from onenet.store.queue import LEASE, POLLS, TASKS
from onenet.worker import Worker
from tests.adapters.loopback import answer, loopback
from tests.factories import Shelf, make_bundle, make_opening
from tests.keys import key_ring
from tests.outward import HERE
from tests.services.test_worker import at_work, until
from tests.store.seeding import load_one, save_department

pytestmark = pytest.mark.anyio

EVERY_S = 60
TAKEN = answer(200, {"number": "N-1"})
NOTHING_NEW = answer(200, {})
ACCEPTED = answer(200, {"outcome": "accepted"})
COMPLETED = answer(200, {"outcome": "completed"})


class Asked(Webhook):
    """A department that gives a number, and is asked by it; it speaks in onenet's words."""

    every_s = EVERY_S

    def submit(self, task: TaskSheet) -> Talk:
        """Keeps the number."""
        response = yield httpx2.Request("POST", self._url, content=task.payload.encode())
        return Received(json.loads(response.content)["number"], self.every_s)

    def poll(self, task: TaskSheet, reference: str | None) -> Talk:
        """Asks by the number."""
        response = yield httpx2.Request("GET", f"{self._url}/{reference}")
        return self._read(task, response)


class Often(Asked):
    """The same, once a second."""

    every_s = 1


@pytest.fixture
async def transport(anyio_backend: str) -> AsyncIterator[Transport]:
    async with Transport(destinations=HERE) as opened:
        yield opened


@pytest.fixture
def bundle(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setattr(steps, "adapter_for", Asked)
    return shelf.put(make_bundle())


async def handed_over(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, url: str
) -> Case:
    """A case whose department has the task, and is to be asked about it by now."""
    await save_department(database, "police", url)
    case = (await gate.submit(make_opening(bundle))).case
    assert case is not None
    (claimed,) = await steps.claim(database, TASKS, clock, 10)
    await steps.dispatch(gate, transport, clock, claimed)
    clock.advance(timedelta(seconds=EVERY_S * 1.4))
    return case


async def claim(database: Database, clock: FrozenClock) -> Claimed:
    (claimed,) = await steps.claim(database, POLLS, clock, 10)
    return claimed


async def attempts(database: Database, id: UUID) -> list[dict[str, Any]]:
    async with database.read() as connection:
        return await deliveries.attempts(connection, TASKS, id)


def task_of(case: Case) -> Task:
    (task,) = case.tasks.values()
    return task


async def test_a_department_is_asked_by_its_reference_until_it_has_decided(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    async with loopback(TAKEN, NOTHING_NEW, ACCEPTED, COMPLETED) as department:
        case = await handed_over(database, gate, transport, clock, bundle, department.url)
        for _ in range(3):
            await steps.ask(gate, transport, clock, await claim(database, clock))
            clock.advance(timedelta(hours=2))
        assert await steps.claim(database, POLLS, clock, 10) == []
    after = await load_one(database, shelf, case.id)
    assert after.state is CaseState.COMPLETED
    _, *asked = department.heard
    assert {(heard.method, heard.path, heard.body) for heard in asked} == {("GET", "/N-1", b"")}
    keys = [heard.headers["idempotency-key"] for heard in department.heard]
    assert len(set(keys)) == 4, "under one key a department would say again what it said first"
    assert (await record.verify(database)).tamperings == ()


async def test_the_reference_is_sealed_with_the_key_of_the_case(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    async with loopback(TAKEN) as department:
        case = await handed_over(database, gate, transport, clock, bundle, department.url)
    async with database.read() as connection:
        stored = (await connection.execute(select(tables.task.c.reference))).scalar_one()
    assert blobs.is_sealed(stored)
    assert task_of(await load_one(database, shelf, case.id)).reference == "N-1"


async def test_of_polls_that_bring_nothing_the_newest_is_on_record_with_its_number(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle
) -> None:
    """A department that is asked once an hour for a year would otherwise fill a table with nothing."""
    said = [TAKEN, *[NOTHING_NEW] * 3, answer(503), ACCEPTED, NOTHING_NEW, NOTHING_NEW]
    async with loopback(*said) as department:
        case = await handed_over(database, gate, transport, clock, bundle, department.url)
        rows = []
        for _ in said[1:]:
            await steps.ask(gate, transport, clock, await claim(database, clock))
            clock.advance(timedelta(hours=2))
            rows.append([(r["number"], r["status"]) for r in await attempts(database, task_of(case).id)])
    assert rows == [
        [(1, 200), (2, 200)],
        [(1, 200), (3, 200)],
        [(1, 200), (4, 200)],
        [(1, 200), (5, 503)],
        [(1, 200), (6, 200)],
        [(1, 200), (6, 200), (7, 200)],
        [(1, 200), (6, 200), (8, 200)],
    ]


# ---- crashes


@pytest.mark.parametrize("is_called", [False, True], ids=["before the call", "after it"])
async def test_a_crash_around_a_poll_loses_and_doubles_nothing(
    database: Database,
    gate: Gate,
    transport: Transport,
    clock: FrozenClock,
    bundle: Bundle,
    shelf: Shelf,
    is_called: bool,
) -> None:
    async with loopback(TAKEN, ACCEPTED) as department:
        case = await handed_over(database, gate, transport, clock, bundle, department.url)
        lost = await claim(database, clock)
        assert await steps.claim(database, POLLS, clock, 10) == []
        clock.advance(LEASE)
        other = await claim(database, clock)
        for claimed in [lost, other] if is_called else [other]:
            await steps.ask(gate, transport, clock, claimed)
    after = await load_one(database, shelf, case.id)
    assert after.steps["household"].state is StepState.ACCEPTED
    assert task_of(after).state is TaskState.SENT
    async with database.read() as connection:
        types = list((await connection.execute(select(tables.event.c.type))).scalars())
    assert types.count("step.accepted") == 1
    assert [heard.method for heard in department.heard].count("POST") == 1
    assert [row["number"] for row in await attempts(database, task_of(case).id)] == [1, 2, 3]


async def test_an_answer_that_a_callback_overtook_changes_nothing_but_its_attempt(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    said = answer(200, {"outcome": "suspended", "procedure": "hearing"})
    async with loopback(TAKEN, said) as department:
        case = await handed_over(database, gate, transport, clock, bundle, department.url)
        claimed = await claim(database, clock)
        command = RecordAnswer(task_of(case).id, Accepted())
        await gate.submit(Change(case.id, command, "department:police"))
        before = await load_one(database, shelf, case.id)
        await steps.ask(gate, transport, clock, claimed)
    assert await load_one(database, shelf, case.id) == before
    assert before.steps["household"].state is StepState.ACCEPTED
    assert (await attempts(database, task_of(case).id))[-1]["status"] == 200
    assert task_of(before).poll_at is not None, "and it is asked again"


async def test_a_department_that_is_registered_without_polls_is_seen_by_a_person(
    database: Database,
    gate: Gate,
    transport: Transport,
    clock: FrozenClock,
    bundle: Bundle,
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with loopback(TAKEN) as department:
        case = await handed_over(database, gate, transport, clock, bundle, department.url)
        monkeypatch.setattr(steps, "adapter_for", Webhook)
        await steps.ask(gate, transport, clock, await claim(database, clock))
    step = (await load_one(database, shelf, case.id)).steps["household"]
    assert (step.state, step.reason) == (
        StepState.HELD, "the adapter webhook does not ask what became of a task"
    )  # fmt: skip


# ---- what keeps an eye on it


async def test_what_should_be_asked_about_and_is_not_is_found_and_mended(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    async with loopback(TAKEN) as department:
        case = await handed_over(database, gate, transport, clock, bundle, department.url)
    async with database.transaction() as connection:
        await connection.execute(update(tables.task).values(poll_at=None))
    clock.advance(timedelta(minutes=5))
    done = await reconciler.batch(database, gate, clock, FIRST, clock.now() - reconciler.STILL)
    assert (done.mended, done.left) == (1, 0)
    poll_at = task_of(await load_one(database, shelf, case.id)).poll_at
    assert poll_at is not None
    assert poll_at > clock.now()


async def test_a_poll_whose_case_cannot_be_read_is_parked_and_found(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    async with loopback(TAKEN, ACCEPTED) as department:
        case = await handed_over(database, gate, transport, clock, bundle, department.url)
        kept = dict(shelf._bundles)
        shelf._bundles.clear()
        gate._saved.drop(case.id)
        await steps.ask(gate, transport, clock, await claim(database, clock))
        clock.advance(timedelta(days=1))
        assert await steps.claim(database, POLLS, clock, 10) == []
        shelf._bundles.update(kept)
        await reconciler.batch(database, gate, clock, FIRST, clock.now())
        clock.advance(timedelta(minutes=5))
        await steps.ask(gate, transport, clock, await claim(database, clock))
    assert (await load_one(database, shelf, case.id)).steps["household"].state is StepState.ACCEPTED


async def test_the_doctor_says_how_late_polls_are(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle
) -> None:
    async with loopback(TAKEN) as department:
        await handed_over(database, gate, transport, clock, bundle, department.url)
    clock.advance(timedelta(minutes=5))
    said = {each.check: each.level for each in await doctor._due(database, doctor.Clocks(clock, clock))}
    assert said["due poll"] == "finding"


async def test_a_poll_that_only_waits_its_turn_is_given_back_by_a_worker_that_stops(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    async with loopback(TAKEN) as department:
        case = await handed_over(database, gate, transport, clock, bundle, department.url)
    await steps.give_back(database, POLLS, clock, [await claim(database, clock)])
    task = task_of(await load_one(database, shelf, case.id))
    assert (task.state, task.poll_at, task.poll_token) == (TaskState.SENT, clock.now(), None)
    assert (await attempts(database, task.id))[-1]["reason"] == steps.GIVEN_BACK


# ---- with workers, as they run


async def test_two_workers_ask_until_the_case_is_completed_and_tell_it_once(
    database: Database,
    database_url: str,
    gate: Gate,
    clock: FrozenClock,
    bundle: Bundle,
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "adapter_for", Often)
    other = Database(database_url, ring=key_ring())
    workers = [
        Worker(each, Gate(each, shelf.bundle_of, clock, clock), clock, clock, destinations=HERE)
        for each in (database, other)
    ]
    async with loopback(TAKEN, NOTHING_NEW, ACCEPTED, NOTHING_NEW, COMPLETED) as department:
        await save_department(database, "police", department.url)
        case_id = (await gate.submit(make_opening(bundle))).case_id
        assert case_id is not None

        async def closed() -> bool:
            clock.advance(timedelta(seconds=2))
            return (await load_one(database, shelf, case_id)).state is CaseState.COMPLETED

        async with at_work(*workers):
            await until(closed)
    await other.close()
    assert [heard.method for heard in department.heard] == ["POST", *["GET"] * 4]
