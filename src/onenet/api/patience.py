"""Patience: requests that get no answer for too long are given up.

One look a second over all that are under way, instead of a timer for each: that was 2 % of a read.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class Waiting:
    """A request without an answer yet. `until`: in the loop's time; None once the answer has begun."""

    until: float | None
    task: asyncio.Task[Any]
    is_late: bool = False


class Patience:
    """Knows what is under way, and cancels what is late."""

    def __init__(self, look_every_s: float = 1.0):
        """Looks as long as there is something to look at."""
        self._look_every_s = look_every_s
        self._under_way: set[Waiting] = set()
        self._look_comes: asyncio.TimerHandle | None = None

    def begin(self, seconds: float) -> Waiting:
        """From now on this task has so long for the first byte of its answer."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is served by a task")
        loop = task.get_loop()
        waiting = Waiting(loop.time() + seconds, task)
        self._under_way.add(waiting)
        if self._look_comes is None:
            self._look_comes = loop.call_later(self._look_every_s, self._look)
        return waiting

    def end(self, waiting: Waiting) -> None:
        """It was served."""
        self._under_way.discard(waiting)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for waiting in self._under_way:
            if waiting.until is not None and waiting.until <= now:
                waiting.until, waiting.is_late = None, True
                waiting.task.cancel()
        self._look_comes = loop.call_later(self._look_every_s, self._look) if self._under_way else None
