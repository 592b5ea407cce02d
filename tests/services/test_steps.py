"""The three beats of a call-out, and a crash between each two: nothing lost, one key, the same bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from structlog.testing import capture_logs

from onenet.adapters.base import Endpoint, Talk, TaskSheet
from onenet.adapters.transport import Transport
from onenet.adapters.webhook import Webhook
from onenet.clock import FrozenClock
from onenet.domain.bundle import Bundle, Limit, Wait
from onenet.domain.case import Case
from onenet.domain.commands import Withdraw
from onenet.domain.outcome import Completed
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.states import StepState, TaskState, TimerState
from onenet.domain.visibility import EVERYTHING
from onenet.errors import Unavailable
from onenet.ids import to_text
from onenet.services import doctor, steps, webhooks
from onenet.services.advance import Gate
from onenet.services.change import Change, Result
from onenet.services.leases import Claimed
from onenet.services.webhooks import Settling
from onenet.store import deliveries, timers
from onenet.store.database import Database
from onenet.store.queue import DELIVERIES, LEASE, TASKS, Queue
from tests.adapters.loopback import Heard, Loopback, answer, loopback
from tests.factories import ACTOR, Shelf, make_bundle, make_content, make_member, make_opening
from tests.keys import key_ring
from tests.outward import HERE
from tests.store.seeding import load_one, save_department, save_subscriber

pytestmark = pytest.mark.anyio

COMPLETED = answer(200, {"outcome": "completed"})
TAKEN = answer(202)


@pytest.fixture
async def transport(anyio_backend: str) -> AsyncIterator[Transport]:
    async with Transport(destinations=HERE) as opened:
        yield opened


@pytest.fixture
def bundle(shelf: Shelf) -> Bundle:
    return shelf.put(make_bundle())


async def opened(gate: Gate, bundle: Bundle) -> Case:
    result = await gate.submit(make_opening(bundle))
    assert result.case is not None
    return result.case


async def claim(database: Database, clock: FrozenClock, which: Queue = TASKS) -> Claimed:
    (claimed,) = await steps.claim(database, which, clock, 10)
    return claimed


async def attempts(database: Database, id: UUID, which: Queue = TASKS) -> list[dict[str, Any]]:
    async with database.read() as connection:
        return await deliveries.attempts(connection, which, id)


def key_and_body(heard: Heard) -> tuple[str, bytes]:
    return heard.headers["webhook-id"], heard.body


# ---- call and record


async def test_a_task_is_handed_over_and_its_outcome_recorded(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    case = await opened(gate, bundle)
    async with loopback(COMPLETED) as department:
        await save_department(database, "police", department.url)
        claimed = await claim(database, clock)
        await steps.dispatch(gate, transport, clock, claimed)
    (task,) = case.tasks.values()
    (heard,) = department.heard
    assert heard.headers["webhook-id"] == to_text(TASK_PREFIX, task.id)
    assert json.loads(heard.body)["data"] == json.loads(task.payload)
    assert (await load_one(database, shelf, case.id)).steps["household"].state is StepState.COMPLETED
    (attempt,) = await attempts(database, task.id)
    assert (attempt["status"], attempt["failure"], attempt["reason"]) == (200, None, None)
    assert attempt["ended_at"] is not None


async def test_nothing_is_open_while_a_department_is_called(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle
) -> None:
    """A department that thinks for ten seconds must not keep a lock for ten seconds."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def think(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await go_on.wait()
        writer.write(TAKEN)
        await writer.drain()

    case = await opened(gate, bundle)
    async with loopback(think) as department:
        await save_department(database, "police", department.url)
        claimed = await claim(database, clock)
        calling = asyncio.create_task(steps.dispatch(gate, transport, clock, claimed))
        await asked.wait()
        async with asyncio.timeout(5):
            await gate.submit(Change(case.id, Withdraw(), ACTOR))
        go_on.set()
        await calling


