"""Inspection: how the whole database is walked, in pages by key, so that memory does not grow with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Table,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.events import EventType
from onenet.domain.states import FINAL_CASE
from onenet.ids import lane_of
from onenet.store import tables
from onenet.store.among import among
from onenet.store.database import Database
from onenet.store.erasure_tables import erasure
from onenet.store.events import WITH_PRIVATE, Event, read
from onenet.store.health import Health
from onenet.store.queue import DELIVERIES, POLLS, TASKS
from onenet.store.rating_tables import rating
from onenet.store.sealing import ring_of

Key = tuple[int, UUID]
"""Lane and id of a case."""

FIRST: Key = (-1, UUID(int=0))
PAGE = 200
"""Keys in a page; `among` takes no more than 256."""

_FINAL = sorted(state.value for state in FINAL_CASE)
OPEN = text("state IN ('received', 'accepted', 'in_progress')")
"""The words of the partial index, without parameters: with them SQLite would not use it."""


async def keys(
    connection: AsyncConnection, after: Key, limit: int = PAGE, *, still_since: datetime | None = None
) -> list[Key]:
    """The next cases after a key; with `still_since` the open ones that have not changed since then."""
    c = tables.cases.c
    statement = select(c.lane, c.id).where(tuple_(c.lane, c.id) > after).order_by(c.lane, c.id).limit(limit)
    if still_since is not None:
        statement = statement.where(OPEN, c.updated_at <= still_since)
    return [(row.lane, row.id) for row in await connection.execute(statement)]


async def count_cases(connection: AsyncConnection) -> int:
    """How many cases there are."""
    return (await connection.execute(select(func.count()).select_from(tables.cases))).scalar_one()


_DELIVERIES = select(
    *(tables.delivery.c[name] for name in ("case_id", "id", "endpoint_id", "seq", "type", "state", "next_at"))
)
_RATINGS = select(rating)
_NUMBERS = select(tables.case_number.c.number, tables.case_number.c.case_id)


async def events_of(connection: AsyncConnection, of: Sequence[Key]) -> dict[UUID, list[Event]]:
    """The events of these cases, each in order."""
    found: dict[UUID, list[Event]] = defaultdict(list)
    e = tables.event.c
    ring = ring_of(connection)
    for row in (await connection.execute(*among(WITH_PRIVATE, (e.lane, e.case_id), of))).mappings():
        found[row["case_id"]].append(read(row, ring))
    return found


async def deliveries_of(connection: AsyncConnection, of: Sequence[Key]) -> dict[UUID, list[RowMapping]]:
    """The deliveries of these cases, without what they say."""
    found: dict[UUID, list[RowMapping]] = defaultdict(list)
    d = tables.delivery.c
    for row in (await connection.execute(*among(_DELIVERIES, (d.lane, d.case_id), of))).mappings():
        found[row["case_id"]].append(row)
    return found


async def ratings_of(connection: AsyncConnection, of: Sequence[Key]) -> dict[UUID, list[RowMapping]]:
    """The rows of the ratings of these cases."""
    found: dict[UUID, list[RowMapping]] = defaultdict(list)
    statement = among(_RATINGS, (rating.c.lane, rating.c.case_id), of)
    for row in (await connection.execute(*statement)).mappings():
        found[row["case_id"]].append(row)
    return found


async def numbered(connection: AsyncConnection, numbers: Sequence[str]) -> set[tuple[str, UUID]]:
    """(number, case id) of the table of numbers, for these numbers."""
    found = await connection.execute(
        *among(_NUMBERS, (tables.case_number.c.number,), [(number,) for number in numbers])
    )
    return {(row.number, row.case_id) for row in found}


# ---- rows that name a case, page by page, with what became of it


async def pages(
    database: Database, table: Table, columns: Sequence[str], *conditions: Any
) -> AsyncIterator[Sequence[RowMapping]]:
    """Rows of a table in the order of its primary key, in pages; each page is read by itself."""
    key = [column.name for column in table.primary_key.columns]
    names = [*key, *(name for name in columns if name not in key)]
    statement = select(*(table.c[name] for name in names)).where(*conditions)
    statement = statement.order_by(*(table.c[name] for name in key)).limit(PAGE)
    after: tuple[Any, ...] | None = None
    while True:
        page = statement
        if after is not None:
            page = statement.where(tuple_(*(table.c[name] for name in key)) > after)
        async with database.read() as connection:
            rows = (await connection.execute(page)).mappings().all()
        if rows:
            yield rows
        if len(rows) < PAGE:
            return
        after = tuple(rows[-1][name] for name in key)


_HEADS = select(tables.cases.c.id)


async def known(connection: AsyncConnection, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these ids are cases."""
    c = tables.cases.c
    wanted = [(lane_of(id), id) for id in dict.fromkeys(ids)]
    return set((await connection.execute(*among(_HEADS, (c.lane, c.id), wanted))).scalars())


