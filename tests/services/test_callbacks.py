"""Callbacks: authenticated over the raw bytes, applied once, kept on record when they change nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from onenet.adapters import signing
from onenet.clock import FrozenClock
from onenet.domain.case import Case
from onenet.domain.commands import Withdraw
from onenet.domain.sheet import TASK_PREFIX
from onenet.errors import CallbackConflict, InvalidInput, NotFound, Unauthenticated
from onenet.ids import new_id, to_text
from onenet.services import callbacks
from onenet.services.advance import Gate
from onenet.services.change import Change, Result
from onenet.store import tables
from onenet.store.database import Database
from tests.factories import ACTOR, NOW, Shelf, make_bundle, make_member, make_opening
from tests.keys import key_ring
from tests.store.seeding import SECRET, count, load_one, save_department

pytestmark = pytest.mark.anyio

URL = "https://onenet.example/v1/callbacks/police"


@dataclass
class Desk:
    """A department that calls back about one case's first step."""

    database: Database
    gate: Gate
    clock: FrozenClock
    shelf: Shelf
    case: Case
    department: str = "police"

    def body(self, outcome: str = "accepted", **members: Any) -> bytes:
        """The message; `task` in members names another task than the case's own."""
        data = {"task": self.task(), "outcome": outcome, **members}
        return json.dumps(
            {"type": "task.outcome", "timestamp": NOW.isoformat(), "data": data}
        ).encode()  # fmt: skip

    def task(self) -> str:
        (task_id,) = (task.id for task in self.case.tasks.values() if task.step == "a")
        return to_text(TASK_PREFIX, task_id)

    async def call(
        self, body: bytes, *, message: str = "m-1", secret: str = SECRET, gate: Gate | None = None
    ) -> Result:
        """Signs the body now and delivers it."""
        return await callbacks.receive(
            self.database,
            gate or self.gate,
            self.clock,
            department=self.department,
            url=URL,
            headers=signing.sign(body, [secret], message_id=message, at=self.clock.now()),
            body=body,
        )

    async def now(self) -> Case:
        return await load_one(self.database, self.shelf, self.case.id)

    async def types(self) -> list[str]:
        async with self.database.read() as connection:
            statement = select(tables.event.c.type).order_by(tables.event.c.seq)
            return list((await connection.execute(statement)).scalars())


@pytest.fixture
async def desk(database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf) -> Desk:
    bundle = shelf.put(make_bundle(make_member("a"), make_member("b", department="bank")))
    for department in ("police", "bank"):
        await save_department(database, department, "http://127.0.0.1:1")
    result = await gate.submit(make_opening(bundle))
    assert result.case is not None
    return Desk(database, gate, clock, shelf, result.case)


def told(result: Result) -> tuple[int, str]:
    assert result.answer is not None
    return result.answer.status, json.loads(result.answer.body)["outcome"]


async def test_a_first_callback_is_applied(desk: Desk) -> None:
    assert told(await desk.call(desk.body())) == (200, "applied")
    assert (await desk.now()).steps["a"].state.value == "accepted"


async def test_a_repeated_callback_gets_the_stored_answer_and_changes_nothing(desk: Desk) -> None:
    first = await desk.call(desk.body("completed"))
    before = await desk.now()
    again = await desk.call(desk.body("completed"))
    assert (again.replayed, again.answer) == (True, first.answer)
    assert await desk.now() == before


async def test_fifty_repetitions_at_once_make_one_transition(
    desk: Desk, database_url: str, shelf: Shelf, clock: FrozenClock
) -> None:
    """Also through the door of another process."""
    other = Database(database_url, ring=key_ring())
    doors = [desk.gate, Gate(other, shelf.bundle_of, clock, clock)]
    results = await asyncio.gather(*(desk.call(desk.body("completed"), gate=doors[n % 2]) for n in range(50)))
    await other.close()
    assert len({result.answer.body for result in results if result.answer}) == 1
    assert sum(not result.replayed for result in results) == 1
    assert (await desk.types()).count("step.completed") == 1


async def test_the_same_message_id_with_another_body_is_a_conflict(desk: Desk) -> None:
    await desk.call(desk.body("accepted"))
    with pytest.raises(CallbackConflict):
        await desk.call(desk.body("completed"))
    assert (await desk.now()).steps["a"].state.value == "accepted"


