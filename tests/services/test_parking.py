"""A case that cannot be read is parked with the reason: not called about for ever, and in nobody's way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, update

from onenet.adapters.transport import Transport
from onenet.clock import FrozenClock
from onenet.domain.bundle import Bundle
from onenet.domain.case import Case
from onenet.domain.states import CaseState, StepState
from onenet.services import steps
from onenet.services.advance import Gate
from onenet.services.steps import UNDECIDABLE
from onenet.store import sealing, tables
from onenet.store.database import Database
from onenet.store.queue import LEASE, TASKS
from tests.adapters.loopback import answer, loopback
from tests.factories import Shelf, make_bundle, make_member, make_opening
from tests.outward import HERE
from tests.store.seeding import load_one, save_department

pytestmark = pytest.mark.anyio

COMPLETED = answer(200, {"outcome": "completed"})
BREAKAGES = {
    "the content is no JSON": update(tables.case_content).values(content="{"),
    "the bundle version does not exist": update(tables.cases).values(bundle_version=7),
    "a step's words are in the clear": update(tables.step).values(said='[{"no": "result"}]'),
}


@pytest.fixture
async def transport(anyio_backend: str) -> AsyncIterator[Transport]:
    async with Transport(destinations=HERE) as opened:
        yield opened


async def opened(gate: Gate, bundle: Bundle) -> Case:
    result = await gate.submit(make_opening(bundle))
    assert result.case is not None
    return result.case


@pytest.mark.parametrize("breakage", BREAKAGES)
async def test_a_task_of_a_case_that_cannot_be_read_is_held_and_its_neighbour_goes_on(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, shelf: Shelf, breakage: str
) -> None:
    bundle = shelf.put(make_bundle())
    broken, sound = [await opened(gate, bundle) for _ in range(2)]
    statement = BREAKAGES[breakage]
    of_case = statement.table.c.id if statement.table is tables.cases else statement.table.c.case_id
    async with database.transaction() as connection:
        await connection.execute(statement.where(of_case == broken.id))
    async with loopback(COMPLETED) as department:
        await save_department(database, "police", department.url)
        for claimed in await steps.claim(database, TASKS, clock, 10):
            await steps.dispatch(gate, transport, clock, claimed)
        clock.advance(2 * LEASE)
        assert await steps.claim(database, TASKS, clock, 10) == []
    assert len(department.heard) == 2
    assert (await load_one(database, shelf, sound.id)).state is CaseState.COMPLETED
    t = tables.task.c
    async with database.read() as connection:
        row = (await connection.execute(select(tables.task).where(t.case_id == broken.id))).mappings().one()
    assert (row["state"], row["held_reason"], row["next_at"]) == ("held", UNDECIDABLE, None)


async def test_a_task_whose_sheet_cannot_be_read_is_held_after_one_call(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, shelf: Shelf
) -> None:
    case = await opened(gate, shelf.put(make_bundle()))
    assert case.data_key is not None
    (task,) = case.tasks.values()
    broken = database.ring.open(case.data_key).seal("{broken", place=sealing.PAYLOAD, row=task.id)
    async with database.transaction() as connection:
        await connection.execute(update(tables.task).values(payload=broken))
    await save_department(database, "police", "http://127.0.0.1:1")
    (claimed,) = await steps.claim(database, TASKS, clock, 10)
    await steps.dispatch(gate, transport, clock, claimed)
    after = await load_one(database, shelf, case.id)
    assert [(task.state, task.held_reason) for task in after.tasks.values()] == [("held", "needs_attention")]
    assert after.steps["household"].state is StepState.HELD


async def test_an_endpoint_that_cannot_be_read_stops_its_own_tasks_and_nobody_elses(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, shelf: Shelf
) -> None:
    bundle = shelf.put(make_bundle(make_member("a"), make_member("b", department="bank")))
    async with loopback(COMPLETED) as department:
        for code in ("police", "bank"):
            await save_department(database, code, department.url)
        async with database.transaction() as connection:
            broken = update(tables.endpoint).where(tables.endpoint.c.owner == "bank").values(options="{")
            await connection.execute(broken)
        case = await opened(gate, bundle)
        for claimed in await steps.claim(database, TASKS, clock, 10):
            await steps.dispatch(gate, transport, clock, claimed)
    after = await load_one(database, shelf, case.id)
    assert {step.code: step.state for step in after.steps.values()} == {"a": "completed", "b": "held"}
