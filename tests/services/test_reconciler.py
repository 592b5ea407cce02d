"""The reconciler: what waits for nothing goes on by itself or is held; without it, it waits for ever."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import create_engine, select, text

from onenet.clock import FrozenClock
from onenet.domain.case import Case
from onenet.domain.stalls import stalls
from onenet.domain.states import CaseState
from onenet.services import reconciler, record
from onenet.services.advance import Gate
from onenet.services.examination import examine
from onenet.store import tables
from onenet.store.database import Database
from onenet.store.inspection import FIRST
from onenet.store.migrating import sync_url
from onenet.worker import Worker
from tests.adapters.loopback import answer, loopback
from tests.factories import Shelf
from tests.outward import HERE
from tests.services.damage import BUNDLE, DAMAGES, Rows, complete, forge, save_numbered, victim
from tests.services.test_worker import at_work, until
from tests.store.seeding import load_one, save_department, save_new

pytestmark = pytest.mark.anyio

MENDED = (
    "not released", "queued behind nothing", "not closed", "task lost", "task parked",
    "a lease without an end",
    "says a wrong reason",
)  # fmt: skip
HELD = ("task done, step open", "task held, step open")


async def damaged(database: Database, database_url: str, name: str) -> UUID:
    """A case to which this was done."""
    walk, damage = victim(), DAMAGES[name]
    if damage.before is not None:
        damage.before(walk)
    await save_numbered(database, [walk])
    engine = create_engine(sync_url(database_url))
    with engine.begin() as connection:
        if database.backend == "postgresql":
            connection.execute(text("SET session_replication_role = replica"))
        if damage.after is not None:
            damage.after(Rows(connection, walk))
    engine.dispose()
    return walk.case.id


async def reconciled(database: Database, gate: Gate, clock: FrozenClock) -> reconciler.Batch:
    return await reconciler.batch(database, gate, clock, FIRST, clock.now() - reconciler.STILL)


@pytest.fixture
def late(clock: FrozenClock, shelf: Shelf) -> FrozenClock:
    """The clock, long enough after the cases last moved."""
    shelf.put(BUNDLE)
    clock.advance(timedelta(minutes=5))
    return clock


@pytest.mark.parametrize("name", MENDED)
async def test_what_waits_for_nothing_goes_on_and_the_record_stays_whole(
    database: Database, database_url: str, gate: Gate, late: FrozenClock, shelf: Shelf, name: str
) -> None:
    case_id = await damaged(database, database_url, name)
    assert list(stalls(await load_one(database, shelf, case_id)))
    done = await reconciled(database, gate, late)
    assert (done.looked, done.mended, done.left) == (1, 1, 0)
    assert list(stalls(await load_one(database, shelf, case_id))) == []
    assert [finding async for finding in examine(database, shelf.bundle_of)] == []
    assert (await record.verify(database)).tamperings == ()


@pytest.mark.parametrize("name", HELD)
async def test_what_the_rows_cannot_tell_is_held_for_an_officer(
    database: Database, database_url: str, gate: Gate, late: FrozenClock, shelf: Shelf, name: str
) -> None:
    case_id = await damaged(database, database_url, name)
    await reconciled(database, gate, late)
    waiting = (await load_one(database, shelf, case_id)).steps["b"].waiting
    assert waiting is not None
    assert waiting.waits_for == "officer"


async def test_a_lost_task_is_written_again_under_its_own_key(
    database: Database, database_url: str, gate: Gate, late: FrozenClock, shelf: Shelf
) -> None:
    """A department that has it already must see the same application, not a second one."""
    case_id = await damaged(database, database_url, "task lost")
    await reconciled(database, gate, late)
    case = await load_one(database, shelf, case_id)
    task = case.live_task("b")
    assert task is not None
    assert (task.submission, case.steps["b"].submission) == (1, 1)
    assert task.id == case.derived_id("task", "b", 1)


async def test_a_sound_case_is_not_touched(
    database: Database, gate: Gate, late: FrozenClock, shelf: Shelf
) -> None:
    walk = victim()
    await save_numbered(database, [walk])
    before = await load_one(database, shelf, walk.case.id)
    done = await reconciled(database, gate, late)
    assert (done.looked, done.mended, done.left) == (1, 0, 0)
    assert await load_one(database, shelf, walk.case.id) == before


async def test_a_case_that_moved_a_moment_ago_is_left_alone(
    database: Database, database_url: str, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    shelf.put(BUNDLE)
    await damaged(database, database_url, "task lost")
    assert (await reconciled(database, gate, clock)).looked == 0


async def test_a_case_that_cannot_be_read_does_not_keep_the_others(
    database: Database, database_url: str, gate: Gate, late: FrozenClock, shelf: Shelf
) -> None:
    await damaged(database, database_url, "content lost")
    walk = victim()
    forge(complete("b", "c"))(walk)
    await save_new(database, [walk])
    done = await reconciled(database, gate, late)
    assert (done.mended, done.left) == (1, 1)
    assert list(stalls(await load_one(database, shelf, walk.case.id))) == []


async def test_it_goes_through_all_open_cases_batch_by_batch(
    database: Database, gate: Gate, late: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "BATCH", 4)
    walks = [victim() for _ in range(10)]
    for walk in walks[:3]:
        walk.withdraw()
    await save_numbered(database, walks)
    after, looked = FIRST, []
    while True:
        done = await reconciler.batch(database, gate, late, after, late.now())
        looked.append(done.looked)
        if done.last is None:
            break
        after = done.last
    assert looked == [4, 3]


async def test_a_parked_delivery_is_due_again(
    database: Database, database_url: str, gate: Gate, late: FrozenClock
) -> None:
    await damaged(database, database_url, "delivery parked")
    await reconciled(database, gate, late)
    d = tables.delivery.c
    async with database.read() as connection:
        row = (await connection.execute(select(d.state, d.next_at))).one()
    assert (row.state, row.next_at) == ("pending", late.now())


# ---- with a worker, as it runs


async def closed_by_worker(
    database: Database, worker: Worker, case_id: UUID, shelf: Shelf, within_s: float
) -> Case:
    """The case after a worker ran until it was closed, or for so long."""

    async def closed() -> bool:
        return (await load_one(database, shelf, case_id)).state is CaseState.COMPLETED

    async with loopback(answer(200, {"outcome": "completed"})) as department:
        for code in ("police", "bank"):
            await save_department(database, code, department.url)
        async with at_work(worker):
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await until(closed)
    return await load_one(database, shelf, case_id)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round every twentieth of a second instead of every minute."""
    monkeypatch.setattr(reconciler, "EVERY_S", 0.05)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("name", ["not released", "task lost", "a lease without an end"])
async def test_a_damaged_case_comes_to_its_end_by_itself(
    database: Database, database_url: str, gate: Gate, late: FrozenClock, shelf: Shelf, name: str
) -> None:
    case_id = await damaged(database, database_url, name)
    worker = Worker(database, gate, late, late, destinations=HERE)
    case = await closed_by_worker(database, worker, case_id, shelf, 20)
    assert case.state is CaseState.COMPLETED


@pytest.mark.parametrize("name", ["not released", "task lost", "a lease without an end"])
async def test_control_without_the_reconciler_it_waits_for_ever(
    database: Database,
    database_url: str,
    gate: Gate,
    late: FrozenClock,
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(reconciler, "EVERY_S", 3_600.0)
    case_id = await damaged(database, database_url, name)
    worker = Worker(database, gate, late, late, destinations=HERE)
    case = await closed_by_worker(database, worker, case_id, shelf, 1.5)
    assert case.state is not CaseState.COMPLETED
    assert list(stalls(case))
