"""Claiming: never two owners, a lease that ends, a late result that changes nothing."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import bindparam, func, insert, select, tuple_, update

from onenet.ids import new_id
from onenet.store import bulk, deliveries, queue, tables
from onenet.store.database import Database
from onenet.store.queue import DELIVERIES, LEASE, MOST_OF_A_LANE, TASKS, Queue
from tests.factories import NOW
from tests.keys import key_ring
from tests.store.claiming import claim_everything
from tests.store.seeding import save_open_cases, save_subscriber

pytestmark = pytest.mark.anyio

on_postgresql = pytest.mark.parametrize(
    "backend", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
SOON = NOW + timedelta(seconds=1)


async def claim(
    database: Database,
    *,
    now: datetime = SOON,
    count: int = 100,
    which: Queue = TASKS,
    token: UUID | None = None,
) -> list[Mapping[str, Any]]:
    """As `steps.claim` does on this engine."""
    wanted, skip_locked = queue.Wanted(token or new_id(), now, count), database.capabilities.skip_locked
    async with database.transaction() as connection:
        if database.capabilities.at_once:
            return list(await queue.claim_at_once(connection, which, wanted, skip_locked=skip_locked))
        lanes = await queue.due_lanes(connection, which, now)
        return list(await queue.claim(connection, which, lanes, wanted, skip_locked=skip_locked))


async def save_deliveries(database: Database, count: int) -> None:
    """That many deliveries that are due, one for each of as many cases."""
    endpoint = await save_subscriber(database, "http://127.0.0.1:1")
    rows = [
        {
            "lane": case.lane, "case_id": case.id, "id": case.derived_id("delivery"),
            "endpoint_id": endpoint.id, "seq": 1, "type": "case.received", "payload": "{}",
            "state": "pending", "created_at": NOW, "attempt": 0, "tries": 0, "next_at": NOW,
            "held_reason": None, "lease_token": None, "first_attempt_at": None, "trigger": None,
        }
        for case in await save_open_cases(database, count)
    ]  # fmt: skip
    async with database.transaction() as connection:
        await bulk.write(connection, {bulk.DELIVERIES: rows})


# ---- one owner


@pytest.mark.parametrize("which", queue.EVERY, ids=lambda which: which.name)
async def test_four_claimers_at_once_never_share_a_row(
    database: Database, database_url: str, which: Queue
) -> None:
    await save_deliveries(database, 120)
    async with database.transaction() as connection:
        await connection.execute(update(tables.task).values(poll_at=NOW))
    others = [Database(database_url, ring=key_ring()) for _ in range(4)]

    async def work(own: Database) -> list[UUID]:
        mine: list[UUID] = []
        while claimed := await claim(own, count=7, which=which):
            mine += [row["id"] for row in claimed]
        return mine

    owners = Counter(id for ids in await asyncio.gather(*map(work, others)) for id in ids)
    assert len(owners) == 120
    assert set(owners.values()) == {1}
    for other in others:
        await other.close()


async def test_four_processes_never_share_a_row(database: Database, database_url: str) -> None:
    """Each pair of task and attempt comes up once, although the processes know nothing of one another."""
    await save_open_cases(database, 400)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.store.claiming"])
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        loop = asyncio.get_running_loop()
        claimed = await asyncio.gather(
            *(loop.run_in_executor(pool, claim_everything, database_url, SOON) for _ in range(4))
        )
    pairs = Counter(pair for mine in claimed for pair in mine)
    assert len(pairs) == 400
    assert set(pairs.values()) == {1}
    assert {attempt for _, attempt in pairs} == {1}


def naive_claim() -> Any:
    """The claim without its outer condition: it looks redundant, and is the protection."""
    work = tables.task
    chosen = select(work.c.lane, work.c.case_id, work.c.id).where(
        work.c.next_at.is_not(None), work.c.next_at <= bindparam("now")
    )
    return (
        update(work)
        .where(tuple_(work.c.lane, work.c.case_id, work.c.id).in_(chosen.limit(10)))
        .values(
            state="sending", attempt=work.c.attempt + 1, next_at=bindparam("until"),
            lease_token=bindparam("token"), first_attempt_at=func.coalesce(work.c.first_attempt_at, NOW),
        )
        .returning(work.c.id)
    )  # fmt: skip


async def race(database: Database, first: Any, second: Any) -> tuple[int, int]:
    """How many rows two claims get when the second begins before the first has committed."""

    async def run_second() -> int:
        async with database.transaction() as connection:
            started.set()
            return len((await connection.execute(second, parameters(new_id()))).all())

    started = asyncio.Event()
    async with database.transaction() as connection:
        got = len((await connection.execute(first, parameters(new_id()))).all())
        waiting = asyncio.create_task(run_second())
        await started.wait()
        await until_somebody_waits(database, waiting)
    return got, await waiting


def parameters(token: UUID) -> dict[str, Any]:
    lanes = list(range(256))
    return {
        "now": SOON,
        "until": SOON + LEASE,
        "token": token,
        "lanes": lanes,
        "count": 10,
        "leave_out": [""],
    }


async def until_somebody_waits(database: Database, waiting: asyncio.Task[Any]) -> None:
    """Waits until the second claim stands behind the first one's lock, or is through already."""
    waits = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(10):
        while not waiting.done():
            async with database.read() as connection:
                if (await connection.exec_driver_sql(waits)).scalar_one():
                    return


