"""F32: a department that does not answer, three worker processes, and one call at a time that finds out.

The department answers 500, each time a moment later, so that calls which are made at once are seen at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from onenet.domain.breaker import BreakerState
from onenet.store import health, tables
from onenet.store.health import Health
from tests.adapters.loopback import answer
from tests.faults.departments import Visit, honest, town
from tests.faults.form import count
from tests.faults.office import Office, office, onenet

WORKERS = ("worker_a", "worker_b", "worker_c")
CASES = 40
PROBES = count(4, 60)
THINKS_S = 1.2
"""Longer than a worker takes to hear how others fare."""
SETTINGS = {"ONENET_LEASE_S": "3", "ONENET_TEST_MODE": "1"}
"""A short lease, so that nobody waits half a minute for the work of who was killed."""

WITHIN_S = 40.0

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(count(180, 1_800))]
on_postgresql = pytest.mark.parametrize(
    "backend", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@dataclass
class Broken:
    """A department that fails until it is well. `at_once`: calls under way, each time that one began.

    `hangs`: it does not answer any more.
    """

    under_way: int = 0
    at_once: list[int] = field(default_factory=list)
    is_well: bool = False
    hangs: bool = False
    is_hanging: asyncio.Event = field(default_factory=asyncio.Event)

    async def conduct(self, visit: Visit) -> bool:
        self.under_way += 1
        self.at_once.append(self.under_way)
        try:
            if self.is_well:
                return await honest(visit)
            while self.hangs:
                self.is_hanging.set()
                await asyncio.sleep(0.01)
            await asyncio.sleep(THINKS_S)
            visit.writer.write(answer(500))
            await visit.writer.drain()
            return True
        finally:
            self.under_way -= 1

    async def until_idle(self) -> None:
        """Waits until no call is under way. Raises: TimeoutError."""
        async with asyncio.timeout(WITHIN_S):
            while self.under_way:  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def broken_office(broken: Broken, folder: Path, url: str, *altered: str) -> AsyncIterator[Office]:
    worker = onenet("worker", altered=["hasty", *altered])
    engine = {"server": onenet("serve", "--no-worker"), **dict.fromkeys(WORKERS, worker)}
    async with (
        town({"police": broken.conduct}) as there,
        office(folder, url, there.urls, engine, **SETTINGS) as made,
    ):
        yield made


async def standing(made: Office) -> Health | None:
    async with made.database.read() as connection:
        return next(iter((await health.every(connection)).values()), None)


async def until_it(made: Office, state: BreakerState, openings: int = 0) -> Health:
    """Waits until the breaker stands so, having opened so often. Raises: AssertionError."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            row = await standing(made)
            if row is not None and row.breaker.state is state and row.breaker.openings >= openings:
                return row
            await asyncio.sleep(0.02)


async def hand_in(made: Office) -> None:
    async with made.client() as client, asyncio.TaskGroup() as group:
        for number in range(CASES):
            group.create_task(made.submit(client, "police", f"{number}"))


async def probed_at_once(folder: Path, url: str, *altered: str) -> int:
    """How many calls were under way at the same time while the breaker was not closed."""
    broken = Broken()
    async with broken_office(broken, folder, url, *altered) as made:
        await hand_in(made)
        await until_it(made, BreakerState.OPEN, openings=3)  # all three have heard of it by now
        before = len(broken.at_once)
        async with asyncio.timeout(WITHIN_S):
            while len(seen := broken.at_once[before:]) < PROBES and max(seen, default=1) == 1:  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.02)
    return max(seen)


@on_postgresql
async def test_of_three_processes_one_probes(tmp_path: Path, database_url: str) -> None:
    assert await probed_at_once(tmp_path, database_url) == 1


@on_postgresql
async def test_control_whose_row_is_written_by_everybody_is_probed_by_everybody(
    tmp_path: Path, database_url: str
) -> None:
    assert await probed_at_once(tmp_path, database_url, "many_probes") > 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_the_breaker_outlives_its_prober_and_somebody_else_finds_out(
    tmp_path: Path, database_url: str
) -> None:
    broken = Broken()
    async with broken_office(broken, tmp_path, database_url) as made:
        await hand_in(made)
        await until_it(made, BreakerState.OPEN, openings=2)
        broken.hangs = True
        await asyncio.wait_for(broken.is_hanging.wait(), WITHIN_S)
        (held,) = [task for task in await made.tasks() if task["state"] == "sending"]
        for name in WORKERS:
            made.children[name].kill()
        row = await standing(made)
        assert row is not None
        assert row.is_shut
        assert row.probe_token == held["lease_token"]
        calls = len(broken.at_once)
        broken.hangs, broken.is_well = False, True
        await broken.until_idle()  # or the call of who was killed would count as one more at once
        made.children[WORKERS[1]].start()
        open_cases = tables.cases.c.state.in_(["received", "accepted", "in_progress"])
        await made.until_none("open cases", open_cases)
        after = await until_it(made, BreakerState.CLOSED)
        assert after.probe_token is None
        assert len(broken.at_once) > calls
        assert set(broken.at_once[calls : calls + 3]) == {1}, "three answers, one after the other"
        assert await made.whole()
