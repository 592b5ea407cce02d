"""Case numbers: each one once, by the local day, and told when they run out."""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from onenet.clock import FrozenClock
from onenet.errors import NumbersExhausted
from onenet.services.advance import Gate
from onenet.services.change import Result
from onenet.services.numbering import NumberTemplate, fill, reserve
from onenet.store import cases, tables
from onenet.store.database import Database
from onenet.store.tables import case_counter
from tests.factories import NOW, TEMPLATE, Shelf, make_bundle, make_opening
from tests.keys import key_ring
from tests.services.numbers import take_numbers
from tests.store.seeding import count

pytestmark = pytest.mark.anyio

SHORT = NumberTemplate("suzhou", "{area_code}{serial:01d}", "320500")


async def take(database: Database, *templates: NumberTemplate, at: datetime = NOW) -> list[int]:
    async with database.transaction() as connection:
        reserved = await reserve(connection, templates, at)
    return [serial for template in dict.fromkeys(templates) for serial in reserved[template]]


async def test_numbers_begin_at_one_and_have_no_gap(database: Database) -> None:
    taken = [await take(database, TEMPLATE), await take(database, TEMPLATE, TEMPLATE, TEMPLATE)]
    assert taken == [[1], [2, 3, 4]]


async def test_each_area_counts_for_itself(database: Database) -> None:
    other = NumberTemplate("suzhou", TEMPLATE.text, "320505")
    assert await take(database, TEMPLATE, other, TEMPLATE) == [1, 2, 1]


async def test_two_processes_never_get_the_same_number(database: Database, database_url: str) -> None:
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        loop = asyncio.get_running_loop()
        taken = await asyncio.gather(
            *(loop.run_in_executor(pool, take_numbers, database_url, 60) for _ in range(2))
        )
    assert sorted(taken[0] + taken[1]) == list(range(1, 181))


async def test_control_a_number_that_is_read_and_written_back_is_given_twice(
    database: Database, database_url: str
) -> None:
    """What `reserve` would do without an atomic statement: both look before either writes."""
    await take(database, TEMPLATE)
    other = Database(database_url, ring=key_ring())
    async with database.read() as first, other.read() as second:
        seen = [await connection.scalar(select(case_counter.c.serial)) for connection in (first, second)]
    await other.close()
    assert seen == [1, 1]


async def test_a_number_taken_in_vain_is_given_back(database: Database) -> None:
    async def take_and_fail() -> None:
        async with database.transaction() as connection:
            await reserve(connection, [TEMPLATE], NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await take_and_fail()
    assert await take(database, TEMPLATE) == [1]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 11, 23, 15, 59, tzinfo=UTC), "20261123"),
        (datetime(2026, 11, 23, 16, 0, tzinfo=UTC), "20261124"),
    ],
)
async def test_the_day_of_a_number_is_the_local_one(database: Database, at: datetime, expected: str) -> None:
    """In China the next day begins at 16:00 in UTC."""
    assert fill(TEMPLATE, at, 1) == f"320500{expected}000001"
    await take(database, TEMPLATE, at=at)
    async with database.read() as connection:
        day = await connection.scalar(select(case_counter.c.day))
    assert day is not None
    assert day.replace("-", "") == expected


async def test_a_new_day_begins_at_one(database: Database) -> None:
    await take(database, TEMPLATE, TEMPLATE)
    assert await take(database, TEMPLATE, at=NOW + timedelta(days=1)) == [1]


@pytest.mark.parametrize("text", ["{serial:02d}", "{serial:2d}", "{serial:02}", "A{serial:02d}B"])
def test_a_serial_that_no_longer_fits_is_told(text: str) -> None:
    template = NumberTemplate("suzhou", text, "320500")
    assert "99" in fill(template, NOW, 99)
    with pytest.raises(NumbersExhausted, match="100"):
        fill(template, NOW, 100)


async def test_when_numbers_run_out_the_others_of_the_commit_stand(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    bundle = shelf.put(make_bundle())
    results = await asyncio.gather(
        *(gate.submit(make_opening(bundle, template=SHORT)) for _ in range(11)), return_exceptions=True
    )
    assert [type(result) for result in results] == [Result] * 9 + [NumbersExhausted] * 2
    async with database.read() as connection:
        assert await cases.find_by_number(connection, "3205009") != []
        assert await count(connection, tables.cases) == 9


async def test_a_case_is_found_by_its_number(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    result = await gate.submit(make_opening(shelf.put(make_bundle())))
    assert result.case is not None
    assert result.case.created_at == clock.now()
    async with database.read() as connection:
        assert await cases.find_by_number(connection, result.case.number) == [result.case_id]
        assert await cases.find_by_number(connection, "nothing") == []
