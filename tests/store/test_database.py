"""Engines and transactions: the settings that the promises rest on, and the only commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from structlog.testing import capture_logs

from onenet.errors import MisconfiguredError, Unavailable
from onenet.ids import new_id
from onenet.store import database as store_database
from onenet.store import patience, visits
from onenet.store.catalogue_tables import jurisdiction
from onenet.store.database import Capabilities, Database, Presence, async_url
from onenet.store.tables import case_counter
from tests.databases import sqlite_file
from tests.factories import NOW
from tests.keys import key_ring
from tests.postgres import PostgresServer
from tests.store.seeding import count
from tests.store.unreachable import unreachable_database

pytestmark = pytest.mark.anyio

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "backend", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
COUNTER = {"scope": "suzhou", "day": "2026-11-23", "serial": 1}


async def scalar(connection: Any, statement: str) -> Any:
    return (await connection.exec_driver_sql(statement)).scalar_one()


async def count_one(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(insert(case_counter).values({**COUNTER, "scope": str(new_id())}))


@on_sqlite
@pytest.mark.parametrize(
    ("pragma", "value"), [("synchronous", 2), ("journal_mode", "wal"), ("foreign_keys", 1)]
)
async def test_sqlite_flushes_every_commit_and_keeps_parents(
    database: Database, pragma: str, value: object
) -> None:
    """2 is FULL. Killing processes cannot show a missing flush, so the setting itself is looked at."""
    async with database.transaction() as writing, database.read() as reading:
        assert await scalar(writing, f"PRAGMA {pragma}") == value
        assert await scalar(reading, f"PRAGMA {pragma}") == value


@on_sqlite
async def test_a_new_file_that_somebody_else_has_begun_with_is_waited_for(
    database: Database, database_url: str
) -> None:
    """SQLite refuses at once to switch it to a write-ahead log, as it does when two open it together."""
    other = sqlite3.connect(sqlite_file(database_url), isolation_level=None)
    assert other.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    other.execute("BEGIN IMMEDIATE")
    asyncio.get_running_loop().call_later(0.2, other.close)
    await count_one(database)


def test_who_is_cancelled_while_a_file_is_opened_leaves_nothing_to_a_loop_that_has_ended(
    tmp_path: Path,
) -> None:
    """An exception in the driver's thread fails this test, as it does any other one."""
    file = str(tmp_path / "new.sqlite3")
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, other.close)

    async def give_up() -> None:
        async def opened() -> object:
            return await visits.connect(file)

        opening = asyncio.ensure_future(opened())
        await asyncio.sleep(0.05)
        opening.cancel()
        release.start()  # not before: it is given up while the file is locked, as slow as the machine may be
        with pytest.raises(asyncio.CancelledError):
            await opening

    before = set(threading.enumerate())
    asyncio.run(give_up())
    for thread in set(threading.enumerate()) - before:
        thread.join(5)


@on_sqlite
async def test_a_transaction_takes_the_write_lock_at_its_beginning(
    database: Database, database_url: str
) -> None:
    """A read that turns into a write later fails at once, whatever the timeout."""
    other = sqlite3.connect(sqlite_file(database_url), timeout=0, isolation_level=None)
    async with database.transaction():
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


@on_sqlite
async def test_control_a_transaction_that_only_reads_takes_no_write_lock(
    database: Database, database_url: str
) -> None:
    other = sqlite3.connect(sqlite_file(database_url), timeout=0, isolation_level=None)
    async with database.read() as connection:
        await connection.execute(select(jurisdiction))
        other.execute("BEGIN IMMEDIATE")
    other.close()


@on_postgresql
@pytest.mark.parametrize(
    ("setting", "value"), [("synchronous_commit", "on"), ("transaction_isolation", "read committed")]
)
async def test_postgresql_answers_after_the_flush_and_sees_what_others_committed(
    database: Database, setting: str, value: str
) -> None:
    async with database.read() as connection:
        assert await scalar(connection, "SHOW transaction_isolation") == "repeatable read"
    async with database.transaction() as connection:
        assert await scalar(connection, f"SHOW {setting}") == value


@on_postgresql
@pytest.mark.parametrize(("setting", "limit"), [("statement_timeout", "10s"), ("lock_timeout", "4s")])
async def test_no_statement_runs_for_ever(database: Database, setting: str, limit: str) -> None:
    """Behind a pooler the server's own setting decides, which the doctor looks at."""
    async with database.transaction() as connection:
        shown = await scalar(connection, f"SHOW {setting}")
    assert shown == (limit if database.capabilities.session else "0")


