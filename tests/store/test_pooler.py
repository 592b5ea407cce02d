"""Behind PgBouncer in transaction mode: everything works once `-session` says so, and nothing without."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from onenet.clock import FrozenClock
from onenet.domain.states import CaseState
from onenet.errors import Unavailable
from onenet.services import record
from onenet.services.advance import Gate
from onenet.services.examination import examine
from onenet.store.database import CAPABILITIES, Capabilities, Database
from onenet.worker import Worker
from tests.adapters.loopback import answer, loopback
from tests.databases import migrate
from tests.factories import Shelf, make_bundle, make_member, make_opening
from tests.keys import key_ring
from tests.outward import HERE
from tests.postgres import PostgresServer
from tests.services.test_worker import at_work, until
from tests.store.pooler import SESSIONS, start_pooler
from tests.store.seeding import load_one, save_department

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize(
        "backend", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
    ),
]

CALLERS = 4 * SESSIONS


@pytest.fixture(scope="module")
def pooler(postgres: PostgresServer) -> Iterator[str]:
    with start_pooler(postgres.uri) as url:
        yield url


@pytest.fixture
def pooled_url(pooler: str, database_url: str) -> str:
    """The test's own database, through the pooler."""
    return pooler.format(database=make_url(database_url).database)


async def ask_often(database: Database) -> None:
    """More callers than sessions, each with the same statement more often than it takes to prepare it."""

    async def ask() -> None:
        for _ in range(20):
            # Not to read: psycopg forgets what it prepared with every rollback, and a read ends with one.
            async with database.transaction() as connection:
                await connection.execute(text("SELECT count(*) FROM cases WHERE lane = :lane"), {"lane": 1})

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(ask())
    finally:
        await database.close()


async def test_callers_that_share_sessions_are_answered(pooled_url: str) -> None:
    await ask_often(Database(pooled_url, pool_size=CALLERS, capabilities="-session", ring=key_ring()))


async def test_control_without_the_setting_the_pooler_refuses(
    pooled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        CAPABILITIES, "postgresql", Capabilities(skip_locked=True, at_once=True, session=True)
    )
    with pytest.raises(ExceptionGroup) as refused:
        await ask_often(Database(pooled_url, pool_size=CALLERS, ring=key_ring()))
    assert refused.group_contains(Unavailable)


async def test_control_prepared_statements_are_lost_between_transactions(
    pooled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rightly = Database._connect_args

    def wrongly(self: Database, *, writes: bool) -> dict[str, Any]:
        return rightly(self, writes=writes) | {"prepare_threshold": 5}

    monkeypatch.setattr(Database, "_connect_args", wrongly)
    with pytest.raises(ExceptionGroup) as lost:
        await ask_often(Database(pooled_url, pool_size=CALLERS, capabilities="-session", ring=key_ring()))
    assert lost.group_contains((DBAPIError, Unavailable))


async def test_cases_run_to_their_end_through_the_pooler(
    pooled_url: str, clock: FrozenClock, shelf: Shelf
) -> None:
    bundle = shelf.put(make_bundle(make_member("a"), make_member("b", after=["a"])))
    databases = [
        Database(pooled_url, pool_size=5, capabilities="-session", ring=key_ring()) for _ in range(2)
    ]
    gates = [Gate(database, shelf.bundle_of, clock, clock) for database in databases]
    workers = [Worker(*pair, clock, clock, destinations=HERE) for pair in zip(databases, gates, strict=True)]
    async with loopback(answer(200, {"outcome": "completed"})) as department:
        await save_department(databases[0], "police", department.url)
        async with at_work(*workers):
            opened = await asyncio.gather(*(gates[n % 2].submit(make_opening(bundle)) for n in range(40)))
            ids = [result.case_id for result in opened if result.case_id]

            async def all_closed() -> bool:
                cases = [await load_one(databases[0], shelf, id) for id in ids]
                return all(case.state is CaseState.COMPLETED for case in cases)

            await until(all_closed)
    assert len(department.heard) == len({heard.headers["webhook-id"] for heard in department.heard}) == 80
    assert (await record.verify(databases[0])).tamperings == ()
    assert [finding async for finding in examine(databases[0], shelf.bundle_of)] == []
    for database in databases:
        await database.close()


def test_migrations_run_through_the_pooler(pooler: str, empty_database_url: str) -> None:
    """And leave no setting of theirs on a session that somebody else gets next."""
    url = pooler.format(database=make_url(empty_database_url).database)
    migrate(url)
    import psycopg

    for _ in range(2 * SESSIONS):
        with psycopg.connect(url, prepare_threshold=None) as connection:
            assert connection.execute("SHOW lock_timeout").fetchone() == ("0",)
