"""Invariants: every damage is found, with its case; a database in which nothing is wrong raises no alarm."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete, text, update

from onenet.clock import FrozenClock
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Accepted, Completed, Outcome, Received
from onenet.domain.states import TaskState
from onenet.errors import CallbackConflict
from onenet.services import callbacks, erasure, examination
from onenet.services.advance import Gate
from onenet.services.change import Change, Once
from onenet.services.invariants import Finding, Looked, check_case
from onenet.store import tables
from onenet.store.database import Database
from onenet.store.migrating import sync_url
from tests.domain import histories
from tests.domain.histories import blank, perform, random_acts, start
from tests.domain.test_opinions import accepted, ask
from tests.domain.walk import Walk
from tests.factories import Shelf, make_bundle, make_opening
from tests.services.damage import BUNDLE, DAMAGES, Rows, save_numbered, victim
from tests.store.seeding import count, save_subscriber

pytestmark = pytest.mark.anyio


async def examine(database: Database, shelf: Shelf) -> list[Finding]:
    return [finding async for finding in examination.examine(database, shelf.bundle_of)]


async def test_each_damage_is_found_with_its_case(
    database: Database, database_url: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One database, one victim for each damage; what is told of anybody else would be a false alarm."""
    monkeypatch.setattr(examination, "PAGE", 7)  # several pages, the damaged among the sound
    shelf.put(BUNDLE)
    victims = {name: victim() for name in DAMAGES}
    for name, damage in DAMAGES.items():
        if damage.before is not None:
            damage.before(victims[name])
    await save_numbered(database, [*victims.values(), *(victim() for _ in range(20))])
    engine = create_engine(sync_url(database_url))
    with engine.begin() as connection:
        if database.backend == "postgresql":  # who may damage may also switch the foreign keys off
            connection.execute(text("SET session_replication_role = replica"))
        for name, damage in DAMAGES.items():
            if damage.after is not None:
                damage.after(Rows(connection, victims[name]))
    engine.dispose()

    told: dict[UUID | None, set[str]] = defaultdict(set)
    for finding in await examine(database, shelf):
        told[finding.case_id].add(finding.invariant)
    found = {name: told.pop(walk.case.id, set()) for name, walk in victims.items()}
    assert found == {name: set(damage.found) for name, damage in DAMAGES.items()}
    assert told == {}


@settings(deadline=None, max_examples=150)
@given(histories.bundles(), st.booleans(), histories.acts)
def test_no_history_raises_an_alarm(bundle: Any, small: bool, acts: list[histories.Act]) -> None:
    walk = start(blank(bundle, small))
    for act in acts:
        perform(walk, act)
        assert found_in(walk) == []


def found_in(walk: Walk) -> list[Finding]:
    return list(check_case(Looked(walk.case, walk.events, [], [], is_numbered=True)))


async def test_a_database_in_which_nothing_is_wrong_raises_no_alarm(database: Database, shelf: Shelf) -> None:
    shelf.put(BUNDLE)
    walks = []
    for number in range(30):
        walk = start(blank(BUNDLE, small=False))
        for act in random_acts(number, 40):
            perform(walk, act)
        walks.append(walk)
    await save_numbered(database, walks)
    assert await examine(database, shelf) == []


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"department": "bank"}, "its question is addressed to bank, which is not asked"),
        ({"state": TaskState.WITHDRAWN, "next_at": None}, "its question is withdrawn, and the opinion asked"),
        ({"payload": '{"task":"tsk_1"}'}, "is of another one"),
        ({"id": UUID(int=7)}, "that the step does not know"),
    ],
)
def test_a_question_that_does_not_fit_its_opinion_is_found(wrong: dict[str, Any], what: str) -> None:
    walk = accepted()
    asked = ask(walk)
    assert found_in(walk) == []
    task = walk.case.tasks[asked.id]
    walk.case = walk.case._replace(tasks={**walk.case.tasks, task.id: task._replace(**wrong)})
    (found,) = found_in(walk)
    assert (found.invariant, found.step) == ("I3", task.step)
    assert what in found.what


# ---- callbacks


async def called_back(gate: Gate, shelf: Shelf, *outcomes: Outcome) -> UUID:
    """A case whose department called back, as `services.callbacks` puts it through the gate."""
    case = (await gate.submit(make_opening(shelf.put(make_bundle())))).case
    assert case is not None
    (task_id,) = case.tasks
    for number, outcome in enumerate(outcomes):
        fingerprint = hashlib.sha256(str(number).encode()).digest()
        once = Once("callback:police", f"m-{case.id}-{number}", fingerprint, CallbackConflict)
        command = RecordAnswer(task_id, outcome)
        change = Change(
            case.id, command, "department:police", once=once, render=partial(callbacks.render, task_id)
        )
        await gate.submit(change)
    return case.id


ANSWERS = (Accepted(), Accepted(), Received(), Completed(), Completed())


async def test_callbacks_and_messages_that_were_kept_raise_no_alarm(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    await save_subscriber(database, "http://127.0.0.1:1")
    await called_back(gate, shelf, *ANSWERS)
    assert await examine(database, shelf) == []


async def test_a_callback_that_was_taken_out_of_the_record_is_found(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    sound, robbed = await called_back(gate, shelf, *ANSWERS), await called_back(gate, shelf, *ANSWERS)
    k = tables.idempotency_key
    async with database.transaction() as connection:
        await connection.execute(delete(k).where(k.c.case_id == robbed))
    (finding,) = await examine(database, shelf)
    assert (finding.invariant, finding.case_id) == ("I6", robbed)
    assert sound != robbed


async def test_a_request_on_record_does_not_stand_for_a_callback(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    robbed = await called_back(gate, shelf, *ANSWERS)
    k = tables.idempotency_key
    async with database.transaction() as connection:
        await connection.execute(update(k).values(scope="department:police"))
    (finding,) = await examine(database, shelf)
    assert (finding.invariant, finding.case_id) == ("I6", robbed)


async def test_an_erased_case_that_was_answered_by_callback_raises_no_alarm(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    case_id = await called_back(gate, shelf, *ANSWERS)
    await erasure.erase(database, gate, case_id, basis="asked", actor="operator:test", now=clock.now())
    async with database.read() as connection:
        assert await count(connection, tables.idempotency_key) == 0
    assert await examine(database, shelf) == []


async def test_an_acknowledged_callback_whose_effect_is_not_there_is_found(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    case_id = await called_back(gate, shelf, Accepted())
    k = tables.idempotency_key
    answer = '{"outcome": "applied", "seq": 99}'
    async with database.transaction() as connection:
        await connection.execute(update(k).where(k.c.case_id == case_id).values(body=answer))
    (finding,) = await examine(database, shelf)
    assert (finding.invariant, finding.case_id) == ("I6", case_id)


async def test_an_answered_request_whose_case_is_gone_is_found(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    case_id = await called_back(gate, shelf, Accepted())
    async with database.transaction() as connection:
        for name in ("event_private", "event", "task", "step", "case_content", "case_number"):
            table = tables.metadata.tables[name]
            await connection.execute(delete(table).where(table.c.case_id == case_id))
        await connection.execute(delete(tables.cases).where(tables.cases.c.id == case_id))
    (finding,) = await examine(database, shelf)
    assert (finding.invariant, finding.case_id) == ("I1", case_id)