def test_a_capability_is_taken_away_by_its_name() -> None:
    """None can be given: what an engine cannot do, no setting makes it do."""
    able = Capabilities(skip_locked=True, at_once=True, session=True)
    assert able.less("") == able
    assert able.less("-session, -skip_locked") == Capabilities(skip_locked=False, at_once=True, session=False)
    for wrong in ("session", "+session", "-row_locks"):
        with pytest.raises(MisconfiguredError, match="-skip_locked, -at_once, -session"):
            able.less(wrong)


async def test_a_block_that_ends_is_committed(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(insert(case_counter).values(COUNTER))
    async with database.read() as connection:
        assert await count(connection, case_counter) == 1


async def test_a_block_that_fails_leaves_nothing(database: Database) -> None:
    async def write_and_fail() -> None:
        async with database.transaction() as connection:
            await connection.execute(insert(case_counter).values(COUNTER))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    async with database.read() as connection:
        assert await count(connection, case_counter) == 0


async def test_a_reader_sees_one_moment(database: Database) -> None:
    """A case's row, its steps and its events are read one after the other, and belong together."""
    async with database.read() as reading:
        before = await count(reading, case_counter)
        async with database.transaction() as writing:
            await writing.execute(insert(case_counter).values(COUNTER))
        assert await count(reading, case_counter) == before
    async with database.read() as reading:
        assert await count(reading, case_counter) == before + 1


async def test_a_glance_sees_what_was_committed_since(database: Database) -> None:
    """No transaction holds it to an earlier moment."""
    async with database.glance() as glancing:
        before = await count(glancing, case_counter)
        await count_one(database)
        assert await count(glancing, case_counter) == before + 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("way", ["transaction", "read"])
async def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path, kind: str, way: str) -> None:
    async with unreachable_database(tmp_path, kind) as database:
        with pytest.raises(Unavailable):
            async with getattr(database, way)() as connection:
                await connection.execute(text("SELECT 1"))


@on_postgresql
async def test_a_database_that_is_read_only_is_unavailable_and_comes_back(
    database: Database, postgres: PostgresServer
) -> None:
    name = database.url.database
    postgres.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with pytest.raises(Unavailable) as refused:
        await count_one(database)
    assert refused.value.retry_after_s == 1
    postgres.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    await count_one(database)


@on_postgresql
async def test_the_log_has_one_line_when_the_database_goes_and_one_when_it_is_back(
    database: Database, postgres: PostgresServer
) -> None:
    """However many ask meanwhile; and a database that only reads is not back because it does."""
    name = database.url.database
    await count_one(database)
    with capture_logs() as lines:
        postgres.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        await database.close()  # a session keeps what it began with
        for _ in range(3):
            with pytest.raises(Unavailable):
                await count_one(database)
            await database.ping()
        postgres.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        for _ in range(2):
            await count_one(database)
    assert [(line["event"], line["to"]) for line in lines] == [
        ("database_away", "write"),
        ("database_back", "write"),
    ]
    assert "read-only" in lines[0]["reason"]


def test_a_crowd_that_takes_every_connection_is_no_absence() -> None:
    with capture_logs() as lines:
        Presence("read").note(NoFreeConnection())
    assert lines == []


@on_postgresql
async def test_a_server_that_falls_silent_is_hung_up_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "ANSWER_LIMIT_S", 0.2)
    with pytest.raises(Unavailable):
        async with database.read() as connection:
            await connection.execute(text("SELECT pg_sleep(60)"))
    await count_one(database)


@on_postgresql
async def test_a_paused_process_does_not_keep_its_locks_for_ever(database: Database) -> None:
    async with database.read() as connection:
        limit = await scalar(connection, "SHOW idle_in_transaction_session_timeout")
    assert limit == ("10s" if database.capabilities.session else "0")


@on_postgresql
async def test_a_full_pool_is_unavailable(
    database_url: str, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setattr(store_database, "POOL_TIMEOUT_S", 0.05)
    small = Database(database_url, pool_size=1, ring=key_ring())
    async with small.read():
        with pytest.raises(Unavailable):
            async with small.read():
                pass
    await small.close()


async def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    """It would mean one thing on SQLite and another on PostgreSQL."""
    row = {"code": "suzhou", "content": "{}", "updated_at": NOW.replace(tzinfo=None)}
    with pytest.raises(Exception, match="a time needs a zone"):
        async with database.transaction() as connection:
            await connection.execute(insert(jurisdiction).values(row))


async def test_a_moment_comes_back_aware_and_the_same(database: Database) -> None:
    at = NOW.replace(microsecond=123_456)
    async with database.transaction() as connection:
        await connection.execute(insert(jurisdiction).values(code="suzhou", content="{}", updated_at=at))
    async with database.read() as connection:
        assert await connection.scalar(select(jurisdiction.c.updated_at)) == at


async def test_another_engine_is_refused_with_what_was_expected() -> None:
    with pytest.raises(MisconfiguredError, match="sqlite or postgresql"):
        async_url("mysql://localhost/onenet")
