"""What went wrong in peers and cannot here: each test is named after its public issue (docs/peers.md).

Those that other tests show already are named there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Table, select

from onenet.adapters.transport import Transport
from onenet.clock import FrozenClock
from onenet.domain.case import Case
from onenet.domain.states import CaseState, StepState, TaskState
from onenet.services import steps, webhooks
from onenet.services.advance import Gate
from onenet.services.webhooks import Settling
from onenet.store import deliveries, tables
from onenet.store.database import Database
from onenet.store.queue import DELIVERIES, TASKS
from tests.adapters.loopback import Heard, answer, loopback
from tests.factories import Shelf, make_bundle, make_content, make_member, make_opening
from tests.outward import HERE
from tests.store.seeding import load_one, save_department, save_subscriber

pytestmark = pytest.mark.anyio

COMPLETED = answer(200, {"outcome": "completed"})
TOO_LARGE = "x" * 262_145


@pytest.fixture
async def transport(anyio_backend: str) -> AsyncIterator[Transport]:
    async with Transport(destinations=HERE) as opened:
        yield opened


async def opened(gate: Gate, shelf: Shelf, *departments: str, form: dict[str, str] | None = None) -> Case:
    """A case with a step for each of the departments, none after another."""
    members = [make_member(each, department=each, fields=sorted(form or {})) for each in departments]
    content = make_content(form=form)
    result = await gate.submit(make_opening(shelf.put(make_bundle(*members)), content=content))
    assert result.case is not None
    return result.case


async def hand_over_all(database: Database, gate: Gate, transport: Transport, clock: FrozenClock) -> int:
    """Hands over what is due; how many tasks that were."""
    due = await steps.claim(database, TASKS, clock, 10)
    for claimed in due:
        await steps.dispatch(gate, transport, clock, claimed)
    return len(due)


async def next_at(database: Database, table: Table = tables.task) -> datetime | None:
    """When the next of them is due."""
    async with database.read() as connection:
        found = await connection.execute(select(table.c.next_at).where(table.c.next_at.is_not(None)))
        return min(found.scalars(), default=None)


async def test_convoy_1833_a_403_is_counted_before_each_call_and_ends_in_a_hold(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, shelf: Shelf
) -> None:
    counted: list[int] = []

    async def refuse(writer: asyncio.StreamWriter) -> None:
        async with database.read() as connection:
            counted.append((await connection.execute(select(tables.task.c.attempt))).scalar_one())
        writer.write(answer(403))
        await writer.drain()

    case = await opened(gate, shelf, "police")
    async with loopback(refuse) as department:
        await save_department(database, "police", department.url)
        while at := await next_at(database):
            clock.advance(at - clock.now())
            await hand_over_all(database, gate, transport, clock)
    assert counted == list(range(1, 11))
    step = (await load_one(database, shelf, case.id)).steps["police"]
    assert step.state is StepState.HELD
    assert step.waiting is not None
    assert step.waiting.reason == "delivery_exhausted"


async def test_convoy_1977_a_try_that_lies_in_the_past_is_made(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, shelf: Shelf
) -> None:
    """No process was there when it fell due, nor for three days after."""
    case = await opened(gate, shelf, "police")
    async with loopback(answer(500), COMPLETED) as department:
        await save_department(database, "police", department.url)
        await hand_over_all(database, gate, transport, clock)
        clock.advance(timedelta(days=3))
        assert await hand_over_all(database, gate, transport, clock) == 1
    assert (await load_one(database, shelf, case.id)).state is CaseState.COMPLETED


async def test_notify_what_nobody_took_after_the_last_try_is_held_and_not_dropped(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, shelf: Shelf
) -> None:
    async with loopback(answer(500)) as subscriber:
        await save_subscriber(database, subscriber.url, events_wanted=("case.received",))
        await opened(gate, shelf, "police")
        payload = ""
        while at := await next_at(database, tables.delivery):
            clock.advance(at - clock.now())
            (claimed,) = await steps.claim(database, DELIVERIES, clock, 10)
            payload = claimed.row["payload"]
            await webhooks.deliver(Settling(database), transport, clock, claimed)
    assert len(subscriber.heard) == 10
    async with database.read() as connection:
        (row,) = (await connection.execute(tables.delivery.select())).mappings()
    assert (row["state"], row["held_reason"], row["payload"]) == ("held", "exhausted", payload)


async def test_two_departments_behind_one_case_and_one_fails_for_an_hour(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, shelf: Shelf
) -> None:
    """The result of the other is kept; the failing one is tried again alone, and then completes."""
    began, failing = clock.now(), True

    async def fail(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(503) if failing else COMPLETED)
        await writer.drain()

    case = await opened(gate, shelf, "police", "bank")
    async with loopback(COMPLETED) as police, loopback(fail) as bank:
        await save_department(database, "police", police.url)
        await save_department(database, "bank", bank.url)
        await hand_over_all(database, gate, transport, clock)
        kept = (await load_one(database, shelf, case.id)).steps["police"]
        assert kept.state is StepState.COMPLETED
        while failing:
            at = await next_at(database)
            assert at is not None
            clock.advance(at - clock.now())
            failing = clock.now() - began < timedelta(hours=1)
            assert await hand_over_all(database, gate, transport, clock) == 1
    now = await load_one(database, shelf, case.id)
    assert (now.state, now.steps["police"]) == (CaseState.COMPLETED, kept)
    assert (len(police.heard), len(bank.heard)) == (1, 5)
    assert len({(heard.headers["webhook-id"], heard.body) for heard in bank.heard}) == 1


async def test_a_task_above_256_kb_is_held_at_once_with_the_reason_and_nobody_is_called(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, shelf: Shelf
) -> None:
    case = await opened(gate, shelf, "police", form={"child": TOO_LARGE})
    async with loopback(COMPLETED) as department:
        await save_department(database, "police", department.url)
        await hand_over_all(database, gate, transport, clock)
    assert department.heard == []
    now = await load_one(database, shelf, case.id)
    (task,) = now.tasks.values()
    waiting = now.steps["police"].waiting
    assert waiting is not None
    assert (task.state, waiting.reason) == (TaskState.HELD, "delivery_needs_attention")
    async with database.read() as connection:
        (attempt,) = await deliveries.attempts(connection, TASKS, task.id)
    assert (attempt["failure"], attempt["reason"]) == ("refused", "the body is larger than 262144 bytes")


async def test_an_event_above_256_kb_is_held_at_once_and_nobody_is_called(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, shelf: Shelf
) -> None:
    """No message of ours is so large; one that were would not be tried ten times."""
    async with loopback(answer(204)) as subscriber:
        await save_subscriber(database, subscriber.url, events_wanted=("case.received",))
        await opened(gate, shelf, "police")
        (claimed,) = await steps.claim(database, DELIVERIES, clock, 10)
        large = claimed._replace(row={**claimed.row, "payload": TOO_LARGE})
        await webhooks.deliver(Settling(database), transport, clock, large)
    heard: list[Heard] = subscriber.heard
    async with database.read() as connection:
        (row,) = (await connection.execute(tables.delivery.select())).mappings()
    assert (heard, row["state"], row["held_reason"]) == ([], "held", "needs_attention")
