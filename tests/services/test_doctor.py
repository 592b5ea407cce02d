"""The doctor: each check says what is well, and finds what is not, in words that tell what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from onenet.clock import FrozenClock, SystemClock
from onenet.domain.bundle import Department
from onenet.services import doctor
from onenet.services.doctor import Clocks, Remark
from onenet.store import catalogue, endpoints
from onenet.store.database import Database
from tests.factories import NOW, names
from tests.store.seeding import save_department, save_open_cases
from tests.store.unreachable import unreachable_database

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)


async def look(database: Database, at: FrozenClock) -> list[Remark]:
    """The remarks, without the one on clocks: the test's clock stands still, the database's does not."""
    return [each for each in await doctor.look(database, Clocks(at, at)) if each.check != "clock"]


async def test_a_database_at_rest_has_no_finding(database: Database, clock: FrozenClock) -> None:
    """But for the tests' own PostgreSQL, whose fsync is off, which is just what has to be found."""
    found = [remark for remark in await look(database, clock) if remark.level == "finding"]
    expected = [] if database.backend == "sqlite" else ["fsync is off"]
    assert [remark.says for remark in found] == expected


async def test_the_clocks_of_one_machine_agree(database: Database) -> None:
    remarks = await doctor.look(database, Clocks(SystemClock(), SystemClock()))
    (remark,) = [each for each in remarks if each.check == "clock"]
    assert remark.level == "ok"


@pytest.mark.parametrize(("skew_s", "level"), [(0, "ok"), (2, "ok"), (3, "finding"), (-3, "finding")])
def test_clocks_that_are_more_than_two_seconds_apart_are_a_finding(skew_s: int, level: str) -> None:
    assert doctor.judge_clock(NOW + skew_s * SECOND, NOW, NOW).level == level


def test_a_slow_answer_is_no_skew() -> None:
    assert doctor.judge_clock(NOW + 5 * SECOND, NOW, NOW + 10 * SECOND).level == "ok"


async def test_work_that_nobody_does_is_a_finding(database: Database, clock: FrozenClock) -> None:
    await save_open_cases(database, 1)
    await save_department(database, "police", "http://127.0.0.1:1")
    clock.advance(61 * SECOND)
    found = {remark.check: remark.level for remark in await look(database, clock)}
    assert (found["due task"], found["due delivery"], found["due timer"]) == ("finding", "ok", "ok")


async def test_work_that_just_fell_due_is_none(database: Database, clock: FrozenClock) -> None:
    await save_open_cases(database, 1)
    clock.advance(59 * SECOND)
    found = {remark.check: remark.level for remark in await look(database, clock)}
    assert found["due task"] == "ok"


async def test_a_department_without_an_endpoint_is_a_finding_once_something_is_due_for_it(
    database: Database, clock: FrozenClock
) -> None:
    async with database.transaction() as connection:
        departments = [Department(code, names(code)) for code in ("police", "bank")]
        await catalogue.save_departments(connection, departments, NOW)
    await save_open_cases(database, 1)  # of the police
    said = {r.says.split(";")[0]: r.level for r in await look(database, clock) if r.check == "endpoints"}
    assert said == {
        "department bank has no endpoint": "warning",
        "department police has no endpoint": "finding",
    }


async def test_a_held_endpoint_is_a_finding(database: Database, clock: FrozenClock) -> None:
    endpoint = await save_department(database, "police", "http://127.0.0.1:1")
    async with database.transaction() as connection:
        await endpoints.replace(connection, replace(endpoint, state="held"))
    (remark,) = [each for each in await look(database, clock) if each.check == "endpoints"]
    assert (remark.level, remark.says) == ("finding", "the endpoint of department police is held")


async def test_a_database_that_is_away_is_a_finding(tmp_path: Path, backend: str, clock: FrozenClock) -> None:
    async with unreachable_database(tmp_path, backend) as database:
        remarks = await doctor.look(database, Clocks(clock, clock))
    assert [remark.level for remark in remarks] == ["finding"]


# ---- durability


SAFE = {
    "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "synchronous_standby_names": "s",
    "statement_timeout": "10s",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "levels"),
    [
        ({}, ["ok"]),
        ({"fsync": "off"}, ["finding", "ok"]),
        ({"full_page_writes": "off"}, ["finding", "ok"]),
        ({"synchronous_commit": "off"}, ["finding"]),
        ({"synchronous_commit": "local"}, ["warning"]),
        ({"synchronous_standby_names": ""}, ["warning"]),
        ({"statement_timeout": "0"}, ["warning", "ok"]),
    ],
)
def test_settings_of_postgresql_that_lose_cases_are_told(changed: dict[str, str], levels: list[str]) -> None:
    assert [remark.level for remark in doctor.judge_postgresql(SAFE | changed)] == levels


@pytest.mark.parametrize(
    ("changed", "level"),
    [({}, "ok"), ({"synchronous": "1"}, "finding"), ({"journal_mode": "delete"}, "finding")],
)
def test_settings_of_sqlite_that_lose_cases_are_told(changed: dict[str, str], level: str) -> None:
    pragmas = {"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1"} | changed
    assert [remark.level for remark in doctor.judge_sqlite(pragmas)] == [level]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_the_settings_of_a_real_connection_are_read(database: Database) -> None:
    async with database.read() as connection:
        assert (await doctor._pragmas(connection))["synchronous"] == "2"
