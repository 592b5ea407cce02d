"""Erasure: what is to be erased, what must not be, and the change of a case's key that makes it so.

Nothing here commits. Source: security.md section 5 (crypto-shredding); PIPL article 47.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Table,
    case,
    delete,
    exists,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.case import WITHDRAWAL, Applicant, CaseContent
from onenet.domain.chain import canonical
from onenet.domain.ending import WITHDRAWN
from onenet.domain.events import EventType
from onenet.domain.reapplications import AGAIN
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.states import FINAL_CASE
from onenet.encryption import DataKey, KeyRing, Unreadable, blobs
from onenet.errors import Conflict, NotFound
from onenet.ids import lane_of, to_text
from onenet.store import (
    contents,
    documents,
    erasure_tables,
    idempotency,
    log_tables,
    opinions,
    ratings,
    sealing,
    tables,
)
from onenet.store.document_tables import document
from onenet.store.sealing import ring_of

HOLD_REASON = "legal_hold.reason"

NOTHING_SAID = CaseContent(Applicant("", "natural_person", "", ""), {}, {}, ())
"""What is left of what an applicant said."""

REVISION = 3
"""How much is known to hang on a case. Raised when more is found: what was erased by less is erased again.

1: also documents that others came for in their place. 2: also what is told in the answer to an application.
3: also what departments said after it.
"""

_OPENED = frozenset({"tracking_seed", "tracking_secret"})
"""What the answer to a submission has, and no other one."""

_FACTS = frozenset(
    {
        *("id", "number", "state", "seq", "bundle", "jurisdiction", "created_at", "updated_at", "light"),
        *("reference", "about", "round", "filed_at", "due_at", "links", *_OPENED),
    }
)
"""What nobody wrote of such an answer: of a case, and of a hotline ticket."""

_STEP_FACTS = frozenset({"code", "names", "department", "state", "since", "light"})

_CASE = tables.cases.c
_ERASURE = erasure_tables.erasure.c
_HOLD = erasure_tables.legal_hold.c


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed case that nobody has erased or holds back; `closed_at`: when it last changed."""

    id: UUID
    bundle: str
    version: int
    closed_at: datetime


async def closed(connection: AsyncConnection, lane: int, before: datetime, limit: int) -> list[Closed]:
    """Such cases of a lane, closed before that moment, the oldest first. Reads the lane."""
    decided = exists().where(_ERASURE.lane == _CASE.lane, _ERASURE.case_id == _CASE.id)
    held = exists().where(_HOLD.lane == _CASE.lane, _HOLD.case_id == _CASE.id, _HOLD.lifted_at.is_(None))
    statement = (
        select(_CASE.id, _CASE.bundle_code, _CASE.bundle_version, _CASE.updated_at)
        .where(_CASE.lane == lane, _CASE.state.in_(FINAL_CASE), _CASE.updated_at < before, ~decided, ~held)
        .order_by(_CASE.updated_at)
        .limit(limit)
    )
    return [Closed(*row) for row in await connection.execute(statement)]


async def undone(connection: AsyncConnection, limit: int) -> list[UUID]:
    """Cases whose erasure is decided and not done, or was done when less was known to hang on a case."""
    statement = select(_ERASURE.case_id).where(_ERASURE.revision < REVISION).limit(limit)
    return list((await connection.execute(statement)).scalars())


async def decide(
    connection: AsyncConnection, case_id: UUID, *, basis: str, actor: str, now: datetime
) -> None:
    """Writes down that the case is to be erased; a second time changes nothing.

    Raises: NotFound; Conflict while it is open or held back.
    """
    state = await _locked(connection, case_id)
    if state not in FINAL_CASE:
        raise Conflict("the case is still open: only a closed one can be erased")
    if await _is_held(connection, case_id):
        raise Conflict("the case is under legal hold")
    if await _row(connection, erasure_tables.erasure, case_id) is None:
        row = {**_key(case_id), "basis": basis, "actor": actor, "decided_at": now}
        await connection.execute(insert(erasure_tables.erasure), row)


@dataclass(frozen=True, slots=True)
class Decided:
    """An erasure: on what basis, by whom, whether the record says so, and the last event's number."""

    basis: str
    actor: str
    is_told: bool
    is_done: bool
    seq: int


async def decided(connection: AsyncConnection, case_id: UUID) -> Decided | None:
    """How far the erasure of a case has come; None when nobody decided on it."""
    row = await _row(connection, erasure_tables.erasure, case_id)
    if row is None:
        return None
    e = tables.event.c
    same = (e.lane == lane_of(case_id), e.case_id == case_id)
    told, last = (
        await connection.execute(
            select(func.max(case((e.type == EventType.DATA_ERASED, e.seq))), func.max(e.seq)).where(*same)
        )
    ).one()
    return Decided(row["basis"], row["actor"], told is not None, row["erased_at"] is not None, last)


