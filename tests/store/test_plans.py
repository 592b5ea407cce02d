"""How the engines find rows: by index, whatever the size of the tables; a plan that changes shows here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import event, text

from onenet.ids import LANES, new_id
from onenet.store import cases, idempotency, queue
from onenet.store.among import MOST_KEYS, among
from onenet.store.database import Database
from onenet.store.tables import step
from tests.domain.walk import begin
from tests.factories import NOW, Shelf, make_bundle
from tests.store.seeding import save_new

pytestmark = pytest.mark.anyio


async def plans(database: Database, shelf: Shelf) -> dict[str, str]:
    """Each statement of a claim and of a load of 20 among 600 cases, with how the engine runs it."""
    shelf.put(make_bundle())
    walks = [begin() for _ in range(600)]
    await save_new(database, walks)
    keys = [walk.case.id for walk in walks[:20]]
    ran: list[tuple[str, Any]] = []
    async with database.transaction() as connection:
        if database.backend == "postgresql":
            await connection.execute(text("ANALYZE"))
            # Six hundred rows fit on a few pages, which are quicker read whole; a city's do not.
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        event.listen(
            connection.sync_connection, "before_cursor_execute", lambda *told: ran.append((told[2], told[3]))
        )
        await queue.due_lanes(connection, queue.TASKS, NOW)
        wanted, skip_locked = queue.Wanted(new_id(), NOW, 20), database.capabilities.skip_locked
        await queue.claim(connection, queue.TASKS, list(range(LANES)), wanted, skip_locked=skip_locked)
        if database.capabilities.at_once:
            await queue.claim_at_once(connection, queue.TASKS, wanted, skip_locked=skip_locked)
        await queue.due_lanes(connection, queue.POLLS, NOW)
        await queue.claim(connection, queue.POLLS, list(range(LANES)), wanted, skip_locked=skip_locked)
        if database.capabilities.at_once:
            await queue.claim_at_once(connection, queue.POLLS, wanted, skip_locked=skip_locked)
        await cases.load(connection, keys, shelf.bundle_of, for_update=True)
        await cases.seqs(connection, keys)
        await cases.case_of_task(connection, walks[0].task("household").id)
        await idempotency.find(connection, [("scope", str(number)) for number in range(20)])
        word = "EXPLAIN QUERY PLAN " if database.backend == "sqlite" else "EXPLAIN "
        found = {}
        for statement, parameters in [
            pair for pair in ran if pair[0].lstrip().startswith(("SELECT", "UPDATE", "WITH"))
        ]:
            rows = await connection.exec_driver_sql(word + statement, parameters)
            found[statement] = "\n".join(str(row[-1]) for row in rows)
    return found


async def test_no_statement_on_the_way_of_a_case_reads_a_whole_table(
    database: Database, shelf: Shelf
) -> None:
    found = await plans(database, shelf)
    assert len(found) == (15 if database.capabilities.at_once else 13)
    offenders = {statement[:60]: plan for statement, plan in found.items() if _reads_whole_table(plan)}
    assert offenders == {}


def _reads_whole_table(plan: str) -> bool:
    lines = plan.splitlines()
    scans = [line.strip() for line in lines if "Seq Scan on" in line or line.strip().startswith("SCAN ")]
    return any("COVERING INDEX ix_" not in line and "CONSTANT ROW" not in line for line in scans)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_control_sqlite_reads_the_whole_table_for_a_list_of_keys_in_two_columns(
    database: Database,
) -> None:
    async with database.read() as connection:
        rows = await connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT * FROM step WHERE (lane, case_id) IN (VALUES (1, 'a'), (2, 'b'))"
        )
        assert _reads_whole_table("\n".join(str(row[-1]) for row in rows))


@pytest.mark.parametrize("count", [1, 2, 3, 64, 65, MOST_KEYS])
async def test_among_finds_exactly_the_rows_of_its_keys(database: Database, count: int) -> None:
    walks = [begin() for _ in range(count + 3)]
    await save_new(database, walks)
    wanted = {(walk.case.lane, walk.case.id) for walk in walks[:count]}
    statement, parameters = among(step.select(), (step.c.lane, step.c.case_id), sorted(wanted))
    async with database.read() as connection:
        rows = (await connection.execute(statement, parameters)).mappings().all()
    assert {(row["lane"], row["case_id"]) for row in rows} == wanted
    assert len(rows) == count


async def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    walk = begin()
    async with database.transaction() as writing:
        await writing.execute(text("UPDATE cases SET number = number"))
        async with asyncio.timeout(2), database.read() as reading:
            assert await cases.case_of_task(reading, walk.task("household").id) is None
