"""Together: what arrives while others are being worked on shares the next round; an idle one starts at once.

Rounds grow with the load by themselves, and nobody waits for a timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Round = Callable[[list[Item]], Awaitable[list[Outcome | Exception]]]


class Together(Generic[Item, Outcome]):
    """Gathers items into rounds; `keys` name what two rounds must not work on at the same time."""

    def __init__(
        self,
        work: Round[Item, Outcome],
        *,
        largest: int,
        rounds: int,
        keys: Callable[[Item], tuple[Hashable, ...]],
        crowd: int = 1,
    ):
        """`work` gives one outcome for each item, in order; at most `rounds` of it run at once.

        A round begins beside another one when `crowd` items wait that it may work on: a few share the next
        one instead.
        """
        self._work = work
        self._largest = largest
        self._rounds = rounds
        self._under_way = 0
        self._crowd = crowd
        self._keys = keys
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._busy: set[Hashable] = set()
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item, *, patience_s: float | None = None) -> Outcome:
        """Waits for the item's outcome. Raises: the exception that is its outcome; TimeoutError.

        Whoever gives up waiting does not stop the work, which goes on in a task of its own. When patience
        ends before the work began, it is not begun any more.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append((item, future))
        self._start()
        if patience_s is None:
            return await future
        overdue = loop.call_later(patience_s, self._give_up, future)
        try:
            return await future
        finally:
            overdue.cancel()

    def _give_up(self, future: asyncio.Future[Outcome]) -> None:
        self._waiting = [entry for entry in self._waiting if entry[1] is not future]
        _tell(future, TimeoutError())

    def _start(self) -> None:
        needed = self._crowd if self._under_way else 1
        if self._under_way == self._rounds or len(self._waiting) < needed:
            return
        chosen: list[tuple[Item, asyncio.Future[Outcome]]] = []
        later: list[tuple[Item, asyncio.Future[Outcome]]] = []
        for entry in self._waiting:
            ready = len(chosen) < self._largest and self._busy.isdisjoint(self._keys(entry[0]))
            (chosen if ready else later).append(entry)
        if len(chosen) < needed:
            return
        self._waiting = later
        self._under_way += 1
        keys = {key for item, _ in chosen for key in self._keys(item)}
        self._busy |= keys
        task = asyncio.create_task(self._round(chosen, keys))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _round(self, chosen: list[tuple[Item, asyncio.Future[Outcome]]], keys: set[Hashable]) -> None:
        outcomes: list[Outcome | Exception] | None = None
        try:
            outcomes = await self._work([item for item, _ in chosen])
        except Exception as error:  # noqa: BLE001  # raised to each caller, and only there
            outcomes = [error] * len(chosen)
        finally:
            self._busy -= keys
            self._under_way -= 1
            for place, (_, future) in enumerate(chosen):
                if outcomes is None:
                    future.cancel()
                else:
                    _tell(future, outcomes[place])
            self._start()


def _tell(future: asyncio.Future[Outcome], outcome: Outcome | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
