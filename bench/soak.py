"""soak.memory_mb: the memory of a process that takes in, works on and shows cases, late beside early.

`onenet serve --worker` is sent births at an even rate, and each is looked at again; its memory is noted every
second. After the first quarter everything that is kept is full.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bench import load, serving, town
from bench.ground import Ground, tell
from bench.http import Service
from bench.measure import Figure, figure

NAMES = ("soak.memory_mb",)
SECONDS = 1_200.0
PER_SECOND = 15
TOLD_EVERY_S = 60


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figure: the last quarter's memory beside the second quarter's. One run, whatever is asked for."""
    with ground.server.database() as url:
        key = town.prepare(url)
        with serving.working(url) as (port, pid):
            taken = _memory_mb(Service(port, key), pid, max(20.0, SECONDS * ground.size))
    quarter = len(taken) // 4
    early, late = taken[quarter : 2 * quarter], taken[-quarter:]
    yield figure("soak.memory_mb", "MB", [statistics.median(late)], "the second quarter", early)


def _memory_mb(service: Service, pid: int, seconds: float) -> list[float]:
    """The process's resident memory, once a second, under load. Raises: NotMeasured."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_soak(service, pid, seconds))


async def _soak(service: Service, pid: int, seconds: float) -> list[float]:
    taken: list[float] = []

    async def watch() -> None:
        while True:
            taken.append(_resident_mb(pid))
            if len(taken) % TOLD_EVERY_S == 0:
                tell(f"soak: {len(taken)} s, {taken[-1]:.1f} MB")
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(round(PER_SECOND * seconds)):
            await asyncio.sleep(began + number / PER_SECOND - time.perf_counter())
            group.create_task(load.submit_and_look(service.port, service.post(number), service.get))
    watching.cancel()
    return taken


def _resident_mb(pid: int) -> float:
    """Source: proc(5), `statm`: the second number counts resident pages of 4 kB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4_096 / 1e6
