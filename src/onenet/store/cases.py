"""Cases: loaded whole and saved many at a time, with a fixed number of statements however many there are.

Nothing here commits. A case is changed only between `load(for_update)` and `save` of one transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.bundle import Bundle
from onenet.domain.case import Case, Step, Task, Timer
from onenet.domain.duplicates import OpenCase, Thing
from onenet.domain.states import FINAL_CASE, CaseState
from onenet.domain.unfolding import as_opened
from onenet.domain.visibility import Visible
from onenet.encryption import DataKey
from onenet.ids import lane_of
from onenet.store import bulk, contents, rows, tables, visibility
from onenet.store.among import MOST_KEYS, among
from onenet.store.changes import Changed, rows_of
from onenet.store.sealing import key_of, ring_of, secret_hash

BundleOf = Callable[[str, int], Awaitable[Bundle]]
"""Gives a published bundle version by code and number."""


_CASE_KEY = (tables.cases.c.lane, tables.cases.c.id)
_CASES = select(tables.cases).order_by(*_CASE_KEY)
_CASES_LOCKED = _CASES.with_for_update()
# Not joined to the case: a SELECT that waited for the lock sees the rows it locks as they are now, and the
# rows joined to them as they were before the wait.
_CONTENTS = select(tables.case_content)
_STEPS = select(tables.step)
_TASKS = select(tables.task).order_by(tables.task.c.created_at, tables.task.c.id)
_TASKS_LOCKED = _TASKS.with_for_update()
_TIMERS = select(tables.timer)

Keys = Sequence[tuple[int, UUID]]
"""Lanes and ids of cases."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The rows of cases, in their parts: case id -> the part's own key -> the part. `keys`: their data keys.

    Contents are parsed, and so opened, only when a case is assembled.
    """

    cases: Sequence[RowMapping]
    keys: Mapping[UUID, DataKey | None]
    contents: Mapping[UUID, str]
    steps: Mapping[UUID, dict[str, Step]]
    tasks: Mapping[UUID, dict[UUID, Task]]
    timers: Mapping[UUID, dict[UUID, Timer]]


async def load(
    connection: AsyncConnection, ids: Iterable[UUID], bundle_of: BundleOf, *, for_update: bool = False
) -> dict[UUID, Case]:
    """The cases of these ids, whole; unknown ids are left out. `for_update` locks them till commit.

    For who holds a connection that writes: `bundle_of` may want one that reads.
    """
    return await assemble(await fetch(connection, ids, for_update=for_update), bundle_of)


async def fetch(connection: AsyncConnection, ids: Iterable[UUID], *, for_update: bool = False) -> Fetched:
    """The rows of these cases. Readers give their connection back before they `assemble`: a crowd of them,
    each with one connection and in want of another, would wait for one another.
    """
    wanted = sorted({(lane_of(id), id) for id in ids})
    if not wanted:
        return Fetched((), {}, {}, {}, {}, {})
    cases = among(_CASES_LOCKED if for_update else _CASES, _CASE_KEY, wanted)
    found = (await connection.execute(*cases)).mappings().all()
    # Where none is found, its parts are looked for all the same: time must not tell which numbers there are.
    keys = [(row["lane"], row["id"]) for row in found] or wanted
    ring = ring_of(connection)
    opened = {row["id"]: key_of(ring, row["data_key"]) for row in found} or {id: None for _, id in keys}
    contents = {row["case_id"]: row["content"] for row in await _of_cases(connection, _CONTENTS, keys)}
    steps = await _parts(connection, _STEPS, opened, "code", rows.read_step)
    tasks = await _parts(connection, _TASKS_LOCKED if for_update else _TASKS, opened, "id", rows.read_task)
    timers = await _parts(connection, _TIMERS, opened, "id", rows.read_timer)
    return Fetched(found, opened, contents, steps, tasks, timers)


async def assemble(fetched: Fetched, bundle_of: BundleOf) -> dict[UUID, Case]:
    """The cases in these rows."""
    loaded = {}
    for row in fetched.cases:
        id, bundle = row["id"], await bundle_of(row["bundle_code"], row["bundle_version"])
        key, bundle = fetched.keys[id], as_opened(bundle, fetched.steps[id])
        loaded[id] = Case(
            **{name: row[name] for name in _PLAIN},
            bundle=bundle,
            state=CaseState(row["state"]),
            secret_hash=secret_hash(key, dict(row)),
            content=contents.read(fetched.contents[id], key, id),
            timing=rows.read_timing(row),
            steps={member.code: fetched.steps[id][member.code] for member in bundle.members},
            tasks=fetched.tasks[id],
            timers=fetched.timers[id],
        )
    return loaded


async def _of_cases(connection: AsyncConnection, statement: Select[Any], keys: Keys) -> Sequence[RowMapping]:
    """The rows of one table for many cases."""
    c = statement.selected_columns
    narrowed, parameters = among(statement, (c.lane, c.case_id), keys)
    found: Sequence[RowMapping] = (await connection.execute(narrowed, parameters)).mappings().all()
    return found


async def _parts(
    connection: AsyncConnection,
    statement: Select[Any],
    opened: Mapping[UUID, DataKey | None],
    name: str,
    read: Callable[[Any, DataKey | None], Any],
) -> dict[UUID, dict[Any, Any]]:
    """Those rows as parts of their case: case id -> the part's own key -> the part."""
    parts: dict[UUID, dict[Any, Any]] = defaultdict(dict)
    for row in await _of_cases(connection, statement, [(lane_of(id), id) for id in opened]):
        parts[row["case_id"]][row[name]] = read(row, opened[row["case_id"]])
    return parts


