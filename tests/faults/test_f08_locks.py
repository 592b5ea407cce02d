"""F8: deadlocks, serialisation errors, an empty pool, a locked file. Five retries at most, then 503."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest

from onenet.domain.sheet import TASK_PREFIX
from onenet.ids import from_text
from onenet.services.advance import CROWD, MOST_RETRIES
from onenet.store import tables
from tests.databases import sqlite_file
from tests.faults.departments import Town, receives, town
from tests.faults.form import count
from tests.faults.office import Office, office, onenet, post_callback

RACES = count(100, 2_000)
"""Errors that PostgreSQL raises when transactions get into each other's way; here a trigger raises them."""

DEADLOCKS = count(8, 100)
PATIENCE_S = 1
CALLERS = 40

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(count(120, 1_200))]

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "backend", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)

TRIGGER = """
CREATE SEQUENCE race START 1;
CREATE FUNCTION race() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE number bigint := nextval('race');
BEGIN
  IF number <= {last} AND number % {of} <> 0 THEN
    RAISE EXCEPTION 'a race was lost' USING ERRCODE = (ARRAY['40001', '40P01'])[1 + number % 2];
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER race BEFORE INSERT ON cases FOR EACH STATEMENT EXECUTE FUNCTION race();
"""
"""`{of}` - 1 writes in a row fail, the next one succeeds, until `{last}`. A sequence is not rolled back."""


@asynccontextmanager
async def serving(folder: Path, url: str, altered: Sequence[str] = ()) -> AsyncIterator[tuple[Office, Town]]:
    """An office whose one department takes tasks, and answers when the test says so."""
    async with town({"police": receives}) as there:
        engine = {"server": onenet("serve", altered=altered)}
        async with office(folder, url, there.urls, engine) as made:
            yield made, there


@asynccontextmanager
async def impatient(folder: Path, url: str) -> AsyncIterator[Office]:
    """An office that gives up soon."""
    async with serving(folder, url, altered=[f"impatient={PATIENCE_S}"]) as (made, _):
        yield made


def set_up_races(url: str, *, last: int, of: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TRIGGER.format(last=last, of=of).encode())


def races(url: str) -> int:
    """How many writes were tried."""
    with psycopg.connect(url, autocommit=True) as connection:
        (number,) = connection.execute("SELECT last_value FROM race").fetchone() or (0,)
        return int(number)


