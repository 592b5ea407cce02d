"""Resends: one more attempt now, for what was sent, is held or waits, whatever its schedule says.

Under the id that it always had, so that who honours ids does nothing twice. A delivery is a row; a task goes
through the gate, which puts its step back to `dispatched` where it was held.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet import security_log
from onenet.domain.case import Case
from onenet.domain.commands import SendAgain
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.visibility import Visible
from onenet.errors import Conflict, NotFound
from onenet.ids import from_text, lane_of, to_text
from onenet.services import deeds
from onenet.services.advance import Gate
from onenet.services.change import Change, Once
from onenet.services.outbox import DELIVERY_PREFIX
from onenet.store import cases, deliveries, endpoints, jobs
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.idempotency import StoredAnswer
from onenet.store.jobs import Item
from onenet.store.queue import DELIVERIES, TASKS
from onenet.store.visibility import sees

ATTEMPT_PREFIX = "att"
MANUAL = "manual"
_ATTEMPT = re.compile(r"(att_[0-9A-Z]{26})_([1-9][0-9]{0,8})")


class Wanted(NamedTuple):
    """What is to be sent again, by whom, when, and which cases that may be about."""

    work_id: UUID
    number: int | None
    actor: str
    at: datetime
    visible: Visible


def attempt_text(work_id: UUID, number: int) -> str:
    """The public id of an attempt: that of its task or delivery, and its number."""
    return f"{to_text(ATTEMPT_PREFIX, work_id)}_{number}"


def parse(text: str) -> tuple[UUID, int | None]:
    """The task or delivery in the id of an attempt, of a task or of a delivery. Raises: NotFound."""
    if found := _ATTEMPT.fullmatch(text):
        text, number = found.group(1), int(found.group(2))
        prefixes: tuple[str, ...] = (ATTEMPT_PREFIX,)
    else:
        prefixes, number = (TASK_PREFIX, DELIVERY_PREFIX), None
    for prefix in prefixes:
        if (id := from_text(prefix, text)) is not None:
            return id, number
    raise NotFound


async def resend(database: Database, gate: Gate, wanted: Wanted, once: Once) -> tuple[StoredAnswer, bool]:
    """Sends it again: what is answered, and whether it is a repeated answer. Raises: NotFound, Conflict."""
    async with database.read() as connection:
        found = await deliveries.find(connection, wanted.visible, wanted.work_id)
        task = None if found else await _task(connection, wanted)
        which = DELIVERIES if found else TASKS
        if wanted.number is not None:
            made = await deliveries.attempts(connection, which, wanted.work_id)
            if wanted.number not in {attempt["number"] for attempt in made}:
                raise NotFound
    if found is not None:
        return await deeds.do_under_key(database, _OfDelivery(wanted, found), once, wanted.at, _rendered)
    return await _resend_task(gate, wanted, once, *(task or (wanted.work_id, None)))


async def _resend_task(
    gate: Gate, wanted: Wanted, once: Once, case_id: UUID, endpoint: EndpointRow | None
) -> tuple[StoredAnswer, bool]:
    _check_active(endpoint)
    command = SendAgain(wanted.work_id, "sent again by hand", MANUAL)
    change = Change(case_id, command, wanted.actor, once=once, render=lambda case, _: _said(wanted, case))
    result = await gate.submit(change)
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a resend")
    if not result.replayed:
        security_log.report("sent_again", task=to_text(TASK_PREFIX, wanted.work_id))
    return result.answer, result.replayed


async def _task(connection: AsyncConnection, wanted: Wanted) -> tuple[UUID, EndpointRow | None]:
    """The case of a task, and the endpoint of its department. Raises: NotFound."""
    found = await cases.case_of_task(connection, wanted.work_id)
    if found is None or not await sees(connection, wanted.visible, found[0]):
        raise NotFound
    return found[0], await endpoints.of_department(connection, found[1])


def _check_active(endpoint: EndpointRow | None) -> None:
    if endpoint is None or endpoint.state == "held":
        raise Conflict("its endpoint is held: resume it first")


def _said(wanted: Wanted, case: Case) -> StoredAnswer:
    task = case.tasks[wanted.work_id]
    return _answer(TASK_PREFIX, wanted.work_id, task.state.value)


def _rendered(id: UUID) -> StoredAnswer:
    return _answer(DELIVERY_PREFIX, id, "pending")


def _answer(prefix: str, id: UUID, state: str) -> StoredAnswer:
    return StoredAnswer(202, json.dumps({"id": to_text(prefix, id), "state": state, "trigger": MANUAL}))


@dataclass(frozen=True, slots=True)
class _OfDelivery:
    wanted: Wanted
    found: deliveries.Found

    async def effect(self, connection: AsyncConnection) -> UUID:
        id = self.wanted.work_id
        _check_active(await endpoints.by_id(connection, self.found.endpoint_id))
        item = Item(lane_of(id), self.found.case_id, id)
        if not await jobs.make_due(connection, [item], MANUAL, self.wanted.at):
            raise Conflict("it is being sent now")
        return id

    def report(self, done: UUID) -> None:
        security_log.report("sent_again", delivery=to_text(DELIVERY_PREFIX, done))