async def shred(connection: AsyncConnection, case_id: UUID, now: datetime) -> None:
    """Gives the case another key and nothing that was said: the old key was in its row alone.

    The case goes on as it was in all that nobody said: number, states, times. What comes in later, a
    department's late answer, is sealed with the new key. Its version rises, so that nobody who remembers the
    case as it was can write that back.
    """
    await _locked(connection, case_id)
    await _give_up_documents(connection, case_id, now)
    notices = await _notices(connection, case_id)
    key, data_key = ring_of(connection).new_data_key()
    await connection.execute(
        update(tables.cases)
        .where(*_of(tables.cases, case_id, "id"))
        .values(
            data_key=data_key, sealed_secret=None, tracking_secret="", applicant_index=None,
            secret_hash=secrets.token_bytes(32),  # of no secret
            version=_CASE.version + 1,
        )
    )  # fmt: skip
    content = contents.text_of(NOTHING_SAID)
    sealed = sealing.seal(key, content, sealing.CONTENT, case_id)
    await _set(connection, tables.case_content, case_id, content=sealed)
    await _set(
        connection,
        tables.step,
        case_id,
        opinion=None,
        reason=None,
        results="[]",
        requests="[]",
        said=None,
        procedures="[]",
        result_locator=None,
    )
    await _empty_tasks(connection, case_id, key, notices)
    await ratings.give_up(connection, case_id)
    await opinions.erase(connection, case_id)
    private = log_tables.event_private
    await connection.execute(delete(private).where(*_of(private, case_id)))
    for table in (tables.attempt, tables.delivery_attempt):
        ours = case((func.substr(table.c.reason, 1, 1) != blobs.MARK, table.c.reason), else_=None)
        await _set(connection, table, case_id, excerpt=None, reason=ours)


async def finish(connection: AsyncConnection, case_ids: Sequence[UUID], now: datetime) -> None:
    """Takes out the answers that were stored for these cases, and writes down that they are erased.

    Of the answer to a submission stays what nobody wrote: its key must not open another case.
    Walks the whole table of answers, hence many cases at a time.
    """
    keys, ring = tables.idempotency_key, ring_of(connection)
    stored = (await connection.execute(select(keys).where(keys.c.case_id.in_(case_ids)))).mappings().all()
    for row in stored:
        answer = json.loads(idempotency.opened_body(ring, dict(row)))
        same = (keys.c.scope == row["scope"], keys.c.key == row["key"])
        if _OPENED & answer.keys():
            body = idempotency.sealed_body(ring, row["scope"], row["key"], canonical(_facts(answer)))
            await connection.execute(update(keys).where(*same).values(body=body))
        else:
            await connection.execute(delete(keys).where(*same))
    done = tuple_(_ERASURE.lane, _ERASURE.case_id).in_([(lane_of(id), id) for id in case_ids])
    first = func.coalesce(_ERASURE.erased_at, now)
    await connection.execute(
        update(erasure_tables.erasure).where(done).values(erased_at=first, revision=REVISION)
    )