@on_postgresql
@pytest.mark.parametrize("skip_locked", [True, False])
async def test_a_claim_that_meets_another_one_gets_nothing(database: Database, skip_locked: bool) -> None:
    """With the engine's extra and without it: the extra is a speed-up, the outer condition the protection."""
    await save_open_cases(database, 3)
    statement = queue._CLAIMS["task", skip_locked, False]
    assert await race(database, statement, statement) == (3, 0)


@on_postgresql
async def test_control_a_claim_without_the_outer_condition_claims_twice(database: Database) -> None:
    await save_open_cases(database, 3)
    assert await race(database, naive_claim(), naive_claim()) == (3, 3)


# ---- leases


async def test_a_claim_is_counted_and_leaves_an_attempt(database: Database) -> None:
    await save_open_cases(database, 1)
    (row,) = await claim(database)
    assert (row["state"], row["attempt"], row["next_at"]) == ("sending", 1, SOON + LEASE)
    assert row["first_attempt_at"] == SOON
    async with database.read() as connection:
        (attempt,) = await deliveries.attempts(connection, TASKS, row["id"])
    assert (attempt["number"], attempt["started_at"], attempt["ended_at"]) == (1, SOON, None)


async def test_what_is_claimed_is_not_due_before_its_lease_ends(database: Database) -> None:
    await save_open_cases(database, 1)
    await claim(database)
    assert await claim(database, now=SOON + LEASE - timedelta(microseconds=1)) == []


async def test_what_is_not_due_is_not_claimed(database: Database) -> None:
    await save_open_cases(database, 1)
    assert await claim(database, now=NOW - timedelta(microseconds=1)) == []


async def test_an_expired_lease_is_claimed_under_a_new_token_with_the_same_key_and_bytes(
    database: Database,
) -> None:
    await save_open_cases(database, 1)
    (first,) = await claim(database)
    (second,) = await claim(database, now=SOON + LEASE)
    assert second["lease_token"] != first["lease_token"]
    assert (second["id"], second["payload"]) == (first["id"], first["payload"])
    assert (second["attempt"], second["first_attempt_at"]) == (2, SOON)


async def test_a_claim_takes_no_more_than_it_was_asked_for_and_the_oldest_of_a_lane_first(
    database: Database,
) -> None:
    cases = await save_open_cases(database, 5, lane=7)
    async with database.transaction() as connection:
        for number, case in enumerate(cases):
            at = NOW - timedelta(minutes=number)
            await connection.execute(
                update(tables.task).where(tables.task.c.case_id == case.id).values(next_at=at)
            )
    claimed = await claim(database, count=2)
    assert {row["case_id"] for row in claimed} == {cases[4].id, cases[3].id}


