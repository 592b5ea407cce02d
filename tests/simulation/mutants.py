"""Mutants: accidents planted into the engine. Each has to be found, or the checks are blind to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from onenet.services import steps
from onenet.services.advance import Gate
from onenet.services.steps import Claimed
from onenet.store.queue import Queue
from tests.simulation.process import Process
from tests.simulation.workers import WatchedGate

if TYPE_CHECKING:
    from tests.simulation.world import World


async def _claim(process: Process, which: Queue, count: int) -> list[Claimed]:
    return await steps.claim(process.database, which, process.clock, count)


@dataclass(frozen=True)
class Mutant:
    """An engine with one accident. Each field but the first two is a seam; as it stands it is the product's."""

    name: str
    accident: str
    patches: Callable[[World], Iterable[AbstractContextManager[Any]]] = lambda world: ()
    gate: Callable[[Process], Gate] = WatchedGate
    claim: Callable[[Process, Queue, int], Any] = _claim
    key: Callable[[str, World], str] = lambda key, world: key
    skew: Callable[[str], timedelta] = lambda name: timedelta()


HONEST = Mutant("honest", "none")
