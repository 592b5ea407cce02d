"""Pull: a department that cannot be called is the worker of its own tasks.

The same three beats as in `steps`: it claims what waits (under a lease, committed), works on it in its own
network, and says that it has it, which goes through the gate and is refused when the lease is somebody
else's by now. A lease that ends makes the task fetchable again, under the same key.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from onenet import crashing
from onenet.adapters import masking, pull
from onenet.adapters.base import TaskSheet
from onenet.adapters.transport import Attempt
from onenet.clock import Clock
from onenet.domain.case import Case, Decision
from onenet.domain.commands import RecordAttempt
from onenet.domain.outcome import Received, TryLater
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.visibility import OfTasks
from onenet.errors import Conflict, NotFound, OnenetError, StaleWrite
from onenet.ids import from_text, new_id, to_text
from onenet.services import steps
from onenet.services.advance import Gate
from onenet.services.change import Change, Once, Result
from onenet.services.document_links import Links
from onenet.services.watch import Watch
from onenet.store import endpoints, queue
from onenet.store import pull as store
from onenet.store.bulk import Row
from onenet.store.database import Database, is_retryable
from onenet.store.endpoints import EndpointRow
from onenet.store.idempotency import StoredAnswer
from onenet.store.pull import Candidate, Waiting

LEASE = timedelta(seconds=60)
"""Twice as long as a worker's: a department's call of us is on the way, too."""

MOST = 50
"""Tasks of one lease."""

LOOK_EVERY_S = 0.5
"""How often somebody who waits looks for himself: what falls due may have been another process's doing."""

LOOKS = 5
"""How often somebody looks whose choices were all taken by others, before he is told that nothing waits."""

SPREAD = 8
"""Who looks again chooses by chance among so many times what he wants: not what all the others choose."""

RECEIVED = Received()


def given_back(retry_after_s: int | None) -> TryLater:
    """What the department could not take; its own words are kept with the attempt."""
    return TryLater("transient", "the department gave it back", retry_after_s)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """A department's system that fetches: which department, and the tasks that it may see."""

    endpoint: EndpointRow
    visible: OfTasks

    @property
    def department(self) -> str:
        """Its code."""
        return self.endpoint.owner


@dataclass(frozen=True, slots=True)
class Lease:
    """Tasks that are nobody else's until then, each with the number of its attempt."""

    token: UUID
    ends_at: datetime
    tasks: Sequence[tuple[int, TaskSheet]]


