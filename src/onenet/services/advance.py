"""The gate: every change of a case goes through here. Load the cases, decide each, save all, commit once.

Changes that arrive while a commit is under way share the next one; an idle gate starts at once. A change
that is refused, conflicts or fails is taken out; its neighbours stand. Whatever must be told of a change is
written in the same transaction.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet import crashing, tally
from onenet.clock import Clock
from onenet.domain.case import Case, Moment
from onenet.domain.rules import Rules
from onenet.domain.states import FINAL_CASE
from onenet.errors import StaleWrite, Unavailable
from onenet.recent import Recent
from onenet.services import leases
from onenet.services.batch import Batch, Decided
from onenet.services.change import Change, Reaching, Result
from onenet.services.leases import Claimed, Crew
from onenet.services.numbering import NumberTemplate, reserve
from onenet.services.together import Together
from onenet.store import bulk, endpoints, idempotency, queue
from onenet.store import cases as store_cases
from onenet.store.cases import BundleOf
from onenet.store.database import Database, is_retryable
from onenet.store.endpoints import Directory

log = structlog.get_logger()

LARGEST_BATCH = 200
MOST_RETRIES = 5
ROUNDS = 2
"""Batches under way at once on a server: one is decided here while the server writes the other."""

CROWD = 16
"""Changes that wait for a batch of their own; fewer share the next one."""

PATIENCE_S = 8.0
"""How long a caller waits for the commit: less than a client does, so that he hears that it is not possible
now, and why. The result of a call that was made waits as long as it takes.
"""

MOST_REMEMBERED = 4_000
"""Cases that a gate keeps as it saved them, some 8 kB each, for its own worker's next result."""

_NOTHING: Mapping[UUID, Case] = MappingProxyType({})

Listener = Callable[[Sequence[Case]], None]
RulesNow = Callable[[], Awaitable[Mapping[str, Rules]]]
"""Gives what holds now in each jurisdiction."""


async def by_law_alone() -> Mapping[str, Rules]:
    """Where no place says anything."""
    return {}


