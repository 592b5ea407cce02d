"""The race that every peer runs: a warm-up, then so many workflows, first submission to last end."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

STEPS = 5
WARM_UP = 20


@dataclass
class Finish:
    """Counts the workflows that have ended."""

    count: int = 0
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def cross(self) -> None:
        """One more has ended."""
        self.count += 1
        self._grown.set()

    async def until(self, count: int) -> None:
        """Waits until so many have ended."""
        while self.count < count:
            self._grown.clear()
            await self._grown.wait()


def options() -> argparse.Namespace:
    """The database's URL, how many workflows, how many submissions at a time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--workflows", type=int, default=500)
    parser.add_argument("--hands", type=int, default=256)
    parser.add_argument("--mode", default="")
    return parser.parse_args()


async def run(
    finish: Finish, submit: Callable[[int], Awaitable[Any]], workflows: int, hands: int
) -> dict[str, Any]:
    """Workflows per second, and milliseconds of this process's processor time for each."""
    await _submit_all(submit, WARM_UP, hands)
    await finish.until(WARM_UP)
    began, used = time.perf_counter(), time.process_time()
    await _submit_all(submit, workflows, hands)
    await finish.until(WARM_UP + workflows)
    took_s, used_s = time.perf_counter() - began, time.process_time() - used
    return {"rate": workflows / took_s, "cpu_ms": used_s / workflows * 1_000}


def tell(measured: dict[str, Any]) -> None:
    """Prints it for who started this process."""
    print(json.dumps(measured), flush=True)


async def _submit_all(submit: Callable[[int], Awaitable[Any]], count: int, hands: int) -> None:
    numbers = iter(range(count))

    async def hand() -> None:
        for number in numbers:
            await submit(number)

    await asyncio.gather(*(hand() for _ in range(min(hands, count))))
