"""Claiming due work: tasks and deliveries alike, under a lease with a fencing token.

What is claimed stays due: `next_at` becomes the end of the lease, so that the work of a worker that died is
simply due again and is claimed under another token; there is no separate rescue that could be forgotten. The
outer condition on `next_at` is the protection: two workers may
choose the same rows, the second waits for the first's commit, looks again and matches none.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Table,
    bindparam,
    case,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.ids import LANES
from onenet.store import tables
from onenet.store.among import MOST_KEYS, among

Owner = str | UUID
"""A department by its code, or a subscriber's endpoint by its id."""

LEASE = timedelta(seconds=30)

AUTO = "auto"
"""Why an attempt is made, unless somebody asked for it: because it is due."""

MOST_OF_A_LANE = 8
"""Rows that a claim takes of one lane before it looks at the next: no backlog keeps other lanes back."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A table of work, with the column that says for whom (and a value of it that is nobody's), the table of
    its attempts and their column for the work's id. `due`: the column that says when; `lease`: the one
    of the token of a lease. `asks`: what is claimed stays in the state it is in, and of attempts in a row
    that brought nothing the newest is kept.
    """

    name: str
    work: Table
    owner: str
    nobody: Owner
    attempts: Table
    of: str
    due: str = "next_at"
    lease: str = "lease_token"
    asks: bool = False

    @property
    def held(self) -> str:
        """SQL for those whose endpoint is held. What waits for them is left out of every claim, whichever
        process makes it, and so waits without being touched until the endpoint is resumed.
        """
        kind, column = ("subscriber", "id") if self.owner == "endpoint_id" else ("department", "owner")
        return f"SELECT {column} FROM endpoint WHERE kind = '{kind}' AND state = 'held'"  # noqa: S608  # our names

    @property
    def is_held(self) -> ColumnElement[bool]:
        """Whether the endpoint of a row is held."""
        return self.work.c[self.owner].in_(text(self.held))