@on_postgresql
async def test_the_backlog_of_a_lane_keeps_no_other_lane_back(database: Database) -> None:
    if not database.capabilities.at_once:
        pytest.skip("without `at_once` a claim takes the oldest of all lanes")
    await save_open_cases(database, 3 * MOST_OF_A_LANE, lane=7)
    await save_open_cases(database, 2, lane=8)
    claimed = await claim(database, count=MOST_OF_A_LANE + 2)
    assert Counter(row["lane"] for row in claimed) == {7: MOST_OF_A_LANE, 8: 2}


async def test_the_lanes_and_the_moment_of_what_is_due_are_known(database: Database) -> None:
    cases = await save_open_cases(database, 8)
    async with database.read() as connection:
        assert set(await queue.due_lanes(connection, TASKS, NOW)) == {case.lane for case in cases}
        assert await queue.due_lanes(connection, TASKS, NOW - timedelta(seconds=1)) == []
        assert await queue.next_due_at(connection, TASKS) == NOW


# ---- late results


def ended(row: Mapping[str, Any], reason: str) -> dict[str, Any]:
    return {
        "lane": row["lane"], "case_id": row["case_id"], "id": row["id"], "number": row["attempt"],
        "ended_at": SOON, "status": 200, "failure": None, "reason": reason, "excerpt": "",
        "key_id": None,
    }  # fmt: skip


def settled(row: Mapping[str, Any], token: UUID) -> dict[str, Any]:
    return {
        "key_lane": row["lane"], "key_case_id": row["case_id"], "key_id": row["id"], "key_token": token,
        "state": "done", "tries": 0, "next_at": None, "held_reason": None,
    }  # fmt: skip


async def delivery_row(database: Database) -> dict[str, Any]:
    async with database.read() as connection:
        return dict((await connection.execute(select(tables.delivery))).mappings().one())


async def test_a_late_result_changes_nothing_but_its_attempt(database: Database) -> None:
    await save_deliveries(database, 1)
    (first,) = await claim(database, which=DELIVERIES)
    (second,) = await claim(database, which=DELIVERIES, now=SOON + LEASE)
    before = await delivery_row(database)
    async with database.transaction() as connection:
        await queue.end_attempts(connection, DELIVERIES, [ended(first, "late")])
        await deliveries.settle(connection, [settled(first, first["lease_token"])])
    assert await delivery_row(database) == before
    async with database.read() as connection:
        attempts = await deliveries.attempts(connection, DELIVERIES, second["id"])
    assert [(attempt["number"], attempt["reason"]) for attempt in attempts] == [(1, "late"), (2, None)]


async def test_the_owner_s_result_is_kept(database: Database) -> None:
    await save_deliveries(database, 1)
    (row,) = await claim(database, which=DELIVERIES)
    async with database.transaction() as connection:
        await deliveries.settle(connection, [settled(row, row["lease_token"])])
    after = await delivery_row(database)
    assert (after["state"], after["lease_token"], after["next_at"]) == ("done", None, None)


async def test_control_a_settle_without_the_token_overwrites_the_owner(database: Database) -> None:
    await save_deliveries(database, 1)
    await claim(database, which=DELIVERIES)
    await claim(database, which=DELIVERIES, now=SOON + LEASE)
    d = tables.delivery
    async with database.transaction() as connection:
        await connection.execute(
            update(d).where(d.c.state == "sending").values(state="done", lease_token=None, next_at=None)
        )
    assert (await delivery_row(database))["state"] == "done"


async def test_an_attempt_belongs_to_its_work(database: Database) -> None:
    """An attempt of nothing is refused by the database itself."""
    row = {"lane": 0, "case_id": new_id(0), "task_id": new_id(0), "number": 1, "started_at": NOW}
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        async with database.transaction() as connection:
            await connection.execute(insert(tables.attempt).values(row))
