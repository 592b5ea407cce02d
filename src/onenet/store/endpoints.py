"""Endpoints: where departments take tasks and subscribers take events. Few rows, read often.

Their secrets are sealed: with one anybody could speak for onenet or for the department.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, bindparam, delete, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.encryption import KeyRing
from onenet.store import tables
from onenet.store.sealing import SECRETS, opened_system, ring_of

HELD_BECAUSE = "endpoint.held_because"

log = structlog.get_logger()


class Retired(NamedTuple):
    """A key that was replaced, and until when it counts beside the new one."""

    key: str
    until: datetime


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint. `owner` is a department's code, or the client whose cases a subscriber hears of.

    `secrets`: its keys as `adapters.signing` has them, current one first. `events`: the types a subscriber
    wants, empty for all. `credentials`: by their names, what the department's own API knows onenet by.
    `retired`: keys that were replaced and may still count; `keys_at` tells which do. `state`: held while
    nothing that waits for it is claimed; since when and, in somebody's words, why.
    """

    id: UUID
    kind: Literal["department", "subscriber"]
    owner: str
    adapter: str
    url: str
    secrets: tuple[str, ...]
    created_at: datetime
    options: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    events: tuple[str, ...] = ()
    state: Literal["active", "held"] = "active"
    held_at: datetime | None = None
    held_because: str | None = None
    rate_per_s: int = 0
    retired: tuple[Retired, ...] = field(default=(), repr=False)

    def keys_at(self, now: datetime) -> tuple[str, ...]:
        """The keys that sign and verify at that moment, the current ones first."""
        return (*self.secrets, *(old.key for old in self.retired if old.until > now))


_SEALED = ("credentials", "retired")
"""What has no column of its own: it is sealed with the keys."""

_COLUMNS = tuple(name for name in EndpointRow.__dataclass_fields__ if name not in _SEALED)
_SELECT = select(*(tables.endpoint.c[name] for name in _COLUMNS))
_EVERY = _SELECT.order_by(tables.endpoint.c.created_at, tables.endpoint.c.id)
_OF_KIND = _EVERY.where(tables.endpoint.c.kind == bindparam("kind"))


MARK = "SELECT count(*) || ':' || coalesce(sum(CAST(CAST(xmin AS text) AS bigint)), 0) FROM endpoint"
"""A text that is another one after every change of an endpoint, on PostgreSQL: `xmin` is the transaction that
wrote a row."""

_MARKED = _EVERY.add_columns(literal_column(f"({MARK})"))


@dataclass(frozen=True, slots=True)
class Directory:
    """All endpoints at one moment, and their mark where the engine has one."""

    rows: tuple[EndpointRow, ...]
    mark: str | None


async def directory(connection: AsyncConnection) -> Directory:
    """All endpoints, oldest first."""
    if connection.dialect.name != "postgresql":
        return Directory(tuple(await every(connection)), None)
    found = (await connection.execute(_MARKED)).all()
    ring = ring_of(connection)
    return Directory(tuple(_read(ring, *row[:-1]) for row in found), found[0][-1] if found else None)


@functools.lru_cache(maxsize=4_096)
def _read(ring: KeyRing, *values: Any) -> EndpointRow:
    """The endpoint in a row. Read with every commit and seldom changed, so that it is seldom parsed.

    One that cannot be read counts as held: its own tasks stop with a reason, and nobody else's do.
    """
    row = dict(zip(_COLUMNS, values, strict=True))
    try:
        keys = json.loads(opened_system(ring, row["secrets"], SECRETS, row["id"]))
        parsed = {
            "secrets": tuple(key for key in keys if isinstance(key, str)),
            "credentials": next((each for each in keys if isinstance(each, dict)), {}),
            "retired": tuple(
                Retired(each[0], datetime.fromisoformat(each[1])) for each in keys if isinstance(each, list)
            ),
            "options": dict(json.loads(row["options"])),
            "events": tuple(json.loads(row["events"])),
            "held_because": row["held_because"]
            and opened_system(ring, row["held_because"], HELD_BECAUSE, row["id"]),
        }
    except (TypeError, ValueError):
        log.exception("endpoint_unreadable", endpoint=str(row["id"]), owner=row["owner"])
        parsed = {"secrets": (), "options": {}, "events": (), "state": "held", "held_because": None}
    return EndpointRow(**row | parsed)


def _row(endpoint: EndpointRow, ring: KeyRing) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "kind": endpoint.kind,
        "owner": endpoint.owner,
        "adapter": endpoint.adapter,
        "url": endpoint.url,
        "secrets": ring.system().seal(json.dumps(_sealed(endpoint)), place=SECRETS, row=endpoint.id),
        "options": json.dumps(dict(endpoint.options)),
        "events": json.dumps(endpoint.events),
        "state": endpoint.state,
        "rate_per_s": endpoint.rate_per_s,
        "created_at": endpoint.created_at,
        "held_at": endpoint.held_at,
        "held_because": endpoint.held_because
        and ring.system().seal(endpoint.held_because, place=HELD_BECAUSE, row=endpoint.id),
    }


def _sealed(endpoint: EndpointRow) -> list[Any]:
    """The keys as texts, then what there is of the rest: old keys as lists, the credentials as an object."""
    retired = [[old.key, old.until.isoformat()] for old in endpoint.retired]
    return [*endpoint.secrets, *retired, *([dict(endpoint.credentials)] if endpoint.credentials else [])]


async def append(connection: AsyncConnection, endpoint: EndpointRow) -> None:
    """Writes a new endpoint. Raises: sqlalchemy.exc.IntegrityError when its department has one."""
    await connection.execute(insert(tables.endpoint).values(_row(endpoint, ring_of(connection))))


async def replace(connection: AsyncConnection, endpoint: EndpointRow) -> None:
    """Writes an endpoint over the row of its id."""
    table = tables.endpoint
    row = _row(endpoint, ring_of(connection))
    await connection.execute(update(table).where(table.c.id == endpoint.id).values(row))


async def remove(connection: AsyncConnection, id: UUID) -> None:
    """Takes the row of this id away."""
    await connection.execute(delete(tables.endpoint).where(tables.endpoint.c.id == id))


async def every(connection: AsyncConnection, kind: str | None = None) -> list[EndpointRow]:
    """All endpoints, or those of one kind, oldest first."""
    found = await connection.execute(_OF_KIND, {"kind": kind}) if kind else await connection.execute(_EVERY)
    ring = ring_of(connection)
    return [_read(ring, *row) for row in found]


async def of_department(
    connection: AsyncConnection, department: str, *, for_update: bool = False
) -> EndpointRow | None:
    """The endpoint of a department, if it has one."""
    c = tables.endpoint.c
    return await _one(connection, [c.kind == "department", c.owner == department], for_update=for_update)


async def by_id(connection: AsyncConnection, id: UUID, *, for_update: bool = False) -> EndpointRow | None:
    """The endpoint of this id, if there is one."""
    return await _one(connection, [tables.endpoint.c.id == id], for_update=for_update)


async def _one(
    connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]], *, for_update: bool
) -> EndpointRow | None:
    statement = _SELECT.where(*conditions)
    row = (await connection.execute(statement.with_for_update() if for_update else statement)).first()
    return _read(ring_of(connection), *row) if row else None