class Gate:
    """The one way in. One for each process; any number of processes work on one database."""

    def __init__(
        self,
        database: Database,
        bundle_of: BundleOf,
        clock: Clock,
        machine_clock: Clock,
        rules: RulesNow = by_law_alone,
    ):
        """`clock` tells legal time, `machine_clock` that of leases and retries. `rules`: of each place."""
        self.database = database
        self.ring = database.ring
        self._bundle_of = self.bundle_of = bundle_of
        self.clock = clock
        self._machine_clock = machine_clock
        self._rules = rules
        self._together: Together[Change, Result] = Together(
            self._commit_all,
            largest=LARGEST_BATCH,
            rounds=1 if database.backend == "sqlite" else ROUNDS,
            crowd=CROWD,
            keys=_keys,
        )
        self._listeners: list[Listener] = []
        self._crew: Crew | None = None
        self._saved: Recent[UUID, Case] = Recent(MOST_REMEMBERED)
        self._directory: Directory | None = None
        self.closed = ""
        """Why no new case is let in; empty while they are."""

    def listen(self, listener: Listener) -> None:
        """Calls `listener` with the cases of each commit, after it."""
        self._listeners.append(listener)

    def employ(self, crew: Crew) -> None:
        """Gives this process's own worker what falls due, as far as it has hands."""
        self._crew = crew

    async def submit(self, change: Change) -> Result:
        """Puts a change through and waits until it is committed.

        Raises: whatever `decide` refuses with; Unavailable when nothing could be stored, or when that is not
        known in time: who retries does so under the same key.
        """
        if self.closed and change.opening:
            raise Unavailable(self.closed, retry_after_s=60)
        patience_s = None if change.claimed else PATIENCE_S
        try:
            return await self._together.submit(change, patience_s=patience_s)
        except Reaching as further:
            return await self.submit(replace(change, beside=(*change.beside, *further.beside)))
        except TimeoutError as error:
            raise Unavailable("the database does not answer in time", retry_after_s=1) from error

    async def park(self, claimed: Claimed, reason: str) -> None:
        """Takes a task off its queue whose case cannot be decided, with the reason in its row.

        It would be called about again for ever otherwise. Raises: Unavailable.
        """
        which = queue.TASKS if claimed.row["poll_at"] is None else queue.POLLS
        async with self.database.transaction() as connection:
            await queue.park(connection, which, claimed.row, claimed.token, reason)

    async def _commit_all(
        self, changes: Sequence[Change], *, trusting: bool = True
    ) -> list[Result | Exception]:
        """Commits them together; if that fails, each alone, so that one cannot spoil the others."""
        try:
            return await (self._commit_trusting(changes) if trusting else self._commit(changes))
        except Unavailable as error:
            return [error for _ in changes]
        except Exception as error:  # noqa: BLE001  # whatever it is: with several changes it is not known whose it is
            if len(changes) > 1:
                return [(await self._commit_all([change], trusting=False))[0] for change in changes]
            return [await self._commit_alone(changes[0], error)]

    async def _commit_trusting(self, changes: Sequence[Change]) -> list[Result | Exception]:
        """Takes what this gate remembers for true, which saving finds out; if it is not, all is read again.

        It trusts that cases are as it saved them last, that the endpoints are as they were, and that keys of
        new cases are new. A change that is refused, or changes nothing, saves nothing, and so does not find
        that out: it is decided again on what is read.
        """
        known = self._known(changes)
        directory = self._directory if self._directory and self._directory.mark else None
        if not known and directory is None:
            return await self._commit(changes)
        try:
            outcomes = await self._commit(changes, known, directory)
        except (StaleWrite, IntegrityError):  # the latter: that event or that key is there already
            self._forget(known)
            return await self._commit(changes)
        doubtful = [
            place
            for place, (change, outcome) in enumerate(zip(changes, outcomes, strict=True))
            if (change.opening or change.case_id in known) and _saved_nothing(outcome)
        ]
        if doubtful:
            self._forget(changes[place].case_id for place in doubtful)
            again = await self._commit_all([changes[place] for place in doubtful], trusting=False)
            for place, outcome in zip(doubtful, again, strict=True):
                outcomes[place] = outcome
        return outcomes

    def _forget(self, ids: Iterable[UUID]) -> None:
        for id in ids:
            self._saved.drop(id)

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

    async def _commit(
        self,
        changes: Sequence[Change],
        known: Mapping[UUID, Case] = _NOTHING,
        directory: Directory | None = None,
    ) -> list[Result | Exception]:
        """Raises: StaleWrite, IntegrityError when `known` or `directory`, which it trusts, are not so."""
        rules = await self._rules()
        now = Moment(self.clock.now(), self._machine_clock.now(), rules=rules)
        mark = directory.mark if directory else None
        batch = None
        try:
            if directory and _needs_nothing_else(changes, known):
                batch = Batch(
                    now, known, {}, serials={}, endpoints=directory.rows, crew=self._crew, ring=self.ring
                )
                decided = batch.decide_all(changes)
                crashing.point("before_commit")
                async with self.database.glance() as connection:
                    await bulk.write(connection, decided.rows, mark=mark)
            else:
                async with self.database.transaction() as connection:
                    batch = await self._load(connection, changes, known, directory, now)
                    decided = batch.decide_all(changes)
                    at_once = self.database.capabilities.at_once
                    await bulk.write(connection, decided.rows, at_once=at_once, mark=mark)
                    crashing.point("before_commit")
        except BaseException:
            if batch is not None:
                batch.give_back()
            raise
        crashing.point("after_commit")
        tally.COMMITS["batches"] += 1
        tally.COMMITS["changes"] += len(changes)
        tally.COMMITS["cases"] += len(decided.rows[bulk.NUMBERS])
        committed = batch.committed()
        self._remember(committed)
        self._tell(committed)
        self._employ(decided, left_due=batch.left_due)
        return decided.outcomes

    async def _load(
        self,
        connection: AsyncConnection,
        changes: Sequence[Change],
        known: Mapping[UUID, Case],
        directory: Directory | None,
        now: Moment,
    ) -> Batch:
        """What is neither known nor trusted. With a directory the keys of new cases are trusted to be new."""
        keys = [
            (change.once.scope, change.once.key)
            for change in changes
            if change.once and not (directory and change.opening)
        ]
        done = await idempotency.find(connection, keys)
        # Counters before cases, always: a case that is known is locked only when it is written.
        serials = await reserve(connection, _templates(changes, done), now.at)
        opened = {change.case_id for change in changes if change.opening}
        wanted = [id for c in changes for id in c.case_ids if id not in opened and id not in known]
        # Behind the counter: who opens a case in the same place waits there for the other's commit.
        things = [thing for c in changes if c.opening and (thing := c.opening.thing)]
        open_cases = await store_cases.open_cases_of(connection, things)
        before = await store_cases.load(connection, wanted, self._bundle_of, for_update=True)
        if directory is None:
            directory = await endpoints.directory(connection)
            self._directory = directory if self.database.capabilities.at_once else None
        return Batch(
            now,
            {**known, **before},
            done,
            serials=serials,
            endpoints=directory.rows,
            crew=self._crew,
            ring=self.ring,
            open_cases=open_cases,
        )

    # ---- what the gate remembers

    def _known(self, changes: Sequence[Change]) -> dict[UUID, Case]:
        """Cases that need not be loaded: results came in for them, and this gate was the last to save them.

        Somebody else may have moved one on since then; saving it finds that out. Where somebody else's
        change comes in with the result, the case is read: its stored answer would not be taken back.
        """
        found: dict[UUID, Case] = {}
        others = {id for change in changes if change.claimed is None for id in change.case_ids}
        for change in changes:
            case = found.get(change.case_id) or self._saved.get(change.case_id)
            if case is None or change.claimed is None or change.case_id in others:
                continue
            claimed = leases.with_claimed(case, change.claimed)
            if claimed is None:
                found.pop(case.id, None)
                self._saved.drop(case.id)
            else:
                found[case.id] = claimed
        return found

    def _remember(self, committed: Sequence[Case]) -> None:
        if self._crew is None:
            return
        for case in committed:
            if case.state in FINAL_CASE:
                self._saved.drop(case.id)
            else:
                self._saved.put(case.id, case)

    # ---- who hears of it

    def _tell(self, committed: Sequence[Case]) -> None:
        """A listener that fails must not make a commit look as if it had failed: it would be repeated."""
        for listener in self._listeners:
            try:
                listener(committed)
            except Exception:
                log.exception("listener_failed")

    def _employ(self, decided: Decided, *, left_due: bool) -> None:
        if self._crew is None:
            return
        for each in decided.claimed:
            self._crew.begin(each)
        if left_due:
            self._crew.look("tasks")
        if decided.rows[bulk.DELIVERIES]:
            self._crew.look("deliveries")