_PLAIN = (
    "id", "number", "jurisdiction", "receiving", "subject", "client", "created_at", "updated_at",
    "seq", "version", "head_hash", "utc_offset_minutes", "data_key",
)  # fmt: skip


async def save(connection: AsyncConnection, changes: Sequence[Changed]) -> None:
    """Writes what differs. Raises: StaleWrite when a case is no longer as it was loaded."""
    await bulk.write(connection, rows_of(changes, ring_of(connection)))


# ---- lists and look-ups


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ends: the last case's age and key."""

    created_at: datetime
    id: UUID


async def page(
    connection: AsyncConnection,
    visible: Visible,
    *,
    state: str | None,
    bundle: str | None,
    after: Position | None,
    limit: int,
) -> dict[UUID, int]:
    """Ids and versions of visible cases, newest first, after a position."""
    c = tables.cases.c
    statement = select(c.id, c.version).where(visibility.criterion(visible))
    if state is not None:
        statement = statement.where(c.state == state)
    if bundle is not None:
        statement = statement.where(c.bundle_code == bundle)
    if after is not None:
        lane = lane_of(after.id)
        statement = statement.where(
            or_(
                c.created_at < after.created_at,
                and_(c.created_at == after.created_at, tuple_(c.lane, c.id) > (lane, after.id)),
            )
        )
    statement = statement.order_by(c.created_at.desc(), c.lane, c.id).limit(limit)
    return {row.id: row.version for row in await connection.execute(statement)}


async def find_by_number(connection: AsyncConnection, number: str) -> list[UUID]:
    """Ids of the cases with this number; organisations may use the same one."""
    statement = select(tables.case_number.c.case_id).where(tables.case_number.c.number == number)
    return list((await connection.execute(statement)).scalars())


async def find_by_applicant(
    connection: AsyncConnection, visible: Visible, id_no: str, limit: int
) -> list[UUID]:
    """Ids of visible cases whose applicant has this identity number, by its blind index; newest first."""
    c = tables.cases.c
    indexes = ring_of(connection).blind_indexes(id_no)
    statement = select(c.id).where(c.applicant_index.in_(indexes), visibility.criterion(visible))
    statement = statement.order_by(c.created_at.desc(), c.lane, c.id).limit(limit)
    return list((await connection.execute(statement)).scalars())


_SAME = select(
    *(tables.cases.c[name] for name in ("id", "number", "state", "client", "subject", "applicant_index")),
    tables.cases.c.bundle_code,
    tables.cases.c.jurisdiction,
).where(tables.cases.c.state.in_([state for state in CaseState if state not in FINAL_CASE]))


async def open_cases_of(connection: AsyncConnection, things: Iterable[Thing]) -> dict[Thing, list[OpenCase]]:
    """The open cases of each of these things, the oldest first: by the blind index, in one statement."""
    wanted = set(things)
    ring, found = ring_of(connection), dict[Thing, list[OpenCase]]()
    number_of = {index: thing.id_no for thing in wanted for index in ring.blind_indexes(thing.id_no)}
    if not number_of:
        return found
    c = tables.cases.c
    narrowed, parameters = among(_SAME, (c.applicant_index,), [(index,) for index in number_of])
    for row in await connection.execute(narrowed.order_by(c.created_at, c.id), parameters):
        id_no = number_of[bytes(row.applicant_index)]
        thing = Thing(row.client, row.subject, row.bundle_code, row.jurisdiction, id_no)
        if thing in wanted:
            found.setdefault(thing, []).append(OpenCase(row.id, row.number, CaseState(row.state)))
    return found


async def case_of_task(connection: AsyncConnection, task_id: UUID) -> tuple[UUID, str] | None:
    """The case and the department of a task."""
    c = tables.task.c
    statement = select(c.case_id, c.department).where(c.lane == lane_of(task_id), c.id == task_id)
    row = (await connection.execute(statement)).first()
    return (row.case_id, row.department) if row else None


_VERSIONS = select(tables.cases.c.id, tables.cases.c.version)


async def versions(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, int]:
    """The versions of these cases, at most 256; unknown ids are left out."""
    keys = sorted({(lane_of(id), id) for id in ids})
    return {row.id: row.version for row in await connection.execute(*among(_VERSIONS, _CASE_KEY, keys))}


_SEQS = select(tables.cases.c.id, tables.cases.c.seq)


async def seqs(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, int]:
    """The last event's number of each of these cases."""
    found: dict[UUID, int] = {}
    for first in range(0, len(ids), MOST_KEYS):
        keys = [(lane_of(id), id) for id in ids[first : first + MOST_KEYS]]
        found |= {row.id: row.seq for row in await connection.execute(*among(_SEQS, _CASE_KEY, keys))}
    return found
