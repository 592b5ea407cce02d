"""The world of one seed: a database, processes, departments, people, virtual time, and what goes wrong when.

`run(seed)` lets one history happen and judges it. The same seed gives the same history, to the last hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import random as randomness
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, closing, contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest import mock
from uuid import UUID

from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from onenet import ids
from onenet.store import events, tables
from onenet.store.database import Database
from tests.databases import migrate
from tests.factories import Shelf
from tests.keys import key_ring
from tests.simulation import checks, people, workers
from tests.simulation.departments import Department
from tests.simulation.inline_sqlite import without_threads
from tests.simulation.ledger import History, Ledger
from tests.simulation.loop import StandsStill, VirtualLoop
from tests.simulation.mutants import HONEST, Mutant
from tests.simulation.process import BAD_FATES, AnswerLost, Fate, Host, Process, at, in_its_process
from tests.simulation.shapes import DEPARTMENTS, SHAPES
from tests.store.seeding import save_department, save_subscriber

Answer = TypeVar("Answer")

LOOK_AGAIN_S = 60.0
"""For whoever waits while something is due that others are to do."""

END_S = 90 * 86_400.0
MOST_COMMITS = 1_500
"""A history that is not over by then never will be."""

MOST_BROKEN = 20
"""So much is enough to judge a history by."""

TOLD = ("case.received", "step.completed", "step.supplement_needed")
MEMORY = Path("/dev/shm")  # noqa: S108  # a file system in memory, where there is one


@dataclass(frozen=True, slots=True)
class Due:
    """When the next task, delivery and timer fall due; None: there is none."""

    tasks: datetime | None
    deliveries: datetime | None
    timers: datetime | None

    def any(self, now: datetime) -> bool:
        """Whether something is due."""
        return any(moment is not None and moment <= now for moment in self._all())

    def next(self) -> datetime | None:
        """The earliest."""
        return min((moment for moment in self._all() if moment is not None), default=None)

    def _all(self) -> tuple[datetime | None, ...]:
        return (self.tasks, self.deliveries, self.timers)


@dataclass(frozen=True, slots=True)
class Needy:
    """A step that waits for a person, or (`untold`) the id of a withdrawal of which no department heard."""

    case_id: UUID
    step: str
    state: str
    submission: int
    reason: str


class World:
    """One history while it happens."""

    def __init__(self, seed: int, mutant: Mutant, database: Database, eye: sqlite3.Connection) -> None:
        """`eye` sees the database from outside, without a process."""
        self.seed, self.mutant, self.database = seed, mutant, database
        self.random: randomness.Random = randomness.Random(seed)
        self.shelf, self.shapes, self.told = Shelf(*SHAPES), SHAPES, TOLD
        self.ledger = Ledger()
        self.lines: list[str] = []
        self.commits = self.deeds = self.messages = self.rounds = 0
        self.departments: dict[str, Department] = {}
        self._eye = eye
        self._loop = asyncio.get_running_loop()
        self._stir = asyncio.Event()
        self._busy: set[asyncio.Task[Any]] = set()
        self._faulty_s = self.random.choice((300.0, 7_200.0, 100_000.0))
        self._bad = self.random.choice((0.0, 0.05, 0.15, 0.3))
        self._due: Due | None = None
        self._needy: list[Needy] | None = None

    # ---- time

    def now(self) -> datetime:
        """True time."""
        return at(self._loop.time())

    async def until(self, holds: Callable[[], bool], most_s: float) -> None:
        """Waits until it holds, or so long; looks at each commit and when something falls due."""
        end_s = self._loop.time() + most_s
        while not holds() and self._loop.time() < end_s:
            stirred, next_at = self._stir, self.due().next()
            due_s = (next_at - self.now()).total_seconds() if next_at else most_s
            wait_s = due_s if due_s > 0 else LOOK_AGAIN_S
            try:
                async with asyncio.timeout_at(min(end_s, self._loop.time() + wait_s + 1e-3)):
                    await stirred.wait()
            except TimeoutError:
                continue

    def stir(self) -> None:
        """Something changed: whoever waits looks again."""
        self._due = self._needy = None
        self._stir.set()
        self._stir = asyncio.Event()

    # ---- what goes wrong

    def faulty(self) -> bool:
        """Whether things still go wrong: at last they do not, so that everything can come to an end."""
        return self._loop.time() < self._faulty_s

    def fate(self, process: Process) -> Fate:
        """What becomes of the next commit of a process."""
        if self.faulty() and self.random.random() < self._bad:
            return self.random.choice(BAD_FATES)
        return Fate.GOOD

    def committed(self) -> None:
        """A commit was made, whether its process lives to see it or not."""
        self.commits += 1
        self.stir()

    def fated(self, process: Process, fate: Fate) -> None:
        """Notes how a commit fared."""
        self.ledger.fates[fate.value] += 1
        if fate is not Fate.GOOD:
            self.note(process.name, fate.value)

    def failed(self, name: str, error: Exception) -> None:
        """An error that a worker survives. Only those that were made here are no violation."""
        self.note(name, f"fails: {error!r}")
        if "40001" not in getattr(getattr(error, "orig", None), "sqlstate", ""):
            self.ledger.broken.append(f"{name} failed: {error!r}")

    # ---- who acts

    def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        """Somebody outside the processes begins something; the history goes on until it is done."""
        task = self._loop.create_task(work, context=OUTSIDE.copy())
        self._busy.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._busy.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.ledger.broken.append(f"somebody failed: {error!r}")
        self.stir()

    async def ask(self, work: Callable[[Process], Coroutine[Any, Any, Answer]]) -> Answer:
        """Asks one of the API processes; the answer may get lost on the way back. Raises: AnswerLost."""
        process = self.random.choice(self._hosts[:2]).process
        answer = await process.ask(lambda: work(process))
        if self.faulty() and self.random.random() < 0.1:
            raise AnswerLost
        return answer

    def message_id(self) -> str:
        """An id for a department's next message."""
        self.messages += 1
        return f"msg-{self.messages}"

    def note(self, who: str, what: str) -> None:
        """A line of the history."""
        self.lines.append(f"{self._loop.time():.6f} {who}: {what}")

    # ---- what is seen from outside

    def due(self) -> Due:
        """What falls due next."""
        if self._due is None:
            found = self._eye.execute(
                "SELECT (SELECT min(next_at) FROM task), (SELECT min(next_at) FROM delivery),"
                " (SELECT min(due_at) FROM timer WHERE state = 'pending')"
            ).fetchone()
            self._due = Due(
                *(datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None for text in found)
            )
        return self._due

    def needy(self) -> list[Needy]:
        """Steps that wait for a person."""
        if self._needy is None:
            rows = self._eye.execute(
                "SELECT case_id, code, state, submission, coalesce(wait_reason, '') FROM step"
                " WHERE state IN ('supplement_needed', 'held')"
                " UNION ALL SELECT case_id, id, 'untold', submission, '' FROM task"
                " WHERE kind = 'withdrawal' AND state = 'held' ORDER BY case_id, code"
            )
            self._needy = [Needy(UUID(row[0]), *row[1:]) for row in rows]
        return self._needy

    def over(self) -> bool:
        """Whether nobody has anything left to do."""
        if self._busy or self.due().next() is not None:
            return False
        (open_cases,) = self._eye.execute(checks.OPEN_CASES).fetchone()
        return bool(open_cases == 0) and not any(needy.state == "untold" for needy in self.needy())

    # ---- the history

    async def happen(self) -> None:
        """Lets everything happen until it is over, or will never be."""
        for code in DEPARTMENTS:
            await save_department(self.database, code, f"https://{code}.example/tasks")
            self.departments[code] = Department(self, code)
        await save_subscriber(self.database, "https://app.example/events", events_wanted=TOLD)
        self._hosts = [Host(self, "api-1"), Host(self, "api-2")]
        names = [f"worker-{number}" for number in range(1, self.random.randint(2, 3) + 1)]
        self._hosts += [Host(self, name, workers.work) for name in names]
        forever = [host.run() for host in self._hosts] + [people.look_after(self)]
        standing = [self._loop.create_task(work, context=OUTSIDE.copy()) for work in forever]
        for number in range(self.random.choice((1, 1, 2))):
            self.begin(people.apply(self, number, self.random.choice(SHAPES)))
        await self._to_the_end(standing)
        self._judge_standing(standing)
        self.ledger.broken.extend(await checks.violations(self))
        self.note("the end", await checks.digest(self.database))

    async def _to_the_end(self, standing: list[asyncio.Task[Any]]) -> None:
        while not await self._over_for_good():
            if len(self.ledger.broken) > MOST_BROKEN:
                return
            endless = self.commits > MOST_COMMITS or self.rounds > workers.MOST_ROUNDS
            if endless or self._loop.time() > END_S or any(t.done() for t in standing):
                tried = f"{self.commits} commits, {self.rounds} rounds of workers, {self.now()}"
                self.ledger.broken.append(f"it does not come to an end: {tried}")
                return
            stirred = self._stir
            try:
                async with asyncio.timeout(86_400):
                    await stirred.wait()
            except TimeoutError:
                continue

    async def _over_for_good(self) -> bool:
        """Whether it is over, and stays so a while: something may still be on its way into the database."""
        if not self.over():
            return False
        await asyncio.sleep(60)
        return self.over()

    def _judge_standing(self, standing: list[asyncio.Task[Any]]) -> None:
        for task in standing:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                self.ledger.broken.append(f"somebody failed: {error!r}")


