"""The doctor: each check says what is well, and finds what is not, in words that tell what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from onenet.clock import FrozenClock, SystemClock
from onenet.domain.breaker import CLOSED, Calls, after_calls
from onenet.domain.bundle import Department
from onenet.domain.outcome import Received, TryLater, Unclear
from onenet.resources import example_catalogue_dir
from onenet.services import doctor, keys
from onenet.services.catalogue import publish
from onenet.services.doctor import Clocks, Remark
from onenet.store import catalogue, endpoints, health, log
from onenet.store.database import Database
from onenet.store.health import Health
from tests.domain.walk import begin
from tests.factories import NOW, names
from tests.postgres import PostgresServer
from tests.store.seeding import save_department, save_new, save_open_cases
from tests.store.unreachable import unreachable_database

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)


async def look(database: Database, at: FrozenClock) -> list[Remark]:
    """The remarks, without the one on clocks: the test's clock stands still, the database's does not."""
    return [each for each in await doctor.look(database, Clocks(at, at)) if each.check != "clock"]


async def test_a_database_at_rest_has_no_finding(database: Database, clock: FrozenClock) -> None:
    """But for the tests' own PostgreSQL, whose fsync is off, which is just what has to be found."""
    await publish(database, example_catalogue_dir(), clock)
    await keys.create(database, kind="frontend", client="app", now=NOW)
    found = [remark for remark in await look(database, clock) if remark.level == "finding"]
    expected = [] if database.backend == "sqlite" else ["fsync is off"]
    assert [remark.says for remark in found] == expected


async def test_a_catalogue_and_a_front_end_s_key_that_are_missing_are_findings(
    database: Database, clock: FrozenClock
) -> None:
    found = {remark.check: remark for remark in await look(database, clock) if remark.level == "finding"}
    assert found["catalogue"].advice == "onenet catalogue publish"
    assert found["keys"].advice == "onenet key create frontend …"


async def test_a_key_that_has_ended_is_a_key_that_is_missing(database: Database, clock: FrozenClock) -> None:
    for kind in ("frontend", "supervisor"):
        await keys.create(database, kind=kind, client="app", now=NOW, lives_for=timedelta(days=1))
    assert [remark.level for remark in await look(database, clock) if remark.check == "keys"] == ["ok"]
    clock.advance(timedelta(days=1))
    levels = [remark.level for remark in await look(database, clock) if remark.check == "keys"]
    assert levels == ["finding", "warning"]


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


async def endpoints_told(database: Database, clock: FrozenClock) -> list[tuple[str, str]]:
    """Level and words of what is said of endpoints."""
    return [(each.level, each.says) for each in await look(database, clock) if each.check == "endpoints"]


async def save_tried(database: Database, clock: FrozenClock, *failures: bool) -> None:
    """A case of the police for each, whose task was called just now, in vain where it says so."""
    walks = [begin() for _ in failures]
    for walk, failed in zip(walks, failures, strict=True):
        walk.now = clock.now()
        walk.attempt("household", TryLater("transient", "503") if failed else Received())
    await save_new(database, walks)


async def test_a_department_without_an_endpoint_is_a_finding_once_a_task_waits_for_it(
    database: Database, clock: FrozenClock
) -> None:
    await save_open_cases(database, 2)  # of the police
    clock.advance(77 * SECOND)
    assert await endpoints_told(database, clock) == [
        ("finding", "department police has no endpoint; tasks that wait for it: 2, the oldest for 0:01:17")
    ]


async def test_a_task_that_is_not_due_until_its_next_try_is_told_all_the_same(
    database: Database, clock: FrozenClock
) -> None:
    await save_tried(database, clock, True)
    assert [level for level, _ in await endpoints_told(database, clock)] == ["finding"]


async def test_departments_that_nothing_waits_for_share_one_line(
    database: Database, clock: FrozenClock
) -> None:
    async with database.transaction() as connection:
        departments = [Department(code, names(code)) for code in ("tax", "police", "bank")]
        await catalogue.save_departments(connection, departments, NOW)
    await save_department(database, "police", "http://127.0.0.1:1")
    assert await endpoints_told(database, clock) == [
        ("warning", "departments without an endpoint, nothing waits for them: bank, tax")
    ]


async def test_tasks_whose_last_call_failed_are_a_warning(database: Database, clock: FrozenClock) -> None:
    await save_department(database, "police", "http://127.0.0.1:1")
    await save_tried(database, clock, True, False)
    clock.advance(SECOND)
    await save_tried(database, clock, True)
    await save_open_cases(database, 1)
    assert await endpoints_told(database, clock) == [
        (
            "warning",
            "2 tasks of department police wait for their next try, the oldest since 2026-11-23T01:00:00Z",
        )
    ]


