"""Mutants: accidents planted into the engine. Each has to be found, or the checks are blind to it.

An accident is planted at a seam: the process' gate, its claim, the key on the line, its clock, or a function
of the product that is replaced while the history runs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock
from uuid import UUID

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain import answers, flow, machine, retry
from onenet.domain.case import Case, Decision, Moment
from onenet.domain.chain import START
from onenet.domain.commands import Command, FireTimer, Open, RecordAnswer, RecordAttempt
from onenet.domain.events import EventType
from onenet.domain.states import StepState, TimerState
from onenet.services import steps
from onenet.services.advance import Gate
from onenet.services.batch import repeated
from onenet.services.change import Change, Result
from onenet.services.leases import Claimed
from onenet.store import bulk, cases, events, idempotency
from onenet.store.idempotency import Done, StoredAnswer
from onenet.store.queue import Queue
from tests.simulation.process import RUNNING_IN, Process, ProcessDatabase, Undone
from tests.simulation.workers import WatchedGate

if TYPE_CHECKING:
    from tests.simulation.world import World

Patch = AbstractContextManager[Any]
Decide = Callable[[Case, Command, Moment], Decision]


async def _claim(process: Process, which: Queue, count: int) -> list[Claimed]:
    return await steps.claim(process.database, which, process.clock, count)


@dataclass(frozen=True)
class Mutant:
    """An engine with one accident. Each field but the first two is a seam; left alone it is the product's.

    `first_seed`: where the search for a history that shows it begins, which is where one was found last.
    """

    name: str
    accident: str
    patches: Callable[[], Iterable[Patch]] = tuple
    gate: Callable[[Process], Gate] = WatchedGate
    claim: Callable[[Process, Queue, int], Awaitable[list[Claimed]]] = _claim
    key: Callable[[str, World], str] = lambda key, world: key
    skew: Callable[[str], timedelta] = lambda name: timedelta()
    first_seed: int = 1


HONEST = Mutant("honest", "none")

# ---- gates


class _AnswersFirst(WatchedGate):
    async def submit(self, change: Change) -> Result:
        if not isinstance(change.command, Open):
            return await super().submit(change)
        self.process.do(super().submit(change))
        answer = StoredAnswer(202, f'{{"id": "{change.case_id}"}}')
        return Result(change.case_id, None, "applied", answer)


class _ForgetsKeys(WatchedGate):
    async def submit(self, change: Change) -> Result:
        return await super().submit(replace(change, once=None) if change.opening else change)


class _InboxApart(WatchedGate):
    async def submit(self, change: Change) -> Result:
        once = change.once
        if once is None or not isinstance(change.command, RecordAnswer):
            return await super().submit(change)
        key = (once.scope, once.key)
        async with self.process.database.read() as connection:
            known = await idempotency.find(connection, [key])
        if known:
            return repeated(known[key], once)
        result = await super().submit(replace(change, once=None))
        assert result.answer is not None
        now = self.process.clock.now()
        done = Done(once.scope, once.key, once.fingerprint, result.answer, change.case_id, now)
        try:
            async with self.process.database.transaction() as connection:
                await bulk.write(connection, {bulk.KEYS: [idempotency.row(done, self.process.database.ring)]})
        except (IntegrityError, OperationalError):
            self.process.world.note(self.process.name, "it did not come into the inbox")
        return result


class _ReadsBefore(WatchedGate):
    """Remembers each case as it was read, without a lock, a moment before the change is put through."""

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.seen: dict[UUID, Case] = {}

    async def submit(self, change: Change) -> Result:
        if change.opening is None:
            async with self.process.database.read() as connection:
                loaded = await cases.load(connection, [change.case_id], self.process.world.shelf.bundle_of)
            self.seen |= loaded
            await asyncio.sleep(self.process.world.random.uniform(0, 0.2))
        return await super().submit(change)


class _ReleasesLater(WatchedGate):
    async def submit(self, change: Change) -> Result:
        result = await super().submit(change)
        if isinstance(change.command, RecordAnswer | RecordAttempt) and not result.replayed:
            await super().submit(Change(change.case_id, FireTimer(UUID(int=0)), "system:release"))
        return result


# ---- claims


class _NeverCommits(ProcessDatabase):
    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        async with super().transaction() as connection:
            yield connection
            raise Undone


async def _claim_uncommitted(process: Process, which: Queue, count: int) -> list[Claimed]:
    return await steps.claim(_NeverCommits(process.world.database, process), which, process.clock, count)


async def _claim_for_ever(process: Process, which: Queue, count: int) -> list[Claimed]:
    for_ever = timedelta(days=3_650)
    return await steps.claim(process.database, which, process.clock, count, lease=for_ever)


# ---- functions of the product, replaced


@contextmanager
def instead_of(honest: Callable[..., Any], other: Callable[..., Any]) -> Iterator[None]:
    """Replaces a function wherever the product knows it by name."""
    with ExitStack() as stack:
        for name, module in sorted(sys.modules.items()):
            if name.startswith("onenet."):
                for attribute in [key for key, value in vars(module).items() if value is honest]:
                    stack.enter_context(mock.patch.object(module, attribute, other))
        yield


def _with(thing: Any, **fields: Any) -> Any:
    """The same with other fields, be it a dataclass or a named tuple."""
    return thing._replace(**fields) if hasattr(thing, "_replace") else replace(thing, **fields)


def _deciding(change: Callable[[Case, Command], tuple[Case, Command]]) -> Patch:
    """Puts another case or command before `decide`."""
    honest: Decide = machine.decide

    def decide(case: Case, command: Command, now: Moment) -> Decision:
        return honest(*change(case, command), now)

    return instead_of(honest, decide)


def _with_the_present_token(case: Case, command: Command) -> tuple[Case, Command]:
    if isinstance(command, RecordAttempt):
        command = _with(command, lease_token=case.tasks[command.task_id].lease_token)
    return case, command


def _as_if_never_fired(case: Case, command: Command) -> tuple[Case, Command]:
    timer = case.timers.get(command.timer_id) if isinstance(command, FireTimer) else None
    if timer is None or timer.state is not TimerState.FIRED:
        return case, command
    pending = {**case.timers, timer.id: _with(timer, state=TimerState.PENDING)}
    waiting = {**case.steps, timer.step: _with(case.steps[timer.step], state=StepState.WAITING)}
    return _with(case, timers=pending, steps=waiting), command


def _joined_by_one(case: Case, command: Command) -> tuple[Case, Command]:
    members = tuple(_with(member, after=member.after[:1]) for member in case.bundle.members)
    return _with(case, bundle=_with(case.bundle, members=members)), command


def _read_without_lock() -> Patch:
    """The steps that are decided on are those that were read before; all else is read under the lock."""
    honest = cases.load

    async def load(
        connection: AsyncConnection, ids: Iterable[UUID], bundle_of: Any, *, for_update: bool = False
    ) -> dict[UUID, Case]:
        fresh = await honest(connection, ids, bundle_of, for_update=for_update)
        process = RUNNING_IN.get()
        if not for_update or process is None or not isinstance(process.gate, _ReadsBefore):
            return fresh
        seen = process.gate.seen
        return {id: _with(case, steps=seen.get(id, case).steps) for id, case in fresh.items()}

    return instead_of(honest, load)


def _numbered_by_a_counter() -> Patch:
    """Numbers are drawn from a counter beside the row; a transaction taken back does not give them back."""
    honest, drawn = events.link, dict[UUID, int]()

    def link(case_id: UUID, seq: int, head: bytes, new: Sequence[Any], **said: Any) -> Any:
        first = max(seq, drawn.get(case_id, 0))
        drawn[case_id] = first + len(new)
        return honest(case_id, first, head, new, **said)

    return instead_of(honest, link)


def _unchained() -> Patch:
    honest = events.link

    def link(case_id: UUID, seq: int, head: bytes, new: Sequence[Any], **said: Any) -> Any:
        return honest(case_id, seq, START, new, **said)

    return instead_of(honest, link)


def _written_afterwards(part: bulk.Part) -> Patch:
    """These rows are written, but by a transaction that follows."""
    honest = bulk.write

    async def write(connection: AsyncConnection, rows: bulk.Rows) -> None:
        process, late = RUNNING_IN.get(), rows.get(part, ())
        if process is None or not late:
            await honest(connection, rows)
        else:
            await honest(connection, {**rows, part: ()})
            process.do(_write(process, honest, {part: late}))

    return instead_of(honest, write)


async def _write(process: Process, honest: Any, rows: bulk.Rows) -> None:
    async with process.database.transaction() as connection:
        await honest(connection, rows)


def _not_released_with_the_end() -> Patch:
    honest = flow.release

    def release(draft: Any) -> None:
        if not any(event.type is EventType.STEP_COMPLETED for event in draft.events):
            honest(draft)

    return instead_of(honest, release)


def _first_failure_for_ever() -> Patch:
    honest = retry.after_failure
    return instead_of(honest, lambda failure, subject, tries, **when: honest(failure, subject, 1, **when))


def _number_not_looked_at() -> Patch:
    honest = answers.apply
    return instead_of(honest, lambda draft, task_id, outcome, seq: honest(draft, task_id, outcome, None))


MUTANTS = (
    Mutant(
        "new_key_per_try", "each try goes out under a key of its own",
        key=lambda key, world: f"{key}-{world.random.randrange(1_000_000)}",
    ),
    Mutant("no_rescue", "what a dead worker had claimed is never due again", claim=_claim_for_ever),
    Mutant(
        "no_fencing", "a result is taken whoever has the lease by now",
        lambda: [_deciding(_with_the_present_token)],
    ),
    Mutant("answer_before_commit", "an applicant is told 202 before the commit", gate=_AnswersFirst),
    Mutant("claim_without_commit", "a worker calls before its claim is committed", claim=_claim_uncommitted),
    Mutant(
        "inbox_outside_transaction", "the inbox row follows in a transaction of its own", gate=_InboxApart,
        first_seed=5,
    ),
    Mutant("keys_forgotten", "a repeated submission opens a second case", gate=_ForgetsKeys),
    Mutant(
        "join_without_lock", "two changes decide on the same case as it was before either",
        lambda: [_read_without_lock()], gate=_ReadsBefore,
        first_seed=4,
    ),
    Mutant(
        "join_by_one", "a step goes out when the first of those before it is done",
        lambda: [_deciding(_joined_by_one)],
        first_seed=8,
    ),
    Mutant(
        "release_in_second_transaction", "a step is done, and what follows it is handed out one commit later",
        lambda: [_not_released_with_the_end()], gate=_ReleasesLater,
        first_seed=48,
    ),
    Mutant(
        "lease_by_local_clock", "leases go by the clocks of workers, and one of them is fast",
        skew=lambda name: timedelta(minutes=4) if name == "worker-2" else timedelta(),
    ),
    Mutant(
        "retry_without_counter", "every failure counts as the first",
        lambda: [_first_failure_for_ever()],
        first_seed=14,
    ),
    Mutant(
        "stale_callback_applied", "an answer is applied whatever its number",
        lambda: [_number_not_looked_at()],
        first_seed=14,
    ),
    Mutant(
        "seq_outside_lock", "an event's number is drawn outside the row lock",
        lambda: [_numbered_by_a_counter()],
        first_seed=13,
    ),
    Mutant("event_without_chain", "an event does not name the one before it", lambda: [_unchained()]),
    Mutant(
        "events_after_commit", "the events of a change follow in a transaction of their own",
        lambda: [_written_afterwards(bulk.EVENTS)],
    ),
    Mutant(
        "timer_fired_twice", "a timer that fired fires again for the next who asks",
        lambda: [_deciding(_as_if_never_fired)],
        first_seed=54,
    ),
    Mutant(
        "outbox_after_commit", "the outbox is written in a transaction of its own",
        lambda: [_written_afterwards(bulk.DELIVERIES)],
    ),
    Mutant(
        "superseded_answer_applied", "an answer to an earlier submission counts for the present one",
        lambda: [instead_of(answers._is_over, lambda draft, task, step: False)],
        first_seed=22,
    ),
)  # fmt: skip
