"""The record as it lies in the tables: each case with its row, steps, events, private parts and leaves.

Read some lanes at a time, so that what is in memory does not grow with the years.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.delegation import Owner
from onenet.ids import LANES
from onenet.store import events, log_tables, tables
from onenet.store.events import Event
from onenet.store.log import Run

MOST_CASES = 50_000
"""That are read at a time, about."""


class Opened(NamedTuple):
    """What the case's own row says of how it was opened."""

    number: str
    bundle: str
    version: int
    jurisdiction: str
    receiving: str | None
    owner: Owner


@dataclass(frozen=True, slots=True)
class Head:
    """What the case's own row says of its history. `opened` None: it is not known, as in an export."""

    seq: int
    hash: bytes
    state: str
    opened: Opened | None = None


@dataclass(slots=True)
class CaseRecord:
    """Everything on record of one case, as it lies in one lane. `private`: seq -> what is stored.

    `head` None: there is no row of the case. `steps` None: it is not known how they stand. `silent`: steps
    whose row has nothing that a department or an officer said.
    """

    case_id: UUID
    lane: int
    head: Head | None = None
    steps: dict[str, str] | None = None
    silent: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    private: dict[int, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    data_key: bytes | None = None


async def cases(connection: AsyncConnection, case_id: UUID | None = None) -> AsyncIterator[CaseRecord]:
    """The record of every case, or of one, with what is left of cases that are gone."""
    if case_id is not None:
        for record in (await _read(connection, lambda c, id: id == case_id)).values():
            yield record
        return
    count = await connection.scalar(select(func.count()).select_from(tables.cases)) or 0
    width = max(1, min(LANES, LANES * MOST_CASES // max(count, 1)))
    for first in range(0, LANES, width):
        last = LANES * 2 if first + width >= LANES else first + width - 1
        from_ = -LANES if first == 0 else first  # a lane that is none is looked at as well
        found = await _read(connection, lambda lane, _, a=from_, b=last: lane.between(a, b))
        for record in found.values():
            yield record


_EVENT = events.NAMES
_ROW = (
    *("seq", "head_hash", "state", "data_key"),
    *("number", "bundle_code", "bundle_version", "jurisdiction", "receiving", "client", "subject"),
)


async def _read(connection: AsyncConnection, which: Any) -> dict[tuple[int, UUID], CaseRecord]:
    """The records of the cases that `which(lane column, case's column)` chooses, by lane and case."""
    found: dict[tuple[int, UUID], CaseRecord] = {}

    def of(row: Any) -> CaseRecord:
        key = (row.lane, row.case_id)
        return found.get(key) or found.setdefault(key, CaseRecord(row.case_id, row.lane))

    c = tables.cases.c
    for row in await connection.execute(
        select(c.lane, c.id.label("case_id"), *(c[name] for name in _ROW)).where(which(c.lane, c.id))
    ):
        record = of(row)
        owner = Owner(row.client, row.subject)
        where = (row.jurisdiction, row.receiving)
        opened = Opened(row.number, row.bundle_code, row.bundle_version, *where, owner)
        record.head, record.steps = Head(row.seq, row.head_hash, row.state, opened), {}
        record.data_key = row.data_key
    s = tables.step.c
    silent = and_(s.said.is_(None), s.opinion.is_(None), s.reason.is_(None), s.results == "[]")
    for row in await connection.execute(
        select(s.lane, s.case_id, s.code, s.state, silent.label("is_silent")).where(which(s.lane, s.case_id))
    ):
        record = of(row)
        if record.steps is not None:
            record.steps[row.code] = row.state
        if row.is_silent:
            record.silent.add(row.code)
    e = tables.event.c
    for row in await connection.execute(
        select(e.lane, *(e[name] for name in _EVENT))
        .where(which(e.lane, e.case_id))
        .order_by(e.lane, e.case_id, e.seq)
    ):
        of(row).events.append(Event(**{name: getattr(row, name) for name in _EVENT}))
    await _read_log(connection, which, of)
    return found


async def _read_log(connection: AsyncConnection, which: Any, of: Any) -> None:
    p = log_tables.event_private.c
    for row in await connection.execute(
        select(p.lane, p.case_id, p.seq, p.payload).where(which(p.lane, p.case_id))
    ):
        of(row).private[row.seq] = row.payload
    r = log_tables.log_leaf.c
    for run in await connection.execute(
        select(r.lane, r.case_id, r.seq, r.leaf, r.events)
        .where(which(r.lane, r.case_id))
        .order_by(r.lane, r.case_id, r.seq)
    ):
        of(run).runs.append(Run._make(run[1:]))


async def numbered_without_case(connection: AsyncConnection) -> Sequence[UUID]:
    """Cases of which the number is left, and not the row."""
    c, n = tables.cases.c, tables.case_number.c
    same: ColumnElement[bool] = and_(c.lane == n.lane, c.id == n.case_id)
    statement = select(n.case_id).outerjoin_from(tables.case_number, tables.cases, same).where(c.id.is_(None))
    return (await connection.execute(statement)).scalars().all()


@dataclass(frozen=True, slots=True)
class LogRows:
    """What is stored of the tree: tiles by level and number, notes and stamps with their sizes."""

    key: str | None
    tiles: dict[tuple[int, int], bytes]
    notes: list[tuple[int, str]]
    stamps: list[tuple[int, bytes]]


async def log_rows(connection: AsyncConnection) -> LogRows:
    """All of the tree: 32 bytes a leaf, and some more."""
    k, t, c = log_tables.log_key.c, log_tables.log_tile.c, log_tables.log_checkpoint.c
    key = await connection.scalar(select(k.public).order_by(k.created_at).limit(1))
    rows = await connection.execute(select(t.level, t.number, t.hashes).order_by(t.level, t.number))
    tiles = {(row.level, row.number): row.hashes for row in rows}
    notes = [tuple(row) for row in await connection.execute(select(c.size, c.note).order_by(c.size))]
    s = log_tables.log_stamp.c
    stamps = [tuple(row) for row in await connection.execute(select(s.size, s.reply).order_by(s.size))]
    return LogRows(key, tiles, notes, stamps)
