"""Bulk: the rows of many cases and many tables, written together.

PostgreSQL gets one statement for all parts that have rows, and each part takes its rows as one JSON value: so
there are a few statements, prepared once, and a batch costs one round trip. SQLite, whose statements are
calls in the same process, gets one statement for each part that has rows.

An update names what must still be so (`guards`): a row that is no longer as it was read is not written over,
and with it nothing at all is written.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.errors import StaleWrite
from onenet.store import log_tables, opinion_tables, rating_tables, tables, ticket_tables
from onenet.store.endpoints import MARK

Row = Mapping[str, Any]
BEFORE = "before_"
"""Put before the name of a guard: the value that the row was read with."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows to add to a table, or (with `keys`) rows to change: `changes` where keys and guards match."""

    table: Table
    keys: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A name of its own, for parameters."""
        return "_".join([self.table.name, *self.guards, "changed" if self.keys else "added"])


def _changing(table: Table, keys: Sequence[str], fixed: Sequence[str], guards: Sequence[str] = ()) -> Part:
    names = [column.name for column in table.c if column.name not in (*keys, *fixed)]
    return Part(table, tuple(keys), tuple(guards), tuple(names))


_OF_CASE = ("lane", "case_id")
_CASE_FIXED = (
    "number", "bundle_code", "bundle_version", "jurisdiction", "receiving", "subject", "client",
    "tracking_secret", "utc_offset_minutes", "created_at", "data_key", "sealed_secret", "applicant_index",
    "secret_hash",
)  # fmt: skip

CASES = Part(tables.cases)
CASES_CHANGED = _changing(tables.cases, ("lane", "id"), _CASE_FIXED, ("version",))
CONTENTS = Part(tables.case_content)
CONTENTS_CHANGED = _changing(tables.case_content, _OF_CASE, ())
STEPS = Part(tables.step)
STEPS_CHANGED = _changing(tables.step, (*_OF_CASE, "code"), ("department",))
TASKS = Part(tables.task)
_TASK_FIXED = ("step", "department", "submission", "created_at", "payload", "kind")
_ASKED = ("reference", "poll_at", "poll_token", "poll_every_s", "polls")
TASKS_CHANGED = _changing(tables.task, (*_OF_CASE, "id"), (*_TASK_FIXED, *_ASKED), ("state", "lease_token"))
TASKS_ASKED = _changing(tables.task, (*_OF_CASE, "id"), _TASK_FIXED, ("state", "lease_token", "poll_token"))
"""Changed tasks that a department knows by a number, or is asked about; a statement changes no row twice."""

TIMERS = Part(tables.timer)
TIMERS_CHANGED = _changing(tables.timer, (*_OF_CASE, "id"), ("step", "kind", "due_at"))
RATINGS = Part(rating_tables.rating)
RATINGS_CHANGED = Part(rating_tables.rating, (*_OF_CASE, "stage"), (), ("state", "due_at"))
OPINIONS = Part(opinion_tables.opinion)
OPINIONS_CHANGED = Part(opinion_tables.opinion, (*_OF_CASE, "id"), (), ("state",))
TICKETS = Part(ticket_tables.ticket)
TICKETS_CHANGED = Part(ticket_tables.ticket, _OF_CASE, (), ("state", "rounds"))
TICKET_UNITS = Part(ticket_tables.ticket_unit)
TICKET_UNITS_CHANGED = Part(
    ticket_tables.ticket_unit,
    (*_OF_CASE, "round", "number"),
    (),
    ("state", "is_late", "is_solved", "is_satisfied"),
)
ATTEMPTS = Part(tables.attempt)
ATTEMPTS_CHANGED = _changing(tables.attempt, (*_OF_CASE, "task_id", "number"), ("started_at", "trigger"))
EVENTS = Part(tables.event)
PRIVATE = Part(log_tables.event_private)
DELIVERIES = Part(tables.delivery)
KEYS = Part(tables.idempotency_key)
NUMBERS = Part(tables.case_number)

PARTS = (
    CASES, CASES_CHANGED, CONTENTS, CONTENTS_CHANGED, STEPS, STEPS_CHANGED, TASKS, TASKS_CHANGED, TASKS_ASKED,
    TIMERS, TIMERS_CHANGED, ATTEMPTS, ATTEMPTS_CHANGED, EVENTS, PRIVATE, DELIVERIES, KEYS, NUMBERS,
    RATINGS, RATINGS_CHANGED, OPINIONS, OPINIONS_CHANGED,
    TICKETS, TICKETS_CHANGED, TICKET_UNITS, TICKET_UNITS_CHANGED,
)  # fmt: skip
"""In the order of their foreign keys."""

Rows = Mapping[Part, Sequence[Row]]
"""What is to be written: for each part its rows, by column names; a change has its guards' values too."""


async def write(
    connection: AsyncConnection, rows: Rows, *, at_once: bool = True, mark: str | None = None
) -> None:
    """Writes them all. Raises: StaleWrite when a row to change is not as it was read.

    `at_once`: the capability of that name; without it each part is a statement on every engine. With it the
    statement undoes itself when a row is not as it was read, or when the endpoints are not, whose `mark` is
    given: it may be a transaction by itself.
    """
    if connection.dialect.name != "postgresql":
        await _write_each_sqlite(connection, rows)
    elif at_once:
        await _write_at_once(connection, rows, mark)
    else:
        await _write_each(connection, rows)


