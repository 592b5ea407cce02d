"""Visits to the thread of SQLite's driver: how many a statement costs, and that its rows are all there."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from onenet.store import visits
from onenet.store.database import Database
from onenet.store.tables import case_counter
from onenet.store.visits import FIRST_ROWS
from tests.databases import sqlite_file

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

SERIALS = select(case_counter.c.serial).order_by(case_counter.c.serial)
ROWS = 3 * FIRST_ROWS + 1


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Counts the visits that are made in the block."""
    made: list[int] = []
    original = aiosqlite.Connection._execute

    async def count(connection: aiosqlite.Connection, *args: Any, **kwargs: Any) -> Any:
        made.append(1)
        return await original(connection, *args, **kwargs)  # type: ignore[no-untyped-call]  # the driver has no types there

    with monkeypatch.context() as patched:
        patched.setattr(aiosqlite.Connection, "_execute", count)
        yield made


async def fill(database: Database) -> None:
    rows = [{"scope": str(number), "day": "2026-11-23", "serial": number} for number in range(ROWS)]
    async with database.transaction() as connection:
        await connection.execute(insert(case_counter), rows)


async def test_a_glance_is_one_visit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """No transaction is begun and ended around it, and nothing is left behind to roll back."""
    async with database.glance() as connection:
        await connection.execute(SERIALS)  # the first look opens the connection
    with counted(monkeypatch) as made:
        async with database.glance() as connection:
            await connection.execute(SERIALS)
    assert len(made) == 1


async def test_a_statement_of_a_transaction_is_one_visit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.read() as connection:
        await connection.execute(SERIALS)
        with counted(monkeypatch) as made:
            await connection.execute(SERIALS)
    assert len(made) == 1


async def test_control_the_driver_alone_makes_four(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{sqlite_file(database_url)}")
    async with engine.connect() as connection:
        await connection.execute(SERIALS)
        with counted(monkeypatch) as made:
            await connection.execute(SERIALS)
    await engine.dispose()
    assert len(made) == 4


async def test_all_rows_are_read_however_many_there_are(database: Database) -> None:
    await fill(database)
    async with database.read() as connection:
        assert list((await connection.execute(SERIALS)).scalars()) == list(range(ROWS))


async def _streamed(connection: AsyncConnection) -> AsyncIterator[int]:
    async with connection.stream(SERIALS) as result:
        async for row in result:
            yield row.serial


async def test_a_stream_gives_all_rows_and_never_holds_them_all(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database)
    held: list[int] = []
    original = visits.Cursor._fetch

    def fetch(cursor: visits.Cursor, of: sqlite3.Cursor, count: int) -> None:
        original(cursor, of, count)
        held.append(len(cursor._rows))

    monkeypatch.setattr(visits.Cursor, "_fetch", fetch)
    async with database.read() as connection:
        assert [serial async for serial in _streamed(connection)] == list(range(ROWS))
    assert max(held) < ROWS


async def test_a_stream_that_is_left_early_keeps_nothing_open(database: Database, database_url: str) -> None:
    """A statement that was never ended would hold its moment, and the log before it, for ever."""
    await fill(database)
    async with database.glance() as connection:
        async with connection.stream(SERIALS) as result:
            await anext(aiter(result))
            assert _checkpoint(database_url) == 1, "it was read to its end: nothing is shown"
        assert _checkpoint(database_url) == 0


def _checkpoint(database_url: str) -> int:
    """1 when somebody still reads in the log, so that it cannot begin anew."""
    other = sqlite3.connect(sqlite_file(database_url), timeout=0)
    try:
        busy: int = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return busy
    finally:
        other.close()


async def test_what_an_update_gives_back_and_how_many_it_changed_are_known(database: Database) -> None:
    await fill(database)
    c = case_counter.c
    async with database.transaction() as connection:
        given = await connection.execute(
            update(case_counter).where(c.serial < 300).values(serial=c.serial).returning(c.serial)
        )
        assert len(given.all()) == 300
        changed = await connection.execute(update(case_counter).where(c.serial < 7).values(serial=c.serial))
        assert changed.rowcount == 7


async def test_a_statement_that_fails_says_why_and_the_next_one_goes_well(database: Database) -> None:
    async with database.read() as connection:
        with pytest.raises(Exception, match="no such column: nobody"):
            await connection.execute(text("SELECT nobody FROM case_counter"))
        assert list((await connection.execute(SERIALS)).scalars()) == []


async def test_who_is_cancelled_waits_for_the_thread(backend: str, tmp_path: Path) -> None:
    """Else a loop that has ended is told of a result, which is an error in the thread."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        go_on.wait(10)
        ended.set()
        return 1

    connection = visits.connect(str(tmp_path / "visited.sqlite3"))
    _ = await connection
    await connection.create_function("slow", 0, slow)
    reading = asyncio.create_task(connection.cursor().execute("SELECT slow()"))
    await asyncio.to_thread(begun.wait, 10)
    reading.cancel()
    asyncio.get_running_loop().call_later(0.1, go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert ended.is_set()
    await connection.close()
