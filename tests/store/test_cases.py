"""Cases: saved and loaded whole, many at a time, under their lock, each in its lane."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select

from onenet.domain.case import Case
from onenet.domain.outcome import SupplementNeeded, SupplementRequest
from onenet.domain.principal import Principal, Role
from onenet.domain.visibility import EVERYTHING, Visible, visible
from onenet.errors import StaleWrite
from onenet.ids import lane_of
from onenet.services.advance import Gate
from onenet.store import cases, tables
from onenet.store.cases import Position
from onenet.store.changes import Changed
from onenet.store.changes import saved as as_saved
from onenet.store.database import Database
from tests.domain.histories import blank, perform, random_acts, start
from tests.domain.walk import begin
from tests.factories import NOW, Shelf, make_bundle, make_material, make_member, make_opening, make_question
from tests.keys import key_ring
from tests.store.seeding import load_one, save_new, save_open_cases

pytestmark = pytest.mark.anyio

on_postgresql = pytest.mark.parametrize(
    "backend", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)

BUNDLE = make_bundle(
    make_member("a", materials=["deed", "paper"]),
    make_member("b", materials=["deed"]),
    make_member("c", department="bank", after=["a"], materials=["paper"]),
    make_member("d", department="tax", when="small == true", offline=True),
    make_member("e", department="tax", after=["b", "d"]),
    questions=[make_question("small")],
    materials=[make_material("deed"), make_material("paper", mode=2, from_result="paper")],
)


async def save_change(database: Database, before: Case, after: Case) -> None:
    async with database.transaction() as connection:
        await cases.save(connection, [Changed(before, after)])


# ---- there and back


@pytest.mark.parametrize("seed", range(8))
async def test_a_case_comes_back_as_it_was_saved_after_every_change(
    database: Database, shelf: Shelf, seed: int
) -> None:
    shelf.put(BUNDLE)
    walk = start(blank(BUNDLE, small=bool(seed % 2)))
    await save_new(database, [walk])
    saved = walk.case
    for act in random_acts(seed, 40):
        perform(walk, act)
        if walk.case != saved:
            await save_change(database, saved, walk.case)
            saved = walk.case = as_saved(saved, walk.case)
    assert await load_one(database, shelf, walk.case.id) == walk.case


async def test_ids_that_do_not_exist_are_left_out(database: Database, shelf: Shelf) -> None:
    async with database.read() as connection:
        assert await cases.load(connection, [], shelf.bundle_of) == {}
        assert await cases.load(connection, [UUID(int=5)], shelf.bundle_of) == {}


async def test_many_cases_are_loaded_and_saved_with_as_few_statements_as_one(
    database: Database, shelf: Shelf
) -> None:
    shelf.put(make_bundle())
    statements: list[str] = []
    counts = []
    for number in (1, 60):
        walks = [begin() for _ in range(number)]
        await save_new(database, walks)
        async with database.transaction() as connection:
            engine = connection.sync_connection
            event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
            statements.clear()
            ids = [walk.case.id for walk in walks]
            loaded = await cases.load(connection, ids, shelf.bundle_of, for_update=True)
            changes = []
            for walk in walks:
                walk.withdraw()
                changes.append(Changed(loaded[walk.case.id], walk.case))
            await cases.save(connection, changes)
            counts.append(len(statements))
    assert counts[0] == counts[1] <= 9


# ---- locks


async def test_a_case_that_moved_on_is_not_written_over(database: Database) -> None:
    walk = begin()
    await save_new(database, [walk])
    before = walk.case
    walk.withdraw()
    await save_change(database, before, walk.case)
    with pytest.raises(StaleWrite):
        await save_change(database, before, walk.case)


async def test_one_case_that_moved_on_is_noticed_among_many(database: Database) -> None:
    """The count of rows is that of all updates together; a driver that gave only the last would hide one."""
    walks = [begin() for _ in range(5)]
    await save_new(database, walks)
    befores = [walk.case for walk in walks]
    for walk in walks:
        walk.withdraw()
    await save_change(database, befores[2], walks[2].case)
    with pytest.raises(StaleWrite):
        async with database.transaction() as connection:
            await cases.save(connection, [Changed(b, w.case) for b, w in zip(befores, walks, strict=True)])


async def test_a_second_writer_waits_and_then_sees_everything_the_first_one_wrote(
    database: Database, database_url: str, shelf: Shelf
) -> None:
    """Also what lies in a table of its own: a lost correction of the form would be told to nobody."""
    bundle = shelf.put(
        make_bundle(make_member(materials=["deed"], fields=["child"]), materials=[make_material("deed")])
    )
    walk = begin(bundle, materials=["deed"], form={"child": "晓明"})
    walk.answer("household", SupplementNeeded((SupplementRequest("field", "child", "misspelt"),)))
    await save_new(database, [walk])
    before, second = walk.case, Database(database_url, ring=key_ring())
    walk.supplement("household", child="小明")

    async def load_second() -> Case:
        async with second.transaction() as connection:
            return (await cases.load(connection, [before.id], shelf.bundle_of, for_update=True))[before.id]

    async with database.transaction() as connection:
        await cases.load(connection, [before.id], shelf.bundle_of, for_update=True)
        waiting = asyncio.create_task(load_second())
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done()
        await cases.save(connection, [Changed(before, walk.case)])
    seen = await waiting
    await second.close()
    assert seen == as_saved(before, walk.case)


@on_postgresql
async def test_control_content_joined_to_the_locked_case_would_be_that_of_before(
    database: Database, database_url: str, shelf: Shelf
) -> None:
    shelf.put(make_bundle())
    walk = begin(form={"child": "晓明"})
    await save_new(database, [walk])
    second = Database(database_url, ring=key_ring())
    c, content = tables.cases.c, tables.case_content
    joined = (
        select(c.updated_at, content.c.content)
        .join(content, content.c.case_id == c.id)
        .where(c.id == walk.case.id)
        .with_for_update(of=tables.cases)
    )

    async def load_joined() -> Any:
        async with second.transaction() as connection:
            return (await connection.execute(joined)).one()

    async with database.transaction() as connection:
        await cases.load(connection, [walk.case.id], shelf.bundle_of, for_update=True)
        waiting = asyncio.create_task(load_joined())
        await asyncio.wait([waiting], timeout=0.2)
        await connection.execute(content.update().values(content="corrected"))
        await connection.execute(tables.cases.update().values(number="corrected"))
    assert (await waiting).content != "corrected"
    await second.close()


# ---- lanes


async def test_every_row_of_a_case_is_in_the_lane_of_its_id(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    """All 256 lanes, and every table that has the column."""
    bundle = shelf.put(make_bundle(make_member(materials=["deed"]), materials=[make_material("deed")]))
    await asyncio.gather(*(gate.submit(make_opening(bundle, lane=lane)) for lane in range(256)))
    seen: set[int] = set()
    async with database.read() as connection:
        for table in tables.metadata.sorted_tables:
            if "lane" not in table.c:
                continue
            if table is not tables.cases and "case_id" not in table.c:
                continue  # of no case: uploads, who was let look
            case_id = table.c.id if table is tables.cases else table.c.case_id
            own = table.c.id if "id" in table.c else case_id
            for row in await connection.execute(select(table.c.lane, case_id.label("of"), own.label("own"))):
                assert row.lane == lane_of(row.of) == lane_of(row.own), table.name
                seen.add(row.lane)
    assert seen == set(range(256))


# ---- lists


def of_department(code: str) -> Principal:
    return Principal(Role.DEPARTMENT, code, frozenset(), department=code)


async def ids(database: Database, seen: Visible, limit: int = 100, **how: Any) -> list[UUID]:
    wanted: dict[str, Any] = {"state": None, "bundle": None, "after": None, **how}
    async with database.read() as connection:
        return list(await cases.page(connection, seen, limit=limit, **wanted))


async def test_pages_follow_one_another_without_a_gap_although_all_cases_are_of_one_moment(
    database: Database,
) -> None:
    saved = await save_open_cases(database, 23)
    seen: list[UUID] = []
    after = None
    while page := await ids(database, EVERYTHING, limit=5, after=after):
        seen += page
        after = Position(NOW, page[-1])
    assert seen == sorted((case.id for case in saved), key=lambda id: (lane_of(id), id))


async def test_a_list_holds_only_what_its_reader_may_see(database: Database) -> None:
    mine, theirs, foreign = (
        begin(make_bundle(make_member(department=d))) for d in ("police", "police", "bank")
    )
    theirs.case = theirs.case._replace(subject="s-2")
    await save_new(database, [mine, theirs, foreign])
    app = Principal(Role.FRONTEND, "app", frozenset())
    reader, other = visible(app.acting_for("s-1")), replace(app, client="another-front-end")
    assert set(await ids(database, reader)) == {mine.case.id, foreign.case.id}
    assert set(await ids(database, visible(of_department("police")))) == {mine.case.id, theirs.case.id}
    assert await ids(database, reader, bundle="another") == []
    assert await ids(database, visible(other.acting_for("s-1"))) == []
    assert await ids(database, visible(Principal(Role.FRONTEND, "app", frozenset()))) == []
    assert len(await ids(database, EVERYTHING, state="received")) == 3


async def test_a_department_does_not_see_a_case_whose_step_for_it_is_skipped(database: Database) -> None:
    walk = begin(make_bundle(make_member("a"), make_member("b", department="bank", when="false")))
    await save_new(database, [walk])
    assert await ids(database, visible(of_department("bank"))) == []


async def test_the_case_of_a_task_is_found_by_the_task_alone(database: Database) -> None:
    walk = begin()
    await save_new(database, [walk])
    async with database.read() as connection:
        found = await cases.case_of_task(connection, walk.task("household").id)
        assert found == (walk.case.id, "police")
        assert await cases.case_of_task(connection, walk.case.id) is None


async def test_the_last_events_of_very_many_cases_are_asked_for_at_once(database: Database) -> None:
    saved = await save_open_cases(database, 300)
    async with database.read() as connection:
        assert await cases.seqs(connection, [case.id for case in saved]) == {c.id: c.seq for c in saved}
        assert await cases.seqs(connection, []) == {}
