"""F10: clocks that are wrong, are set while work is under way, or pass midnight of a rare day.

Nothing is claimed twice, no lease is longer or shorter than it should be, and the log tells of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from onenet.clock import SteadyClock, SystemClock
from onenet.services import record
from onenet.services.advance import Gate
from onenet.store import tables
from onenet.store.database import Database
from onenet.store.queue import LEASE
from onenet.worker import Worker
from tests.factories import Shelf, make_bundle, make_opening
from tests.faults.departments import Town, Visit, honest, town
from tests.faults.form import count
from tests.faults.office import Office, office, onenet
from tests.outward import HERE
from tests.services.test_worker import at_work, until
from tests.store.seeding import save_department

CHINA = timezone(timedelta(hours=8))
CASES = count(12, 60)
CALL_S = 1.0
TOLERANCE = timedelta(seconds=3)
"""Between a claim and the look at it, on a machine that is busy with other things."""

SHIFTS = {"right": 0, "an hour ahead": 3_600, "ten minutes behind": -600, "five minutes ahead": 300}
MIDNIGHTS = (datetime(2028, 1, 1), datetime(2028, 2, 29), datetime(2028, 3, 1))  # noqa: DTZ001  # China's

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(count(120, 600))]


@dataclass(slots=True)
class Seen:
    """What a run came to. `visits`: how often each task came. `leases`: the most that each had left."""

    visits: Counter[str]
    leases: list[timedelta]
    alarms: int
    states: Counter[str]


def violations(seen: Seen) -> list[str]:
    """Everything that is not as promised."""
    found = [f"{key} came {times} times" for key, times in seen.visits.items() if times != 1]
    found += [
        f"a lease ends in {left}"
        for left in seen.leases
        if not LEASE - timedelta(seconds=CALL_S) - TOLERANCE <= left <= LEASE + TOLERANCE
    ]
    if not seen.alarms:
        found.append("nobody was told that a clock is wrong")
    if set(seen.states) != {"completed"}:
        found.append(f"cases are {dict(seen.states)}")
    return found


async def slow(visit: Visit) -> bool:
    """Takes a while, so that everybody can see who has a lease on the task."""
    await asyncio.sleep(CALL_S)
    return await honest(visit)


async def run(folder: Path, url: str, shifts: Sequence[dict[str, int]], altered: Sequence[str] = ()) -> Seen:
    """Two workers; before each round of cases their clocks are set (worker -> seconds ahead)."""
    files = {name: folder / f"{name}.time" for name in shifts[0]}

    def set_clocks(ahead: dict[str, int]) -> None:
        for name, seconds in ahead.items():
            files[name].write_text(str(seconds))

    set_clocks(shifts[0])
    engine = {"server": onenet("serve", "--no-worker")} | {
        name: onenet("worker", altered=[f"own_time={file}", "measured_every=0.3", *altered])
        for name, file in files.items()
    }
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(town({"police": slow}))
        made = await stack.enter_async_context(office(folder, url, there.urls, engine))
        leases = []
        for number, ahead in enumerate(shifts):
            set_clocks(ahead)
            leases += await one_round(made, there, f"{number}")
        states = Counter((await made.stored()).values())
        alarms = sum(made.log(name).count('"clock_skew"') for name in files)
    return Seen(Counter(there.ledgers["police"].visits), leases, alarms, states)


async def one_round(made: Office, there: Town, name: str) -> list[timedelta]:
    """Cases that come in, are claimed and handed out; gives the most that each lease had left."""
    before = len(there.ledgers["police"].visits)
    async with made.client() as client:
        for number in range(CASES):
            answer = await made.submit(client, "police", f"{name}-{number}")
            assert answer.status_code == 202
    leases: dict[str, timedelta] = {}
    async with asyncio.timeout(60):
        while len(leases) < CASES or await made.count(tables.task.c.next_at.is_not(None)):
            for task in await made.tasks():
                if task["lease_token"] is not None and task["next_at"] is not None:
                    left = task["next_at"] - SystemClock().now()
                    leases[str(task["id"])] = max(left, leases.get(str(task["id"]), left))
            await asyncio.sleep(0.02)
    assert len(there.ledgers["police"].visits) == before + CASES
    return list(leases.values())


def only(backend: str) -> pytest.MarkDecorator:
    """One engine."""
    marks = [pytest.mark.postgres] if backend == "postgresql" else []
    return pytest.mark.parametrize("backend", [pytest.param(backend, marks=marks)], indirect=True)


@only("postgresql")
async def test_workers_whose_clocks_disagree_share_the_databases_time(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    shifts = [{"first": 0, "second": seconds} for seconds in SHIFTS.values()]
    seen = await run(tmp_path, database_url, [shifts[1], *shifts])
    print(f"\nfaults: F10 {backend}: {len(seen.leases)} leases, {seen.alarms} alarms")
    assert seen.leases
    assert violations(seen) == []


@only("sqlite")
async def test_a_machine_whose_clock_is_set_ends_no_lease_early_or_late(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    shifts = [{"first": seconds, "second": seconds} for seconds in SHIFTS.values()]
    seen = await run(tmp_path, database_url, shifts)
    print(f"\nfaults: F10 {backend}: {len(seen.leases)} leases, {seen.alarms} alarms")
    assert seen.leases
    assert violations(seen) == []


@only("postgresql")
async def test_control_leases_by_each_processs_own_clock_are_seen(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    # Without the bulkhead: the one ahead would have its hands full while it could take what the other holds.
    shifts = [{"first": 0, "second": SHIFTS["an hour ahead"]}]
    found = violations(await run(tmp_path, database_url, shifts, altered=["own_clock", "no_bulkhead"]))
    # The one ahead takes work that the other holds, or was first and keeps it for an hour.
    assert [line for line in found if "times" in line or "a lease ends in" in line]
    assert "nobody was told that a clock is wrong" in found


# ---- midnights


@dataclass(frozen=True, slots=True)
class Numbered:
    """A case's number, and when it was created."""

    number: str
    created_at: datetime


