"""F23: seeded histories over real SQL under a virtual clock, with a crash before or after any commit.

Every history keeps its promises; every accident planted in the engine is found within 200 of them.
`python -m tests.simulation SEED [MUTANT]` tells a history line by line.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.faults import form
from tests.simulation.ledger import History
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.process import BAD_FATES
from tests.simulation.world import Stage, stage

HISTORIES = form.count(100, 50_000)
AT_LEAST = 50
SHORT_S = 10.0
"""The short form ends by then, on a busy machine with fewer histories."""

AT_A_TIME = 250
MOST_WRONG = 3
MOST_SEEDS = 200
"""Within so many a mutant has to be found."""

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + HISTORIES)]


@pytest.fixture(scope="module")
def opened() -> Iterator[Stage]:
    with stage() as made:
        yield made


def judge(seeds: Sequence[int], most_s: float = 86_400) -> tuple[Counter[str], list[str], int]:
    """How commits fared in these histories, what is wrong with some, how many they were."""
    fates: Counter[str] = Counter()
    wrong: list[str] = []
    enough_s, judged = time.monotonic() + most_s, 0
    with stage() as own:
        for seed in seeds:
            history = own.run(seed)
            judged += 1
            fates += history.fates
            if history.violations:
                wrong.append(told(history))
            if len(wrong) == MOST_WRONG or (judged >= AT_LEAST and time.monotonic() > enough_s):
                break
    return fates, wrong, judged


def judge_all(first: int) -> tuple[Counter[str], list[str], int]:
    """The long form: all histories, spread over the cores."""
    parts = [range(at, at + AT_A_TIME) for at in range(first, first + HISTORIES, AT_A_TIME)]
    fates: Counter[str] = Counter()
    wrong: list[str] = []
    judged = 0
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as cores:
        for some_fates, some_wrong, count in cores.map(judge, parts):
            fates, wrong, judged = fates + some_fates, wrong + some_wrong, judged + count
    return fates, wrong, judged


def told(history: History) -> str:
    """A history that went wrong, and how to see it again."""
    return "\n  ".join([f"dev.py faults F23 --seed {history.seed}", *history.violations[:8]])


def test_every_history_keeps_its_promises() -> None:
    first = form.SEED
    print(f"\nF23: up to {HISTORIES} histories from seed {first}", flush=True)
    fates, wrong, judged = judge_all(first) if form.LONG else judge(range(first, first + HISTORIES), SHORT_S)
    print(f"F23: {judged} histories; commits: {dict(fates)}", flush=True)
    assert not wrong, "\n".join(wrong)
    missing = [fate.value for fate in BAD_FATES if not fates[fate.value]]
    assert not missing, f"never happened: {missing}"


def test_a_seed_is_one_exact_history(opened: Stage) -> None:
    """Not only in one process: nothing may hang on the order of a set or on an address in memory."""
    seed = form.SEED
    print(f"\nF23: seed {seed}", flush=True)
    digest = opened.run(seed).digest
    assert opened.run(seed).digest == digest
    assert opened.run(seed + 1).digest != digest
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-m", "tests.simulation", str(seed)]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        again = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert again.stdout.splitlines()[-1:] == [f"seed {seed}: {digest}"], again.stderr


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_accident_is_found(opened: Stage, mutant: Mutant) -> None:
    first = mutant.first_seed
    print(f"\nF23: {mutant.name}: {mutant.accident}: from seed {first}", flush=True)
    for seed in range(first, first + MOST_SEEDS):
        if violations := opened.run(seed, mutant).violations:
            print(f"F23: {mutant.name}: found at seed {seed}: {violations[0]}", flush=True)
            return
    pytest.fail(f"{mutant.name} was not found within {MOST_SEEDS} histories: {mutant.accident}")