async def test_a_department_without_an_endpoint_is_tried_later(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    case = await opened(gate, bundle)
    await steps.dispatch(gate, transport, clock, await claim(database, clock))
    (task,) = (await load_one(database, shelf, case.id)).tasks.values()
    assert (task.state, task.tries, task.attempt) == (TaskState.PENDING, 1, 1)


async def test_an_endpoint_that_is_held_as_its_task_is_claimed_is_not_called_and_holds_the_step(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    """Or is one whose row cannot be read. What is held earlier is not claimed at all."""
    case = await opened(gate, bundle)
    endpoint = await save_department(database, "police", "http://127.0.0.1:1")
    claimed = await claim(database, clock)
    held = claimed._replace(endpoint=replace(endpoint, state="held"))
    await steps.dispatch(gate, transport, clock, held)
    assert (await load_one(database, shelf, case.id)).steps["household"].state is StepState.HELD


async def test_an_unknown_adapter_holds_the_step_with_the_reason(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    case = await opened(gate, bundle)
    await save_department(database, "police", "http://127.0.0.1:1", adapter="pigeon")
    await steps.dispatch(gate, transport, clock, await claim(database, clock))
    step = (await load_one(database, shelf, case.id)).steps["household"]
    assert step.state is StepState.HELD
    assert "pigeon" in (step.reason or "")


async def test_a_department_at_an_inner_address_is_not_called_and_its_step_held_at_once(
    database: Database, gate: Gate, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    case = await opened(gate, bundle)
    async with loopback(COMPLETED) as department, Transport() as strict:
        await save_department(database, "police", department.url)
        await steps.dispatch(gate, strict, clock, await claim(database, clock))
    held = await load_one(database, shelf, case.id)
    (task,) = held.tasks.values()
    (attempt,) = await attempts(database, task.id)
    assert (department.heard, held.steps["household"].state) == ([], StepState.HELD)
    assert (attempt["number"], attempt["status"]) == (1, None)
    assert (attempt["failure"], attempt["reason"]) == ("refused", "destination not allowed")


class Careless(Webhook):
    """Somebody else's adapter: it hands on half of a character pair, which is text in no database."""

    def submit(self, task: TaskSheet) -> Talk:
        """Says what it likes, whatever the department answered."""
        yield httpx2.Request("POST", self._url, content=b"{}")
        return Completed((), "\ud800")


async def test_an_answer_that_cannot_be_stored_holds_the_step_instead_of_being_asked_for_for_ever(
    database: Database,
    gate: Gate,
    transport: Transport,
    clock: FrozenClock,
    bundle: Bundle,
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "adapter_for", Careless)
    case = await opened(gate, bundle)
    async with loopback(COMPLETED) as department:
        await save_department(database, "police", department.url)
        await steps.dispatch(gate, transport, clock, await claim(database, clock))
    step = (await load_one(database, shelf, case.id)).steps["household"]
    assert (step.state, step.reason) == (StepState.HELD, "the answer could not be recorded")


# ---- crashes


async def called_again(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, department: Loopback
) -> list[tuple[str, bytes]]:
    """The lease of a worker that died ends, another one does the work; gives all that was heard."""
    assert await steps.claim(database, TASKS, clock, 10) == []
    clock.advance(LEASE)
    await steps.dispatch(gate, transport, clock, await claim(database, clock))
    return [key_and_body(heard) for heard in department.heard]


async def test_a_crash_between_claim_and_call_loses_nothing(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    case = await opened(gate, bundle)
    async with loopback(COMPLETED) as department:
        await save_department(database, "police", department.url)
        await claim(database, clock)  # and here the worker dies
        heard = await called_again(database, gate, transport, clock, department)
    assert len(heard) == 1
    after = await load_one(database, shelf, case.id)
    assert after.steps["household"].state is StepState.COMPLETED
    (task,) = after.tasks
    assert [row["ended_at"] is None for row in await attempts(database, task)] == [True, False]


async def test_a_crash_between_call_and_record_sends_the_same_key_and_bytes(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    async def say(target: Endpoint, sheet: TaskSheet) -> tuple[str, Talk]:
        return sheet.key, Webhook(target).submit(sheet)

    case = await opened(gate, bundle)
    async with loopback(COMPLETED) as department:
        await save_department(database, "police", department.url)
        claimed = await claim(database, clock)
        await steps._call(claimed, transport, clock.now(), gate.ring, say)  # here it dies
        heard = await called_again(database, gate, transport, clock, department)
    assert len(heard) == 2
    assert heard[0] == heard[1]
    after = await load_one(database, shelf, case.id)
    assert after.steps["household"].state is StepState.COMPLETED


async def test_a_crash_in_the_middle_of_a_call_sends_the_same_key_and_bytes(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle
) -> None:
    asked = asyncio.Event()

    async def never_answer(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(0)

    await opened(gate, bundle)
    async with loopback(never_answer, COMPLETED) as department, Transport(destinations=HERE) as of_the_dying:
        await save_department(database, "police", department.url)
        dying = asyncio.create_task(steps.dispatch(gate, of_the_dying, clock, await claim(database, clock)))
        await asked.wait()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        heard = await called_again(database, gate, transport, clock, department)
    assert len(heard) == 2
    assert heard[0] == heard[1]


async def test_a_worker_that_was_frozen_past_its_lease_changes_nothing_but_its_attempt(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle, shelf: Shelf
) -> None:
    case = await opened(gate, bundle)
    async with loopback(answer(200, {"outcome": "accepted"}), COMPLETED) as department:
        await save_department(database, "police", department.url)
        frozen = await claim(database, clock)
        clock.advance(LEASE)
        await steps.dispatch(gate, transport, clock, await claim(database, clock))
        before = await load_one(database, shelf, case.id)
        await steps.dispatch(gate, transport, clock, frozen)  # it wakes up, and calls once more
    assert before.steps["household"].state is StepState.ACCEPTED
    assert await load_one(database, shelf, case.id) == before
    (task,) = before.tasks
    assert [(row["number"], row["status"]) for row in await attempts(database, task)] == [(1, 200), (2, 200)]


async def test_a_second_claimer_who_read_early_cannot_run(
    database: Database, database_url: str, gate: Gate, clock: FrozenClock, bundle: Bundle
) -> None:
    """stale_recovery_cannot_run: both see the work as due, one gets it."""
    await opened(gate, bundle)
    other = Database(database_url, ring=key_ring())
    claims = await asyncio.gather(
        steps.claim(database, TASKS, clock, 10), steps.claim(other, TASKS, clock, 10)
    )
    await other.close()
    assert sorted(map(len, claims)) == [0, 1]


async def test_the_next_task_is_written_with_the_step_before_it(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, shelf: Shelf
) -> None:
    """never_stuck_between_steps: no crash can come between the end of one step and the next task."""
    bundle = shelf.put(make_bundle(make_member("a"), make_member("b", after=["a"])))
    case = await opened(gate, bundle)
    seen: list[set[str]] = []
    gate.listen(lambda committed: seen.extend({task.step for task in c.tasks.values()} for c in committed))
    async with loopback(COMPLETED) as department:
        await save_department(database, "police", department.url)
        await steps.dispatch(gate, transport, clock, await claim(database, clock))
    assert seen == [{"a", "b"}]
    assert (await load_one(database, shelf, case.id)).steps["b"].state is StepState.DISPATCHED


# ---- deliveries


async def test_a_subscriber_is_told_once_and_the_delivery_is_done(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle
) -> None:
    async with loopback(answer(204)) as subscriber:
        await save_subscriber(database, subscriber.url, events_wanted=("case.received",))
        await opened(gate, bundle)
        await webhooks.deliver(Settling(database), transport, clock, await claim(database, clock, DELIVERIES))
        clock.advance(LEASE)
        assert await steps.claim(database, DELIVERIES, clock, 10) == []
    (heard,) = subscriber.heard
    assert json.loads(heard.body)["type"] == "case.received"


async def test_a_subscriber_that_fails_is_told_again_under_the_same_id(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle
) -> None:
    async with loopback(answer(503), answer(204)) as subscriber:
        await save_subscriber(database, subscriber.url, events_wanted=("case.received",))
        await opened(gate, bundle)
        for _ in range(2):
            await webhooks.deliver(
                Settling(database), transport, clock, await claim(database, clock, DELIVERIES)
            )
            clock.advance(timedelta(seconds=6))
    first, second = subscriber.heard
    assert key_and_body(first) == key_and_body(second)


async def test_a_subscriber_that_is_gone_is_held(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle
) -> None:
    async with loopback(answer(410)) as subscriber:
        await save_subscriber(database, subscriber.url, events_wanted=("case.received",))
        await opened(gate, bundle)
        claimed = await claim(database, clock, DELIVERIES)
        await webhooks.deliver(Settling(database), transport, clock, claimed)
    async with database.read() as connection:
        (row,) = await deliveries.page(connection, EVERYTHING, after=None, state="held", limit=10)
    assert (row["id"], row["held_reason"]) == (claimed.row["id"], "endpoint")


async def test_a_late_delivery_result_changes_nothing_but_its_attempt(
    database: Database, gate: Gate, transport: Transport, clock: FrozenClock, bundle: Bundle
) -> None:
    async with loopback(answer(204), answer(410)) as subscriber:
        await save_subscriber(database, subscriber.url, events_wanted=("case.received",))
        await opened(gate, bundle)
        frozen = await claim(database, clock, DELIVERIES)
        clock.advance(LEASE)
        await webhooks.deliver(Settling(database), transport, clock, await claim(database, clock, DELIVERIES))
        await webhooks.deliver(Settling(database), transport, clock, frozen)
    async with database.read() as connection:
        (row,) = await deliveries.page(connection, EVERYTHING, after=None, state=None, limit=10)
    assert row["state"] == "done"
    assert [a["status"] for a in await attempts(database, row["id"], DELIVERIES)] == [410, 204]


# ---- timers


async def test_a_timer_that_is_due_lets_its_step_out(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    wait = Wait("noticed_on", Limit(2, "days"))
    bundle = shelf.put(make_bundle(make_member("cancel", waits=[wait])))
    content = make_content(form={"noticed_on": "2026-11-22"})
    result = await gate.submit(make_opening(bundle, content=content))
    assert result.case is not None
    assert await steps.fire_timers(database, gate, clock, 10) == 0
    clock.advance(timedelta(days=1))
    assert await steps.fire_timers(database, gate, clock, 10) == 1
    assert await steps.fire_timers(database, gate, clock, 10) == 0
    after = await load_one(database, shelf, result.case.id)
    assert after.steps["cancel"].state is StepState.DISPATCHED
    assert [timer.state for timer in after.timers.values()] == [TimerState.FIRED]


async def test_a_timer_that_cannot_fire_is_held_in_sight_and_does_not_keep_the_others(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    """A case whose bundle is missing is an accident; the other cases' legal clocks still count."""
    wait = Wait("noticed_on", Limit(1, "days"))
    content = make_content(form={"noticed_on": "2026-11-23"})
    cases = []
    for code in ("lost", "kept"):
        bundle = shelf.put(make_bundle(make_member("cancel", waits=[wait]), code=code))
        result = await gate.submit(make_opening(bundle, content=content))
        assert result.case is not None
        cases.append(result.case)
    lost = shelf._bundles.pop(("lost", 1))
    clock.advance(timedelta(days=2))
    with capture_logs() as said:
        assert await steps.fire_timers(database, gate, clock, 10) == 1
        assert await steps.fire_timers(database, gate, clock, 10) == 0
    assert [each["event"] for each in said] == ["timer_held"]
    after = await load_one(database, shelf, cases[1].id)
    assert after.steps["cancel"].state is StepState.DISPATCHED
    (remark,) = await doctor._timers(database, doctor.Clocks(clock, clock))
    assert (remark.level, remark.says[:3]) == ("finding", "1, ")
    shelf.put(lost)
    async with database.transaction() as connection:
        assert await timers.let_go(connection) == 1
    assert await steps.fire_timers(database, gate, clock, 10) == 1
    (remark,) = await doctor._timers(database, doctor.Clocks(clock, clock))
    assert remark.level == "ok"


async def test_a_timer_whose_database_is_away_is_not_held(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = Wait("noticed_on", Limit(1, "days"))
    bundle = shelf.put(make_bundle(make_member("cancel", waits=[wait])))
    await gate.submit(make_opening(bundle, content=make_content(form={"noticed_on": "2026-11-23"})))
    clock.advance(timedelta(days=2))

    async def away(change: Change) -> Result:
        raise Unavailable

    monkeypatch.setattr(gate, "submit", away)
    assert await steps.fire_timers(database, gate, clock, 10) == 0
    monkeypatch.undo()
    assert await steps.fire_timers(database, gate, clock, 10) == 1
