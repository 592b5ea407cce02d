"""Exchange: reads what departments answer in databases of their own, each by one reader of all processes.

What is read goes the way of a callback: applied once by the id of its message, and committed here before it
is marked there. Who dies in between has it read again, and nothing is changed by that.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from onenet import crashing, security_log
from onenet.adapters import exchange_table, failures, names
from onenet.adapters.base import UnreadableAnswer
from onenet.adapters.exchange import Exchange, Mark, Unread
from onenet.adapters.registry import adapter_for
from onenet.clock import Clock, comes
from onenet.destinations import NotAllowed
from onenet.domain.outcome import Unclear
from onenet.errors import CallbackConflict, InvalidInput, NotFound, Unavailable
from onenet.ids import new_id
from onenet.services import callbacks
from onenet.services.advance import Gate
from onenet.services.doctor import Clocks, Remark
from onenet.services.steps import endpoint_of
from onenet.store import endpoints
from onenet.store import exchange as store
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.exchange import Reading

EVERY = timedelta(seconds=2)
"""How often the answers of a department are looked for."""

AFTER_FAULT = timedelta(seconds=10)
POLL_S = 0.7
BATCH = 32
MOST_COUNTED = 10_000
MOST_DELAY = timedelta(seconds=60)

_MESSAGE_ID = re.compile(r"[!-~]{1,255}")

log = structlog.get_logger()


async def of_departments(database: Database) -> list[tuple[EndpointRow, Reading | None]]:
    """The endpoints of those who swap rows, and how the reading of their answers stands."""
    async with database.read() as connection:
        every = await endpoints.every(connection, "department")
        found = [each for each in every if each.adapter == exchange_table.NAME]
        readings = await store.every(connection) if found else {}
    return [(each, readings.get(each.id)) for each in found]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads in one process. `clock` tells machine time; `lease`: how long a department is nobody else's."""

    database: Database
    gate: Gate
    clock: Clock
    exchange: Exchange
    lease: timedelta
    _under_way: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self, stopping: asyncio.Event) -> None:
        """Reads until told to stop. Each department's answers in a task of their own: one whose database
        hangs keeps no other waiting.
        """
        while not stopping.is_set():
            try:
                await self._begin(stopping)
            except Unavailable:
                pass  # the database has told the log
            except Exception:
                log.exception("exchange_failed")
            await comes(stopping, POLL_S)
        await asyncio.gather(*self._under_way.values())

    async def _begin(self, stopping: asyncio.Event) -> None:
        for endpoint, known in await of_departments(self.database):
            before = known or Reading(endpoint.id, self.clock.now())
            if endpoint.id in self._under_way or before.next_at > self.clock.now():
                continue
            if token := await self.claim(endpoint):
                task = asyncio.create_task(self._look(endpoint, token, before, stopping))
                self._under_way[endpoint.id] = task
                task.add_done_callback(partial(self._end, endpoint.id))

    def _end(self, endpoint_id: UUID, task: asyncio.Task[None]) -> None:
        del self._under_way[endpoint_id]

    async def claim(self, endpoint: EndpointRow) -> UUID | None:
        """The token under which this department is read now; None when it is another's turn."""
        now, token = self.clock.now(), new_id()
        async with self.database.transaction() as connection:
            is_ours = await store.claim(connection, endpoint.id, token, now, now + self.lease)
        return token if is_ours else None

    async def _look(
        self, endpoint: EndpointRow, token: UUID, before: Reading, stopping: asyncio.Event
    ) -> None:
        """Nothing that one department does may stop the loop; its lease ends and it is due again."""
        try:
            await self.look(endpoint, token, before, stopping)
        except Unavailable:
            pass  # the database has told the log
        except Exception:
            log.exception("exchange_failed", department=endpoint.owner)

    async def look(
        self,
        endpoint: EndpointRow,
        token: UUID,
        before: Reading,
        stopping: asyncio.Event | None = None,
    ) -> Reading:
        """Goes through all answers that are not marked, once; how it stands then.

        Raises: Unavailable, with nothing marked that is not committed.
        """
        try:
            left = await self._go_through(endpoint, token, before, stopping)
            standing = self._stands(before, left)
        except failures.ERROR_TYPES as error:
            if isinstance(error, NotAllowed):
                names.tell(error, department=endpoint.owner)
            standing = self._failed(before, failures.of_error(error).reason)
            if before.fault != standing.fault:
                log.warning("exchange_away", department=endpoint.owner, reason=standing.fault)
        await self._note(standing, token)
        return standing

    async def _go_through(
        self, endpoint: EndpointRow, token: UUID, before: Reading, stopping: asyncio.Event | None
    ) -> int:
        """Takes and marks batch after batch; how many answers are left. Raises: `failures.ERROR_TYPES`."""
        url, after, is_any = endpoint.credentials[exchange_table.CREDENTIAL], None, False
        while True:
            rows = await self.exchange.unread(url, after, BATCH)
            if marks := await self._take(endpoint, rows):
                crashing.point("before_mark")
                await self.exchange.mark(url, marks)
            is_any = is_any or bool(rows)
            if len(rows) < BATCH or (stopping is not None and stopping.is_set()):
                break
            after = rows[-1].id
            left = await self.exchange.count_unread(url, MOST_COUNTED)
            if not await self._note(self._stands(before, left, self.lease), token):
                return left  # it is another's turn
        return await self.exchange.count_unread(url, MOST_COUNTED) if is_any else 0

    async def _take(self, endpoint: EndpointRow, rows: Sequence[Unread]) -> list[Mark]:
        """What is to be said of each; those of one task go through the gate one after the other."""
        by_task: defaultdict[object, list[Unread]] = defaultdict(list)
        for row in rows:
            by_task[row.task].append(row)
        taken = await asyncio.gather(*(self._take_in_order(endpoint, each) for each in by_task.values()))
        return [mark for marks in taken for mark in marks]

    async def _take_in_order(self, endpoint: EndpointRow, rows: Sequence[Unread]) -> list[Mark]:
        marks = []
        for row in rows:
            try:
                marks.append(Mark(row.id, *await self._said(endpoint, row)))
            except Unavailable:
                raise
            except Exception:  # it stays unread, in sight of `doctor`, and keeps nothing else back
                log.exception("answer_failed", department=endpoint.owner, row=row.id)
        return marks

    async def _said(self, endpoint: EndpointRow, row: Unread) -> tuple[str, str | None]:
        """What became of one answer, by the table of every callback. Raises: Unavailable."""
        message_id = row.message_id
        if not isinstance(message_id, str) or not _MESSAGE_ID.fullmatch(message_id):
            return "unreadable", "message_id: 1 to 255 visible ASCII characters were expected"
        try:
            body = exchange_table.message(row.task, row.answer)
            result = await callbacks.take(
                self.database, self.gate, endpoint, message_id=message_id, body=body
            )
        except UnreadableAnswer as error:
            return "unreadable", str(error)
        except InvalidInput as error:
            return "unreadable", "; ".join(fault.message_en for fault in error.faults)
        except NotFound:
            return "unknown_task", "no task of this department has this id"
        except CallbackConflict:
            return "conflict", "another answer came under this message_id before; that one counts"
        security_log.arrived("exchange_table", f"department:{endpoint.owner}")
        outcome = str(json.loads(result.answer.body)["outcome"]) if result.answer else result.reply
        return outcome, _why(endpoint, outcome, body)

    def _stands(self, before: Reading, left: int, until: timedelta = EVERY) -> Reading:
        now = self.clock.now()
        since = (before.unread_since or now) if left else None
        return replace(
            before, next_at=now + until, looked_at=now, unread=left, unread_since=since,
            fault=None, fault_since=None,
        )  # fmt: skip

    def _failed(self, before: Reading, reason: str) -> Reading:
        now = self.clock.now()
        since = before.fault_since or now
        return replace(before, next_at=now + AFTER_FAULT, fault=reason[:200], fault_since=since)

    async def _note(self, standing: Reading, token: UUID) -> bool:
        async with self.database.transaction() as connection:
            return await store.note(connection, standing, token)


