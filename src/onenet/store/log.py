"""The log's rows: what is not sealed yet, leaves, tiles, checkpoints, the key, and who seals."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.tree import Tiles
from onenet.ids import lane_of, new_id
from onenet.store import log_tables as t
from onenet.store import tables
from onenet.store.among import MOST_KEYS, among

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
SEALER = "sealer"

# ---- what is not sealed yet


class Told(NamedTuple):
    """Rows of `log_unsealed` by their ids, with the cases they name; `all_cases`: one said to look at all."""

    ids: list[UUID]
    cases: set[UUID]
    all_cases: bool


class Pending(NamedTuple):
    """How many changes are told of, and since when; None while there are none."""

    changes: int
    since: datetime | None


async def tell(
    connection: AsyncConnection, cases: Iterable[UUID] | None, changes: int, now: datetime
) -> None:
    """Says that these cases have new events; None: that any may."""
    named = None if cases is None else json.dumps([str(id) for id in cases])
    row = {"id": new_id(), "cases": named, "changes": changes, "created_at": now}
    await connection.execute(insert(t.log_unsealed), row)


async def told(connection: AsyncConnection, most: int) -> Told:
    """What was said, the oldest first."""
    c = t.log_unsealed.c
    found = (await connection.execute(select(c.id, c.cases).order_by(c.id).limit(most))).all()
    cases = {UUID(id) for row in found if row.cases is not None for id in json.loads(row.cases)}
    return Told([row.id for row in found], cases, any(row.cases is None for row in found))


async def pending(connection: AsyncConnection) -> Pending:
    """How much was said, in one look at a table of a few rows."""
    c = t.log_unsealed.c
    changes, since = (
        await connection.execute(select(func.coalesce(func.sum(c.changes), 0), func.min(c.created_at)))
    ).one()
    return Pending(int(changes), since)


async def forget(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Takes back what was said: those rows and no other."""
    for part in _parts(ids):
        await connection.execute(delete(t.log_unsealed).where(t.log_unsealed.c.id.in_(part)))


_SEALED_UP_TO = (
    select(func.max(t.log_leaf.c.seq))
    .where(t.log_leaf.c.lane == tables.cases.c.lane, t.log_leaf.c.case_id == tables.cases.c.id)
    .scalar_subquery()
)
_BEHIND = select(tables.cases.c.id).where(
    tables.cases.c.lane.in_(bindparam("lanes", expanding=True)),
    tables.cases.c.seq > func.coalesce(_SEALED_UP_TO, 0),
)


async def behind(connection: AsyncConnection, lanes: Sequence[int]) -> list[UUID]:
    """The cases of these lanes that have events beyond their last leaf: reads each case of the lanes."""
    return list((await connection.execute(_BEHIND, {"lanes": list(lanes)})).scalars())


async def sealed_up_to(connection: AsyncConnection, cases: Iterable[UUID]) -> dict[UUID, int]:
    """The number of each case's last sealed event; cases without one are left out."""
    c = t.log_leaf.c
    statement = select(c.case_id, func.max(c.seq).label("seq")).group_by(c.lane, c.case_id)
    found: dict[UUID, int] = {}
    for part in _parts(_keys(cases)):
        narrowed, parameters = among(statement, (c.lane, c.case_id), part)
        found |= {row.case_id: row.seq for row in await connection.execute(narrowed, parameters)}
    return found


class Unsealed(NamedTuple):
    """An event as the tree takes it."""

    case_id: UUID
    seq: int
    hash: bytes


async def unsealed(connection: AsyncConnection, sealed: Mapping[UUID, int]) -> list[Unsealed]:
    """The events of these cases after the numbers given, in order."""
    found: list[Unsealed] = []
    for part in _parts(_keys(sealed)):
        size = 1 << (len(part) - 1).bit_length()
        padded = [*part, *[part[-1]] * (size - len(part))]
        parameters: dict[str, Any] = {}
        for number, (lane, id) in enumerate(padded):
            parameters |= {f"lane_{number}": lane, f"case_{number}": id, f"seq_{number}": sealed[id]}
        rows = await connection.execute(_after(size), parameters)
        found += [Unsealed(*row) for row in rows]
    return found


@functools.cache
def _after(size: int) -> Any:
    c = tables.event.c
    each = (
        and_(
            c.lane == bindparam(f"lane_{n}"),
            c.case_id == bindparam(f"case_{n}"),
            c.seq > bindparam(f"seq_{n}"),
        )
        for n in range(size)
    )
    return select(c.case_id, c.seq, c.hash).where(or_(*each)).order_by(c.lane, c.case_id, c.seq)


def _keys(cases: Iterable[UUID]) -> list[tuple[int, UUID]]:
    return sorted((lane_of(id), id) for id in cases)


