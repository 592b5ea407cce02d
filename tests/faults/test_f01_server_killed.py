"""F1: kill -9 of the API under load. What was acknowledged is there, once, whoever asks again.

kill -9 proves nothing about what the kernel has not yet written to the disk.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.faults import killer
from tests.faults.city import Shape
from tests.faults.form import LONG, count
from tests.faults.scenario import Scene, begin, conclude, lost, scene, under_load

KILLS = count(4, 1_000)
CASES_BETWEEN = 3

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(240 + 10 * KILLS)]
shapes = pytest.mark.parametrize("shape", ["apart", "together"] if LONG else ["apart"])


@shapes
async def test_what_was_acknowledged_outlives_the_server(
    shape: Shape, backend: str, database_url: str, tmp_path: Path
) -> None:
    dice = begin(f"F1 {shape}", backend)
    async with scene(tmp_path, database_url, shape) as made:
        again_s = await under_load(made, lambda: killer.kill_server(made, dice, KILLS))
        report = await conclude(made, Counter(server=KILLS))
    print(f"faults: F1 ready again after {again_s:.1f} s (median)")
    assert report.violations == ()
    assert report.evidence.ledger.errors, "no request met a dead server: the kills did not bite"


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_a_server_that_answers_before_it_commits_loses_cases(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    dice = begin("F1 control", backend)
    async with scene(tmp_path, database_url, "apart", mutant="answer_before_commit") as made:
        made.city.children["worker"].end()
        await under_load(made, lambda: _kill_after_answers(made, dice))
        assert await lost(made)


async def _kill_after_answers(made: Scene, dice: random.Random) -> None:
    server = made.city.children["server"]
    for _ in range(2):
        await made.applicants.acknowledged(len(made.ledger.acknowledged) + dice.randint(1, CASES_BETWEEN))
        server.kill()
        server.start()
        await made.city.ready()