_ACTORS = select(*(tables.event.c[name] for name in ("case_id", "seq", "actor")))


async def actors(connection: AsyncConnection, of: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], str]:
    """Who made each of these events, by case id and number."""
    e = tables.event.c
    wanted = [(lane_of(case_id), case_id, seq) for case_id, seq in of]
    found = await connection.execute(*among(_ACTORS, (e.lane, e.case_id, e.seq), wanted))
    return {(row.case_id, row.seq): row.actor for row in found}


UNASKED = frozenset({EventType.STEP_WAITING, EventType.STEP_HELD, EventType.STEP_LIGHT, EventType.CASE_LIGHT})
"""What a department causes without a word: it fetched a task or gave it back, or a light follows its act."""

BY_REQUEST = frozenset(
    {
        *(EventType.OPINION_ASKED, EventType.OPINION_GIVEN, EventType.OPINION_WITHDRAWN),
        *(EventType.TICKET_RETURNED, EventType.TICKET_PART_GIVEN, EventType.TICKET_ANSWERED),
        *(EventType.RESULT_DELIVERED, EventType.STEP_URGING_ANSWERED),
    }
)
"""What a department does with a key of its own, under an Idempotency-Key. All else it calls back with, and an
opinion it may give either way.
"""


async def changed_unasked(connection: AsyncConnection) -> AsyncIterator[tuple[UUID, str]]:
    """(case id, actor) of departments that changed a case and have nothing on record that explains it: no
    request for what is done by one, no callback for all else.

    Erased cases are left out: `store.erasure.finish` takes out what was answered to their callbacks. One look
    at both tables side by side; it may take as long as it needs. Without parameters: the cursor that streams
    would read them in another style than all others do.
    """
    await no_time_limit(connection)
    e, k, gone = tables.event.c, tables.idempotency_key.c, erasure.c
    word = func.substr(e.actor, literal_column("1"), literal_column("11"))
    is_department = word == literal_column("'department:'")
    callback = literal_column("'callback:'").concat(func.substr(e.actor, literal_column("12")))
    said = or_(
        and_(e.type.in_(_literals(BY_REQUEST)), k.scope == e.actor),
        and_(e.type.not_in(_literals(BY_REQUEST - {EventType.OPINION_GIVEN})), k.scope == callback),
    )
    same = and_(k.lane == e.lane, k.case_id == e.case_id, said)
    is_erased = exists().where(gone.lane == e.lane, gone.case_id == e.case_id, gone.erased_at.is_not(None))
    statement = (
        select(e.case_id, e.actor)
        .outerjoin_from(tables.event, tables.idempotency_key, same)
        .where(is_department, e.type.not_in(_literals(UNASKED)), k.key.is_(None), ~is_erased)
        .distinct()
    )
    async with connection.stream(statement) as result:
        async for row in result:
            yield row.case_id, row.actor


def _literals(types: Iterable[EventType]) -> list[ColumnElement[str]]:
    return [literal_column(f"'{type}'") for type in sorted(types)]


