"""Many closed cases out of a few: every row of real ones again, under new ids, lanes, numbers and dates.

What a row holds beside those stays as it was, so sizes are real; its hash chain is not, and nobody checks it.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql
from sqlalchemy import Column, Table, Uuid

from bench.ground import tell
from onenet.store.tables import metadata

AT_ONCE = 5_000

_ORIGINALS = """
    CREATE TEMP TABLE original AS
    SELECT lane, id, row_number() OVER (ORDER BY id) - 1 AS place FROM cases WHERE state = 'completed'
"""
_COPIES = """
    CREATE TEMP TABLE copy ON COMMIT DROP AS
    SELECT number, original.lane AS old_lane, original.id AS old_id,
           ('x' || substr(md5(number::text), 31, 2))::bit(8)::int AS lane,
           (lpad(to_hex(1700000000000 + number::bigint * 1000), 12, '0')
            || '7' || substr(md5(number::text), 1, 3) || '8' || substr(md5(number::text), 4, 13)
            || substr(md5(number::text), 31, 2))::uuid AS id
    FROM generate_series(%s::int, %s::int) AS number
    JOIN original ON place = number %% (SELECT count(*) FROM original)
"""
_NEW_ID = """
    (left(replace(copy.id::text, '-', ''), 13) || left(md5({column}::text || copy.id::text), 17)
     || right(copy.id::text, 2))::uuid
"""
_NEW_NUMBER = "'9' || lpad(copy.number::text, 19, '0')"
_NEW = {
    "lane": "copy.lane",
    "case_id": "copy.id",
    "cases.id": "copy.id",
    "cases.number": _NEW_NUMBER,
    "case_number.number": _NEW_NUMBER,
    "idempotency_key.key": "md5(copy.number::text) || md5(copy.id::text)",
    "cases.subject": "'s-' || copy.number % 100000",
    "created_at": "{column} - make_interval(secs => copy.number)",
}
"""What a copy has of its own, by column or by table and column."""

_KEPT_IDS = frozenset({"endpoint_id"})


def fill(url: str, count: int) -> None:
    """Makes so many copies of the completed cases that are there, and settles the tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # foreign keys hold by construction
        connection.execute("SET synchronous_commit = off")
        connection.execute(_ORIGINALS)
        tables = list(_copied())
        for first in range(1, count + 1, AT_ONCE):
            last = min(first + AT_ONCE - 1, count)
            with connection.transaction():
                connection.execute(_COPIES, (first, last))
                for table in tables:
                    connection.execute(_again(table))
            if last % (20 * AT_ONCE) == 0:
                tell(f"{last:,} of {count:,} closed cases")
        connection.execute("VACUUM ANALYZE")


def _copied() -> Iterator[Table]:
    for table in metadata.sorted_tables:
        if table.name == "cases" or "case_id" in table.c:
            yield table


def _again(table: Table) -> sql.Composed:
    """The statement that copies the rows of one table."""
    columns = list(table.columns)
    return sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {values} FROM {table} AS row"
        " JOIN copy ON row.lane = copy.old_lane AND row.{case} = copy.old_id"
    ).format(
        table=sql.Identifier(table.name),
        names=sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        values=sql.SQL(", ").join(_value(table, column) for column in columns),
        case=sql.Identifier("id" if table.name == "cases" else "case_id"),
    )


def _value(table: Table, column: Column[object]) -> sql.Composed:
    own = sql.SQL("row.{}").format(sql.Identifier(column.name))
    new = _NEW.get(f"{table.name}.{column.name}") or _NEW.get(column.name)
    if new is None:
        is_id = isinstance(column.type, Uuid) and column.name not in _KEPT_IDS
        new = _NEW_ID if is_id else "{column}"
    return sql.SQL(new).format(column=own)
