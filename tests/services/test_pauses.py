"""Pauses: what is meant for a held endpoint waits untouched, and all of it arrives when it is resumed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from onenet.clock import FrozenClock
from onenet.domain.case import Case
from onenet.errors import NotFound
from onenet.ids import new_id
from onenet.services import deeds, endpoints, jobs, record, steps
from onenet.services.advance import Gate
from onenet.services.pauses import Asked, Done, Pause, Resumption
from onenet.store import queue, tables
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.worker import Worker
from tests.adapters.loopback import Loopback, answer, loopback
from tests.factories import Shelf, make_bundle, make_member, make_opening
from tests.outward import HERE
from tests.services.test_worker import at_work, until
from tests.store.seeding import load_one, save_department, save_subscriber

pytestmark = pytest.mark.anyio

HELD = int(os.environ.get("HELD_TASKS", "200"))
"""Tasks that wait while an endpoint is held; the long form takes 1,000."""

WHO = "administrator:root"


async def pause(database: Database, endpoint: EndpointRow, clock: FrozenClock) -> Done:
    return await deeds.do(database, Pause(Asked(endpoint.id, WHO, clock.now()), "系统升级"))


async def resume(database: Database, endpoint: EndpointRow, clock: FrozenClock) -> Done:
    return await deeds.do(database, Resumption(Asked(endpoint.id, WHO, clock.now())))


async def opened(gate: Gate, shelf: Shelf, count: int, department: str = "police") -> list[Case]:
    bundle = shelf.put(make_bundle(make_member(department=department), code=f"for_{department}"))
    results = [await gate.submit(make_opening(bundle)) for _ in range(count)]
    return [result.case for result in results if result.case is not None]


async def waits(database: Database, shelf: Shelf, cases: Sequence[Case]) -> Counter[tuple[str, str]]:
    """How many steps are in which state, waiting why."""
    found: Counter[tuple[str, str]] = Counter()
    for case in cases:
        for step in (await load_one(database, shelf, case.id)).steps.values():
            found[step.state.value, step.waiting.reason if step.waiting else ""] += 1
    return found


async def settled(database: Database, gate: Gate, clock: FrozenClock) -> None:
    """Jobs are carried on until nothing is left for them to do now."""
    for _ in range(20):
        await jobs.go_on(database, gate, clock)
        clock.advance(timedelta(seconds=1))


def ids(called: Loopback) -> list[str]:
    return [heard.headers["webhook-id"] for heard in called.heard]


async def test_hookdeck_outpost_611_all_that_was_meant_for_a_held_endpoint_arrives_once_it_is_resumed(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    """There, events for a disabled destination were gone. Here nothing is called, dropped or sent twice."""
    async with loopback(answer(202)) as police, loopback(answer(202)) as bank:
        held = await save_department(database, "police", police.url)
        await save_department(database, "bank", bank.url)
        before = await opened(gate, shelf, HELD // 2)
        assert (await pause(database, held, clock)).job.total == HELD // 2
        after = await opened(gate, shelf, HELD - HELD // 2)
        others = await opened(gate, shelf, 3, "bank")

        async def others_are_called() -> bool:
            return len(bank.heard) == len(others)

        async with at_work(Worker(database, gate, clock, clock, destinations=HERE)):
            await until(others_are_called)
            await settled(database, gate, clock)
            assert await waits(database, shelf, [*before, *after]) == {("dispatched", "endpoint_held"): HELD}
            assert police.heard == []
            await resume(database, held, clock)

            async def all_arrived() -> bool:
                return len(police.heard) >= HELD

            await until(all_arrived)
        assert set(Counter(ids(police)).values()) == {1}
    assert await waits(database, shelf, [*before, *after]) == {("dispatched", "with_department"): HELD}
    assert (await record.verify(database)).tamperings == ()


async def test_what_is_meant_for_a_held_subscriber_waits_for_it(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    async with loopback(answer(204)) as subscriber, loopback(answer(202)) as police:
        endpoint = await save_subscriber(database, subscriber.url)
        await save_department(database, "police", police.url)
        await pause(database, endpoint, clock)
        cases = await opened(gate, shelf, 3)

        async def police_is_called() -> bool:
            return len(police.heard) == len(cases)

        async with at_work(Worker(database, gate, clock, clock, destinations=HERE)):
            await until(police_is_called)
            assert subscriber.heard == []
            await resume(database, endpoint, clock)

            async def all_told() -> bool:
                return len(subscriber.heard) == 6  # each was received, and dispatched

            await until(all_told)


@pytest.mark.parametrize("which", [queue.TASKS, queue.DELIVERIES], ids=["tasks", "deliveries"])
async def test_no_claim_takes_what_is_meant_for_a_held_endpoint(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf, which: queue.Queue
) -> None:
    """Nor does a worker of another process, which was told nothing: it is in the statement."""
    department = await save_department(database, "police", "http://127.0.0.1:1/")
    subscriber = await save_subscriber(database, "http://127.0.0.1:1/")
    await opened(gate, shelf, 2)
    for endpoint in (department, subscriber):
        await pause(database, endpoint, clock)
    assert await steps.claim(database, which, clock, 10) == []
    for endpoint in (department, subscriber):
        await resume(database, endpoint, clock)
    assert len(await steps.claim(database, which, clock, 10)) >= 2


async def test_a_410_holds_the_endpoint_and_spares_the_others_a_call(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    async with loopback(answer(410)) as gone, loopback(answer(202)) as moved:
        endpoint = await save_department(database, "police", gone.url)
        first = await opened(gate, shelf, 1)
        worker = Worker(database, gate, clock, clock, destinations=HERE)

        async def is_held() -> bool:
            return (await waits(database, shelf, first)) == {("held", "delivery_endpoint"): 1}

        async with at_work(worker):
            await until(is_held)
            later = await opened(gate, shelf, 5)
        (known,) = await endpoints.list_endpoints(database)
        assert (known.state, known.held_because, len(gone.heard)) == ("held", "it answered 410", 1)
        assert await waits(database, shelf, later) == {("dispatched", "endpoint_held"): 5}
        wanted = endpoints.Wanted("department", "police", moved.url)
        await endpoints.register(database, wanted, clock.now())  # which resumes nothing by itself
        assert (await endpoints.list_endpoints(database))[0].state == "held"
        done = await resume(database, endpoint, clock)
        assert done.job.total == 1

        async def all_arrived() -> bool:
            return len(moved.heard) == 6

        async with at_work(Worker(database, gate, clock, clock, destinations=HERE)):
            await until(all_arrived)
    assert sorted(ids(moved))[:1] + sorted(ids(moved))[1:] == sorted(set(ids(moved)))
    assert ids(gone)[0] in ids(moved)


async def held_for(database: Database, cases: Sequence[Case], reasons: Sequence[str]) -> None:
    """Their tasks are held for these reasons, one each; their steps with them."""
    async with database.transaction() as connection:
        for case, reason in zip(cases, reasons, strict=True):
            t, s = tables.task.c, tables.step.c
            await connection.execute(
                update(tables.task)
                .where(t.case_id == case.id)
                .values(state="held", next_at=None, held_reason=reason)
            )
            waiting: dict[str, Any] = {"waits_for": "officer", "wait_reason": f"delivery_{reason}"}
            await connection.execute(
                update(tables.step).where(s.case_id == case.id).values(state="held", **waiting)
            )


async def test_resuming_releases_what_is_held_for_the_endpoint_or_exhausted_and_nothing_else(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    endpoint = await save_department(database, "police", "http://127.0.0.1:1/")
    cases = await opened(gate, shelf, 3)
    await held_for(database, cases, ["endpoint", "exhausted", "needs_attention"])
    done = await resume(database, endpoint, clock)
    await settled(database, gate, clock)
    states = [(await load_one(database, shelf, case.id)).steps["household"].state.value for case in cases]
    assert (done.job.total, states) == (2, ["dispatched", "dispatched", "held"])


async def test_a_pause_of_an_endpoint_that_is_not_there_is_refused(
    database: Database, clock: FrozenClock
) -> None:
    with pytest.raises(NotFound):
        await deeds.do(database, Pause(Asked(new_id(), WHO, clock.now()), "系统升级"))


async def test_a_second_pause_gives_another_reason_and_not_another_time(
    database: Database, clock: FrozenClock
) -> None:
    endpoint = await save_department(database, "police", "http://127.0.0.1:1/")
    first = (await pause(database, endpoint, clock)).endpoint
    clock.advance(timedelta(hours=1))
    asked = Asked(endpoint.id, WHO, clock.now())
    again = (await deeds.do(database, Pause(asked, "升级延期"))).endpoint
    assert (again.held_at, again.held_because) == (first.held_at, "升级延期")


async def test_why_an_endpoint_is_held_is_sealed(database: Database, clock: FrozenClock) -> None:
    """It is in somebody's words."""
    endpoint = await save_department(database, "police", "http://127.0.0.1:1/")
    await pause(database, endpoint, clock)
    async with database.read() as connection:
        stored: str = (await connection.scalars(select(tables.endpoint.c.held_because))).one()
    assert "系统升级" not in stored