OUTSIDE: Context = copy_context()
"""No process: what is begun in it belongs to nobody who dies."""


class Stage:
    """A database on which histories happen, one after the other; each finds it empty."""

    def __init__(self, folder: Path) -> None:
        file = folder / "onenet.sqlite3"
        migrate(f"sqlite:///{file}")
        self._database = Database(f"sqlite:///{file}", ring=key_ring())
        self._eye = sqlite3.connect(file, isolation_level=None)

    def close(self) -> None:
        """Closes what looks from outside; each history closed its own connections."""
        self._eye.close()

    def run(self, seed: int, mutant: Mutant = HONEST) -> History:
        """The history of this seed."""
        for table in reversed(tables.metadata.sorted_tables):
            self._eye.execute(f"DELETE FROM {table.name}")
        with closing(VirtualLoop()) as loop:
            loop.set_task_factory(in_its_process)
            loop.set_exception_handler(lambda loop, context: None)
            return loop.run_until_complete(self._happen(seed, mutant))

    async def _happen(self, seed: int, mutant: Mutant) -> History:
        world = World(seed, mutant, self._database, self._eye)
        with ExitStack() as stack:
            stack.enter_context(_one_chance(world))
            stack.enter_context(without_threads())
            logged = stack.enter_context(capture_logs([format_exc_info]))
            for patch in mutant.patches():
                stack.enter_context(patch)
            try:
                await world.happen()
            except StandsStill:
                world.ledger.broken.append("nobody does anything any more")
            finally:
                await _end()
                await self._database.close()
        broken = [*world.ledger.broken, *checks.errors_logged(logged)]
        digest = hashlib.sha256("\n".join([*world.lines, *broken]).encode()).hexdigest()
        return History(seed, digest, tuple(broken), world.ledger.fates, world.lines)


async def _end() -> None:
    """Ends whoever still runs."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def _one_chance(world: World) -> Iterator[None]:
    """Whatever is random in the product follows the seed as well: ids, salts, pauses after a lost race."""
    chance = randomness.Random(f"product {world.seed}")
    before = randomness.getstate()
    randomness.seed(world.seed)
    draws = SimpleNamespace(randbits=chance.getrandbits)
    salts = SimpleNamespace(token_hex=lambda size: chance.randbytes(size).hex())
    stamp = SimpleNamespace(next_ms=lambda: int(world.now().timestamp() * 1000))
    with (
        mock.patch.object(ids, "secrets", draws),
        mock.patch.object(ids, "_stamp", stamp),
        mock.patch.object(events, "secrets", salts),
    ):
        yield
    randomness.setstate(before)


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage in memory, where there is a file system in memory."""
    folder = Path(tempfile.mkdtemp(prefix="onenet-simulation-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with closing(Stage(folder)) as opened:
            yield opened
    finally:
        shutil.rmtree(folder)
