"""The gate: every change of a case goes through here. Load the cases, decide each, save all, commit once.

Changes that arrive while a commit is under way share the next one; an idle gate starts at once. A change
that is refused, conflicts or fails is taken out; its neighbours stand. Whatever must be told of a change is
written in the same transaction.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet import crashing
from onenet.clock import Clock
from onenet.domain.case import Case, Moment, Reply
from onenet.domain.commands import Command
from onenet.domain.machine import decide
from onenet.errors import Conflict, NotFound, OnenetError, PreconditionFailed, StaleWrite, Unavailable
from onenet.services import outbox
from onenet.services.numbering import NumberTemplate, fill, reserve
from onenet.store import cases as store_cases
from onenet.store import deliveries as store_deliveries
from onenet.store import endpoints as store_endpoints
from onenet.store import events as store_events
from onenet.store import idempotency, numbers, queue
from onenet.store.cases import BundleOf, Changed
from onenet.store.database import Database, is_retryable
from onenet.store.idempotency import Done, StoredAnswer

log = structlog.get_logger()

LARGEST_BATCH = 200
MOST_RETRIES = 5


@dataclass(frozen=True, slots=True)
class Once:
    """Do it once: under this key, for a request of this fingerprint. `conflict` is raised for another one."""

    scope: str
    key: str
    fingerprint: bytes
    conflict: type[OnenetError]


@dataclass(frozen=True, slots=True)
class Opening:
    """A case to begin: put together, but for the number that the gate issues."""

    case: Case
    template: NumberTemplate


@dataclass(frozen=True, slots=True)
class Change:
    """One command on its way through the gate.

    `actor` says who, in the events: `frontend:app:subject`, `department:police`, `system:worker`. `render`
    makes the answer that is stored with `once`; `render_refusal` likewise for a conflict. `attempt`: the
    end of a call to a department, kept on record even when the command is refused. `if_seq`: the event that
    must still be the last.
    """

    case_id: UUID
    command: Command
    actor: str
    opening: Opening | None = None
    once: Once | None = None
    render: Callable[[Case, Reply], StoredAnswer] | None = None
    render_refusal: Callable[[Conflict], StoredAnswer] | None = None
    attempt: dict[str, Any] | None = None
    if_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a change. `case` is None when the answer is a repeated or stored one."""

    case_id: UUID | None
    case: Case | None
    reply: Reply
    answer: StoredAnswer | None = None
    replayed: bool = False


@dataclass(slots=True)
class _Batch:
    """What one commit has gathered so far."""

    now: Moment
    before: dict[UUID, Case]
    done: dict[tuple[str, str], Done]
    serials: dict[NumberTemplate, Iterator[int]]
    after: dict[UUID, Case] = field(default_factory=dict)
    events: dict[UUID, list[store_events.Event]] = field(default_factory=dict)
    new_done: list[Done] = field(default_factory=list)
    new_numbers: list[tuple[str, str, UUID]] = field(default_factory=list)


