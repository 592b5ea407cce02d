"""What departments fetch: tasks by their department, taken under a lease as a worker takes its own.

As in `store.queue`, what is taken stays due: `fetch_at` becomes the end of the lease, so that a task whose
lease has ended is simply there to be fetched again, and the outer condition on it is the protection.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.visibility import OfTasks
from onenet.ids import LANES, lane_of
from onenet.store import queue, tables
from onenet.store.among import among
from onenet.store.bulk import Row
from onenet.store.visibility import of_tasks

_t = tables.task.c
_KEY = (_t.lane, _t.case_id, _t.id)

LEASE_ENDED = "lease_ended"
"""Why the attempt of a fetch ended that was never heard of again."""


class Candidate(NamedTuple):
    """A task that may be fetched, as it was seen. `attempt` is another one after every claim."""

    lane: int
    case_id: UUID
    id: UUID
    state: str
    attempt: int


class Waiting(NamedTuple):
    """What waits to be fetched: how many tasks, since when the first, and how many are under a lease."""

    waiting: int
    oldest_at: datetime | None
    leased: int


_EVERY_LANE = _t.lane.in_(range(LANES))
"""Said so that the index, which begins with the lane, is searched and not read through."""


def _of(department: str) -> ColumnElement[bool]:
    return and_(_EVERY_LANE, _t.department == department, _t.fetch_at.is_not(None))


async def candidates(
    connection: AsyncConnection, department: str, visible: OfTasks, now: datetime, limit: int
) -> list[Candidate]:
    """What the department may fetch now, longest waiting first."""
    statement = select(*_KEY, _t.state, _t.attempt).where(
        _of(department), _t.fetch_at <= now, of_tasks(visible)
    )
    found = await connection.execute(statement.order_by(_t.fetch_at, _t.lane, _t.id).limit(limit))
    return [Candidate(*row) for row in found]


async def waiting(connection: AsyncConnection, department: str, visible: OfTasks, now: datetime) -> Waiting:
    """How much waits for the department."""
    is_free = _t.fetch_at <= now
    counts = select(
        func.count().filter(is_free), func.min(_t.fetch_at).filter(is_free), func.count().filter(~is_free)
    )
    statement = counts.where(_of(department), of_tasks(visible))
    return Waiting(*(await connection.execute(statement)).one())


async def take(
    connection: AsyncConnection, chosen: Sequence[Candidate], wanted: queue.Wanted, *, skip_locked: bool
) -> list[Row]:
    """Puts these tasks under a lease, as far as nobody else was quicker; attempts begin, and those of leases
    that have ended end. Gives the rows, each with the `data_key` of its case, as `queue.claim` does.
    """
    free = select(*_KEY).where(_t.fetch_at <= bindparam("now"))
    keys = [(each.lane, each.case_id, each.id, each.attempt) for each in chosen]
    found, parameters = among(free, (*_KEY, _t.attempt), keys)
    if skip_locked:
        found = found.with_for_update(skip_locked=True)
    statement = (
        update(tables.task)
        .where(_t.fetch_at <= bindparam("now"), tuple_(*_KEY).in_(found))
        .values(
            state="sending",
            attempt=_t.attempt + literal_column("1"),  # a parameter would take a name that `among` uses
            fetch_at=bindparam("until"),
            lease_token=bindparam("token"),
        )
        .returning(*_t)
    )
    until = wanted.now + wanted.lease
    given = parameters | {"now": wanted.now, "until": until, "token": wanted.token}
    taken = (await connection.execute(statement, given)).mappings().all()
    await _note_attempts(connection, chosen, taken, wanted.now)
    data_keys = await queue.data_keys(connection, sorted({(row["lane"], row["case_id"]) for row in taken}))
    order = {each.id: place for place, each in enumerate(chosen)}
    return [
        {**row, "data_key": data_keys.get(row["case_id"])}
        for row in sorted(taken, key=lambda row: order[row["id"]])
    ]


async def _note_attempts(
    connection: AsyncConnection,
    chosen: Sequence[Candidate],
    taken: Sequence[RowMapping],
    now: datetime,
) -> None:
    if not taken:
        return
    ids = {row["id"] for row in taken}
    of = {
        "ended_at": now,
        "status": None,
        "failure": "transient",
        "reason": LEASE_ENDED,
        "excerpt": None,
        "key_id": None,
    }
    lost = [
        {"lane": each.lane, "case_id": each.case_id, "id": each.id, "number": each.attempt, **of}
        for each in chosen
        if each.id in ids and each.state == "sending"
    ]
    await queue.end_attempts(connection, queue.TASKS, lost)
    begun = [
        {
            "lane": row["lane"], "case_id": row["case_id"], "task_id": row["id"],
            "number": row["attempt"], "started_at": now, "trigger": row["trigger"] or queue.AUTO,
        }
        for row in taken
    ]  # fmt: skip
    await connection.execute(insert(tables.attempt), begun)


async def extend(connection: AsyncConnection, department: str, token: UUID, until: datetime) -> list[UUID]:
    """Makes a lease end later; gives the tasks that are still under it."""
    statement = (
        update(tables.task)
        .where(_of(department), _t.lease_token == token)
        .values(fetch_at=until)
        .returning(_t.id)
    )
    return sorted((await connection.execute(statement)).scalars())


async def find(connection: AsyncConnection, department: str, visible: OfTasks, task_id: UUID) -> Row | None:
    """The task of this id, if it is the department's, with the `data_key` of its case."""
    case = tables.cases.c
    statement = (
        select(*_t, case.data_key)
        .join(tables.cases, and_(case.lane == _t.lane, case.id == _t.case_id))
        .where(
            _t.lane == lane_of(task_id),
            _t.id == task_id,
            _t.department == department,
            of_tasks(visible),
        )
    )
    found = (await connection.execute(statement)).mappings().first()
    return dict(found) if found else None


async def call_back(connection: AsyncConnection, department: str, now: datetime) -> None:
    """Has a worker look at once at all that waited to be fetched: the department is reached otherwise now."""
    statement = update(tables.task).where(_of(department)).values(next_at=now)
    await connection.execute(statement)
