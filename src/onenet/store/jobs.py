"""Jobs: what was asked about all that goes to one endpoint, and how far it has come.

A job is written together with an item for each task or delivery that it is about, so its total is exact from
the first moment and nothing is added later. What is settled is counted and its item deleted in one commit:
whoever dies in between has counted nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    TextClause,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.errors import StaleWrite
from onenet.store import tables
from onenet.store.endpoints import EndpointRow
from onenet.store.operating_tables import item, job
from onenet.store.queue import DELIVERIES, TASKS, Queue

Kind = Literal["pause", "resumption", "replay"]

_t, _d, _j, _i = tables.task.c, tables.delivery.c, job.c, item.c


@dataclass(frozen=True, slots=True)
class Job:
    """What was asked for, by whom, and what came of it: of `total`, `done` and `failed`; the rest is to come.

    `wanted`: the words of the request. `next_at`: when a worker goes on with it; None at the end.
    """

    id: UUID
    endpoint_id: UUID
    kind: Kind
    actor: str
    total: int
    created_at: datetime
    next_at: datetime | None
    wanted: Mapping[str, Any] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    ended_at: datetime | None = None


class Item(NamedTuple):
    """A task or a delivery that a job is about."""

    lane: int
    case_id: UUID
    work_id: UUID


def queue_of(endpoint: EndpointRow) -> Queue:
    """Where that lies which goes to an endpoint."""
    return TASKS if endpoint.kind == "department" else DELIVERIES


def _theirs(endpoint: EndpointRow) -> ColumnElement[bool]:
    queue = queue_of(endpoint)
    column: ColumnElement[Any] = queue.work.c[queue.owner]
    return column == (endpoint.owner if queue is TASKS else endpoint.id)


def _work(endpoint: EndpointRow, *conditions: ColumnElement[bool] | TextClause) -> Select[Any]:
    c = queue_of(endpoint).work.c
    return select(c.lane, c.case_id, c.id).where(_theirs(endpoint), *conditions)


def on_its_way(endpoint: EndpointRow) -> Select[Any]:
    """What is due, or will be, and waits for a call."""
    return _work(endpoint, queue_of(endpoint).work.c.next_at.is_not(None))


def released(endpoint: EndpointRow, now: datetime) -> CompoundSelect[Any]:
    """What a resumed endpoint is sent besides what is due: what is held until it is there again, and what
    waits for a later try. Never what needs somebody's attention.
    """
    c = queue_of(endpoint).work.c
    later = [c.next_at.is_not(None), c.next_at > now, c.state == "pending"]
    if endpoint.kind == "department":
        later.append(_t.fetch_at.is_(None))
    held = _work(endpoint, tables.HELD, c.held_reason.in_(("endpoint", "exhausted")))
    return union_all(held, _work(endpoint, *later))


async def ask_now(connection: AsyncConnection, endpoint: EndpointRow, now: datetime) -> None:
    """Has a department that is back asked at once about all that it is asked about."""
    if endpoint.kind == "department":
        waits = (_t.department == endpoint.owner, _t.poll_at > now, _t.poll_token.is_(None))
        await connection.execute(update(tables.task).where(*waits).values(poll_at=now))


class Chosen(NamedTuple):
    """What is to be sent again: written in this while, in one of these states, of these types or of all."""

    since: datetime
    until: datetime
    states: tuple[str, ...]
    types: tuple[str, ...]


def chosen(endpoint: EndpointRow, wanted: Chosen) -> Select[Any]:
    """What of that went to the endpoint, or was to."""
    c = queue_of(endpoint).work.c
    conditions = [c.created_at >= wanted.since, c.created_at < wanted.until, c.state.in_(wanted.states)]
    if wanted.types:
        conditions.append(_d.type.in_(wanted.types))
    return _work(endpoint, *conditions)


async def append(connection: AsyncConnection, made: Job, work: Select[Any] | CompoundSelect[Any]) -> Job:
    """Writes a job about this work; gives it with its total. One about nothing has ended as it begins."""
    row = {name: getattr(made, name) for name in Job.__dataclass_fields__}
    await connection.execute(insert(job), {**row, "wanted": json.dumps(dict(made.wanted))})
    found = work.subquery()
    chosen = select(
        found.c.lane, found.c.case_id, literal(made.id, _i.job_id.type), found.c.id, literal("waiting")
    )
    names = ["lane", "case_id", "job_id", "work_id", "state"]
    written = insert(item).from_select(names, chosen).execution_options(preserve_rowcount=True)
    total = (await connection.execute(written)).rowcount
    ended_at = None if total else made.created_at
    values = {"total": total, "ended_at": ended_at, "next_at": made.next_at if total else None}
    await connection.execute(update(job).where(_j.id == made.id).values(values))
    return Job(**{**row, **values})


async def count(connection: AsyncConnection, work: Select[Any] | CompoundSelect[Any]) -> int:
    """How much there is of it."""
    return (await connection.execute(select(func.count()).select_from(work.subquery()))).scalar_one()


def _read(row: Mapping[str, Any]) -> Job:
    return Job(**{**row, "wanted": json.loads(row["wanted"])})


async def find(connection: AsyncConnection, endpoint_id: UUID, id: UUID) -> Job | None:
    """The job of this id about this endpoint."""
    statement = select(job).where(_j.id == id, _j.endpoint_id == endpoint_id)
    row = (await connection.execute(statement)).mappings().first()
    return _read(dict(row)) if row else None


async def open_of(connection: AsyncConnection, endpoint_id: UUID, kind: Kind) -> list[Job]:
    """Jobs of this kind about an endpoint that have not ended."""
    statement = select(job).where(_j.endpoint_id == endpoint_id, _j.kind == kind, _j.ended_at.is_(None))
    return [_read(dict(row)) for row in (await connection.execute(statement)).mappings()]


# ---- carrying on


async def due(connection: AsyncConnection, now: datetime) -> list[UUID]:
    """Jobs that somebody has to go on with now; what a held endpoint would be sent waits for it."""
    is_called = and_(tables.endpoint.c.id == _j.endpoint_id, tables.endpoint.c.state == "active")
    may = or_(_j.kind == "pause", select(1).where(is_called).exists())
    return list((await connection.execute(select(_j.id).where(_j.next_at <= now, may))).scalars())


async def take(connection: AsyncConnection, id: UUID, now: datetime, until: datetime) -> Job | None:
    """Takes a due job until then, unless somebody else just did."""
    statement = update(job).where(_j.id == id, _j.next_at <= now).values(next_at=until).returning(*_j)
    row = (await connection.execute(statement)).mappings().first()
    return _read(dict(row)) if row else None


async def waiting(connection: AsyncConnection, id: UUID, limit: int) -> list[Item]:
    """Items that nothing was done about yet."""
    statement = select(_i.lane, _i.case_id, _i.work_id).where(_i.job_id == id, _i.state == "waiting")
    found = await connection.execute(statement.order_by(_i.lane, _i.case_id, _i.work_id).limit(limit))
    return [Item(*row) for row in found]


async def under_way(
    connection: AsyncConnection, id: UUID, work: Queue
) -> tuple[int, list[tuple[Item, bool]]]:
    """How many items are being sent, and those of which it is known how that ended: well or not."""
    c = work.work.c
    same = and_(c.lane == _i.lane, c.case_id == _i.case_id, c.id == _i.work_id)
    # What its department may fetch is there for it; when it does is its own affair.
    state = case((c.fetch_at.is_not(None), "sent"), else_=c.state) if work is TASKS else c.state
    statement = select(_i.lane, _i.case_id, _i.work_id, state).join_from(item, work.work, same)
    found = (await connection.execute(statement.where(_i.job_id == id, _i.state == "due"))).all()
    ended = [
        (Item(*row[:3]), row[3] in ("sent", "done")) for row in found if row[3] not in ("pending", "sending")
    ]
    return len(found) - len(ended), ended


_OF_ITEM = (
    _i.lane == bindparam("key_lane"), _i.case_id == bindparam("key_case_id"),
    _i.work_id == bindparam("key_work_id"), _i.job_id == bindparam("key_job_id"),
)  # fmt: skip


def _keys(id: UUID, items: Sequence[Item]) -> list[dict[str, Any]]:
    return [
        {"key_job_id": id, **{f"key_{name}": value for name, value in each._asdict().items()}}
        for each in items
    ]


async def begin(connection: AsyncConnection, id: UUID, items: Sequence[Item]) -> None:
    """Notes that these are on their way now."""
    if items:
        await connection.execute(update(item).where(*_OF_ITEM).values(state="due"), _keys(id, items))


async def settle(
    connection: AsyncConnection,
    taken: Job,
    ended: Sequence[tuple[Item, bool]],
    *,
    next_at: datetime | None,
    now: datetime,
) -> None:
    """Counts what has ended and says when to go on; None: the job has ended. Raises: StaleWrite."""
    if ended:
        await connection.execute(delete(item).where(*_OF_ITEM), _keys(taken.id, [each for each, _ in ended]))
    well = sum(is_well for _, is_well in ended)
    values = {
        "done": _j.done + well, "failed": _j.failed + len(ended) - well, "next_at": next_at,
        "ended_at": None if next_at else now,
    }  # fmt: skip
    same = (_j.id == taken.id, _j.next_at == taken.next_at)
    if (await connection.execute(update(job).where(*same).values(values))).rowcount != 1:
        raise StaleWrite("somebody else goes on with this job")


_MAKE_DUE = (
    update(tables.delivery)
    .where(
        _d.lane == bindparam("key_lane"), _d.case_id == bindparam("key_case_id"),
        _d.id == bindparam("key_id"),
        _d.state != literal("sending"),
    )
    .values(
        state="pending", next_at=bindparam("now"), held_reason=None, trigger=bindparam("asked_by"),
        tries=case((_d.state == "pending", _d.tries), else_=0),
        first_attempt_at=case((_d.state == "pending", _d.first_attempt_at)),
    )
)  # fmt: skip


async def make_due(
    connection: AsyncConnection, items: Sequence[Item], trigger: str | None, now: datetime
) -> int:
    """Lets deliveries be sent now, under the ids that they have; gives how many. One under way stays so."""
    keys = [
        {
            "key_lane": each.lane, "key_case_id": each.case_id, "key_id": each.work_id,
            "now": now, "asked_by": trigger,
        }
        for each in items
    ]  # fmt: skip
    return (await connection.execute(_MAKE_DUE, keys)).rowcount if keys else 0