class Gate:
    """The one way in. One for each process; any number of processes work on one database."""

    def __init__(self, database: Database, bundle_of: BundleOf, clock: Clock, machine_clock: Clock):
        """`clock` tells legal time, `machine_clock` that of leases and retries."""
        self._database = database
        self._bundle_of = bundle_of
        self._clock = clock
        self._machine_clock = machine_clock
        self._waiting: deque[tuple[Change, asyncio.Future[Result]]] = deque()
        self._runner: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[Sequence[Case]], None]] = []

    def listen(self, listener: Callable[[Sequence[Case]], None]) -> None:
        """Calls `listener` with the cases of each commit, after it."""
        self._listeners.append(listener)

    async def replay(self, once: Once) -> Result | None:
        """The stored answer, when this was done before; whatever has changed since then does not matter.

        Raises: `once.conflict` when the key was used for another request.
        """
        async with self._database.read() as connection:
            done = (await idempotency.find(connection, [(once.scope, once.key)])).get((once.scope, once.key))
        return _repeated(done, once) if done else None

    async def submit(self, change: Change) -> Result:
        """Puts a change through and waits until it is committed.

        Raises: whatever `decide` refuses with; Unavailable when nothing could be stored.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await asyncio.shield(future)

    async def _run(self) -> None:
        while self._waiting:
            count = min(len(self._waiting), LARGEST_BATCH)
            batch = [self._waiting.popleft() for _ in range(count)]
            outcomes = await self._commit_all([change for change, _ in batch])
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if future.cancelled():
                    continue
                if isinstance(outcome, BaseException):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)

    async def _commit_all(self, changes: Sequence[Change]) -> list[Result | Exception]:
        """Commits them together; if that fails, each alone, so that one cannot spoil the others."""
        try:
            return await self._commit(changes)
        except Unavailable as error:
            return [error for _ in changes]
        except Exception as error:  # noqa: BLE001  # whatever it is: with several changes it is not known whose it is
            if len(changes) > 1:
                return [(await self._commit_all([change]))[0] for change in changes]
            return [await self._commit_alone(changes[0], error)]

    async def _commit_alone(self, change: Change, error: Exception) -> Result | Exception:
        """Repeats a change that lost a race; any other error is the change's own."""
        for number in range(1, MOST_RETRIES + 1):
            if not _lost_race(error):
                return error
            await asyncio.sleep(random.uniform(0, 0.02 * 2**number))  # noqa: S311  # spreads retries, no secret
            try:
                return (await self._commit([change]))[0]
            except Exception as next_error:  # noqa: BLE001  # judged at the top of the loop
                error = next_error
        return Unavailable("too many processes want this at once", retry_after_s=1)

    async def _commit(self, changes: Sequence[Change]) -> list[Result | Exception]:
        now = Moment(self._clock.now(), self._machine_clock.now())
        async with self._database.transaction() as connection:
            batch = await self._load(connection, changes, now)
            outcomes = [_decide(batch, change) for change in changes]
            await self._save(connection, batch, changes)
            crashing.point("before_commit")
        crashing.point("after_commit")
        self._tell(list(batch.after.values()))
        return outcomes

    def _tell(self, committed: Sequence[Case]) -> None:
        """A listener that fails must not make a commit look as if it had failed: it would be repeated."""
        for listener in self._listeners:
            try:
                listener(committed)
            except Exception:
                log.exception("listener_failed")

    async def _load(self, connection: AsyncConnection, changes: Sequence[Change], now: Moment) -> _Batch:
        keys = [(change.once.scope, change.once.key) for change in changes if change.once]
        wanted = [change.case_id for change in changes if change.opening is None]
        before = await store_cases.load(connection, wanted, self._bundle_of, for_update=True)
        done = await idempotency.find(connection, keys)
        opened = [
            change.opening.template
            for change in changes
            if change.opening and not (change.once and (change.once.scope, change.once.key) in done)
        ]
        return _Batch(now, before, done, await reserve(connection, opened, now.at))

    async def _save(self, connection: AsyncConnection, batch: _Batch, changes: Sequence[Change]) -> None:
        changed = [Changed(batch.before.get(id), case) for id, case in batch.after.items()]
        await store_cases.save(connection, changed)
        await store_events.append(connection, [event for new in batch.events.values() for event in new])
        if any(batch.events.values()):
            subscribers = await store_endpoints.every(connection, "subscriber")
            told = [
                row
                for id, new in batch.events.items()
                for row in outbox.deliveries(batch.after[id], new, subscribers, batch.now.machine_at)
            ]
            await store_deliveries.append(connection, told)
        await idempotency.append(connection, batch.new_done)
        await numbers.append(connection, batch.new_numbers)
        ended = [change.attempt for change in changes if change.attempt]
        await queue.end_attempts(connection, queue.TASKS, ended)


def _lost_race(error: Exception) -> bool:
    return isinstance(error, StaleWrite) or (isinstance(error, DBAPIError) and is_retryable(error))


def _decide(batch: _Batch, change: Change) -> Result | Exception:
    """Decides one change. What it refuses leaves the batch as it was."""
    once = change.once
    try:
        if once and (done := batch.done.get((once.scope, once.key))):
            return _repeated(done, once)
        case = _case(batch, change)
        if change.if_seq is not None and change.if_seq != case.seq:
            raise PreconditionFailed
        decision = decide(case, change.command, batch.now)
    except Conflict as refusal:
        if once and change.render_refusal and not isinstance(refusal, StaleWrite | once.conflict):
            answer = change.render_refusal(refusal)
            _note_done(batch, change, answer)
            return Result(change.case_id, None, "refused", answer)
        return refusal
    except OnenetError as refusal:
        return refusal
    new = store_events.link(
        case.id, case.seq, case.head_hash, decision.events,
        actor=change.actor, at=batch.now.at.isoformat(timespec="microseconds"),
    )  # fmt: skip
    after = replace(decision.case, seq=new[-1].seq, head_hash=new[-1].hash) if new else decision.case
    stored = change.render(after, decision.reply) if change.render else None
    batch.after[case.id] = after
    batch.events.setdefault(case.id, []).extend(new)
    if change.opening:
        batch.new_numbers.append((change.opening.template.organisation, case.number, case.id))
    if once and stored:
        _note_done(batch, change, stored)
    return Result(case.id, after, decision.reply, stored)


def _case(batch: _Batch, change: Change) -> Case:
    """The case as this batch has it by now; one that is opened gets its number. Raises: NotFound."""
    if change.opening is None:
        found = batch.after.get(change.case_id) or batch.before.get(change.case_id)
        if found is None:
            raise NotFound
        return found
    opening, now = change.opening, batch.now.at
    number = fill(opening.template, now, next(batch.serials[opening.template]))
    return replace(opening.case, number=number, created_at=now, updated_at=now)


def _repeated(done: Done, once: Once) -> Result:
    if done.fingerprint != once.fingerprint:
        raise once.conflict
    return Result(done.case_id, None, "applied", done.answer, replayed=True)


def _note_done(batch: _Batch, change: Change, answer: StoredAnswer) -> None:
    if change.once is None:
        return
    done = Done(
        change.once.scope,
        change.once.key,
        change.once.fingerprint,
        answer,
        change.case_id,
        batch.now.machine_at,
    )
    batch.done[done.scope, done.key] = done
    batch.new_done.append(done)
