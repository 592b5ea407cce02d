"""Machine time: the database's, carried on by a clock that nobody can set; two that disagree are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from onenet.clock import FrozenClock, SteadyClock, SystemClock
from onenet.services import clock as services_clock
from onenet.services.clock import MachineTime, machine_time
from onenet.store.database import Database
from tests.factories import NOW
from tests.store.unreachable import unreachable_database

pytestmark = pytest.mark.anyio

AN_INSTANT = timedelta(seconds=1)
"""For what happens at once, on a machine that is busy with other things."""

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "backend", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def log() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def off(clock: SteadyClock) -> timedelta:
    """How far it is from this machine's clock, which the database of a test shares."""
    return abs(clock.now() - SystemClock().now())


async def test_machine_time_is_the_databases(database: Database) -> None:
    assert off((await machine_time(database)).clock) < AN_INSTANT


def test_what_passes_after_a_measurement_is_counted_without_the_clock_that_can_be_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed = iter([10.0, 40.5])
    monkeypatch.setattr("onenet.clock.steady_s", lambda: next(passed))
    assert SteadyClock(NOW).now() == NOW + timedelta(seconds=30.5)


@on_postgresql
@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(hours=-1)])
async def test_a_process_whose_clock_is_wrong_goes_by_the_database(
    database: Database, ahead: timedelta, log: list[Any]
) -> None:
    own = FrozenClock(datetime.now(UTC) + ahead)
    time = MachineTime(database, SteadyClock(own.now()), own)
    await time.measure()
    assert off(time.clock) < AN_INSTANT
    (told,) = log
    assert (told["event"], told["log_level"]) == ("clock_skew", "warning")
    assert abs(told["seconds"] + ahead.total_seconds()) < AN_INSTANT.total_seconds()


@on_sqlite
@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(minutes=-10)])
async def test_a_jump_of_the_machines_clock_is_told_and_not_followed(
    database: Database, jump: timedelta, log: list[Any]
) -> None:
    own = FrozenClock(NOW)
    time = MachineTime(database, SteadyClock(NOW), own)
    own.advance(jump)
    await time.measure()
    assert abs(time.clock.now() - NOW) < AN_INSTANT
    assert [line["event"] for line in log] == ["clock_skew"]


@on_sqlite
async def test_a_correction_of_the_machines_clock_is_followed_in_silence(
    database: Database, log: list[Any]
) -> None:
    own = FrozenClock(NOW + timedelta(seconds=1.5))
    time = MachineTime(database, SteadyClock(NOW), own)
    await time.measure()
    assert timedelta(0) <= time.clock.now() - own.now() < AN_INSTANT
    assert log == []


async def test_an_alarm_is_told_once_and_again_when_it_comes_back(database: Database, log: list[Any]) -> None:
    own = FrozenClock(SystemClock().now() + timedelta(hours=1))
    time = MachineTime(database, SteadyClock(SystemClock().now()), own)
    for _ in range(3):
        await time.measure()
    assert len(log) == 1
    own.advance(timedelta(hours=-1))
    await time.measure()
    own.advance(timedelta(hours=1))
    await time.measure()
    assert [line["event"] for line in log] == ["clock_skew", "clock_skew"]


async def test_without_its_database_the_clock_goes_on(tmp_path: Path) -> None:
    async with unreachable_database(tmp_path, "postgresql") as database:
        time = MachineTime(database, SteadyClock(NOW), FrozenClock(NOW))
        await time.measure()
        assert NOW <= time.clock.now() < NOW + timedelta(minutes=1)


@on_postgresql
async def test_a_measurement_that_took_too_long_is_not_used(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_clock, "SLOWEST_S", 0.0)
    time = MachineTime(database, SteadyClock(NOW), FrozenClock(NOW))
    await time.measure()
    assert abs(time.clock.now() - NOW) < timedelta(minutes=1)