async def test_a_late_callback_is_on_record_only(desk: Desk) -> None:
    await desk.call(desk.body("completed"))
    assert told(await desk.call(desk.body("accepted"), message="m-2")) == (200, "recorded-late")
    assert (await desk.types())[-1] == "answer.late"


async def test_two_final_callbacks_make_one_transition(desk: Desk) -> None:
    rejected = desk.body("rejected", reason_code="refused", reason="not entitled")
    results = await asyncio.gather(
        desk.call(desk.body("completed"), message="m-1"), desk.call(rejected, message="m-2")
    )
    assert sorted(told(result)[1] for result in results) == ["applied", "recorded-late"]
    states = [t for t in await desk.types() if t in ("step.completed", "step.rejected")]
    assert len(states) == 1


async def test_a_stale_callback_is_on_record_only(desk: Desk) -> None:
    await desk.call(desk.body("accepted", seq=2))
    stale = desk.body("rejected", seq=1, reason_code="refused", reason="not entitled")
    assert told(await desk.call(stale, message="m-2")) == (200, "recorded-stale")
    assert (await desk.now()).steps["a"].state.value == "accepted"


async def test_an_impossible_move_is_told_and_kept_on_record(desk: Desk) -> None:
    assert told(await desk.call(desk.body("resumed"))) == (409, "refused")
    assert (await desk.types())[-1] == "answer.refused"
    again = await desk.call(desk.body("resumed"))
    assert (again.replayed, told(again)) == (True, (409, "refused"))


async def test_a_word_nobody_knows_holds_the_step(desk: Desk) -> None:
    assert told(await desk.call(desk.body("perhaps"))) == (200, "held")
    assert (await desk.now()).steps["a"].state.value == "held"


async def test_an_answer_after_withdrawal_is_late(desk: Desk) -> None:
    await desk.gate.submit(Change(desk.case.id, Withdraw(), ACTOR))
    assert told(await desk.call(desk.body("completed"))) == (200, "recorded-late")


async def test_another_department_s_task_and_an_unknown_one_look_the_same(desk: Desk) -> None:
    desk.department = "bank"
    unknown = to_text(TASK_PREFIX, new_id())
    errors = []
    for body in (desk.body(), desk.body(task=unknown), desk.body(task="tsk_nonsense")):
        with pytest.raises(NotFound) as caught:
            await desk.call(body)
        errors.append((caught.value.detail, caught.value.faults))
    assert len(set(errors)) == 1
    assert (await desk.now()).steps == desk.case.steps


async def test_nothing_is_kept_of_a_callback_that_was_not_for_us(desk: Desk) -> None:
    """Its message id stays free: the right message may still come under it."""
    desk.department = "bank"
    with pytest.raises(NotFound):
        await desk.call(desk.body())
    async with desk.database.read() as connection:
        assert await count(connection, tables.idempotency_key) == 0


async def test_a_body_that_is_no_answer_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput):
        await desk.call(b'{"type": "task.outcome"}')


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_signature_of_another_time_is_refused(desk: Desk, minutes: int) -> None:
    body = desk.body()
    at = desk.clock.now() + timedelta(minutes=minutes)
    headers = signing.sign(body, [SECRET], message_id="m-1", at=at)
    with pytest.raises(Unauthenticated):
        await callbacks.receive(
            desk.database, desk.gate, desk.clock, department="police", url=URL, headers=headers, body=body
        )


async def test_a_wrong_secret_a_changed_byte_and_an_unknown_department_look_the_same(desk: Desk) -> None:
    body = desk.body()
    headers = signing.sign(body, [SECRET], message_id="m-1", at=desk.clock.now())
    attempts = [
        ("police", signing.sign(body, [signing.new_secret()], message_id="m-1", at=desk.clock.now()), body),
        ("police", headers, body + b" "),
        ("police", {}, body),
        ("nobody", headers, body),
    ]
    details = set()
    for department, given, sent in attempts:
        with pytest.raises(Unauthenticated) as caught:
            await callbacks.receive(
                desk.database,
                desk.gate,
                desk.clock,
                department=department,
                url=URL,
                headers=given,
                body=sent,
            )
        details.add(caught.value.detail)
    assert len(details) == 1
    assert (await desk.now()).seq == desk.case.seq
