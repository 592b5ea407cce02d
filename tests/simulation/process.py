"""Processes that can die: each with a gate of its own, over one database whose commits may go wrong.

A process that dies does nothing more: its coroutines are cancelled, whatever they still try fails, and
whoever waits for its answer learns only that there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar, copy_context
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.errors import Unavailable
from onenet.store.database import Database
from tests.factories import NOW

if TYPE_CHECKING:
    from tests.simulation.world import World

Answer = TypeVar("Answer")


class AnswerLost(Exception):
    """Whoever was asked died, or the line broke: what became of it is unknown."""


class Fate(Enum):
    """What becomes of a commit, and of the process that wanted it."""

    GOOD = "good"
    DIES_BEFORE = "dies before the commit"
    DIES_AFTER = "dies after the commit"
    FAILS = "the database is away: nothing stored"
    UNKNOWN = "stored, but the answer of the database is lost"
    RACE = "a race is lost: nothing stored, to be repeated"


BAD_FATES = (
    Fate.DIES_BEFORE,
    Fate.DIES_AFTER,
    Fate.DIES_BEFORE,
    Fate.DIES_AFTER,
    Fate.FAILS,
    Fate.UNKNOWN,
    Fate.RACE,
)
STORED = (Fate.GOOD, Fate.DIES_AFTER, Fate.UNKNOWN)


class Undone(BaseException):
    """Takes a transaction back; not an Exception, so that no code under test answers it."""


class Serialisation(Exception):
    """What a driver raises for a transaction that lost a race."""

    sqlstate = "40001"


class ProcessClock:
    """The time as one process has it."""

    def __init__(self, world: World, skew: timedelta) -> None:
        self._world = world
        self._skew = skew

    def now(self) -> datetime:
        """True time and the skew."""
        return self._world.now() + self._skew


class ProcessDatabase(Database):
    """The world's one database as a process sees it. It borrows the engines; nothing is opened."""

    def __init__(self, real: Database, process: Process) -> None:
        self.__dict__.update(real.__dict__)
        self._process = process

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction of the product, which begins a little later and may meet any fate."""
        process, world = self._process, self._process.world
        await process.linger()
        fate = world.fate(process)
        try:
            async with super().transaction() as connection:
                yield connection
                world.fated(process, fate)
                _undo_unless_stored(fate)
            world.committed()
        except Undone:
            pass
        match fate:
            case Fate.DIES_BEFORE | Fate.DIES_AFTER:
                await process.die()
            case Fate.FAILS | Fate.UNKNOWN:
                raise Unavailable("the database does not answer", retry_after_s=1)
            case Fate.GOOD | Fate.RACE:
                pass

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A read of the product; a dead process reads nothing."""
        self._process.check_alive()
        async with super().read() as connection:
            yield connection


def _undo_unless_stored(fate: Fate) -> None:
    if fate is Fate.RACE:
        raise OperationalError("COMMIT", None, Serialisation())
    if fate not in STORED:
        raise Undone


RUNNING_IN: ContextVar[Process | None] = ContextVar("RUNNING_IN", default=None)


def in_its_process(
    loop: asyncio.AbstractEventLoop, work: Any, *, context: Context | None = None, **named: Any
) -> asyncio.Task[Any]:
    """A task factory: what is started by a process dies with it."""
    task = asyncio.Task(work, loop=loop, context=context, **named)
    process = (copy_context() if context is None else context).get(RUNNING_IN)
    if process is not None:
        process.adopt(task)
    return task


class Process:
    """A running process: one gate, one clock, and all that it started."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.died = asyncio.Event()
        self.clock = ProcessClock(world, world.mutant.skew(name))
        self.database = ProcessDatabase(world.database, self)
        self.gate = world.mutant.gate(self)
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Counts a task as this process' own."""
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def start(self, work: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
        """Begins something in this process."""
        context = copy_context()
        context.run(RUNNING_IN.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begins something in this process that nobody waits for."""
        _ = self.start(work)  # kept, and ended, with the others

    async def ask(self, work: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Has it done here and waits for the answer, from outside. Raises: AnswerLost, or what it raises."""
        if self.died.is_set():
            raise AnswerLost
        task = self.start(work())
        await asyncio.wait({task})
        if self.died.is_set() or task.cancelled():
            raise AnswerLost
        return task.result()

    async def die(self) -> None:
        """Ends here and now; does not return when called from inside."""
        self.world.note(self.name, "dies")
        self.died.set()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.sleep(0)

    def check_alive(self) -> None:
        """Raises: CancelledError, when the process is dead."""
        if self.died.is_set():
            raise asyncio.CancelledError

    async def linger(self) -> None:
        """Waits as one waits for a lock or a line: others get in between."""
        if self.world.random.random() < 0.5:
            await asyncio.sleep(self.world.random.uniform(0.001, 0.05))
        self.check_alive()


Work = Callable[[Process], Coroutine[Any, Any, None]]


class Host:
    """Where a process runs and is started again when it died."""

    def __init__(self, world: World, name: str, work: Work | None = None) -> None:
        self.world = world
        self.name = name
        self.process = Process(world, name)
        self._work = work

    async def run(self) -> None:
        """One process after another, for ever."""
        while True:
            if self._work is not None:
                self.process.do(self._until_it_ends(self.process, self._work))
            await self.process.died.wait()
            await asyncio.sleep(self.world.random.uniform(0.1, 20))
            self.process = Process(self.world, self.name)

    async def _until_it_ends(self, process: Process, work: Work) -> None:
        try:
            await work(process)
        except Exception as error:  # noqa: BLE001  # a worker that stops in silence would look like an idle one
            self.world.failed(process.name, error)


def at(seconds: float) -> datetime:
    """The moment so many seconds after the world began."""
    return NOW + timedelta(seconds=seconds)
