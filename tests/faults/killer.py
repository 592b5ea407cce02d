"""The killer: kill -9 of one process after the other, by a plan that a seed makes and can make again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.faults.city import HABITS, City

LONGEST_DELAY_S = 1.5
DEPARTMENT_SHARE = 0.15
"""How many blows fall on a department: on each at most once, on the flaky one never. The third try of a task
comes after five minutes, so one that failed twice would outlast the test."""

HASTY_SHARE = 0.25
"""Blows that do not wait until the server is up again, and so fall into its start."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One kill: so long after the one before, or after the server was ready again if it `waits` for that."""

    victim: str
    after_s: float
    waits: bool


def plan(seed: int, kills: int, engine: Sequence[str]) -> list[Blow]:
    """The blows of a seed; the same for the same arguments."""
    return list(_blows(random.Random(seed), kills, engine))


def _blows(dice: random.Random, kills: int, engine: Sequence[str]) -> Iterator[Blow]:
    unharmed = [code for code, (habit, _) in HABITS.items() if habit != "flaky"]
    round_: list[str] = []
    for _ in range(kills):
        if unharmed and dice.random() < DEPARTMENT_SHARE:
            victim = unharmed.pop(dice.randrange(len(unharmed)))
        else:
            # In rounds: a short plan that by chance never hits the server would prove nothing.
            round_ = round_ or dice.sample(list(engine), len(engine))
            victim = round_.pop()
        yield Blow(victim, dice.uniform(0, LONGEST_DELAY_S), dice.random() >= HASTY_SHARE)


async def strike(city: City, blows: Sequence[Blow]) -> Counter[str]:
    """Kills and starts again at once, blow after blow; gives how often each was killed."""
    struck: Counter[str] = Counter()
    for blow in blows:
        if blow.waits:
            await city.ready()
        await asyncio.sleep(blow.after_s)
        victim = city.children[blow.victim]
        victim.kill()
        victim.start()
        struck[blow.victim] += 1
    return struck
