"""Purposes and reasons are sealed, outlive a change of keys, and go when the time for keeping is over."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from sqlalchemy import Table, func, select, update

from onenet.clock import FrozenClock
from onenet.domain.consent import Consent
from onenet.domain.delegation import Owner
from onenet.encryption import FileKeys, KeyRing, Unreadable
from onenet.ids import LANES, lane_of, new_id
from onenet.services import encryption, erasure
from onenet.services.advance import Gate
from onenet.settings import Settings
from onenet.store import access_tables, accesses, break_glass, consents, erasure_tables
from onenet.store import encryption as store
from onenet.store import erasure as store_erasure
from onenet.store.accesses import Access
from onenet.store.break_glass import BreakGlass
from onenet.store.database import Database
from onenet.worker import Worker
from tests.domain.walk import begin
from tests.factories import NOW
from tests.keys import KEK
from tests.outward import HERE
from tests.services.test_worker import at_work, until
from tests.store.seeding import save_new

pytestmark = pytest.mark.anyio

NEWER = f"2:sm:{b64encode(b'sixteen byte key').decode()}"
OWNER = Owner("app", "citizen-1")
WORDS = "canary 11010519491231002X"

COLUMNS = [
    (access_tables.access_record, "purpose"), (access_tables.break_glass, "reason"),
    (access_tables.consent, "purpose"), (erasure_tables.legal_hold, "reason"),
]  # fmt: skip


@pytest.fixture
async def newer(database_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    """The database opened with the newer key alone."""
    opened = Database(database_url, ring=KeyRing(FileKeys.read(NEWER)))
    yield opened
    await opened.close()


def look(case_id: UUID, at: datetime = NOW, purpose: str | None = WORDS) -> Access:
    return Access(case_id, OWNER, at, "clerk:app/c-1", "clerk", "counter", "lookup", purpose=purpose)


async def written(database: Database) -> UUID:
    """One of each, and a look without a purpose; the case that they are about."""
    walk = begin()
    await save_new(database, [walk])
    case_id, later = walk.case.id, NOW + timedelta(days=1)
    async with database.transaction() as connection:
        await accesses.add(connection, [look(case_id), look(case_id, purpose=None)])
        await break_glass.add(connection, BreakGlass(new_id(lane_of(case_id)), case_id, "a:b", WORDS, NOW))
        given = Consent(new_id(), OWNER, new_id(), "newborn", frozenset({"health"}), WORDS, NOW, later)
        await consents.add(connection, given)
        await store_erasure.hold(connection, case_id, reason=WORDS, actor="a:b", now=NOW)
    return case_id


async def rows(database: Database, table: Table) -> list[Any]:
    async with database.read() as connection:
        return list((await connection.execute(select(table))).mappings())


async def read(database: Database) -> list[str | None]:
    """All words, as those who may read them do."""
    async with database.read() as connection:
        looks = await accesses.page(connection, OWNER, None, 9)
        given = await consents.about(connection, OWNER, 9)
        (id,) = (await connection.execute(select(access_tables.break_glass.c.id))).scalars()
        asked = await break_glass.find(connection, id)
        (held,) = await store_erasure.under_hold(connection, 9)
        hold, _ = await store_erasure.standing(connection, held["id"])
    assert hold is not None
    assert hold["reason"] == held["reason"]
    words = sorted((each.purpose for each in looks), key=str)
    return [*words, *(each.purpose for each in given), asked and asked.reason, held["reason"]]


ALL_WORDS = [None, WORDS, WORDS, WORDS, WORDS]


async def test_no_row_holds_what_somebody_wrote_and_who_may_reads_it(database: Database) -> None:
    await written(database)
    for table, column in COLUMNS:
        assert "canary" not in repr(await rows(database, table)), f"{table.name}.{column}"
    assert sorted(await read(database), key=str) == sorted(ALL_WORDS, key=str)


async def test_words_outlive_the_key_that_they_were_written_under(
    database: Database, database_url: str, newer: Database
) -> None:
    await encryption.check(database, NOW)
    await written(database)
    both = Database(database_url, ring=KeyRing(FileKeys.read(f"{KEK}\n{NEWER}")))
    done = await encryption.rotate(both, NOW, lambda number: None)
    await both.close()
    assert (done.others, done.unreadable, done.left) == (len(COLUMNS), 0, 0)
    assert sorted(await read(newer), key=str) == sorted(ALL_WORDS, key=str)


async def test_words_from_before_are_read_and_sealed_by_a_rotation(database: Database) -> None:
    await written(database)
    async with database.transaction() as connection:
        for table, column in COLUMNS:
            there = update(table).where(table.c[column].is_not(None))
            await connection.execute(there.values({column: WORDS}))
    async with database.read() as connection:
        assert [each.purpose for each in await consents.about(connection, OWNER, 9)] == [WORDS]
    assert (await encryption.standing(database)).others[store.IN_CLEAR] == len(COLUMNS)
    await encryption.rotate(database, NOW, lambda number: None)
    assert (await encryption.standing(database)).others[store.IN_CLEAR] == 0
    assert sorted(await read(database), key=str) == sorted(ALL_WORDS, key=str)


async def test_words_cannot_be_moved_to_another_row(database: Database) -> None:
    case_id = await written(database)
    async with database.transaction() as connection:
        await accesses.add(connection, [look(case_id, purpose="something else")])
        c = access_tables.access_record.c
        one = (await connection.execute(select(c.purpose).where(c.purpose.is_not(None)))).scalars().first()
        await connection.execute(update(access_tables.access_record).values(purpose=one))
    with pytest.raises(Unreadable):
        async with database.read() as connection:
            await accesses.page(connection, OWNER, None, 9)


# ---- when their time is over


async def test_what_is_older_than_the_time_for_keeping_goes_and_the_rest_stays(database: Database) -> None:
    """In every lane, more than a batch of them, to the second."""
    before, made = NOW - timedelta(days=366), []
    for lane in (0, 7, LANES - 1):
        case_id = new_id(lane)
        old = [look(case_id, before - timedelta(seconds=1), None) for _ in range(erasure.BATCH * 2 + 1)]
        made += [*old, look(case_id, before, None), look(case_id, NOW, None)]
    async with database.transaction() as connection:
        await accesses.add(connection, made)
        for asked_at in (before - timedelta(seconds=1), before, NOW):
            await break_glass.add(connection, BreakGlass(new_id(7), new_id(7), "a:b", WORDS, asked_at))
    gone = [await erasure.forget_records(database, lane, before) for lane in (0, 7, LANES - 1, 8)]
    assert gone == [erasure.BATCH * 2 + 1, erasure.BATCH * 2 + 2, erasure.BATCH * 2 + 1, 0]
    async with database.read() as connection:
        for table, left in ((access_tables.access_record, 6), (access_tables.break_glass, 2)):
            assert await connection.scalar(select(func.count()).select_from(table)) == left


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_worker_does_so_by_itself(
    database: Database, gate: Gate, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id, days = new_id(), timedelta(days=200)
    monkeypatch.setattr(erasure, "EVERY_S", 0.01)
    monkeypatch.setattr("random.randrange", lambda lanes: lane_of(case_id))
    async with database.transaction() as connection:
        await accesses.add(connection, [look(case_id, NOW - days - timedelta(1)), look(case_id, NOW)])

    async def is_gone() -> bool:
        return len(await rows(database, access_tables.access_record)) == 1

    worker = Worker(database, gate, clock, clock, destinations=HERE, records_kept_for=days)
    async with at_work(worker):
        await until(is_gone)
    (left,) = await rows(database, access_tables.access_record)
    assert left["at"] == NOW


async def test_no_record_is_kept_for_less_than_six_months() -> None:
    assert Settings().access_record_days == 366
    with pytest.raises(ValidationError):
        Settings(access_record_days=183)