def _needs_nothing_else(changes: Sequence[Change], known: Mapping[UUID, Case]) -> bool:
    """Whether the batch can be decided without a look at the database: results for cases that are known."""
    return all(c.case_id in known and not (c.once or c.opening or c.beside) for c in changes)


def _templates(changes: Sequence[Change], done: Container[tuple[str, str]]) -> list[NumberTemplate]:
    """One for each case that will be opened: a key that is repeated opens one, or none. A number too many
    would be a gap.
    """
    wanted: dict[Hashable, NumberTemplate] = {}
    for change in changes:
        key = (change.once.scope, change.once.key) if change.once else None
        if change.opening and key not in done:
            wanted.setdefault(key or change.case_id, change.opening.template)
    return list(wanted.values())


def _saved_nothing(outcome: Result | Exception) -> bool:
    return isinstance(outcome, Exception) or outcome.reply == "unchanged"


def _keys(change: Change) -> tuple[Hashable, ...]:
    """What two batches must not change at the same time: a case, and what is done once. Hashed quickly."""
    ids = [id.int for id in change.case_ids]
    return (*ids, (change.once.scope, change.once.key)) if change.once else tuple(ids)


def _lost_race(error: Exception) -> bool:
    return isinstance(error, StaleWrite) or (isinstance(error, DBAPIError) and is_retryable(error))