async def endpoint_of(database: Database, id: UUID | None, department: str | None) -> EndpointRow:
    """The endpoint, if this department fetches its tasks from it. Raises: NotFound for every other one."""
    async with database.read() as connection:
        found = await endpoints.of_department(connection, department or "")
    if found is None or found.id != id or found.adapter != pull.NAME:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Pull:
    """The tasks that wait to be fetched. `clock` tells machine time; `lease`: how long what is fetched is
    nobody else's.
    """

    database: Database
    gate: Gate
    links: Links
    clock: Clock
    watch: Watch
    lease: timedelta = LEASE

    async def waiting(self, who: Fetcher) -> Waiting:
        """How much waits."""
        async with self.database.read() as connection:
            return await store.waiting(connection, who.department, who.visible, self.clock.now())

    async def fetch(self, who: Fetcher, *, most: int, wait_s: float = 0.0) -> Lease:
        """Takes up to `most` tasks, those first that have waited longest; waits until there is one. Where the
        endpoint is held there is none.

        Raises: Unavailable.
        """
        if who.endpoint.state == "held":
            return Lease(new_id(), self.clock.now(), [])
        now_s = asyncio.get_running_loop().time
        ends_s = now_s() + wait_s
        while True:
            lease = await self._fetch(who, most)
            left_s = ends_s - now_s()
            if lease.tasks or left_s <= 0 or self.watch.has_ended:
                return lease
            await asyncio.sleep(min(LOOK_EVERY_S, left_s))

    async def _fetch(self, who: Fetcher, most: int) -> Lease:
        wanted = queue.Wanted(new_id(), self.clock.now(), most, self.lease)
        rows = await self._take(who, wanted)
        crashing.point("after_fetch_commit")
        tasks = [(row["attempt"], sheet) for row in rows if (sheet := await self._sheet(row, wanted))]
        return Lease(wanted.token, wanted.now + self.lease, tasks)

    async def _take(self, who: Fetcher, wanted: queue.Wanted) -> list[Row]:
        """Looks first: where a claim locks the whole database, a department would lock it for nothing."""
        missed: set[Candidate] = set()
        for _ in range(LOOKS):
            chosen = await self._choose(who, wanted, missed)
            if not chosen:
                return []
            if taken := await self._claim(chosen, wanted):
                return taken
            missed.update(chosen)
        return []

    async def _choose(self, who: Fetcher, wanted: queue.Wanted, missed: set[Candidate]) -> list[Candidate]:
        """Those that have waited longest; once some were missed, others by chance, still in their order."""
        most = wanted.count * SPREAD + len(missed) if missed else wanted.count
        async with self.database.read() as connection:
            found = await store.candidates(connection, who.department, who.visible, wanted.now, most)
        left = [each for each in found if each not in missed]
        places = random.sample(range(len(left)), min(wanted.count, len(left)))
        return [left[place] for place in sorted(places)]

    async def _claim(self, chosen: list[Candidate], wanted: queue.Wanted) -> list[Row]:
        """Those of the chosen that nobody else was quicker to take."""
        skip_locked = self.database.capabilities.skip_locked
        try:
            async with self.database.transaction() as connection:
                return await store.take(connection, chosen, wanted, skip_locked=skip_locked)
        except DBAPIError as error:
            if is_retryable(error):
                return []  # somebody else was quicker
            raise

    async def _sheet(self, row: Row, wanted: queue.Wanted) -> TaskSheet | None:
        """What the department is told of a task. One that cannot be read is held; the others go out."""
        try:
            payload = steps.payload_of(row, self.gate.ring)
            sheet = TaskSheet(to_text(TASK_PREFIX, row["id"]), payload, json.loads(payload))
            return await self.links.put_in(sheet, row["id"], row["case_id"], row["department"])
        except OnenetError as error:
            refused = TryLater("refused", error.detail or error.code)
            command = RecordAttempt(row["id"], wanted.token, refused)
            ended = self._ended(row, refused)
            await self.gate.submit(Change(row["case_id"], command, steps.ACTOR, attempt=ended))
            return None

    async def renew(self, who: Fetcher, token: UUID) -> tuple[datetime, list[UUID]]:
        """Makes a lease last for as long again: until when, and the tasks still under it.

        Raises: Conflict.
        """
        until = self.clock.now() + self.lease
        async with self.database.transaction() as connection:
            left = await store.extend(connection, who.department, token, until)
        if not left:
            raise Conflict("nothing is under this lease any more")
        return until, left

    async def settle(
        self, who: Fetcher, token: UUID, task: str, outcome: Received | TryLater, words: str = ""
    ) -> Result:
        """The department has the task, or gives it back; said again, it gets the same answer.

        Raises: NotFound; Conflict when the task is not under this lease any more; Unavailable.
        """
        row = await self._find(who, task)
        # Of a lease that is over by now, the attempt has ended.
        ended = self._ended(row, outcome, words) if row["lease_token"] == token else None
        once = Once(
            scope=f"lease:{who.department}",
            key=f"{token}/{task}",
            fingerprint=hashlib.sha256(repr((outcome, words)).encode()).digest(),
            conflict=Conflict,
        )
        command, actor = RecordAttempt(row["id"], token, outcome), f"department:{who.department}"
        try:
            return await self.gate.submit(
                Change(row["case_id"], command, actor, once=once, render=_render, attempt=ended)
            )
        except StaleWrite:
            raise Conflict("the task is not under this lease any more") from None

    async def _find(self, who: Fetcher, task: str) -> Row:
        """The task of this department. Raises: NotFound."""
        task_id = from_text(TASK_PREFIX, task)
        if task_id is None:
            raise NotFound
        async with self.database.read() as connection:
            found = await store.find(connection, who.department, who.visible, task_id)
        if found is None:
            raise NotFound
        return found

    def _ended(self, row: Row, outcome: Received | TryLater, words: str = "") -> dict[str, Any]:
        now = self.clock.now()
        failure = outcome.failure if isinstance(outcome, TryLater) else None
        said = masking.excerpt(words.encode())
        return steps.ended(
            queue.TASKS, row, Attempt(outcome, None, now, now, failure, said, 0), self.gate.ring
        )


def _render(case: Case, decision: Decision) -> StoredAnswer:
    return StoredAnswer(200, json.dumps({"outcome": decision.reply}))
