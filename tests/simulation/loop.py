"""An event loop whose time is virtual: when nothing can be done now, it is the time of what comes next."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class StandsStill(Exception):
    """Nothing is due any more, and somebody still waits."""


class _NothingOutside(selectors.SelectSelector):
    """A selector that waits for nobody: there are no sockets, so only time can pass."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise StandsStill
        self.now_s += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs what is ready in order, then jumps to the next timer: a heap of timed events, one thread."""

    def __init__(self) -> None:
        self._outside = _NothingOutside()
        super().__init__(self._outside)

    def time(self) -> float:
        """Seconds since the world began."""
        return self._outside.now_s
