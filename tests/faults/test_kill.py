"""kill -9 at random under load: every accepted case completes, once, and the record verifies.

Short here, long by `python3 dev.py faults [--kills 50] [--seed N]`. kill -9 proves nothing about what the
kernel has not yet written to the disk.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from tests.faults import killer
from tests.faults.city import Shape
from tests.faults.scenario import kill_under_load

KILLS = int(os.environ.get("FAULTS_KILLS", "6"))
SEED = int(os.environ.get("FAULTS_SEED", "0")) or secrets.randbelow(2**31) + 1
LONG = "FAULTS_KILLS" in os.environ

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.timeout(180 + 15 * KILLS),
]
shapes = pytest.mark.parametrize("shape", ["apart", "together"] if LONG else ["apart"])


@shapes
async def test_nothing_is_lost_when_processes_are_killed(
    shape: Shape, backend: str, database_url: str, tmp_path: Path
) -> None:
    print(f"\nfaults: {backend} {shape}: seed {SEED}", flush=True)
    report = await kill_under_load(tmp_path, database_url, shape, seed=SEED, kills=KILLS)
    print(f"faults: {backend} {shape}: {report}", flush=True)
    assert report.violations == ()
    assert report.struck.total() == KILLS > 0
    assert report.evidence.ledger.acknowledged
    assert report.evidence.ledger.errors, "no request met a dead server: the kills did not bite"


def test_a_seed_makes_the_same_plan_again() -> None:
    engine = ("server", "worker")
    assert killer.plan(7, 50, engine) == killer.plan(7, 50, engine)
    assert killer.plan(7, 50, engine) != killer.plan(8, 50, engine)
