"""The outbox: what must be told is written with the change itself, and nothing is told of what never was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import RowMapping, select

from onenet.clock import FrozenClock
from onenet.domain.case import Case, Decision
from onenet.domain.commands import RecordAnswer, Withdraw
from onenet.domain.events import EVENT_KINDS, EventType
from onenet.domain.outcome import Completed
from onenet.services import steps
from onenet.services.advance import Gate
from onenet.services.change import Change
from onenet.store import endpoints, queue, tables
from onenet.store.database import Database
from onenet.store.idempotency import StoredAnswer
from tests.factories import ACTOR, Shelf, make_bundle, make_content, make_opening
from tests.services.test_gate import once
from tests.store.seeding import save_subscriber

pytestmark = pytest.mark.anyio

URL = "http://127.0.0.1:1/hook"


async def told(database: Database) -> Sequence[RowMapping]:
    async with database.read() as connection:
        statement = select(tables.delivery).order_by(tables.delivery.c.seq)
        return (await connection.execute(statement)).mappings().all()


async def test_every_public_event_is_told_to_the_subscriber_of_its_front_end(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    endpoint = await save_subscriber(database, URL)
    await save_subscriber(database, URL, owner="another")
    result = await gate.submit(make_opening(shelf.put(make_bundle())))
    rows = await told(database)
    assert [(row["type"], row["endpoint_id"]) for row in rows] == [
        ("case.received", endpoint.id),
        ("step.dispatched", endpoint.id),
    ]
    assert result.case is not None
    assert {row["case_id"] for row in rows} == {result.case.id}
    assert {(row["state"], row["attempt"]) for row in rows} == {("pending", 0)}


async def test_a_subscriber_hears_only_what_it_wants(database: Database, gate: Gate, shelf: Shelf) -> None:
    await save_subscriber(database, URL, events_wanted=("step.dispatched",))
    await gate.submit(make_opening(shelf.put(make_bundle())))
    assert [row["type"] for row in await told(database)] == ["step.dispatched"]


async def test_what_is_not_public_is_not_told(database: Database, gate: Gate, shelf: Shelf) -> None:
    await save_subscriber(database, URL)
    result = await gate.submit(make_opening(shelf.put(make_bundle())))
    assert result.case is not None
    (task_id,) = result.case.tasks
    await gate.submit(Change(result.case.id, Withdraw(), ACTOR))
    await gate.submit(Change(result.case.id, RecordAnswer(task_id, Completed()), ACTOR))
    types = {row["type"] for row in await told(database)}
    assert "answer.late" not in types
    assert all(EVENT_KINDS[EventType(type)].public for type in types)


async def test_a_message_is_thin_and_holds_nothing_personal(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    await save_subscriber(database, URL)
    content = make_content(applicant="某某", form={"child": "小明"})
    result = await gate.submit(make_opening(shelf.put(make_bundle()), content=content))
    assert result.case is not None
    for row in await told(database):
        message = json.loads(row["payload"])
        assert set(message) == {"type", "timestamp", "data"}
        assert set(message["data"]) <= {"case", "number", "seq", "step", "state", "jurisdiction"}
        assert message["data"]["seq"] == row["seq"]
        assert "某某" not in row["payload"]
        assert "secret" not in row["payload"]


async def test_nothing_is_told_of_a_change_that_was_rolled_back(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    await save_subscriber(database, URL)

    def explode(case: Case, decision: Decision) -> StoredAnswer:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await gate.submit(make_opening(shelf.put(make_bundle()), once=once(), render=explode))
    assert await told(database) == []


async def test_nothing_is_told_of_a_change_that_was_refused(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    result = await gate.submit(make_opening(shelf.put(make_bundle())))
    assert result.case is not None
    await gate.submit(Change(result.case.id, Withdraw(), ACTOR))
    await save_subscriber(database, URL)
    again = await asyncio.gather(
        gate.submit(Change(result.case.id, Withdraw(), ACTOR)), return_exceptions=True
    )
    assert isinstance(again[0], Exception)
    assert await told(database) == []


async def test_what_a_held_subscriber_would_hear_is_kept_for_it(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    """It waits like any other, and is left out of claims."""
    endpoint = await save_subscriber(database, URL)
    async with database.transaction() as connection:
        await endpoints.replace(connection, replace(endpoint, state="held"))
    await gate.submit(make_opening(shelf.put(make_bundle())))
    rows = await told(database)
    assert {(row["state"], row["held_reason"], row["next_at"]) for row in rows} == {
        ("pending", None, clock.now())
    }
    assert await steps.claim(database, queue.DELIVERIES, clock, 10) == []
