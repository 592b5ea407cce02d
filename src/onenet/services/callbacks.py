"""Callbacks: a department answers. Authenticate over the raw bytes, read, apply through the gate, once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from onenet import security_log, tally
from onenet.adapters import message_signatures, signing
from onenet.adapters.base import UnreadableAnswer
from onenet.adapters.message_signatures import Message
from onenet.adapters.registry import adapter_for
from onenet.adapters.signing import Refusal
from onenet.clock import Clock
from onenet.domain import moves
from onenet.domain.calendar import zone_of
from onenet.domain.case import OPINION, Case, Decision, Reply
from onenet.domain.commands import RecordAnswer
from onenet.domain.events import EventType
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.visibility import OfTasks
from onenet.errors import CallbackConflict, Fault, InvalidInput, NotFound, Unauthenticated
from onenet.ids import from_text
from onenet.services.advance import Gate
from onenet.services.change import Change, Once, Result
from onenet.services.steps import endpoint_of
from onenet.store import cases, endpoints
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.idempotency import StoredAnswer
from onenet.store.visibility import sees_task

STATUS: Mapping[Reply, int] = {"refused": 409}
"""A move that the step's state does not allow is on record, and told; every other reply is 200."""


def render(task_id: UUID, case: Case, decision: Decision) -> StoredAnswer:
    """What the department is answered, and answered again if it repeats itself."""
    task = case.tasks[task_id]
    # Of a case that it is only asked about, a department is told neither id nor state.
    is_own = task.kind != OPINION
    body: dict[str, Any] = {"outcome": decision.reply}
    body |= {"case": str(case.id), "seq": case.seq} if is_own else {"opinion": str(task_id)}
    if decision.reply == "refused":
        if is_own:
            step = case.steps[task.step]
            # That it was refused is on record.
            here = case.updated_at.astimezone(zone_of(case.utc_offset_minutes))
            allowed = moves.allowed(case.state, step, here)
            body |= {"present": moves.present(case.state, step), "allowed": allowed}
        refused = (each.data for each in decision.events if each.type is EventType.ANSWER_REFUSED)
        body["reason"] = next(refused, {}).get("reason")
    return StoredAnswer(STATUS.get(decision.reply, 200), json.dumps(body))


async def receive(
    database: Database,
    gate: Gate,
    clock: Clock,
    *,
    department: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Result:
    """Applies an answer, or gives the stored reply to one that is repeated.

    `clock` tells machine time. `url`: the address that the department was given, whatever Host it named.
    Raises: Unauthenticated, InvalidInput, NotFound, CallbackConflict, Unavailable.
    """
    message = Message("POST", url, headers)
    endpoint = await _authenticated(database, clock, department, message, body)
    return await take(database, gate, endpoint, message_id=_message_id(message), body=body)


async def take(
    database: Database,
    gate: Gate,
    endpoint: EndpointRow,
    *,
    message_id: str,
    body: bytes,
    visible: OfTasks | None = None,
) -> Result:
    """Applies what a department said that was let in. `visible`: tasks that it may speak of, if not all.

    Raises: InvalidInput, NotFound, CallbackConflict, Unavailable.
    """
    department = endpoint.owner
    try:
        answer = adapter_for(endpoint_of(endpoint)).read_callback(body)
    except UnreadableAnswer as error:
        fault = Fault("unreadable_answer", "无法读取的答复", str(error), pointer="")
        raise InvalidInput("the body is not an answer", faults=(fault,)) from error
    task_id = from_text(TASK_PREFIX, answer.task)
    found = None
    if task_id is not None:
        async with database.read() as connection:
            found = await cases.case_of_task(connection, task_id)
            if visible and not await sees_task(connection, visible, task_id):
                found = None
    if task_id is None or found is None or found[1] != department:
        security_log.report("foreign_task", department=department)
        raise NotFound
    once = Once(
        scope=f"callback:{department}",
        key=message_id,
        fingerprint=hashlib.sha256(body).digest(),
        conflict=CallbackConflict,
    )
    command = RecordAnswer(task_id, answer.outcome, answer.seq)
    change = Change(found[0], command, f"department:{department}", once=once, render=partial(render, task_id))
    result = await gate.submit(change)
    tally.ANSWERS[result.reply] += 1
    return result


async def _authenticated(
    database: Database, clock: Clock, department: str, message: Message, body: bytes
) -> EndpointRow:
    """The department's endpoint, with a key of which this is signed. Raises: Unauthenticated, as all do."""
    now = clock.now()
    async with database.read() as connection:
        endpoint = await endpoints.of_department(connection, department)
    refusal = refusal_of(message, body, endpoint.keys_at(now) if endpoint else (), now)
    if endpoint is None or refusal is not None:
        # A code in a path is what anybody typed: it is told only where there is such a department.
        known = department if endpoint else None
        security_log.report("signature_refused", refusal and refusal.value, department=known)
        raise Unauthenticated("the signature is missing, wrong or more than five minutes off")
    security_log.arrived("signature", f"department:{department}")
    return endpoint


def _is_message_signed(message: Message) -> bool:
    """Whether it comes with a message signature of RFC 9421, and not as Standard Webhooks say."""
    return "signature-input" in message.headers and "webhook-signature" not in message.headers


def refusal_of(message: Message, body: bytes, keys: Sequence[str], now: datetime) -> Refusal | None:
    """Why the message is not believed of a department with these keys; None when it is."""
    if _is_message_signed(message):
        return message_signatures.verify(message, body, keys, now=now)
    return signing.verify(message.headers, body, keys, now=now)


def _message_id(message: Message) -> str:
    """What the department calls a message that was verified, the same for each try."""
    if _is_message_signed(message):
        return message_signatures.message_id(message.headers)
    return message.headers["webhook-id"]
