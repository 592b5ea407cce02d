"""F33: a department that swaps rows, and the workers that swap them with it, are killed again and again.

The department takes tasks out of its own database and puts answers into it; two workers write and read there.
Each task has its effect once, each answer is applied once, every row says what became of it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from onenet import crashing
from onenet.clock import SystemClock
from onenet.services import endpoints
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.endpoints import Wanted
from onenet.store.database import Database
from tests.api.conftest import city_bundle, publish
from tests.exchanging import Bureau, bureau
from tests.faults import city
from tests.faults.children import Child, environment
from tests.faults.form import count
from tests.faults.scenario import begin
from tests.faults.uncalled import Uncalled, applied_twice
from tests.keys import key_ring

KILLS = count(2, 50)
EACH = 4
"""Cases that come before each kill."""

CASES = KILLS * EACH
SIDES = ("worker", "department")
LEASE_S = 1

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(120 + 20 * KILLS)]


@dataclass(frozen=True)
class Swapping(Uncalled):
    """Workers, one process of the department, and its database."""

    theirs: Bureau

    async def all_marked(self, at_least: int) -> bool:
        """Whether every answer has its mark, and there are so many."""
        marks = await asyncio.to_thread(self.theirs.marks)
        return len(marks) >= at_least and all(outcome for _, outcome, _ in marks)


@asynccontextmanager
async def swapping(
    folder: Path,
    database_url: str,
    theirs: Bureau,
    *,
    workers: int = 2,
    habit: str = "slow",
    mutant: str | None = None,
    **first: str,
) -> AsyncIterator[Swapping]:
    """All of it, and a gate to apply through. `first`: settings of the workers' first start."""
    database, clock = Database(database_url, ring=key_ring()), SystemClock()
    gate = Gate(database, Catalogue(database).bundle, clock, clock)
    await publish(database, city_bundle())
    wanted = Wanted("department", "health", adapter="exchange_table", credentials={"url": theirs.url})
    await endpoints.register(database, wanted, clock.now())
    settings = environment(
        ONENET_DATABASE_URL=database_url,
        ONENET_DATA_DIR=str(folder),
        ONENET_EXCHANGE_DIR=str(folder),
        ONENET_TEST_MODE="1",
        ONENET_LEASE_S=str(LEASE_S),
        PYTHONPATH=str(city.ROOT),
    )
    names = [f"worker_{number}" for number in range(workers)]
    children = {name: Child(name, city.onenet("worker", mutant=mutant), folder, settings) for name in names}
    words = (
        sys.executable, "-m", "onenet.simulator", "--department=health", f"--habit={habit}",
        "--dialect=exchange_table", f"--exchange={theirs.url}", f"--folder={folder}", "--delay-s=0.05",
    )  # fmt: skip
    children["department"] = Child("department", words, folder, settings)
    try:
        children["department"].start()
        for name in names:
            children[name].start(**first)
        yield Swapping(database, gate, folder, children, theirs)
    finally:
        for child in children.values():
            child.end()
        await database.close()


@pytest.fixture
async def theirs(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Bureau]:
    async with bureau(backend, request, tmp_path) as made:
        yield made


async def test_no_row_is_lost_or_doubled_when_either_side_is_killed(
    backend: str, database_url: str, theirs: Bureau, tmp_path: Path
) -> None:
    """New cases come before each kill, and most of those before them are taken by then."""
    dice = begin("F33", backend)
    async with swapping(tmp_path, database_url, theirs) as made:
        for kill in range(KILLS):
            await made.apply(EACH)
            await made.until(partial(made.effects, (kill - 1) * EACH))
            await asyncio.sleep(dice.uniform(0, 0.5))
            name = dice.choice([n for n in made.children if n.startswith(SIDES[kill % 2])])
            made.children[name].kill()
            made.children[name].start()

        await made.until(partial(made.all_completed, CASES))
        await made.until(partial(made.all_marked, 2 * CASES))
        assert theirs.run("SELECT count(*) FROM onenet_task") == [(CASES,)]
        assert {outcome for _, outcome, _ in theirs.marks()} <= {"applied", "recorded-late", "unchanged"}
        assert made.ledger("SELECT count(*) FROM task") == CASES
        assert made.ledger("SELECT count(*) FROM task WHERE effects <> 1") == 0
        assert made.ledger("SELECT count(*) FROM clash") == 0
        assert await applied_twice(made.database) == 0


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(("mutant", "completed"), [(None, 2), ("mark_before_commit", 1)])
async def test_an_answer_is_lost_when_it_is_marked_before_it_is_committed_and_not_otherwise(
    backend: str, database_url: str, theirs: Bureau, tmp_path: Path, mutant: str | None, completed: int
) -> None:
    """The negative control, and the same accident without the mutant: a worker dies between the two."""
    begin("F33 control", backend)
    dies = {"ONENET_CRASH": "before_mark:1"}
    async with swapping(
        tmp_path, database_url, theirs, workers=1, habit="fast", mutant=mutant, **dies
    ) as made:
        worker = made.children["worker_0"]
        await made.apply(1)
        assert await worker.status(60.0) == crashing.STATUS
        worker.start()
        await made.apply(1)
        await made.until(partial(made.all_marked, 2))
        await made.until(partial(made.all_completed, completed))
        assert {outcome for _, outcome, _ in theirs.marks()} == {"applied"}
        assert await made.completed() == completed
