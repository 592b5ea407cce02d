"""The record: every tampering is told with its case and its row; a clean history never raises an alarm."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from onenet.domain.chain import START
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Accepted, Completed
from onenet.domain.states import FINAL_CASE
from onenet.services import record
from onenet.services.advance import Gate
from onenet.services.change import Change
from onenet.services.record import Head, check_chain
from onenet.store import bulk, numbers
from onenet.store.database import Database
from onenet.store.events import Event
from onenet.store.migrating import sync_url
from tests.domain.histories import blank, perform, random_acts, start
from tests.domain.walk import Walk
from tests.factories import ACTOR, Shelf, make_bundle, make_member, make_opening
from tests.services.tampering import LAST, TAMPERINGS, Scene, Told, rehashed, victim
from tests.store.seeding import save_new
from tests.store.test_cases import BUNDLE

pytestmark = pytest.mark.anyio


async def save_numbered(database: Database, walks: Sequence[Walk]) -> None:
    """Writes cases as the gate does, each with its number in the table of numbers."""
    await save_new(database, walks)
    async with database.transaction() as connection:
        rows = [numbers.row("suzhou", f"{number:06d}", walk.case.id) for number, walk in enumerate(walks)]
        await bulk.write(connection, {bulk.NUMBERS: rows})


async def test_each_tampering_is_told_with_its_case_and_its_row(
    database: Database, database_url: str
) -> None:
    """One database, one victim for each way; whatever is told beside that would be a false alarm."""
    victims = {name: (victim(), victim()) for name in TAMPERINGS}
    bystanders = [victim() for _ in range(5)]
    await save_numbered(database, [walk for pair in victims.values() for walk in pair] + bystanders)
    expected: dict[tuple[str, str], list[Told]] = {}
    engine = create_engine(sync_url(database_url))
    with engine.begin() as connection:
        if database.backend == "postgresql":  # who may tamper may also switch the foreign keys off
            connection.execute(text("SET session_replication_role = replica"))
        for name, tamper in TAMPERINGS.items():
            one, two = victims[name]
            tamper.act(Scene(connection, one.case.id, two.case.id))
            expected |= {(name, "victim"): sorted(tamper.told, key=str)}
            expected |= {(name, "other"): sorted(tamper.of_other, key=str)} if tamper.of_other else {}
    engine.dispose()

    names = {walk.case.id: (name, "victim") for name, (walk, _) in victims.items()}
    names |= {walk.case.id: (name, "other") for name, (_, walk) in victims.items()}
    told: dict[tuple[str, str], list[Told]] = {}
    for tampering in (await record.verify(database)).tamperings:
        assert tampering.case_id is not None
        told.setdefault(names[tampering.case_id], []).append((tampering.kind, tampering.seq, tampering.step))
    assert {name: sorted(found, key=str) for name, found in told.items()} == expected
    assert len(TAMPERINGS) >= 25


async def test_clean_histories_raise_no_alarm(database: Database) -> None:
    walks = []
    for seed in range(50):
        walk = start(blank(BUNDLE, small=bool(seed % 2)))
        for act in random_acts(seed, 10 + seed):
            perform(walk, act)
        walks.append(walk)
    await save_numbered(database, walks)
    verdict = await record.verify(database)
    assert verdict.tamperings == ()
    assert (verdict.cases, verdict.events) == (50, sum(len(walk.events) for walk in walks))
    assert any(walk.case.state in FINAL_CASE for walk in walks)


async def test_an_empty_database_raises_no_alarm(database: Database) -> None:
    assert await record.verify(database) == record.Verdict(0, 0, ())


async def test_a_walk_while_cases_move_on_raises_no_alarm(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    """It looks at one moment; a case that moves between two of its reads is not a tampering."""
    bundle = shelf.put(make_bundle(make_member("a"), make_member("b", after=["a"])))
    opened = await asyncio.gather(*(gate.submit(make_opening(bundle)) for _ in range(20)))

    async def move_on() -> None:
        for result in opened:
            assert result.case is not None
            task_id = next(iter(result.case.tasks))
            for outcome in (Accepted(), Completed()):
                await gate.submit(Change(result.case.id, RecordAnswer(task_id, outcome), ACTOR))

    moving = asyncio.create_task(move_on())
    walks = 0
    while not moving.done():
        assert (await record.verify(database)).tamperings == ()
        walks += 1
    await moving
    assert walks > 1


# ---- the chain alone


def told(events: Sequence[Event], head: Head) -> list[tuple[str, int | None]]:
    case_id = events[0].case_id
    return [(tampering.kind, tampering.seq) for tampering in check_chain(case_id, events, head)]


def clean() -> tuple[list[Event], Head]:
    walk = victim()
    return walk.events, Head(walk.case.seq, walk.case.head_hash, walk.case.state)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, LAST - 1), st.sampled_from(["type", "actor", "at", "data"]), st.data())
def test_every_single_character_is_covered(place: int, field: str, data: Any) -> None:
    events, head = clean()
    before: str = getattr(events[place], field)
    at = data.draw(st.integers(0, len(before) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != before[at]))
    changed: dict[str, Any] = {field: before[:at] + other + before[at + 1 :]}
    events[place] = events[place]._replace(**changed)
    assert told(events, head) == [("altered", place + 1)]


@settings(max_examples=500, deadline=None)
@given(st.integers(0, LAST - 1), st.sampled_from(["hash", "prev_hash"]), st.integers(0, 255))
def test_every_single_bit_of_a_hash_is_covered(place: int, field: str, bit: int) -> None:
    events, head = clean()
    flipped = bytearray(getattr(events[place], field))
    flipped[bit // 8] ^= 1 << bit % 8
    changed: dict[str, Any] = {field: bytes(flipped)}
    events[place] = events[place]._replace(**changed)
    assert told(events, head) == [("altered", place + 1)]


def test_the_chain_begins_with_nothing_and_ends_with_the_case() -> None:
    events, head = clean()
    assert events[0].prev_hash == START
    assert events[-1].hash == head.hash
    assert told(events, head) == []


def test_limit_a_history_rewritten_to_its_end_together_with_the_case_fits_again() -> None:
    """The chain alone proves nothing against who may write everything: that takes a copy kept elsewhere."""
    events, head = clean()
    forged: list[Event] = []
    for event in events:
        previous = forged[-1].hash if forged else START
        forged.append(rehashed(event._replace(prev_hash=previous, actor="nobody")))
    assert told(forged, replace(head, hash=forged[-1].hash)) == []
    assert told(forged, head) == [("case_altered", LAST)]
