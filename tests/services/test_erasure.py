"""Erasure: what was said goes when its time is over; what nobody said, and the proof, stay."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from onenet.clock import FrozenClock
from onenet.domain.case import Applicant, Case
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Completed, Rejected, ResultGiven
from onenet.encryption import Unreadable
from onenet.errors import Conflict, NotFound
from onenet.ids import lane_of, new_id
from onenet.services import erasure, record
from onenet.services.advance import Gate
from onenet.services.change import Change, Once, Result
from onenet.services.invariants import Looked, check_case
from onenet.store import cases, erasure_tables, events, log_tables, tables
from onenet.store import erasure as store
from onenet.store.database import Database
from onenet.store.idempotency import StoredAnswer
from tests.factories import Shelf, make_bundle, make_content, make_member, make_opening
from tests.store.seeding import count, load_one, save_department

pytestmark = pytest.mark.anyio

ID_NO = "11010519491231002X"
CANARIES = (ID_NO, "canary-name", "canary-form", "canary-result", "canary-opinion")


async def closed_case(gate: Gate, shelf: Shelf, database: Database, *, retention_days: int = 180) -> Case:
    """A case that its department has completed."""
    await save_department(database, "police", "http://127.0.0.1:1")
    content = make_content(form={"remark": "canary-form"})
    content = replace(content, applicant=Applicant("canary-name", "natural_person", "resident_id", ID_NO))
    member = replace(make_member(results=["paper"]), retention_days=retention_days)
    bundle = shelf.put(make_bundle(member))
    once = Once("frontend:app/s-1", f"key-{new_id()}", b"x" * 32, Conflict)
    opening = make_opening(
        bundle,
        content=content,
        once=once,
        render=lambda case, _: StoredAnswer(202, json.dumps({"tracking_seed": "seed"})),
    )
    case = (await gate.submit(opening)).case
    assert case is not None
    (task,) = case.tasks
    outcome = Completed((ResultGiven("paper", "canary-result"),), "canary-opinion")
    done = (await gate.submit(Change(case.id, RecordAnswer(task, outcome), "department:police"))).case
    assert done is not None
    return done


async def erase(database: Database, gate: Gate, case_id: UUID, clock: FrozenClock) -> None:
    await erasure.erase(database, gate, case_id, basis="asked", actor="operator:test", now=clock.now())


async def told(database: Database, case_id: UUID) -> list[str]:
    """The types of the case's events."""
    e = tables.event.c
    async with database.read() as connection:
        statement = select(e.type).where(e.case_id == case_id).order_by(e.seq)
        return list((await connection.execute(statement)).scalars())


async def said(database: Database, shelf: Shelf, case_id: UUID) -> str:
    """Everything of the case that can still be read with the keys at hand."""
    return repr(await load_one(database, shelf, case_id))