def _facts(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a submission without what anybody wrote: results that stood before, signatures, help."""
    facts = {name: value for name, value in answer.items() if name in _FACTS}
    if "steps" in answer:
        facts["steps"] = [
            {name: value for name, value in step.items() if name in _STEP_FACTS}
            | {"results": [], "requests": []}
            for step in answer["steps"]
        ]
    return facts


async def _give_up_documents(connection: AsyncConnection, case_id: UUID, now: datetime) -> None:
    """Takes the keys of all documents that the case ever took, also of those that others came for in their
    place; whoever looks after documents removes the files next.
    """
    for id in await documents.of_case(connection, case_id):
        _, other_key = ring_of(connection).new_data_key()
        gone = {"case_id": None, "state": "storing", "scan_at": None, "check_at": now, "data_key": other_key}
        await documents.change(connection, id, document.c.case_id == case_id, **gone)


async def _notices(connection: AsyncConnection, case_id: UUID) -> dict[UUID, dict[str, Any]]:
    """What departments may still have to hear: that a task is withdrawn, and what they are to undo. Nobody
    wrote that, but for the reason where it is none of ours, and what the department calls the task.
    """
    task, ring = tables.task.c, ring_of(connection)
    wrapped = await connection.scalar(select(_CASE.data_key).where(*_of(tables.cases, case_id, "id")))
    statement = select(task.id, task.payload).where(*_of(tables.task, case_id), task.kind == WITHDRAWAL)
    found = {}
    for id, payload in await connection.execute(statement):
        try:
            sheet = json.loads(sealing.unseal(sealing.key_of(ring, wrapped), payload, sealing.PAYLOAD, id))
        except Unreadable:
            continue  # it is gone already
        is_ours = sheet.get("reason") in (WITHDRAWN, AGAIN)
        words = {"reference"} if is_ours else {"reference", "reason"}
        found[id] = {name: said for name, said in sheet.items() if name not in words}
    return found


async def _empty_tasks(
    connection: AsyncConnection, case_id: UUID, key: DataKey, kept: Mapping[UUID, Mapping[str, Any]]
) -> None:
    task = tables.task
    found = (await connection.execute(select(task.c.id, task.c.step).where(*_of(task, case_id)))).all()
    for id, step in found:
        left = canonical(kept.get(id) or {"task": to_text(TASK_PREFIX, id), "step": step})
        payload = sealing.seal(key, left, sealing.PAYLOAD, id)
        await connection.execute(
            update(task).where(*_of(task, case_id), task.c.id == id).values(payload=payload, reference=None)
        )


# ---- legal hold


async def hold(connection: AsyncConnection, case_id: UUID, *, reason: str, actor: str, now: datetime) -> None:
    """Holds a case back from erasure. Raises: NotFound; Conflict when it is held, or too late."""
    await _locked(connection, case_id)
    if await _row(connection, erasure_tables.erasure, case_id) is not None:
        raise Conflict("the case was erased, or is about to be")
    if await _is_held(connection, case_id):
        raise Conflict("the case is under legal hold already")
    sealed = sealing.sealed_system(ring_of(connection), reason, HOLD_REASON, _place(case_id, now))
    row = {**_key(case_id), "placed_at": now, "placed_by": actor, "reason": sealed}
    await connection.execute(insert(erasure_tables.legal_hold), row)


async def lift(connection: AsyncConnection, case_id: UUID, *, actor: str, now: datetime) -> None:
    """Ends the hold. Raises: NotFound when there is none."""
    statement = (
        update(erasure_tables.legal_hold)
        .where(*_of(erasure_tables.legal_hold, case_id), _HOLD.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=actor)
    )
    if (await connection.execute(statement)).rowcount == 0:
        raise NotFound("the case is under no legal hold")


async def standing(
    connection: AsyncConnection, case_id: UUID
) -> tuple[Mapping[str, Any] | None, RowMapping | None]:
    """The hold that a case is under, and its erasure, decided or done; None for what there is not."""
    hold = select(erasure_tables.legal_hold).where(
        *_of(erasure_tables.legal_hold, case_id), _HOLD.lifted_at.is_(None)
    )
    found = (await connection.execute(hold)).mappings().first()
    shown = _opened(ring_of(connection), found) if found else None
    return shown, await _row(connection, erasure_tables.erasure, case_id)


async def under_hold(connection: AsyncConnection, limit: int) -> Sequence[Mapping[str, Any]]:
    """The cases under legal hold, each with its number; the longest held first."""
    same = (_CASE.lane == _HOLD.lane) & (_CASE.id == _HOLD.case_id)
    statement = (
        select(_CASE.number, _CASE.id, _HOLD.case_id, _HOLD.placed_at, _HOLD.placed_by, _HOLD.reason)
        .join_from(erasure_tables.legal_hold, tables.cases, same)
        .where(_HOLD.lifted_at.is_(None))
        .order_by(_HOLD.placed_at)
        .limit(limit)
    )
    ring = ring_of(connection)
    return [_opened(ring, row) for row in (await connection.execute(statement)).mappings()]


def _opened(ring: KeyRing, row: RowMapping) -> dict[str, Any]:
    """The hold in a row, with its reason as it was written. Raises: Unreadable."""
    place = _place(row["case_id"], row["placed_at"])
    return {**row, "reason": sealing.opened_system(ring, row["reason"], HOLD_REASON, place)}


def _place(case_id: UUID, placed_at: datetime) -> str:
    return f"{lane_of(case_id)}/{case_id}/{placed_at.astimezone(UTC)}"


# ---- in common


async def _locked(connection: AsyncConnection, case_id: UUID) -> str:
    """The state of the case, which nobody else changes till the end. Raises: NotFound."""
    statement = select(_CASE.state).where(*_of(tables.cases, case_id, "id")).with_for_update()
    state: str | None = await connection.scalar(statement)
    if state is None:
        raise NotFound("no such case")
    return state


async def _is_held(connection: AsyncConnection, case_id: UUID) -> bool:
    statement = select(_HOLD.case_id).where(
        *_of(erasure_tables.legal_hold, case_id), _HOLD.lifted_at.is_(None)
    )
    return await connection.scalar(statement) is not None


async def _row(connection: AsyncConnection, table: Table, case_id: UUID) -> Any:
    return (await connection.execute(select(table).where(*_of(table, case_id)))).mappings().first()


async def _set(connection: AsyncConnection, table: Table, case_id: UUID, **values: Any) -> None:
    await connection.execute(update(table).where(*_of(table, case_id)).values(**values))


def _key(case_id: UUID) -> dict[str, Any]:
    return {"lane": lane_of(case_id), "case_id": case_id}


def _of(
    table: Table, case_id: UUID, name: str = "case_id"
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.lane == lane_of(case_id), table.c[name] == case_id
