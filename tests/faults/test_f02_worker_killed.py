"""F2: kill -9 of a worker, at named points and at random. No result is lost, no effect is doubled."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from onenet.services.catalogue import Catalogue
from tests.faults import killer
from tests.faults.city import HABITS, onenet
from tests.faults.evidence import read_cases, read_ledger
from tests.faults.form import count
from tests.faults.invariants import effects_once, stuck
from tests.faults.scenario import Scene, begin, conclude, gather_now, scene, under_load, until

POINTS = {
    "before_claim_commit": "worker",
    "after_claim_commit": "worker",
    "before_call": "worker",
    "after_call": "worker",
    "before_commit": "worker",
    "after_commit": "worker",
    "before_callback_answer": "server",
}
ROUNDS = count(1, 250)
RANDOM_KILLS = count(3, 250)
LATEST_PASS = 6

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(240 + 60 * ROUNDS)]


async def test_a_worker_that_ends_at_any_point_loses_and_doubles_nothing(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    dice, injected = begin("F2", backend), Counter[str]()

    async def crashes_and_kills() -> None:
        for _ in range(ROUNDS):
            await _crash_everywhere(made, dice, injected)
        await killer.kill_one_of(made, dice, ["worker", *HABITS], RANDOM_KILLS)
        injected["at random"] = RANDOM_KILLS

    async with scene(tmp_path, database_url, "apart") as made:
        await under_load(made, crashes_and_kills)
        report = await conclude(made, injected)
    assert report.violations == ()
    assert {point for point in injected if point in POINTS} == set(POINTS)
    assert report.evidence.calls_cut > 0


async def test_never_stuck_between_steps_when_a_worker_dies_around_its_commit(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    dice, injected = begin("F2 never stuck", backend), Counter[str]()

    async def crashes() -> None:
        for point in ("before_commit", "after_commit"):
            await killer.crash(made, "worker", point, dice.randint(1, LATEST_PASS))
            injected[point] += 1
            assert await _stuck(made) == []
            made.city.children["worker"].start()

    async with scene(tmp_path, database_url, "apart") as made:
        await under_load(made, crashes)
        report = await conclude(made, injected)
    assert report.violations == ()


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_a_successor_that_takes_new_keys_doubles_effects(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    dice = begin("F2 control", backend)
    async with scene(tmp_path, database_url, "apart") as made:
        await under_load(
            made, lambda: killer.crash(made, "worker", "after_call", dice.randint(1, LATEST_PASS))
        )
        known = len(_keys_at_health(made))
        made.city.children["worker"].start(command=onenet("worker", mutant="new_key_per_try"))

        async def called_again() -> bool:
            return len(_keys_at_health(made)) > known

        await until(made, called_again, lambda: f"{known} keys at health")
        made.city.children["worker"].kill()
        evidence = await gather_now(made)
    assert list(effects_once(evidence))


async def _crash_everywhere(made: Scene, dice: random.Random, injected: Counter[str]) -> None:
    for point, victim in POINTS.items():
        await killer.crash(made, victim, point, dice.randint(1, LATEST_PASS))
        injected[point] += 1
        made.city.children[victim].start()
        await asyncio.sleep(0)


async def _stuck(made: Scene) -> list[str]:
    async with made.database.read() as connection:
        return list(stuck(await read_cases(connection, Catalogue(made.database))))


def _keys_at_health(made: Scene) -> set[str]:
    return set(read_ledger(made.city.folder / "health.sqlite3", "health").digests)