async def submit_all(made: Office, keys: Sequence[str]) -> Counter[int]:
    """One application under each key; the answers, by status.

    With their results fewer at a time than begin a batch beside another one: two would share out by chance
    the errors that are raised in a row, and one change of a hundred would lose six times.
    """
    few = asyncio.Semaphore(CROWD // 2 - 1)

    async def submit(client: httpx2.AsyncClient, key: str) -> int:
        async with few:
            return (await made.submit(client, "police", key)).status_code

    async with made.client() as client:
        return Counter(await asyncio.gather(*(submit(client, key) for key in keys)))


@on_postgresql
async def test_what_loses_a_race_is_repeated_and_nobody_sees_it(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    keys = [f"k-{number}" for number in range(RACES // 3 + 1)]
    async with serving(tmp_path, database_url) as (made, _):
        set_up_races(database_url, last=RACES * 4 // 3, of=4)
        answers = await submit_all(made, keys)
        tried = races(database_url)
        print(f"\nfaults: F8 races: {min(tried * 3 // 4, RACES)} injected, answers {dict(answers)}")
        assert min(tried * 3 // 4, RACES) == RACES > 0
        assert answers == {202: len(keys)}
        assert len(await made.stored()) == len(keys)
        assert await made.whole()


@on_postgresql
async def test_control_without_retries_the_races_are_seen(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    keys = [f"k-{number}" for number in range(10)]
    async with serving(tmp_path, database_url, altered=["no_retry"]) as (made, _):
        set_up_races(database_url, last=100, of=4)
        assert (await submit_all(made, keys))[503] > 0


@on_postgresql
async def test_a_race_lost_again_and_again_is_503_and_nothing_is_stored(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    async with serving(tmp_path, database_url) as (made, _), made.client() as client:
        set_up_races(database_url, last=1 << 40, of=1 << 40)
        answer = await made.submit(client, "police", "k")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert 1 < races(database_url) <= 1 + MOST_RETRIES
        assert await made.stored() == {}
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("DROP TRIGGER race ON cases")
        assert (await made.submit(client, "police", "k")).status_code == 202


@on_postgresql
async def test_a_deadlock_is_repeated_and_nobody_sees_it(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    """Somebody holds the rows of a task and then wants its case; the gate has the case and wants the task."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        (name,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        connection.execute(f"""ALTER DATABASE "{name}" SET deadlock_timeout = '300ms'""".encode())
    async with serving(tmp_path, database_url) as (made, there), made.client() as client:
        for number in range(DEADLOCKS):
            assert (await made.submit(client, "police", f"k-{number}")).status_code == 202
        await made.until_none("tasks are due", _due())
        answers = Counter[int]()
        for key in list(there.ledgers["police"].visits):
            with holder(database_url) as held:
                held.execute("SET deadlock_timeout = '60s'")  # so that the other one is the victim
                _lock(held, key)
                data = {"task": key, "outcome": "completed"}
                calling = asyncio.create_task(
                    post_callback(client, "police", made.secrets["police"], data, f"m-{key}")
                )
                await _somebody_waits(held)
                await asyncio.to_thread(held.execute, "SELECT 1 FROM cases FOR UPDATE")
                held.rollback()
            answers[(await calling).status_code] += 1
        await made.stop()
        injected = await deadlocks(database_url, DEADLOCKS)
        print(f"\nfaults: F8 deadlocks: {injected} injected, answers {dict(answers)}")
        assert injected >= DEADLOCKS > 0
        assert answers == {200: DEADLOCKS}
        assert Counter((await made.stored()).values()) == {"completed": DEADLOCKS}
        assert await made.whole()


@on_postgresql
async def test_an_empty_pool_is_503_and_over_when_the_lock_is(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    async with impatient(tmp_path, database_url) as made, made.client() as client:
        with holder(database_url) as held:
            held.execute("LOCK TABLE cases IN ACCESS EXCLUSIVE MODE")
            asked = [client.get("/v1/cases") for _ in range(CALLERS)]
            asked += [made.submit(client, "police", f"k-{number}") for number in range(CALLERS)]
            answers = await asyncio.gather(*asked)
            assert (await client.get("/health/live")).status_code == 200
        assert_unavailable(answers)
        await made.ready()
        await heals(made, client)


@on_sqlite
async def test_a_locked_file_is_503_and_over_when_the_lock_is(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    async with impatient(tmp_path, database_url) as made, made.client() as client:
        with locked(sqlite_file(database_url)):
            asked = [made.submit(client, "police", f"k-{number}") for number in range(CALLERS)]
            answers = await asyncio.gather(*asked)
            assert (await client.get("/v1/cases")).status_code == 200  # who reads does not wait
        assert_unavailable(answers)
        await heals(made, client)


@on_sqlite
async def test_a_file_that_is_locked_for_a_moment_is_waited_for(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    async with serving(tmp_path, database_url) as (made, _), made.client() as client:
        with locked(sqlite_file(database_url)):
            asked = [
                asyncio.create_task(made.submit(client, "police", f"k-{number}")) for number in range(CALLERS)
            ]
            await asyncio.sleep(0.5)
            assert not any(each.done() for each in asked)
        assert {(await each).status_code for each in asked} == {202}


def assert_unavailable(answers: Sequence[httpx2.Response]) -> None:
    """All of them say that it is not possible now, and when to come back."""
    assert Counter(answer.status_code for answer in answers) == {503: len(answers)}
    assert all("retry-after" in answer.headers for answer in answers)


async def heals(made: Office, client: httpx2.AsyncClient) -> None:
    """Whoever was turned away comes back under his key, and has one case."""
    began = time.monotonic()
    while (await made.submit(client, "police", "k-0")).status_code != 202:
        assert time.monotonic() < began + 5, made.log()
        await asyncio.sleep(0.05)
    assert await submit_all(made, [f"k-{number}" for number in range(CALLERS)]) == {202: CALLERS}
    assert len(await made.stored()) == CALLERS
    assert await made.whole()


@contextmanager
def holder(url: str) -> Iterator[psycopg.Connection]:
    """Somebody else at the database, in a transaction that ends with nothing."""
    with psycopg.connect(url) as connection:
        yield connection
        connection.rollback()


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Somebody else writes to the file, for as long as this is entered."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _due() -> object:
    return tables.task.c.next_at.is_not(None)


def _lock(held: psycopg.Connection, key: str) -> None:
    """Every row that an answer to the task writes, but for the case's own."""
    id = from_text(TASK_PREFIX, key)
    held.execute("SELECT 1 FROM task WHERE id = %s FOR UPDATE", (id,))
    held.execute(
        "SELECT 1 FROM step WHERE case_id = (SELECT case_id FROM task WHERE id = %s) FOR UPDATE", (id,)
    )


async def _somebody_waits(held: psycopg.Connection) -> None:
    deadline = time.monotonic() + 20
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while not (held.execute(waiting).fetchone() or (0,))[0]:
        assert time.monotonic() < deadline, "nobody waits"
        await asyncio.sleep(0.01)


async def deadlocks(url: str, expected: int) -> int:
    """How many the server has found in this database. It counts a session's when that ends, or is idle for
    10 s.
    """
    counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    deadline = time.monotonic() + 10
    with psycopg.connect(url, autocommit=True) as connection:
        while (found := int((connection.execute(counted).fetchone() or (0,))[0])) < expected:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
    return found
