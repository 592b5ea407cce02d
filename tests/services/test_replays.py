"""Replays and resends: the same again under the same ids, counted exactly, whoever is killed meanwhile."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from onenet.clock import FrozenClock, SystemClock
from onenet.domain.states import TASK_MOVES, TaskState
from onenet.domain.visibility import EVERYTHING
from onenet.errors import Conflict, NotFound
from onenet.ids import new_id, to_text
from onenet.services import deeds, endpoints, jobs, replays, resends
from onenet.services.advance import Gate
from onenet.services.change import Once
from onenet.services.pauses import Asked, Pause
from onenet.services.replays import Replay
from onenet.services.resends import Wanted
from onenet.store import bulk, operating_tables, tables
from onenet.store import jobs as store_jobs
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.jobs import Job
from onenet.worker import Worker
from tests.adapters.loopback import Loopback, answer, loopback
from tests.factories import Shelf, make_bundle, make_opening
from tests.faults.children import Child, environment
from tests.outward import HERE
from tests.services.test_worker import at_work, until
from tests.store.seeding import load_one, save_department, save_open_cases, save_subscriber

pytestmark = pytest.mark.anyio

WHO = "administrator:root"
AGO = timedelta(hours=1)


async def told(
    database: Database, endpoint: EndpointRow, count: int, at: Any, state: str = "done"
) -> list[str]:
    """That many deliveries that are in this state; their ids as they are sent."""
    rows = [
        {
            "lane": case.lane, "case_id": case.id, "id": case.derived_id("delivery", 1, endpoint.id),
            "endpoint_id": endpoint.id, "seq": 1, "type": "case.received", "payload": "{}",
            "state": state, "created_at": at, "attempt": 1, "tries": 0, "next_at": None,
            "held_reason": "exhausted" if state == "held" else None, "lease_token": None,
            "first_attempt_at": None, "trigger": None,
        }
        for case in await save_open_cases(database, count)
    ]  # fmt: skip
    async with database.transaction() as connection:
        await connection.execute(update(tables.task).values(state="sent", next_at=None))
        await bulk.write(connection, {bulk.DELIVERIES: rows})
    return [to_text("msg", row["id"]) for row in rows]


def wanted(now: Any, **changes: Any) -> replays.Wanted:
    return replays.Wanted(**{"since": now - AGO, "until": now + AGO, **changes})


async def begun(database: Database, endpoint: EndpointRow, now: Any, **changes: Any) -> Job:
    return await deeds.do(database, Replay(Asked(endpoint.id, WHO, now), wanted(now, **changes)))


async def as_it_is(database: Database, job: Job) -> Job:
    async with database.read() as connection:
        found = await store_jobs.find(connection, job.endpoint_id, job.id)
    assert found is not None
    return found


def ids(called: Loopback) -> list[str]:
    return [heard.headers["webhook-id"] for heard in called.heard]


async def test_svix_a_replay_is_counted_exactly_and_outlives_kill_9(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """There it was fire and forget, cut at 10,000. The control: nobody else finishes what was killed."""
    clock = SystemClock()
    async with loopback(answer(204)) as subscriber:
        endpoint = await save_subscriber(database, subscriber.url)
        sent = await told(database, endpoint, 30, clock.now())
        clock_now = clock.now()
        job = await begun(database, endpoint, clock_now + timedelta(seconds=1), until=clock_now + AGO)
        assert job.total == 30
        settings = environment(
            ONENET_DATABASE_URL=database_url,
            ONENET_DATA_DIR=str(tmp_path),
            ONENET_TEST_MODE="1",
            ONENET_LEASE_S="1",
        )
        command = (sys.executable, "-m", "onenet", "worker")
        worker = Child("worker", command, tmp_path, settings)
        worker.start()

        async def some_came() -> bool:
            return len(subscriber.heard) >= 5

        await until(some_came)
        worker.kill()
        came, left = len(subscriber.heard), await as_it_is(database, job)
        assert (came < 30, left.ended_at) == (True, None)
        worker.start()

        async def has_ended() -> bool:
            return (await as_it_is(database, job)).ended_at is not None

        await until(has_ended)
        worker.kill()
    ended = await as_it_is(database, job)
    assert (ended.total, ended.done, ended.failed) == (30, 30, 0)
    assert set(ids(subscriber)) == set(sent)


async def test_a_replay_sends_each_once_with_its_id_a_new_time_and_its_trigger(
    database: Database, gate: Gate, clock: FrozenClock
) -> None:
    async with loopback(answer(204)) as subscriber:
        endpoint = await save_subscriber(database, subscriber.url)
        sent = await told(database, endpoint, 12, clock.now())
        clock.advance(timedelta(minutes=5))
        job = await begun(database, endpoint, clock.now())

        async def has_ended() -> bool:
            clock.advance(timedelta(seconds=1))
            return (await as_it_is(database, job)).ended_at is not None

        async with at_work(Worker(database, gate, clock, clock, destinations=HERE)):
            await until(has_ended)
    assert Counter(ids(subscriber)) == Counter(sent)
    oldest = min(int(heard.headers["webhook-timestamp"]) for heard in subscriber.heard)
    assert oldest >= int(job.created_at.timestamp())
    async with database.read() as connection:
        assert set(await connection.scalars(select(tables.delivery_attempt.c.trigger))) == {"replay"}
        assert (await connection.execute(select(operating_tables.item))).all() == []


async def test_a_replay_makes_at_most_ten_due_in_a_second(
    database: Database, gate: Gate, clock: FrozenClock
) -> None:
    endpoint = await save_subscriber(database, "http://127.0.0.1:1/")
    await told(database, endpoint, 25, clock.now())
    await begun(database, endpoint, clock.now() + timedelta(seconds=1))
    due = []
    for _ in range(4):
        clock.advance(timedelta(seconds=1))
        await jobs.go_on(database, gate, clock)
        await jobs.go_on(database, gate, clock)  # a second worker finds nothing to do
        async with database.read() as connection:
            rows = await connection.execute(
                select(tables.delivery.c.id).where(tables.delivery.c.state == "pending")
            )
            due.append(len(rows.all()))
    assert due == [10, 20, 25, 25]


@pytest.mark.parametrize(("rate", "a_second"), [(0, 10), (40, 20), (5, 2), (1, 1)])
def test_a_replay_takes_half_of_what_its_endpoint_may_be_sent(rate: int, a_second: int) -> None:
    assert jobs.pace_of("replay", rate).a_second == a_second
    assert jobs.pace_of("resumption", rate).a_second == 200, "what was held is let go, and sent at its rate"


async def test_a_dry_run_counts_exactly_and_sends_nothing(database: Database, clock: FrozenClock) -> None:
    endpoint, other = (await save_subscriber(database, "http://127.0.0.1:1/") for _ in range(2)), None
    first = await anext(endpoint)
    other = await anext(endpoint)
    await told(database, first, 3, clock.now())
    await told(database, first, 2, clock.now(), "held")
    await told(database, first, 2, clock.now() - 2 * AGO)
    await told(database, other, 4, clock.now())
    now = clock.now()
    counted = [
        await replays.count(database, first.id, wanted(now, **changes), now + timedelta(seconds=1))
        for changes in ({}, {"states": ["held"]}, {"types": ["case.completed"]}, {"since": now - 3 * AGO})
    ]
    assert counted == [5, 2, 0, 7]
    async with database.read() as connection:
        assert (await connection.execute(select(operating_tables.job))).all() == []


async def test_a_second_replay_waits_for_the_first_and_ninety_days_are_the_most(
    database: Database, clock: FrozenClock
) -> None:
    endpoint = await save_subscriber(database, "http://127.0.0.1:1/")
    await told(database, endpoint, 1, clock.now())
    clock.advance(timedelta(seconds=1))
    await begun(database, endpoint, clock.now())
    with pytest.raises(Conflict, match="under way"):
        await begun(database, endpoint, clock.now())
    with pytest.raises(Conflict, match="90 days"):
        await begun(database, endpoint, clock.now(), since=clock.now() - timedelta(days=91))
    with pytest.raises(NotFound):
        await replays.count(database, new_id(), wanted(clock.now()), clock.now())


async def test_tasks_that_are_done_or_withdrawn_are_never_replayed(
    database: Database, gate: Gate, clock: FrozenClock
) -> None:
    endpoint = await save_department(database, "police", "http://127.0.0.1:1/")
    cases = await save_open_cases(database, 4)
    states = ["sent", "done", "withdrawn", "sent"]
    async with database.transaction() as connection:
        for case, state in zip(cases, states, strict=True):
            where = tables.task.c.case_id == case.id
            await connection.execute(update(tables.task).where(where).values(state=state, next_at=None))
    clock.advance(timedelta(seconds=1))
    job = await begun(database, endpoint, clock.now())
    with pytest.raises(Conflict, match="not sent again"):
        await begun(database, endpoint, clock.now(), states=["done"])
    assert job.total == 2


# ---- one


async def resend(database: Database, gate: Gate, clock: FrozenClock, word: str) -> None:
    once = Once(WHO, str(new_id()), b"", Conflict)
    asked = Wanted(*resends.parse(word), WHO, clock.now(), EVERYTHING)
    await resends.resend(database, gate, asked, once)


@pytest.mark.parametrize("state", ["done", "held", "pending"])
async def test_frain_dev_convoy_1200_a_delivery_in_every_state_can_be_sent_again(
    database: Database, gate: Gate, clock: FrozenClock, state: str
) -> None:
    """There, discarded rows were stuck after a retry."""
    async with loopback(answer(204)) as subscriber:
        endpoint = await save_subscriber(database, subscriber.url)
        sent = await told(database, endpoint, 1, clock.now(), state)
        await resend(database, gate, clock, sent[0])

        async def was_told() -> bool:
            return ids(subscriber) == sent

        async with at_work(Worker(database, gate, clock, clock, destinations=HERE)):
            await until(was_told)
    async with database.read() as connection:
        assert (await connection.scalars(select(tables.delivery_attempt.c.trigger))).all() == ["manual"]


def test_frain_dev_convoy_1092_every_state_of_a_task_that_is_not_final_leads_to_being_sent_and_done() -> None:
    over = {TaskState.DONE, TaskState.WITHDRAWN}
    for state in set(TaskState) - over:
        reached, before = {state}, set[TaskState]()
        while reached != before:
            before, reached = reached, reached.union(*(TASK_MOVES[each] for each in reached))
        assert {TaskState.PENDING, TaskState.DONE} <= reached, state


async def test_a_task_that_was_sent_is_sent_again_under_its_key(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    async with loopback(answer(202)) as police:
        await save_department(database, "police", police.url)
        result = await gate.submit(make_opening(shelf.put(make_bundle())))
        assert result.case is not None
        case_id, (task_id,) = result.case.id, result.case.tasks

        async def heard(times: int) -> None:
            async def is_so() -> bool:
                task = (await load_one(database, shelf, case_id)).tasks[task_id]
                return len(police.heard) == times and task.state is TaskState.SENT

            async with at_work(Worker(database, gate, clock, clock, destinations=HERE)):
                await until(is_so)

        await heard(1)
        await resend(database, gate, clock, resends.attempt_text(task_id, 1))
        await heard(2)
        with pytest.raises(NotFound):
            await resend(database, gate, clock, resends.attempt_text(task_id, 9))
    assert len(set(ids(police))) == 1
    async with database.read() as connection:
        made = (
            (await connection.execute(select(tables.attempt).order_by(tables.attempt.c.number)))
            .mappings()
            .all()
        )
    assert [row["trigger"] for row in made] == ["auto", "manual"]
    assert {len(row["key_id"]) for row in made} == {8}


async def test_nothing_is_sent_again_to_an_endpoint_that_is_held(
    database: Database, gate: Gate, clock: FrozenClock
) -> None:
    endpoint = await save_subscriber(database, "http://127.0.0.1:1/")
    sent = await told(database, endpoint, 1, clock.now())
    await deeds.do(database, Pause(Asked(endpoint.id, WHO, clock.now()), "升级"))
    with pytest.raises(Conflict, match="resume it first"):
        await resend(database, gate, clock, sent[0])
    assert [each.state for each in await endpoints.list_endpoints(database)] == ["held"]