def _parts(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for first in range(0, len(keys), MOST_KEYS):
        yield keys[first : first + MOST_KEYS]


# ---- who seals


@dataclass(frozen=True, slots=True)
class Sealer:
    """The row of who seals; `lanes_left` of a look through all cases that goes on at `next_lane`."""

    fence: int
    holder: UUID | None
    until: datetime | None
    next_lane: int
    lanes_left: int


NOBODY = Sealer(0, None, None, 0, 256)
"""Before anybody sealed: all cases are to be looked at."""


async def sealer(connection: AsyncConnection) -> Sealer:
    """Who seals."""
    c = t.log_sealer.c
    statement = select(c.fence, c.holder, c.until, c.next_lane, c.lanes_left).where(c.name == SEALER)
    row = (await connection.execute(statement)).first()
    return Sealer(*row) if row else NOBODY


async def take_over(connection: AsyncConnection, before: Sealer, after: Sealer) -> bool:
    """Writes the row, if it is still as it was read: of two who seal at once, one does."""
    values = {name: getattr(after, name) for name in ("holder", "until", "next_lane", "lanes_left")}
    values |= {"fence": before.fence + 1}
    c = t.log_sealer.c
    if before.fence == 0:
        made = _INSERT[connection.dialect.name](t.log_sealer).values(name=SEALER, **values)
        statement = made.on_conflict_do_nothing()
    else:
        statement = update(t.log_sealer).where(c.name == SEALER, c.fence == before.fence).values(values)
    return (await connection.execute(statement.returning(c.fence))).first() is not None


# ---- key, leaves, tiles, checkpoints


class KeyRow(NamedTuple):
    """The log's key, as it is stored."""

    origin: str
    public: str
    secret: bytes


async def key(connection: AsyncConnection) -> KeyRow | None:
    """The key; None before it was needed."""
    c = t.log_key.c
    row = (await connection.execute(select(c.origin, c.public, c.secret).order_by(c.created_at))).first()
    return KeyRow(*row) if row else None


async def put_key(connection: AsyncConnection, row: KeyRow, now: datetime) -> None:
    """Stores the key."""
    await connection.execute(insert(t.log_key), {**row._asdict(), "created_at": now})


class Run(NamedTuple):
    """Events of a case in a row, and where the last of them stands in the tree."""

    case_id: UUID
    seq: int
    leaf: int
    events: int


async def put_leaves(connection: AsyncConnection, runs: Sequence[Run]) -> None:
    """Says where events stand."""
    await connection.execute(insert(t.log_leaf), [{"lane": lane_of(r.case_id), **r._asdict()} for r in runs])


async def run_of(connection: AsyncConnection, case_id: UUID, seq: int) -> Run | None:
    """The run that an event stands in; None when it is not sealed."""
    c = t.log_leaf.c
    statement = (
        select(c.case_id, c.seq, c.leaf, c.events)
        .where(c.lane == lane_of(case_id), c.case_id == case_id, c.seq >= seq)
        .order_by(c.seq)
        .limit(1)
    )
    row = (await connection.execute(statement)).first()
    return Run(*row) if row and seq > row.seq - row.events else None


async def tiles(
    connection: AsyncConnection, wanted: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], bytes]:
    """These tiles; missing ones are left out."""
    c = t.log_tile.c
    keys = sorted(wanted)
    found: dict[tuple[int, int], bytes] = {}
    for part in _parts(keys):
        statement, parameters = among(select(c.level, c.number, c.hashes), (c.level, c.number), part)
        rows = await connection.execute(statement, parameters)
        found |= {(row.level, row.number): row.hashes for row in rows}
    return found


async def put_tiles(connection: AsyncConnection, changed: Tiles) -> None:
    """Writes tiles, new or longer than they were."""
    made = _INSERT[connection.dialect.name](t.log_tile)
    statement = made.on_conflict_do_update(
        index_elements=[t.log_tile.c.level, t.log_tile.c.number], set_={"hashes": made.excluded.hashes}
    )
    rows = [
        {"level": level, "number": number, "hashes": hashes} for (level, number), hashes in changed.items()
    ]
    await connection.execute(statement, rows)


async def put_checkpoint(connection: AsyncConnection, size: int, note: str, now: datetime) -> None:
    """Keeps a signed checkpoint."""
    await connection.execute(insert(t.log_checkpoint), {"size": size, "note": note, "created_at": now})


async def newest(connection: AsyncConnection) -> str | None:
    """The newest checkpoint's note."""
    c = t.log_checkpoint.c
    found: str | None = await connection.scalar(select(c.note).order_by(c.size.desc()).limit(1))
    return found


async def notes_after(connection: AsyncConnection, size: int, most: int) -> list[str]:
    """The notes of checkpoints beyond a size, in order."""
    c = t.log_checkpoint.c
    statement = select(c.note).where(c.size > size).order_by(c.size).limit(most)
    return list((await connection.execute(statement)).scalars())


async def note_of(connection: AsyncConnection, size: int) -> str | None:
    """The note of the checkpoint of that size."""
    c = t.log_checkpoint.c
    found: str | None = await connection.scalar(select(c.note).where(c.size == size))
    return found