# ---- PostgreSQL


async def _write_at_once(connection: AsyncConnection, rows: Rows, mark: str | None) -> None:
    parts = tuple(part for part in PARTS if rows.get(part))
    if not parts:
        return
    parameters: dict[str, Any] = {part.name: _as_json(rows[part]) for part in parts}
    parameters |= {f"{part.name}_count": len(rows[part]) for part in parts if part.guards}
    if mark is not None:
        parameters["mark"] = mark
    try:
        await connection.execute(_statement(parts, is_marked=mark is not None), parameters)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == UNDONE:
            raise StaleWrite from error
        raise


async def _write_each(connection: AsyncConnection, rows: Rows) -> None:
    for part in PARTS:
        if given := rows.get(part):
            result = await connection.execute(_EACH[part], {part.name: _as_json(given)})
            if part.guards and result.rowcount != len(given):
                raise StaleWrite


def _as_json(rows: Sequence[Row]) -> str:
    return orjson.dumps(rows, default=_bytes_as_text).decode()


def _bytes_as_text(value: Any) -> str:
    """Bytes as PostgreSQL reads them; every other type that a column takes is JSON's own or orjson's."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"no column takes a {type(value).__name__}")


def _postgresql_part(part: Part) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # as SQLAlchemy declares it
    types = {column.name: column.type.compile(dialect) for column in part.table.c}
    wanted = (*part.keys, *part.changes) if part.keys else tuple(types)
    columns = [f'"{name}" {types[name]}' for name in wanted]
    columns += [f'"{BEFORE}{name}" {types[name]}' for name in part.guards]
    given = f"json_to_recordset(CAST(:{part.name} AS json)) AS x({', '.join(columns)})"
    names = [f'"{name}"' for name in wanted]
    if not part.keys:
        said = ", ".join(f"x.{name}" for name in names)
        return f'INSERT INTO "{part.table.name}" ({", ".join(names)}) SELECT {said} FROM {given}'
    changes = ", ".join(f'"{name}" = x."{name}"' for name in part.changes)
    same = [f't."{name}" = x."{name}"' for name in part.keys]
    same += [f't."{name}" IS NOT DISTINCT FROM x."{BEFORE}{name}"' for name in part.guards]
    returned = " RETURNING 1" if part.guards else ""
    return f'UPDATE "{part.table.name}" t SET {changes} FROM {given} WHERE {" AND ".join(same)}{returned}'


UNDONE = "22012"
"""Division by zero: SQL has no other way to say that a statement is to undo itself."""


@functools.cache
def _statement(parts: tuple[Part, ...], *, is_marked: bool) -> TextClause:
    """The statement for these parts; there are a dozen ways in which a batch is made up."""
    facts = [f"(SELECT count(*) FROM {part.name}) = :{part.name}_count" for part in parts if part.guards]
    facts += [f"({MARK}) = :mark"] if is_marked else []
    written = ",\n".join(f"{part.name} AS ({_postgresql_part(part)})" for part in parts)
    return text(f"WITH {written}\nSELECT 1 / CASE WHEN {' AND '.join(facts) or 'true'} THEN 1 ELSE 0 END")


_EACH = {part: text(_postgresql_part(part)) for part in PARTS}

# ---- SQLite


async def _write_each_sqlite(connection: AsyncConnection, rows: Rows) -> None:
    for part in PARTS:
        if given := rows.get(part):
            statement, readers = _SQLITE[part]
            values = [tuple([read(row[name]) for name, read in readers]) for row in given]
            result = await connection.exec_driver_sql(statement, values)
            if part.guards and result.rowcount != len(values):
                raise StaleWrite


def _sqlite_value(value: Any) -> Any:
    """A value as SQLAlchemy's types keep it in SQLite."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value.hex if isinstance(value, UUID) else value


def _as_it_is(value: Any) -> Any:
    return value


_Reader = Callable[[Any], Any]


def _sqlite_part(part: Part) -> tuple[str, list[tuple[str, _Reader]]]:
    """The statement, and for each of its places the column and what makes its value."""
    wanted = [*part.changes, *part.keys] if part.keys else [column.name for column in part.table.c]
    plain = {c.name for c in part.table.c if c.type.python_type in (int, str, bytes)}
    readers: list[tuple[str, _Reader]] = [
        (name, _as_it_is if name in plain else _sqlite_value) for name in wanted
    ]
    readers += [(f"{BEFORE}{name}", _sqlite_value) for name in part.guards]
    if not part.keys:
        places = ", ".join("?" for _ in wanted)
        names = ", ".join(f'"{name}"' for name in wanted)
        return f'INSERT INTO "{part.table.name}" ({names}) VALUES ({places})', readers
    changes = ", ".join(f'"{name}" = ?' for name in part.changes)
    same = [f'"{name}" = ?' for name in part.keys] + [f'"{name}" IS ?' for name in part.guards]
    return f'UPDATE "{part.table.name}" SET {changes} WHERE {" AND ".join(same)}', readers


_SQLITE = {part: _sqlite_part(part) for part in PARTS}