def misnumbered(cases: Sequence[Numbered], midnight: datetime) -> list[str]:
    """Numbers that are not of their day, come twice, or leave a gap; and a midnight that nobody passed."""
    found = [
        f"{case.number} of {case.created_at}"
        for case in cases
        if case.number[6:14] != case.created_at.astimezone(CHINA).strftime("%Y%m%d")
    ]
    for day in {case.number[6:14] for case in cases}:
        serials = sorted(int(case.number[14:]) for case in cases if case.number[6:14] == day)
        if serials != list(range(1, len(serials) + 1)):
            found.append(f"the numbers of {day} are {serials}")
    sides = {case.created_at >= midnight.replace(tzinfo=CHINA) for case in cases}
    return found if len(sides) == 2 else [*found, "nobody passed midnight"]


@pytest.mark.parametrize("midnight", MIDNIGHTS, ids=lambda midnight: midnight.date().isoformat())
async def test_work_goes_on_over_midnight_of_a_rare_day(
    midnight: datetime, database: Database, shelf: Shelf
) -> None:
    clock = SteadyClock(midnight.replace(tzinfo=CHINA) - timedelta(seconds=1))
    gate = Gate(database, shelf.bundle_of, clock, clock)
    bundle = shelf.put(make_bundle())
    async with town({"police": honest}) as there:
        await save_department(database, "police", there.urls["police"])
        async with at_work(Worker(database, gate, clock, clock, destinations=HERE)):
            while clock.now() < midnight.replace(tzinfo=CHINA) + timedelta(seconds=1):
                await gate.submit(make_opening(bundle))
                await asyncio.sleep(0.03)

            async def all_closed() -> bool:
                return {case.state for case in await stored(database)} == {"completed"}

            await until(all_closed)
        assert set(there.ledgers["police"].visits.values()) == {1}
    cases = [Numbered(case.number, case.created_at) for case in await stored(database)]
    assert misnumbered(cases, midnight) == []
    assert (await record.verify(database)).tamperings == ()
    assert "nobody passed midnight" in misnumbered(cases[:1], midnight)
    a_day_off = [replace(case, created_at=case.created_at + timedelta(days=1)) for case in cases]
    assert len(misnumbered(a_day_off, midnight)) >= len(cases)


async def stored(database: Database) -> Sequence[Any]:
    """Every case."""
    async with database.read() as connection:
        return (await connection.execute(select(tables.cases))).all()
