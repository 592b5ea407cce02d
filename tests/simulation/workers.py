"""Workers: plain coroutines that claim, call and record, each in a process with a gate of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from onenet.domain.commands import FireTimer, RecordAttempt
from onenet.domain.outcome import TryLater
from onenet.errors import Unavailable
from onenet.services import steps, webhooks
from onenet.services.advance import Gate
from onenet.services.change import Change, Result
from onenet.services.hands import Hand, Hands
from onenet.services.leases import Claimed, Kind
from onenet.services.webhooks import Settling
from onenet.store import queue
from onenet.store.queue import Queue
from tests.simulation.departments import Wire
from tests.simulation.ledger import Claim, Recorded
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.world import Due

IDLE_S = 3_600.0
MOST_ROUNDS = 20_000
"""Of all workers. A history that is not over by then never will be."""


class WatchedGate(Gate):
    """The product's gate; what it takes from workers is noted outside."""

    def __init__(self, process: Process) -> None:
        world = process.world
        super().__init__(process.database, world.shelf.bundle_of, process.clock, process.clock)
        self.process = process

    async def submit(self, change: Change) -> Result:
        """Puts a change through."""
        result = await super().submit(change)
        command, world = change.command, self.process.world
        if isinstance(command, RecordAttempt):
            failed = command.outcome if isinstance(command.outcome, TryLater) else None
            recorded = Recorded(
                world.now(),
                command.lease_token,
                failed.failure if failed else None,
                failed.retry_after_s if failed else None,
            )
            world.ledger.record(command.task_id, recorded)
        elif isinstance(command, FireTimer):
            world.note(self.process.name, f"timer {result.reply}")
        return result


class Crew:
    """This process' worker as its gate knows it: now and then it has a hand free for what falls due."""

    lease = queue.LEASE

    def __init__(self, process: Process, wire: Wire) -> None:
        self._process, self._wire = process, wire
        self._hands = Hands(asyncio.Event())

    def take(self, department: str, *, is_new: bool) -> Hand | None:
        """A free hand, or none."""
        return self._hands.take(department) if self._process.world.random.random() < 0.6 else None

    def rests(self, department: str) -> bool:
        """Nobody counts failures here."""
        return False

    def begin(self, claimed: Claimed) -> None:
        """Calls for a task whose lease came with the commit that made it due."""
        process, world = self._process, self._process.world
        world.note(process.name, f"has task {claimed.row['id']} at once, try {claimed.row['attempt']}")
        world.ledger.claim(claimed.row["id"], Claim(world.now(), claimed.row["attempt"], claimed.token))
        process.do(self._call(claimed))

    async def _call(self, claimed: Claimed) -> None:
        process = self._process
        call = steps.dispatch(process.gate, self._wire, process.clock, claimed)
        try:
            await _guard(process, call)
        finally:
            if claimed.hand is not None:
                claimed.hand.give_back()

    def look(self, kind: Kind) -> None:
        """Something is to be looked for."""
        self._process.world.stir()


async def work(process: Process) -> None:
    """Does whatever is due, until the process dies."""
    wire, world = Wire(process), process.world
    process.gate.employ(Crew(process, wire))
    settling = Settling(process.database)
    while True:
        await world.until(lambda: world.due().any(process.clock.now()), IDLE_S)
        await asyncio.sleep(world.random.random() * world.random.choice((0.02, 0.02, 1.0)))
        await _work_once(process, wire, settling, world.due())
        world.rounds += 1
        if world.rounds > MOST_ROUNDS:
            world.stir()
            return


async def _work_once(process: Process, wire: Wire, settling: Settling, due: Due) -> None:
    """One round. Nothing that goes wrong in it may end the worker."""
    now = process.clock.now()
    if due.tasks is not None and due.tasks <= now:
        for claimed in await _claim(process, queue.TASKS):
            call = steps.dispatch(process.gate, wire, process.clock, claimed)
            process.do(_guard(process, call))
    if due.deliveries is not None and due.deliveries <= now:
        for claimed in await _claim(process, queue.DELIVERIES):
            call = webhooks.deliver(settling, wire, process.clock, claimed)
            process.do(_guard(process, call))
    if due.timers is not None and due.timers <= now:
        await _guard(process, steps.fire_timers(process.database, process.gate, process.clock, 10))


async def _claim(process: Process, which: Queue) -> list[Claimed]:
    world = process.world
    try:
        claimed = await world.mutant.claim(process, which, world.random.randint(1, 8))
    except Unavailable:
        return []
    except Exception as error:  # noqa: BLE001  # as the real worker: told, and tried again
        world.failed(process.name, error)
        return []
    for work in claimed:
        world.note(process.name, f"claims {which.work.name} {work.row['id']} try {work.row['attempt']}")
        world.ledger.claim(work.row["id"], Claim(world.now(), work.row["attempt"], work.token))
    return claimed


async def _guard(process: Process, work: Coroutine[Any, Any, Any]) -> None:
    try:
        await work
    except Unavailable:
        process.world.note(process.name, "the database is away")
    except Exception as error:  # noqa: BLE001  # as the real worker: told, and its lease ends
        process.world.failed(process.name, error)
