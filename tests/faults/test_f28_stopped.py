"""SIGTERM under load: what was begun is finished and answered, nothing is half done, the exit status is 0."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from onenet.store import tables
from tests.faults.city import START_LIMIT_S, Shape
from tests.faults.evidence import calls_cut
from tests.faults.scenario import Scene, conclude, scene, under_load

STOPS = 2
CASES_BETWEEN = 5
STOP_LIMIT_S = 30.0
ANSWER_LIMIT_S = 10.0
SHAPES: dict[str, Shape] = {"sqlite": "together", "postgresql": "apart"}
"""As the documents advise: one process for a pilot, several for a city."""

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(240)]


async def test_a_stop_under_load_leaves_nothing_half_done(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    shape = SHAPES[backend]
    async with scene(tmp_path, database_url, shape) as made:
        await under_load(made, lambda: _stop_and_start(made))
        report = await conclude(made, Counter())
    print(f"\nfaults: {backend} {shape}: {STOPS} stops, {report}")
    assert report.violations == ()
    assert [name for name in report.evidence.ledger.errors if name.isdecimal()] == []


async def _stop_and_start(made: Scene) -> None:
    """SIGTERM to all of onenet at once, a look at what it left, and a new start."""
    engine = [made.city.children[name] for name in made.city.engine]
    for _ in range(STOPS):
        await _at_work(made)
        for child in engine:
            child.ask_to_stop()
        assert {child.name: await child.status(STOP_LIMIT_S) for child in engine} == dict.fromkeys(
            made.city.engine, 0
        )
        await _whatever_is_stored_was_answered(made)
        assert await _half_done(made) == 0
        for child in engine:
            child.start()
        await made.city.ready()


async def _at_work(made: Scene) -> None:
    """Waits until cases come in and messages go out; a process that only starts has nothing to finish."""
    await made.applicants.acknowledged(len(made.ledger.acknowledged) + CASES_BETWEEN)
    deadline = time.monotonic() + START_LIMIT_S
    before = len(made.city.subscriber.heard)
    while len(made.city.subscriber.heard) == before:
        assert time.monotonic() < deadline, "nothing goes out"
        await asyncio.sleep(0.02)


async def _whatever_is_stored_was_answered(made: Scene) -> None:
    """While nobody serves, no repeated request can make up for an answer that was not given."""
    async with made.database.read() as connection:
        stored = {str(id) for id in (await connection.execute(select(tables.cases.c.id))).scalars()}
    deadline = time.monotonic() + ANSWER_LIMIT_S
    while unanswered := stored - {each.case_id for each in made.ledger.acknowledged}:
        assert time.monotonic() < deadline, f"stored and not answered: {unanswered}"
        await asyncio.sleep(0.02)


async def _half_done(made: Scene) -> int:
    """Leases nobody gave back, and calls nobody recorded."""
    async with made.database.read() as connection:
        count = await calls_cut(connection)
        for table in (tables.task, tables.delivery):
            leased = select(func.count()).select_from(table).where(table.c.lease_token.is_not(None))
            count += (await connection.execute(leased)).scalar_one()
    return count