async def no_time_limit(connection: AsyncConnection) -> None:
    """Lets the statements of this transaction take as long as they need."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SET LOCAL statement_timeout = 0"))


# ---- what is due, and for how long already


async def oldest_due(connection: AsyncConnection, shut: Collection[Health]) -> dict[str, datetime | None]:
    """When the oldest open task, delivery and timer fell due or will.

    Without what is for endpoints that are held or shut: no worker is missing for that.
    """
    task, delivery, timer = tables.task.c, tables.delivery.c, tables.timer.c
    departments = [health.owner for health in shut if health.kind == "department"]
    others = [health.endpoint_id for health in shut if health.kind != "department"]
    statements = {
        "task": select(func.min(task.next_at)).where(
            task.next_at.is_not(None), ~TASKS.is_held, task.department.not_in(departments)
        ),
        "poll": select(func.min(task.poll_at)).where(
            task.poll_at.is_not(None), ~POLLS.is_held, task.department.not_in(departments)
        ),
        "delivery": select(func.min(delivery.next_at)).where(
            delivery.next_at.is_not(None), ~DELIVERIES.is_held, delivery.endpoint_id.not_in(others)
        ),
        "timer": select(func.min(timer.due_at)).where(text("state = 'pending'"), timer.held_reason.is_(None)),
        "case": select(func.min(tables.cases.c.next_due_at)),
    }
    return {name: await connection.scalar(statement) for name, statement in statements.items()}


class Waiting(NamedTuple):
    """A department's tasks that wait to be called, and those of them whose last call failed.

    `oldest_at` is legal time, `failing_since` the machine's.
    """

    number: int
    oldest_at: datetime
    failing: int
    failing_since: datetime | None


async def waiting_tasks(connection: AsyncConnection) -> dict[str, Waiting]:
    """What waits to be called, now or at its next try, by department; those without are left out."""
    t = tables.task.c
    failed = t.tries > 0
    statement = select(
        t.department,
        func.count(),
        func.min(t.created_at),
        func.count().filter(failed),
        func.min(t.first_attempt_at).filter(failed),
    )
    statement = statement.where(t.next_at.is_not(None)).group_by(t.department)
    return {department: Waiting(*rest) for department, *rest in await connection.execute(statement)}


async def waiting_deliveries(connection: AsyncConnection) -> dict[UUID, tuple[int, datetime]]:
    """How much waits to be told, by endpoint, and since when the oldest does."""
    d = tables.delivery.c
    statement = select(d.endpoint_id, func.count(), func.min(d.created_at)).where(d.next_at.is_not(None))
    found = await connection.execute(statement.group_by(d.endpoint_id))
    return {endpoint: (number, oldest_at) for endpoint, number, oldest_at in found}


# ---- what waits for a person

_SHOWN = (tables.cases.c[name] for name in ("lane", "id", "number", "bundle_code", "state"))
_OPEN_CASE = select(*_SHOWN).where(OPEN).subquery("open_case")
_HELD = and_(
    tables.step.c.lane == _OPEN_CASE.c.lane,
    tables.step.c.case_id == _OPEN_CASE.c.id,
    tables.step.c.state == "held",
)


async def count_held(connection: AsyncConnection) -> tuple[int, datetime | None]:
    """How many steps of open cases are held, and since when the oldest is."""
    await no_time_limit(connection)
    statement = select(func.count(), func.min(tables.step.c.since))
    row = (await connection.execute(statement.select_from(_OPEN_CASE).join(tables.step, _HELD))).one()
    return row[0], row[1]


async def held_steps(connection: AsyncConnection, state: str | None, limit: int) -> Sequence[RowMapping]:
    """Held steps of open cases, of those in this state when one is named; the longest held first."""
    await no_time_limit(connection)
    s, c = tables.step.c, _OPEN_CASE.c
    statement = select(
        c.number, c.id, c.bundle_code, c.state, s.code, s.department, s.wait_reason, s.since
    ).join_from(_OPEN_CASE, tables.step, _HELD)
    if state is not None:
        statement = statement.where(c.state == state)
    statement = statement.order_by(s.since, s.lane, s.case_id, s.code).limit(limit)
    return (await connection.execute(statement)).mappings().all()


def parked(row: RowMapping) -> bool:
    """Whether a delivery is open and will never be claimed."""
    return row["state"] in ("pending", "sending") and row["next_at"] is None


_UNPARK = (
    update(tables.delivery)
    .where(
        tables.delivery.c.lane == bindparam("key_lane"),
        tables.delivery.c.case_id == bindparam("key_case_id"),
        tables.delivery.c.state.in_(("pending", "sending")),
        tables.delivery.c.next_at.is_(None),
    )
    .values(state="pending", next_at=bindparam("now"), lease_token=None)
)


async def unpark_deliveries(connection: AsyncConnection, of: Sequence[UUID], now: datetime) -> None:
    """Makes the parked deliveries of these cases due again."""
    if of:
        values = [{"key_lane": lane_of(id), "key_case_id": id, "now": now} for id in of]
        await connection.execute(_UNPARK, values)
