"""The killer: ends a process at a random moment and starts it again, by dice that a seed throws."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from statistics import median

from onenet import crashing
from tests.faults.scenario import LIMIT_S, Scene

LONGEST_DELAY_S = 0.25
HASTY_SHARE = 0.25
"""Kills that do not wait until the server serves again, and so fall into its start."""


async def kill_server(made: Scene, dice: random.Random, times: int) -> float:
    """kill -9 of the server, again and again; gives the median of the seconds until it served again."""
    server, took_s = made.city.children["server"], []
    for _ in range(times):
        if dice.random() >= HASTY_SHARE:
            await made.city.ready()
        await asyncio.sleep(dice.uniform(0, LONGEST_DELAY_S))
        server.kill()
        server.start()
        started = time.monotonic()
        if dice.random() >= HASTY_SHARE:
            await made.city.ready()
            took_s.append(time.monotonic() - started)
    await made.city.ready()
    return median(took_s or [0.0])


async def kill_one_of(made: Scene, dice: random.Random, victims: Sequence[str], times: int) -> None:
    """kill -9 of one child after the other, each for the first time before any is killed twice."""
    round_: list[str] = []
    for _ in range(times):
        round_ = round_ or dice.sample(list(victims), len(victims))
        victim = made.city.children[round_.pop()]
        await asyncio.sleep(dice.uniform(0, 6 * LONGEST_DELAY_S))
        victim.kill()
        victim.start()


async def crash(made: Scene, name: str, point: str, number: int) -> None:
    """Starts a child anew so that it ends itself at the n-th pass of a point, and waits until it has."""
    child = made.city.children[name]
    child.kill()
    child.start(ONENET_CRASH=f"{point}:{number}")
    status = await child.status(LIMIT_S)
    assert status == crashing.STATUS, f"{name} ended with {status} and not at {point}\n{child.tail()}"