async def test_tasks_that_were_never_called_are_no_warning(database: Database, clock: FrozenClock) -> None:
    await save_department(database, "police", "http://127.0.0.1:1")
    await save_open_cases(database, 1)
    assert [level for level, _ in await endpoints_told(database, clock)] == ["ok"]


async def test_held_steps_are_a_warning(database: Database, clock: FrozenClock) -> None:
    walks = [begin(at=NOW + hours * 3600 * SECOND) for hours in (2, 1)]
    for walk in walks:
        walk.attempt("household", Unclear("not JSON"))
    await save_new(database, walks)
    (remark,) = [each for each in await look(database, clock) if each.check == "held steps"]
    assert (remark.level, remark.says) == ("warning", "2, the oldest since 2026-11-23T02:00:00Z")


async def test_a_held_step_that_was_decided_is_none(database: Database, clock: FrozenClock) -> None:
    walk = begin()
    walk.attempt("household", Unclear("not JSON"))
    walk.decide("household", "release")
    await save_new(database, [walk])
    (remark,) = [each for each in await look(database, clock) if each.check == "held steps"]
    assert remark.level == "ok"


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
    assert [remark.level for remark in doctor.judge_postgresql(SAFE | changed, ["sync"])] == levels


@pytest.mark.parametrize(
    ("standbys", "level"),
    [
        (["sync"], "ok"),
        (["async", "quorum"], "ok"),
        ([], "finding"),
        (["async", "potential"], "finding"),
        ([None], "warning"),
    ],
)
def test_a_synchronous_standby_that_is_not_there_is_a_finding(standbys: list[str | None], level: str) -> None:
    assert [remark.level for remark in doctor.judge_postgresql(SAFE, standbys)] == [level]


@pytest.mark.parametrize("commit", ["off", "local"])
def test_where_no_write_waits_for_a_standby_its_absence_holds_none_up(commit: str) -> None:
    remarks = doctor.judge_postgresql(SAFE | {"synchronous_commit": commit}, [])
    assert [remark.says for remark in remarks if "not there" in remark.says] == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_server_that_waits_for_a_standby_in_vain_is_found(
    database: Database, postgres: PostgresServer, clock: FrozenClock
) -> None:
    postgres.execute("ALTER SYSTEM SET synchronous_standby_names = 'away'")
    try:
        postgres.execute("SELECT pg_reload_conf()")
        with anyio.fail_after(20):
            while "every write waits for a standby that is not there: away" not in {  # noqa: ASYNC110  # asked of the server
                remark.says for remark in await look(database, clock)
            }:
                await anyio.sleep(0.05)
    finally:
        postgres.execute("ALTER SYSTEM RESET synchronous_standby_names")
        postgres.execute("SELECT pg_reload_conf()")


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


async def test_a_record_that_nobody_seals_is_a_finding(database: Database, clock: FrozenClock) -> None:
    clocks = Clocks(clock, clock)
    async with database.transaction() as connection:
        await log.tell(connection, None, 1, clock.now())
    clock.advance(doctor.MOST_UNSEALED)
    assert [each.level for each in await doctor.sealing(database, clocks, None)] == ["ok"]
    clock.advance(SECOND)
    assert [each.level for each in await doctor.sealing(database, clocks, None)] == ["finding"]


async def test_a_department_that_does_not_answer_is_named_and_its_work_is_not_late(
    database: Database, clock: FrozenClock
) -> None:
    """For a quarter of an hour it is something to know; then somebody has to do something."""
    await save_open_cases(database, 1)
    endpoint = await save_department(database, "police", "http://127.0.0.1:9/")
    failed = after_calls(CLOSED, Calls(failed=5, failed_last=5), NOW)
    async with database.transaction() as connection:
        await health.write(connection, Health(endpoint.id, "department", "police", breaker=failed))
    said = []
    for waits in (timedelta(), timedelta(minutes=15)):
        clock.advance(waits)
        found = {each.says: each.level for each in await look(database, clock)}
        said.append([(says, level) for says, level in found.items() if "does not answer" in says])
        assert found["nothing is due"] == "ok"
    since = "department police does not answer since 2026-11-23T01:00:00Z; what is for it waits"
    at = ", and it is tried again at 2026-11-23T01:00:05Z"
    assert said == [[(since + at, "warning")], [(since, "finding")]]
