"""Encryption: the register of key-encryption keys, and what of the database is sealed under which.

Nothing here commits. Rows that are of no case are listed in `OF_SYSTEM`: a table that seals something with
the system's key has a line there, and is rotated and counted with the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    LargeBinary,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.encryption import KeyRing, Unreadable, blobs
from onenet.store import (
    access_tables,
    document_tables,
    draft_tables,
    erasure_tables,
    log_tables,
    tables,
)
from onenet.store.sealing import opened_system, ring_of

PROOF = "encryption_key.proof"
KNOWN = "onenet"

_KEY = tables.encryption_key.c
_CASE = tables.cases.c


@dataclass(frozen=True, slots=True)
class Registered:
    """A key-encryption key that rows may be sealed under, with the known text that it sealed."""

    kid: int
    suite: str
    proof: str
    created_at: datetime


async def registered(connection: AsyncConnection) -> list[Registered]:
    """All of them, ascending."""
    found = await connection.execute(select(tables.encryption_key).order_by(_KEY.kid))
    return [Registered(**row) for row in found.mappings()]


async def register(connection: AsyncConnection, kid: int, suite: str, now: datetime) -> None:
    """Writes one down. Raises: sqlalchemy.exc.IntegrityError when somebody else just did."""
    proof = ring_of(connection).system(kid).seal(KNOWN, place=PROOF, row=str(kid))
    row = {"kid": kid, "suite": suite, "proof": proof, "created_at": now}
    await connection.execute(insert(tables.encryption_key).values(row))


async def strike_out(connection: AsyncConnection, before: int) -> None:
    """Takes out those older than this one: nothing is sealed under them any more."""
    await connection.execute(delete(tables.encryption_key).where(_KEY.kid < before))


# ---- what is sealed under which key

KEYLESS, IN_CLEAR = -1, 0
"""Instead of a kid: of a case whose key is gone, and of what is from before there was encryption."""


def _part(column: ColumnElement[Any], first: int, length: int) -> ColumnElement[Any]:
    """A piece of a column; the numbers are in the text, as PostgreSQL groups by nothing with parameters."""
    return func.substr(column, literal_column(str(first)), literal_column(str(length)))


async def count_cases(connection: AsyncConnection) -> Counter[int]:
    """How many cases there are under each key-encryption key. Reads the whole table."""
    kid, was_sealed = _part(_CASE.data_key, 2, 2), ~_IN_CLEAR
    found: Counter[int] = Counter()
    statement = select(kid, was_sealed, func.count()).group_by(kid, was_sealed)
    for under, sealed, number in await connection.execute(statement):
        found[int.from_bytes(under, "big") if under else KEYLESS if sealed else IN_CLEAR] += number
    return found


_IN_CLEAR = and_(_CASE.data_key.is_(None), _CASE.sealed_secret.is_(None), _CASE.secret_hash.is_(None))
"""Of a case from before there was encryption; one whose key is gone still has one of the other two."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column that is sealed with the system's key, for `table.column` and the row's primary key.

    Text or bytes; what is in the clear from before there was encryption is text.
    """

    table: Table
    column: str

    @property
    def place(self) -> str:
        """What its blobs are bound to, beside the row."""
        return f"{self.table.name}.{self.column}"

    @property
    def head(self) -> ColumnElement[Any]:
        """The part of a blob by which a database can tell its key."""
        column = self.table.c[self.column]
        return _part(column, 2, 2) if self.is_bytes else _part(column, 1, blobs.HEAD_CHARACTERS)

    @property
    def is_bytes(self) -> bool:
        """Whether blobs are stored as they are."""
        return isinstance(self.table.c[self.column].type, LargeBinary)

    def heads(self, kid: int) -> list[Any]:
        """What `head` may be under this key."""
        return [kid.to_bytes(2, "big")] if self.is_bytes else blobs.heads(kid)

    def kid_of(self, head: Any) -> int:
        """The key of a head; 0 for what is in the clear."""
        return int.from_bytes(head, "big") if self.is_bytes else blobs.kid_of_head(head)

    def anew(self, ring: KeyRing, stored: Any, row: str) -> Any:
        """The same, sealed with the key in use. Raises: Unreadable."""
        if not self.is_bytes:
            plain = opened_system(ring, stored, self.place, row)
            return ring.system().seal(plain, place=self.place, row=row)
        opened = ring.system(blobs.kid_of(stored)).decrypt(stored, place=self.place, row=row)
        return ring.system().encrypt(opened, place=self.place, row=row)

    @property
    def key(self) -> tuple[Column[Any], ...]:
        """The primary key."""
        return tuple(self.table.primary_key.columns)


@dataclass(frozen=True, slots=True)
class Wrapped(Sealed):
    """A column with the data key of a row, wrapped: what it sealed stays as it is."""

    def anew(self, ring: KeyRing, stored: Any, row: str) -> Any:
        """The same data key, wrapped under the key in use. Raises: Unreadable."""
        return ring.rewrap(stored)


OF_SYSTEM = (
    Sealed(tables.endpoint, "secrets"),
    Sealed(tables.endpoint, "held_because"),
    Sealed(tables.idempotency_key, "body"),
    Sealed(log_tables.log_key, "secret"),
    Sealed(access_tables.consent, "purpose"),
    Sealed(access_tables.access_record, "purpose"),
    Sealed(access_tables.break_glass, "reason"),
    Sealed(erasure_tables.legal_hold, "reason"),
    Wrapped(document_tables.document, "data_key"),
    Wrapped(document_tables.document_upload, "data_key"),
    Wrapped(draft_tables.draft, "data_key"),
)


async def count_system(connection: AsyncConnection, sealed: Sealed) -> Counter[int]:
    """How many rows of the column there are under each key-encryption key. Reads the whole table."""
    found: Counter[int] = Counter()
    is_there = sealed.table.c[sealed.column].is_not(None)
    statement = select(sealed.head, func.count()).select_from(sealed.table).where(is_there)
    for first, number in await connection.execute(statement.group_by(sealed.head)):
        found[sealed.kid_of(first)] += number
    return found


# ---- sealing anew

Key = tuple[int, UUID]
FIRST: Key = (-1, UUID(int=0))


async def outdated(connection: AsyncConnection, kid: int, after: Key, limit: int) -> list[Key]:
    """Cases after this one that are in the clear, under another key-encryption key, or hold their secret."""
    other = _part(_CASE.data_key, 2, 2) != kid.to_bytes(2, "big")
    unhashed = and_(_CASE.data_key.is_not(None), _CASE.secret_hash.is_(None))
    statement = (
        select(_CASE.lane, _CASE.id)
        .where(tuple_(_CASE.lane, _CASE.id) > after, or_(_IN_CLEAR, other, unhashed))
        .order_by(_CASE.lane, _CASE.id)
        .limit(limit)
    )
    return [(row.lane, row.id) for row in await connection.execute(statement)]


async def outdated_system(
    connection: AsyncConnection, sealed: Sealed, kid: int, after: Sequence[Any], limit: int
) -> list[dict[str, Any]]:
    """Rows of the column that are in the clear, or under another key: their primary key and the column.

    `after`: the primary key of the last one that was looked at; empty at the beginning.
    """
    column = sealed.table.c[sealed.column]
    statement = select(*sealed.key, column).where(sealed.head.not_in(sealed.heads(kid)))
    if after:
        statement = statement.where(tuple_(*sealed.key) > tuple(after))
    statement = statement.order_by(*sealed.key).limit(limit)
    return [dict(row) for row in (await connection.execute(statement)).mappings()]


async def reseal_system(connection: AsyncConnection, sealed: Sealed, found: Sequence[dict[str, Any]]) -> int:
    """Seals these rows with the system's key in use, where they are still as they were found.

    Gives how many cannot be opened, and are left as they are.
    """
    ring = ring_of(connection)
    names = [column.name for column in sealed.key]
    same = [sealed.table.c[name] == bindparam(f"key_{name}") for name in (*names, sealed.column)]
    changed, unreadable = [], 0
    for row in found:
        place, old = "/".join(str(row[name]) for name in names), row[sealed.column]
        try:
            new = sealed.anew(ring, old, place)
        except Unreadable:
            unreadable += 1
            continue
        changed.append({"new": new, **{f"key_{name}": row[name] for name in (*names, sealed.column)}})
    if changed:
        statement = update(sealed.table).where(*same).values({sealed.column: bindparam("new")})
        await connection.execute(statement, changed)
    return unreadable
