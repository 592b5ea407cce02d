"""The worker: claims what is due, does it, and records it; a drain that claims nothing more.

Any number of workers work on one database. A worker that dies loses nothing: its leases end and another one
claims the same work, under the same keys.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

import structlog

from onenet.adapters.transport import Transport
from onenet.clock import Clock, comes
from onenet.destinations import Destinations
from onenet.errors import MisconfiguredError, Unavailable
from onenet.services import dues, erasure, jobs, reconciler, steps, upkeep, webhooks
from onenet.services.advance import Gate
from onenet.services.allowances import Allowances
from onenet.services.document_upkeep import Caretaker
from onenet.services.exchange import Reader
from onenet.services.hands import MOST_FOR_ONE, Hand, Hands
from onenet.services.health import EVERY_S, Breakers
from onenet.services.leases import Claimed, Kind
from onenet.services.sealing import Sealing
from onenet.services.webhooks import Settling
from onenet.store import queue
from onenet.store.database import Database

POLL_LEAST_S, POLL_MOST_S = 0.25, 1.0
"""An idle loop looks again after a random time between these; a commit in this process wakes it at once."""

MOST_UNDER_WAY = 512
"""Pieces of work of one kind that are called about or recorded, beyond which nothing new is begun."""

MOST_CLAIMED = 32
"""Rows that one claim takes: few enough that other workers find some too, and that a department which does
not answer leaves room for the others: what is claimed beyond its hands waits here."""

POLLS_FOR_ONE = 2
"""Polls of one department at a time, beside the calls that hand tasks over, which keep their own hands."""

RECORDS_KEPT_FOR = timedelta(days=366)

log = structlog.get_logger()


class Line:
    """The work of one kind that this worker has under way, and what it takes to do more of it."""

    def __init__(
        self,
        which: queue.Queue,
        call: Callable[[Claimed], Awaitable[None]],
        may_call: Callable[[queue.Queue, Claimed], Awaitable[bool]] | None = None,
        most_for_one: int = MOST_FOR_ONE,
    ):
        """`call` does one piece of work to its end. `may_call` is asked when its turn has come.

        `keeps_up`: whether the last look found less than it wanted; `left_out`: of whom it wanted nothing.
        """
        self.which = which
        self.look = asyncio.Event()
        self.hands = Hands(self.look, most_for_one=most_for_one)
        self.keeps_up = False
        self.left_out: frozenset[queue.Owner] = frozenset()
        self.under_way: dict[asyncio.Task[None], Claimed] = {}
        self._call = call
        self._may_call = may_call or _may_always
        self._sent_away: list[Claimed] = []

    def room(self) -> int:
        """How many more pieces of work may be begun."""
        return MOST_UNDER_WAY - len(self.under_way)

    def begin(self, claimed: Claimed) -> None:
        """Sets to work, in a task of its own."""
        hand = claimed.hand or self.hands.hold(claimed.row[self.which.owner])
        if claimed.hand is None:
            claimed = claimed._replace(hand=hand)
        task = asyncio.create_task(self._work(claimed, hand, is_late=self.hands.is_draining))
        self.under_way[task] = claimed
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self.under_way[task]
        if self.room() == 1:
            self.look.set()

    async def drain(self, give_back: Callable[[Sequence[Claimed]], Awaitable[None]]) -> None:
        """Waits until nothing is under way, nor about to be: a commit that began before may bring more.

        `give_back` is told of what was claimed and only waits its turn; it will not be called about.
        """
        self.hands.drain()
        while True:
            self.look.clear()
            if sent_away := self.sent_away():
                await give_back(sent_away)
            elif self.hands.are_all_back():
                break
            else:
                await self.look.wait()
        if self.under_way:
            await asyncio.wait(self.under_way)

    def sent_away(self) -> list[Claimed]:
        """What was claimed and will not be called about; each is told once."""
        sent_away, self._sent_away = self._sent_away, []
        return sent_away

    async def _work(self, claimed: Claimed, hand: Hand, *, is_late: bool) -> None:
        """Nothing that one piece of work does may stop the loop; its lease ends and it is due again."""
        try:
            if not is_late and await hand.wait() and await self._may_call(self.which, claimed):
                await self._call(claimed)
            else:
                self._sent_away.append(claimed)
                self.look.set()
        except MisconfiguredError as error:
            log.error("work_failed", queue=self.which.name, reason=str(error))  # noqa: TRY400  # a person must act, no trace
        except Exception:
            log.exception("work_failed", queue=self.which.name)
        finally:
            hand.give_back()


async def _may_always(which: queue.Queue, claimed: Claimed) -> bool:
    return True


class Worker:
    """Does due work until told to stop."""

    def __init__(
        self,
        database: Database,
        gate: Gate,
        clock: Clock,
        machine_clock: Clock,
        *,
        lease: timedelta = queue.LEASE,
        sealing: Sealing | None = None,
        caretaker: Caretaker | None = None,
        destinations: Destinations | None = None,
        records_kept_for: timedelta = RECORDS_KEPT_FOR,
    ):
        """`clock` tells legal time, for timers; `machine_clock` that of leases and retries.

        `sealing` seals the record beside the work; `caretaker` looks after documents.
        `destinations`: what may be called; nothing inner without it. `records_kept_for`: how long it stays on
        record who looked at whose case.
        """
        self._caretaker = caretaker
        self._destinations = destinations
        self._records_kept_for = records_kept_for
        self.lease = lease
        self._sealing = sealing
        self._database = database
        self._gate = gate
        self._clock = clock
        self._machine_clock = machine_clock
        self._transport: Transport | None = None
        self._settling = Settling(database)
        self._stopping = asyncio.Event()
        self._breakers = Breakers(database, machine_clock)
        self._allowances = Allowances(database, machine_clock, self._stopping)
        may_call = self._may_call
        self._tasks = Line(queue.TASKS, self._dispatch, may_call)
        self._polls = Line(queue.POLLS, self._ask, may_call, POLLS_FOR_ONE)
        self._deliveries = Line(queue.DELIVERIES, self._deliver, may_call)
        self._lines = (self._tasks, self._polls, self._deliveries)
        self._timers_due = asyncio.Event()
        self._looks = {
            "tasks": self._tasks.look,
            "deliveries": self._deliveries.look,
            "timers": self._timers_due,
        }

    # ---- what the gate asks of its crew

    def take(self, department: str, *, is_new: bool) -> Hand | None:
        """A hand, if one is free; for a new case only while no older work waits, in the tables or here."""
        line = self._tasks
        if self._transport is None or self._stopping.is_set() or self.rests(department):
            return None
        if is_new and not (line.keeps_up and line.room() and department not in line.left_out):
            return None
        return line.hands.take(department)

    def rests(self, department: str) -> bool:
        """Whether nobody calls this department for now, so that looking for its work is of no use."""
        return self._breakers.is_shut(department)

    def begin(self, claimed: Claimed) -> None:
        """Sets to work on a task whose lease is committed."""
        self._tasks.begin(claimed)

    def look(self, kind: Kind) -> None:
        """There is something of this kind to look for."""
        self._looks[kind].set()

    # ---- running

    def stop(self) -> None:
        """Claims nothing more; `run` returns when the calls under way are recorded."""
        self._stopping.set()
        for event in (*self._looks.values(), self._polls.look, self._breakers.changed):
            event.set()

    async def run(self) -> None:
        """Works until `stop`."""
        async with Transport(destinations=self._destinations) as transport:
            self._transport = transport
            self._gate.employ(self)
            async with asyncio.TaskGroup() as group:
                beating = group.create_task(self._keep_leases())
                loops = [
                    *(group.create_task(self._claim_and_begin(line)) for line in self._lines),
                    group.create_task(self._fire()),
                    group.create_task(self._reconcile()),
                    group.create_task(self._seal()),
                    group.create_task(self._care()),
                    group.create_task(self._erase()),
                    group.create_task(
                        jobs.run(self._database, self._gate, self._machine_clock, self._stopping)
                    ),
                    group.create_task(upkeep.run(self._database, self._machine_clock, self._stopping)),
                    group.create_task(self._read_answers(transport)),
                    group.create_task(self._mind_breakers()),
                ]
                await asyncio.wait(loops)
                await asyncio.gather(*map(self._drain, self._lines))
                beating.cancel()

    async def _read_answers(self, transport: Transport) -> None:
        lease = 2 * self.lease  # as long as a department's own
        reader = Reader(self._database, self._gate, self._machine_clock, transport.exchange, lease)
        await reader.run(self._stopping)

    async def _may_call(self, which: queue.Queue, claimed: Claimed) -> bool:
        """Whether it is called about, now that its turn has come; it waits here for its endpoint's rate."""
        if not self._breakers.may_call(which, claimed):
            return False
        return await self._allowances.wait(claimed.endpoint) and self._breakers.may_call(which, claimed)

    async def _erase(self) -> None:
        clocks = self._clock, self._machine_clock
        await erasure.run(self._database, self._gate, clocks, self._records_kept_for, self._stopping)

    async def _drain(self, line: Line) -> None:
        """Gives back what only waits its turn, for others to claim at once, and finishes what is under way.

        A department that hangs would otherwise be called again and again, eight at a time, for minutes.
        """
        await line.drain(partial(self._give_back, line))

    async def _give_back(self, line: Line, waiting: Sequence[Claimed]) -> None:
        try:
            await steps.give_back(self._database, line.which, self._machine_clock, waiting)
        except Exception:
            # Their leases end by themselves.
            log.exception("give_back_failed", queue=line.which.name)

    async def _mind_breakers(self) -> None:
        """Tells and hears how endpoints fare, and makes the calls that find out whether they are back."""
        breakers = self._breakers
        while not self._stopping.is_set():
            try:
                is_somebody_back = await breakers.exchange()
                for line in self._lines:
                    if is_somebody_back:
                        line.look.set()
                    full = line.hands.full()
                    for claimed in await breakers.probes(line.which, full, self.lease):
                        line.begin(claimed)
            except Unavailable:
                pass  # the database has told the log
            except Exception:
                log.exception("breakers_failed")
            await comes(breakers.changed, EVERY_S)
            breakers.changed.clear()

    async def _dispatch(self, claimed: Claimed) -> None:
        if self._transport is not None:
            links = self._caretaker.links if self._caretaker else None
            await steps.dispatch(
                self._gate, self._transport, self._machine_clock, claimed, links, hear=self._breakers.note
            )

    async def _ask(self, claimed: Claimed) -> None:
        if self._transport is not None:
            hear = self._breakers.note
            await steps.ask(self._gate, self._transport, self._machine_clock, claimed, hear=hear)

    async def _deliver(self, claimed: Claimed) -> None:
        if self._transport is not None:
            await webhooks.deliver(
                self._settling, self._transport, self._machine_clock, claimed, hear=self._breakers.note
            )

    async def _claim_and_begin(self, line: Line) -> None:
        """Claims as much as there are free hands, and sets each to work at once."""
        while not self._stopping.is_set():
            line.look.clear()
            if sent_away := line.sent_away():
                await self._give_back(line, sent_away)
            count = min(line.hands.free, line.room(), MOST_CLAIMED)
            if count <= 0:
                await line.look.wait()
                continue
            line.left_out = frozenset((*line.hands.full(), *self._breakers.shut(line.which)))
            claimed = await self._claim(line, count, list(line.left_out))
            line.keeps_up = len(claimed) < count
            for each in claimed:
                line.begin(each)
            if not claimed:
                await self._idle(line.look)

    async def _claim(self, line: Line, count: int, leave_out: list[queue.Owner]) -> list[Claimed]:
        try:
            return await steps.claim(
                self._database, line.which, self._machine_clock, count, lease=self.lease, leave_out=leave_out
            )
        except Unavailable:
            return []  # the database has told the log
        except Exception:
            log.exception("claim_failed", queue=line.which.name)
            return []

    async def _keep_leases(self) -> None:
        """Makes the leases of what has long been under way end later, before they end."""
        known: set[asyncio.Task[None]] = set()
        beat_s, now_s = self.lease.total_seconds() / 4, asyncio.get_running_loop().time
        next_s = now_s()
        while True:
            # By the clock: where the database takes its time, that must not come on top.
            next_s = max(next_s + beat_s, now_s())
            await asyncio.sleep(next_s - now_s())
            long = {line: [t for t in line.under_way if t in known] for line in self._lines}
            known = {task for line in self._lines for task in line.under_way}
            try:
                await self._extend_leases(long)
            except Unavailable:
                continue  # the database has told the log
            except Exception:
                log.exception("leases_failed")

    async def _extend_leases(self, long: Mapping[Line, Sequence[asyncio.Task[None]]]) -> None:
        until = self._machine_clock.now() + self.lease
        for line, tasks in long.items():
            held = [(c.row, c.token) for task in tasks if (c := line.under_way.get(task))]
            if not held:
                continue
            able = self._database.capabilities
            async with (
                self._database.glance() if able.at_once else self._database.transaction() as connection
            ):
                await queue.extend(connection, line.which, held, until, skip_locked=able.skip_locked)

    async def _fire(self) -> None:
        while not self._stopping.is_set():
            self._timers_due.clear()
            if not await self._fire_some():
                await self._idle(self._timers_due)

    async def _fire_some(self) -> int:
        try:
            fired = await steps.fire_timers(self._database, self._gate, self._clock, MOST_CLAIMED)
            return fired + await dues.let_pass(self._database, self._gate, self._clock, MOST_CLAIMED)
        except Unavailable:
            return 0  # the database has told the log
        except Exception:
            log.exception("timers_failed")
            return 0

    async def _reconcile(self) -> None:
        clocks = (self._clock, self._machine_clock)
        await reconciler.run(self._database, self._gate, *clocks, self._stopping)

    async def _seal(self) -> None:
        if self._sealing is not None:
            await self._sealing.run(self._stopping)

    async def _care(self) -> None:
        if self._caretaker is not None:
            await self._caretaker.run(self._stopping)

    async def _idle(self, look: asyncio.Event) -> None:
        pause_s = random.uniform(POLL_LEAST_S, POLL_MOST_S)  # noqa: S311  # spreads polls, no secret
        await comes(look, pause_s)