def _why(endpoint: EndpointRow, outcome: str, body: bytes) -> str | None:
    """What the department's developer should know of an outcome."""
    if outcome == "refused":
        return "the step is in a state that does not allow this answer"
    if outcome != "held":
        return None
    said = adapter_for(endpoint_of(endpoint)).read_callback(body).outcome
    return said.reason if isinstance(said, Unclear) else "the answer asks for what the item does not name"


async def try_out(exchange: Exchange, endpoint: EndpointRow) -> str | None:
    """Why the tables of this department cannot be read now; None when they can."""
    try:
        await exchange.unread(endpoint.credentials[exchange_table.CREDENTIAL], None, 1)
    except failures.ERROR_TYPES as error:
        return failures.of_error(error).reason
    return None


async def remarks(database: Database, clocks: Clocks) -> list[Remark]:
    """What is to be said of each department that swaps rows."""
    known, now = await of_departments(database), clocks.machine.now()
    return [remark for each, reading in known for remark in judge(each.owner, reading, now)]


def judge(department: str, reading: Reading | None, now: datetime) -> Iterator[Remark]:
    """Whether the answers of a department are read, and none waits for long."""
    of = f"answers of department {department}"
    if reading is None:
        yield Remark("exchange", "warning", f"{of} were never looked for", "is `onenet worker` running?")
    elif reading.fault is not None:
        says = f"{of} cannot be read since {reading.fault_since:%Y-%m-%dT%H:%M:%SZ}: {reading.fault}"
        yield Remark("exchange", "finding", says, "docs/administrators.md#databases-of-departments")
    elif reading.next_at + MOST_DELAY < now:
        says = f"{of} were last looked for at {reading.looked_at or reading.next_at:%Y-%m-%dT%H:%M:%SZ}"
        yield Remark("exchange", "finding", says, "is `onenet worker` running, and does its log tell errors?")
    elif reading.unread_since is not None and reading.unread_since + MOST_DELAY < now:
        says = f"{reading.unread} {of} wait, some since {reading.unread_since:%Y-%m-%dT%H:%M:%SZ}"
        yield Remark("exchange", "warning", says, "does the log of `onenet worker` tell of `answer_failed`?")
    else:
        says = f"{reading.unread} {of} wait, looked for at {reading.looked_at:%Y-%m-%dT%H:%M:%SZ}"
        yield Remark("exchange", "ok", says)