TASKS = Queue("task", tables.task, "department", "", tables.attempt, "task_id")
POLLS = Queue(
    "poll", tables.task, "department", "", tables.attempt, "task_id", "poll_at", "poll_token", asks=True
)
DELIVERIES = Queue(
    "delivery", tables.delivery, "endpoint_id", UUID(int=0), tables.delivery_attempt, "delivery_id"
)
EVERY = (TASKS, POLLS, DELIVERIES)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a claim is to take: at most `count` rows due `now`, under `token` until `lease` has passed.

    `leave_out`: departments, or endpoints of subscribers, that can take nothing now. `only`: of no other.
    """

    token: UUID
    now: datetime
    count: int
    lease: timedelta = LEASE
    leave_out: Sequence[Owner] = ()
    only: Owner | None = None


async def due_lanes(
    connection: AsyncConnection, queue: Queue, now: datetime, only: Owner | None = None
) -> list[int]:
    """Lanes that have something due; of this one, if it is named."""
    c, due_at = queue.work.c, queue.work.c[queue.due]
    statement = select(c.lane).where(due_at.is_not(None), due_at <= now).distinct()
    if only is not None:
        statement = statement.where(c[queue.owner] == only, ~queue.is_held)
    return list((await connection.execute(statement)).scalars())


async def next_due_at(connection: AsyncConnection, queue: Queue) -> datetime | None:
    """When the next work falls due."""
    due_at = queue.work.c[queue.due]
    statement = select(func.min(due_at)).where(due_at.is_not(None))
    found: datetime | None = (await connection.execute(statement)).scalar()
    return found


def _claim(queue: Queue, *, skip_locked: bool, only: bool) -> Any:
    work, due_at, owner = queue.work, queue.work.c[queue.due], queue.work.c[queue.owner]
    is_due = (due_at.is_not(None), due_at <= bindparam("now"))
    in_lanes = work.c.lane.in_(bindparam("lanes", expanding=True))
    is_wanted = owner == bindparam("only") if only else owner.not_in(bindparam("leave_out", expanding=True))
    begins = (
        {}
        if queue.asks
        else {
            "state": "sending",
            "first_attempt_at": func.coalesce(work.c.first_attempt_at, bindparam("now")),
        }
    )
    chosen = (
        select(work.c.lane, work.c.case_id, work.c.id)
        .where(in_lanes, *is_due, is_wanted, ~queue.is_held)
        .order_by(due_at)
        .limit(bindparam("count"))
    )
    if skip_locked:
        chosen = chosen.with_for_update(skip_locked=True)
    return (
        update(work)
        .where(*is_due, tuple_(work.c.lane, work.c.case_id, work.c.id).in_(chosen))
        .values(
            {
                "attempt": work.c.attempt + 1,
                queue.due: bindparam("until"),
                queue.lease: bindparam("token"),
                **begins,
            }
        )
        .returning(*work.c)
    )


_CLAIMS = {
    (queue.name, skip_locked, only): _claim(queue, skip_locked=skip_locked, only=only)
    for queue in EVERY
    for skip_locked in (True, False)
    for only in (True, False)
}


async def claim(
    connection: AsyncConnection, queue: Queue, lanes: Sequence[int], wanted: Wanted, *, skip_locked: bool
) -> Sequence[Mapping[str, Any]]:
    """Claims what is due in these lanes, the oldest first, and notes that attempts began.

    Gives the rows, each with the `data_key` of its case; payloads are as they are stored.
    """
    only = wanted.only is not None
    statement = _CLAIMS[queue.name, skip_locked, only]
    chosen = {"only": wanted.only} if only else {"leave_out": [queue.nobody, *wanted.leave_out]}
    parameters = _parameters(wanted) | {"lanes": list(lanes)} | chosen
    claimed = (await connection.execute(statement, parameters)).mappings().all()
    await _begin_attempts(connection, queue, claimed, wanted.now)
    keys = await data_keys(connection, sorted({(row["lane"], row["case_id"]) for row in claimed}))
    return [{**row, "data_key": keys.get(row["case_id"])} for row in claimed]


async def _begin_attempts(
    connection: AsyncConnection, queue: Queue, claimed: Sequence[RowMapping], now: datetime
) -> None:
    renewed = [
        {
            "key_lane": row["lane"], "key_case_id": row["case_id"], "key_task_id": row["id"],
            "key_number": row["attempt"] - 1, "now": now,
        }
        for row in claimed
        if queue.asks and row["polls"]
    ]  # fmt: skip
    if renewed:
        await connection.execute(_RENEWED, renewed)
    begun = [
        {
            "lane": row["lane"], "case_id": row["case_id"], queue.of: row["id"],
            "number": row["attempt"], "started_at": now, "trigger": row["trigger"] or AUTO,
        }
        for row in claimed
        if not (queue.asks and row["polls"])
    ]  # fmt: skip
    if begun:
        await connection.execute(insert(queue.attempts), begun)


_NOT_YET = ("ended_at", "status", "failure", "reason", "excerpt", "key_id")
"""Columns of an attempt that has begun."""

_a = tables.attempt.c
_RENEWED = (
    update(tables.attempt)
    .where(
        _a.lane == bindparam("key_lane"), _a.case_id == bindparam("key_case_id"),
        _a.task_id == bindparam("key_task_id"), _a.number == bindparam("key_number"),
    )
    .values(number=_a.number + 1, started_at=bindparam("now"), **dict.fromkeys(_NOT_YET))
)  # fmt: skip

_DATA_KEYS = select(tables.cases.c.id, tables.cases.c.data_key)


async def data_keys(connection: AsyncConnection, cases: Sequence[tuple[int, UUID]]) -> dict[UUID, bytes]:
    """The data keys of these cases, as they are stored."""
    found: dict[UUID, bytes] = {}
    for first in range(0, len(cases), MOST_KEYS):
        part = cases[first : first + MOST_KEYS]
        asked = among(_DATA_KEYS, (tables.cases.c.lane, tables.cases.c.id), part)
        found |= {row.id: row.data_key for row in await connection.execute(*asked)}
    return found


# ---- where one statement may do it all


def _at_once(queue: Queue, *, skip_locked: bool) -> Any:
    """Looks through the lanes from `first` on, until it has enough: what is due is never read whole."""
    work, attempts, due_at = queue.work.name, queue.attempts.name, queue.due
    begins = "state = 'sending', first_attempt_at = coalesce(first_attempt_at, :now),"
    renewed = f"""renewed AS (
            UPDATE {attempts} a
            SET number = claimed.attempt, started_at = :now, {", ".join(f"{n} = NULL" for n in _NOT_YET)}
            FROM claimed WHERE claimed.polls > 0
              AND a.lane = claimed.lane AND a.case_id = claimed.case_id
              AND a.{queue.of} = claimed.id AND a.number = claimed.attempt - 1
        ), """  # noqa: S608  # names of our own tables
    owners = queue.work.c[queue.owner].type.compile(postgresql.dialect())  # type: ignore[no-untyped-call]
    return text(f"""
        WITH due AS MATERIALIZED (
            SELECT found.* FROM generate_series(0, {LANES - 1}) AS further CROSS JOIN LATERAL (
                SELECT lane, case_id, id FROM {work}
                WHERE lane = (:first + further) % {LANES} AND {due_at} IS NOT NULL AND {due_at} <= :now
                  AND {queue.owner} <> ALL(CAST(:leave_out AS {owners}[]))
                  AND {queue.owner} NOT IN ({queue.held})
                ORDER BY {due_at} LIMIT {MOST_OF_A_LANE} {"FOR UPDATE SKIP LOCKED" if skip_locked else ""}
            ) AS found LIMIT :count
        ), claimed AS (
            UPDATE {work} w
            SET {"" if queue.asks else begins}
                attempt = attempt + 1, {due_at} = :until, {queue.lease} = :token
            FROM due
            WHERE w.lane = due.lane AND w.case_id = due.case_id AND w.id = due.id
              AND w.{due_at} IS NOT NULL AND w.{due_at} <= :now
            RETURNING w.*
        ), {renewed if queue.asks else ""}begun AS (
            INSERT INTO {attempts} (lane, case_id, {queue.of}, number, started_at, trigger)
            SELECT lane, case_id, id, attempt, CAST(:now AS timestamptz), coalesce(trigger, '{AUTO}')
            FROM claimed
            {"WHERE polls = 0" if queue.asks else ""}
        )
        SELECT {", ".join(f"claimed.{column.name}" for column in queue.work.c)}, cases.data_key
        FROM claimed JOIN cases ON cases.lane = claimed.lane AND cases.id = claimed.case_id
    """).columns(*queue.work.c, tables.cases.c.data_key)  # noqa: S608  # names of our own tables


_AT_ONCE = {
    (queue.name, skip_locked): _at_once(queue, skip_locked=skip_locked)
    for queue in EVERY
    for skip_locked in (True, False)
}


async def claim_at_once(
    connection: AsyncConnection, queue: Queue, wanted: Wanted, *, skip_locked: bool
) -> Sequence[Mapping[str, Any]]:
    """`claim` by one statement, where that is a capability; it may be a transaction by itself.

    Workers begin at lanes of their own, by chance, and take the oldest of each.
    """
    parameters = _parameters(wanted) | {
        "leave_out": list(wanted.leave_out),
        "first": random.randrange(LANES),  # noqa: S311  # spreads workers, no secret
    }
    found = await connection.execute(_AT_ONCE[queue.name, skip_locked], parameters)
    return [dict(row) for row in found.mappings()]


def _parameters(wanted: Wanted) -> dict[str, Any]:
    until = wanted.now + wanted.lease
    return {"now": wanted.now, "until": until, "token": wanted.token, "count": wanted.count}


async def extend(
    connection: AsyncConnection,
    queue: Queue,
    held: Sequence[tuple[Mapping[str, Any], UUID]],
    until: datetime,
    *,
    skip_locked: bool,
) -> None:
    """Makes leases end later: (row, token) each; a lease that is lost by now stays lost.

    A row that is locked is left alone: whoever holds it is recording the result, and waiting for many rows
    in another order than theirs would be a deadlock.
    """
    work = queue.work
    key = (work.c.lane, work.c.case_id, work.c.id)
    for first in range(0, len(held), MOST_KEYS):
        part = held[first : first + MOST_KEYS]
        keys = sorted((row["lane"], row["case_id"], row["id"]) for row, _ in part)
        chosen, parameters = among(_HELD[queue.name], key, keys)
        parameters |= {"tokens": list({token for _, token in part}), "until": until}
        if skip_locked:
            chosen = chosen.with_for_update(skip_locked=True)
        changed = update(work).where(tuple_(*key).in_(chosen)).values({queue.due: bindparam("until")})
        await connection.execute(changed, parameters)


_HELD = {
    queue.name: select(queue.work.c.lane, queue.work.c.case_id, queue.work.c.id).where(
        queue.work.c[queue.lease].in_(bindparam("tokens", expanding=True))
    )
    for queue in EVERY
}


async def give_back(
    connection: AsyncConnection,
    queue: Queue,
    held: Sequence[tuple[Mapping[str, Any], UUID]],
    now: datetime,
) -> None:
    """Makes rows due that nobody was called about: (row, token) each; a lease that is lost stays lost.

    A first attempt that never was does not start the clock of those that will be.
    """
    c = queue.work.c
    same = (c[name] == bindparam(f"key_{name}") for name in ("lane", "case_id", "id"))
    is_ours = c[queue.lease] == bindparam("key_token")
    back: dict[str, Any] = {queue.due: bindparam("now"), queue.lease: None}
    if not queue.asks:
        back |= {"state": "pending", "first_attempt_at": case((c.attempt > 1, c.first_attempt_at))}
    statement = update(queue.work).where(*same, is_ours).values(back)
    keys = [
        {
            "key_lane": row["lane"], "key_case_id": row["case_id"], "key_id": row["id"],
            "key_token": token, "now": now,
        }
        for row, token in held
    ]  # fmt: skip
    await connection.execute(statement, keys)


async def park(
    connection: AsyncConnection, queue: Queue, row: Mapping[str, Any], token: UUID, reason: str
) -> None:
    """Holds a row under that lease, so that it is due no more; a lease that is lost by now stays lost."""
    c = queue.work.c
    same = (c.lane == row["lane"], c.case_id == row["case_id"], c.id == row["id"])
    held = {queue.due: None, queue.lease: None, "held_reason": reason}
    if not queue.asks:
        held["state"] = "held"
    await connection.execute(update(queue.work).where(*same, c[queue.lease] == token).values(held))


async def end_attempts(connection: AsyncConnection, queue: Queue, ended: Sequence[dict[str, Any]]) -> None:
    """Completes attempt rows, whoever owns the work by now: a call that was made stays on record.

    Each: lane, case_id, id, number, ended_at, status, failure, reason, excerpt, key_id.
    """
    if not ended:
        return
    a = queue.attempts
    keys = ("lane", "case_id", "number")
    statement = (
        update(a)
        .where(a.c[queue.of] == bindparam("of_id"), *(a.c[key] == bindparam(f"of_{key}") for key in keys))
        .values({name: bindparam(name) for name in _NOT_YET})
    )
    renamed = [
        {f"of_{name}" if name in (*keys, "id") else name: value for name, value in row.items()}
        for row in ended
    ]
    await connection.execute(statement, renamed)
