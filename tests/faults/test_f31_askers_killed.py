"""F31: who asks a department what became of its tasks ends without a word, again and again, wherever it is.

Two workers over one database end at the points around a poll: claimed, about to call, called, about to
record, recorded. Each case is completed once, and no task is handed over a second time.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from onenet.clock import SystemClock
from onenet.crashing import STATUS
from onenet.domain.states import CaseState
from onenet.services import endpoints
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.endpoints import Wanted
from onenet.store import tables
from onenet.store.database import Database
from tests.adapters.departments import Department, department
from tests.adapters.factories import EXCHANGE_LIST, SECRET
from tests.api.conftest import city_bundle, publish
from tests.factories import make_content, make_opening
from tests.faults import city
from tests.faults.children import Child, environment
from tests.faults.form import count
from tests.faults.scenario import begin
from tests.faults.uncalled import applied_twice
from tests.keys import key_ring

POINTS = ("after_claim_commit", "before_call", "after_call", "before_commit", "after_commit")
KILLS = count(5, 60)
CASES = count(8, 40)
FEWEST = count(2, 40)
"""A machine that is slow to start workers comes to the end of the cases before that of the kills."""
WITHIN_S = 60.0
DESCRIPTION = {
    **EXCHANGE_LIST,
    "answer": {**EXCHANGE_LIST["answer"], "reference": "/number"},
    "poll": {"every": 1, "path": "/tasks/${/reference}"},
}

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(120 + 10 * KILLS)]


@dataclass(frozen=True)
class Asking:
    """What runs: a department that never calls back, two workers; and what it all came to."""

    database: Database
    department: Department
    workers: list[Child]

    def calls(self) -> int:
        """How often a task was handed over."""
        return int(self.department.get()["calls"])

    async def told_twice(self) -> bool:
        """Whether a task was handed over again."""
        return await asyncio.to_thread(self.calls) > CASES

    async def number(self, of: Any) -> int:
        """A number out of the database."""
        async with self.database.read() as connection:
            return int((await connection.execute(of)).scalar_one())

    async def all_sent(self) -> bool:
        """Whether the department has each task, and is to be asked about it."""
        task = tables.task.c
        return await self.number(select(func.count()).where(task.reference.is_not(None))) == CASES

    async def all_completed(self) -> bool:
        """Whether all cases are."""
        done = tables.cases.c.state == CaseState.COMPLETED
        return await self.number(select(func.count()).where(done)) == CASES

    async def ends(self, child: Child) -> bool:
        """Whether the worker ends where it is told to; not, when nothing is left that it could end at."""
        ended = asyncio.create_task(child.status(WITHIN_S))
        while not ended.done():
            if await self.all_completed():
                ended.cancel()
                return False
            await asyncio.wait([ended], timeout=0.2)
        assert ended.result() == STATUS
        return True

    async def until(self, fact: Callable[[], Awaitable[bool]]) -> None:
        """Waits until it is so. Raises: AssertionError."""
        deadline = time.monotonic() + WITHIN_S
        while not await fact():
            tails = "\n".join(child.tail() for child in self.workers)
            assert time.monotonic() < deadline, tails
            await asyncio.sleep(0.05)


@asynccontextmanager
async def asking(folder: Path, database_url: str, mutant: str | None = None) -> AsyncIterator[Asking]:
    """All of it, with every task handed over and nothing decided yet."""
    database, clock = Database(database_url, ring=key_ring()), SystemClock()
    gate = Gate(database, Catalogue(database).bundle, clock, clock)
    await publish(database, city_bundle())
    settings = environment(
        ONENET_DATABASE_URL=database_url, ONENET_DATA_DIR=str(folder), ONENET_TEST_MODE="1",
        ONENET_LEASE_S="1", PYTHONPATH=str(city.ROOT),
    )  # fmt: skip
    workers = [
        Child(name, city.onenet("worker", mutant=mutant), folder, settings) for name in ("first", "second")
    ]
    with department(folder, habit="slow", dialect="asked", callback="", code="health", delay_s=6) as health:
        wanted = Wanted(
            "department", "health", health.url, "rest", SECRET, json.loads(json.dumps(DESCRIPTION))
        )
        await endpoints.register(database, wanted, clock.now())
        content = make_content(answers={"local": False})
        await asyncio.gather(
            *(gate.submit(make_opening(city_bundle(), content=content)) for _ in range(CASES))
        )
        made = Asking(database, health, workers)
        try:
            workers[0].start()
            await made.until(made.all_sent)
            yield made
        finally:
            for child in workers:
                child.end()
            await database.close()


async def test_nothing_is_lost_or_doubled_when_who_asks_ends_anywhere(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    dice = begin("F31", backend)
    async with asking(tmp_path, database_url) as made:
        made.workers[0].kill()
        killed = 0
        for kill in range(KILLS):
            child, where = made.workers[kill % 2], f"{POINTS[kill % len(POINTS)]}:{dice.randint(1, 3)}"
            child.start(ONENET_CRASH=where)
            if not await made.ends(child):
                break
            killed += 1
        assert killed >= FEWEST
        for child in made.workers:
            child.end()
            child.start()
        await made.until(made.all_completed)
        assert await asyncio.to_thread(made.calls) == CASES
        assert await applied_twice(made.database) == 0


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_a_worker_that_hands_over_again_instead_of_asking_is_noticed(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F31 control", backend)
    async with asking(tmp_path, database_url, mutant="tells_again") as made:
        await made.until(made.told_twice)