async def test_nothing_that_was_said_can_be_read_after_an_erasure(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case = await closed_case(gate, shelf, database)
    before = await said(database, shelf, case.id)
    assert [word for word in CANARIES if word not in before] == []
    await erase(database, gate, case.id, clock)
    after = await said(database, shelf, case.id)
    assert [word for word in (*CANARIES, repr(case.secret_hash)) if word in after] == []
    async with database.read() as connection:
        assert await count(connection, tables.idempotency_key) == 1  # the submission's
        assert await count(connection, log_tables.event_private) == 0
        history = await events.after(connection, case.id, 0, 100)
    assert "canary" not in repr([event.content() for event in history])


async def test_what_nobody_said_stays(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case = await closed_case(gate, shelf, database)
    await erase(database, gate, case.id, clock)
    after = await load_one(database, shelf, case.id)
    assert (after.number, after.state, after.created_at) == (case.number, case.state, case.created_at)
    assert {code: step.state for code, step in after.steps.items()} == {
        code: step.state for code, step in case.steps.items()
    }


async def test_an_erased_row_does_not_open_with_the_key_it_had(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case = await closed_case(gate, shelf, database)
    assert case.data_key is not None
    old = database.ring.open(case.data_key)
    await erase(database, gate, case.id, clock)
    async with database.read() as connection:
        content = await connection.scalar(select(tables.case_content.c.content)) or ""
    with pytest.raises(Unreadable):
        old.unseal(content, place="case_content.content", row=case.id)


async def test_the_record_is_sound_after_an_erasure_and_tells_of_it(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case = await closed_case(gate, shelf, database)
    await erase(database, gate, case.id, clock)
    assert (await told(database, case.id))[-1] == "data.erased"
    verdict = await record.verify(database)
    assert (verdict.cases, verdict.tamperings, verdict.erased) == (1, (), 1)


async def test_a_case_is_erased_when_its_items_time_is_over_and_not_before(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case = await closed_case(gate, shelf, database, retention_days=30)
    lane = lane_of(case.id)
    clock.advance(timedelta(days=30) - timedelta(seconds=1))
    assert await erasure.round_of(database, gate, lane, clock.now()) == 0
    clock.advance(timedelta(seconds=1))
    assert await erasure.round_of(database, gate, lane, clock.now()) == 1
    assert await erasure.round_of(database, gate, lane, clock.now()) == 0
    assert (await told(database, case.id)).count("data.erased") == 1


async def test_an_open_case_is_never_erased(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    await save_department(database, "police", "http://127.0.0.1:1")
    case = (await gate.submit(make_opening(shelf.put(make_bundle())))).case
    assert case is not None
    clock.advance(timedelta(days=3_650))
    assert await erasure.round_of(database, gate, lane_of(case.id), clock.now()) == 0
    with pytest.raises(Conflict, match="open"):
        await erase(database, gate, case.id, clock)


async def test_a_legal_hold_keeps_a_case_until_it_is_lifted(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case = await closed_case(gate, shelf, database)
    await erasure.hold(database, case.id, reason="lawsuit", actor="operator:test", now=clock.now())
    clock.advance(timedelta(days=400))
    lane = lane_of(case.id)
    assert await erasure.round_of(database, gate, lane, clock.now()) == 0
    with pytest.raises(Conflict, match="legal hold"):
        await erase(database, gate, case.id, clock)
    await erasure.lift(database, case.id, actor="operator:test", now=clock.now())
    with pytest.raises(NotFound):
        await erasure.lift(database, case.id, actor="operator:test", now=clock.now())
    assert await erasure.round_of(database, gate, lane, clock.now()) == 1
    with pytest.raises(Conflict):
        await erasure.hold(database, case.id, reason="late", actor="operator:test", now=clock.now())


@pytest.mark.parametrize("steps_done", range(3), ids=["decided", "told", "shredded"])
async def test_an_erasure_that_was_cut_off_is_finished_by_the_next_round(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock, steps_done: int
) -> None:
    case = await closed_case(gate, shelf, database)
    async with database.transaction() as connection:
        await store.decide(connection, case.id, basis="asked", actor="operator:test", now=clock.now())
    if steps_done >= 1:
        await erasure._tell(database, gate, case.id)
    if steps_done >= 2:
        async with database.transaction() as connection:
            await store.shred(connection, case.id, clock.now())
    assert await erasure.round_of(database, gate, 0, clock.now()) == 1
    assert "canary" not in await said(database, shelf, case.id)
    assert (await told(database, case.id)).count("data.erased") == 1
    async with database.read() as connection:
        assert await store.undone(connection, 10) == []


async def test_two_who_erase_one_case_at_once_leave_one_event(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case = await closed_case(gate, shelf, database)
    await asyncio.gather(*(erase(database, gate, case.id, clock) for _ in range(4)))
    assert (await told(database, case.id)).count("data.erased") == 1
    async with database.read() as connection:
        assert await count(connection, erasure_tables.erasure) == 1


async def test_a_late_answer_to_an_erased_case_is_recorded_and_sealed(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case = await closed_case(gate, shelf, database)
    await erase(database, gate, case.id, clock)
    (task,) = case.tasks
    late = Change(case.id, RecordAnswer(task, Rejected("refused", "canary-late")), "department:police")
    result: Result = await gate.submit(late)
    assert result.reply == "recorded-late"
    async with database.read() as connection:
        stored = await connection.execute(select(tables.step), {})
        assert "canary-late" not in repr(stored.all())
    assert (await record.verify(database)).tamperings == ()


async def test_who_remembers_the_case_as_it_was_cannot_write_it_back(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case = await closed_case(gate, shelf, database)
    await erase(database, gate, case.id, clock)
    async with database.read() as connection:
        versions = await cases.versions(connection, [case.id])
    assert versions[case.id] > case.version


async def test_the_key_of_an_erased_case_s_submission_opens_no_other(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case = await closed_case(gate, shelf, database)
    async with database.read() as connection:
        k = tables.idempotency_key.c
        scope, key = (await connection.execute(select(k.scope, k.key))).one()
    await erase(database, gate, case.id, clock)
    again = make_opening(
        shelf.put(make_bundle()),
        once=Once(scope, key, b"x" * 32, Conflict),
        render=lambda opened, _: StoredAnswer(202, "{}"),
    )
    result = await gate.submit(again)
    assert (result.case_id, result.replayed) == (case.id, True)


async def test_an_erased_case_is_sound_for_the_doctor(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case = await closed_case(gate, shelf, database)
    await erase(database, gate, case.id, clock)
    read = await load_one(database, shelf, case.id)
    async with database.read() as connection:
        history = await events.after(connection, case.id, 0, 100)
    assert list(check_case(Looked(read, history, [], [], True))) == []
