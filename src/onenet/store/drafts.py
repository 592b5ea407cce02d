"""Drafts: their rows, with what was filled in sealed. Nothing here commits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, false, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.delegation import Owner
from onenet.domain.visibility import Column, Condition, Visible
from onenet.encryption import KeyRing
from onenet.ids import lane_of
from onenet.store.draft_tables import draft
from onenet.store.sealing import ring_of

CONTENT = "draft.content"

_c = draft.c


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A draft. `content`: what was filled in, as JSON members. `version`: how often it was saved.

    `sent_at`: since when it is being sent in, or was; nobody changes it meanwhile.
    """

    id: UUID
    owner: Owner
    bundle: str
    jurisdiction: str
    receiving: str | None
    content: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    version: int = 1
    sent_at: datetime | None = None


async def add(connection: AsyncConnection, row: DraftRow) -> None:
    """Writes a new one, under a key of its own."""
    await connection.execute(
        insert(draft).values(
            lane=lane_of(row.id), id=row.id, client=row.owner.client, subject=row.owner.subject,
            bundle=row.bundle, created_at=row.created_at, **_saved(ring_of(connection), row),
        )
    )  # fmt: skip


async def save(connection: AsyncConnection, row: DraftRow) -> bool:
    """Writes it over the version before it; whether nobody else has, and it was not sent in."""
    still = (_c.version == row.version - 1, _c.sent_at.is_(None))
    return await _change(connection, row.id, *still, **_saved(ring_of(connection), row))


async def mark_sent(connection: AsyncConnection, row: DraftRow, at: datetime) -> bool:
    """Marks it as being sent in, as it is in this version and under the mark that it was read with; whether
    it still is so.
    """
    same = _c.sent_at.is_not_distinct_from(row.sent_at)
    return await _change(connection, row.id, _c.version == row.version, same, sent_at=at)


async def change_mark(connection: AsyncConnection, id: UUID, at: datetime, new: datetime | None) -> None:
    """Puts `new` in the place of the mark of that moment; nobody else's is touched."""
    await _change(connection, id, _c.sent_at == at, sent_at=new)


async def remove_sent(connection: AsyncConnection, row: DraftRow) -> None:
    """Takes away with its key what was sent in, in this version: a later one is what somebody saved."""
    await _remove(connection, row.id, _c.version == row.version)


async def remove_marked(connection: AsyncConnection, id: UUID) -> None:
    """Takes it away with its key, if it is marked as being sent in."""
    await _remove(connection, id, _c.sent_at.is_not(None))


async def remove_unsent(connection: AsyncConnection, row: DraftRow) -> bool:
    """Takes away what is still in this version and was not sent in; whether it was."""
    return await _remove(connection, row.id, _c.version == row.version, _c.sent_at.is_(None))


async def find(connection: AsyncConnection, id: UUID) -> DraftRow | None:
    """The draft of this id."""
    row = (await connection.execute(select(draft).where(_c.lane == lane_of(id), _c.id == id))).first()
    return _read(ring_of(connection), row) if row else None


async def count_of(connection: AsyncConnection, owner: Owner, now: datetime) -> int:
    """How many this owner has whose time is not over."""
    statement = select(func.count()).select_from(draft).where(*_of(owner), _c.expires_at > now)
    return await connection.scalar(statement) or 0


async def visible(connection: AsyncConnection, ways: Visible, now: datetime, limit: int) -> list[DraftRow]:
    """Those that can be seen by one of these ways and whose time is not over, the last changed first."""
    seen = or_(false(), *(and_(*map(_condition, sight.conditions)) for sight in ways.sights))
    statement = select(draft).where(seen, _c.expires_at > now)
    statement = statement.order_by(_c.updated_at.desc(), _c.lane, _c.id).limit(limit)
    ring = ring_of(connection)
    return [_read(ring, row) for row in await connection.execute(statement)]


async def of_owner(connection: AsyncConnection, owner: Owner) -> list[DraftRow]:
    """All of this owner; there are a few."""
    statement = select(draft).where(*_of(owner)).order_by(_c.created_at, _c.id)
    ring = ring_of(connection)
    return [_read(ring, row) for row in await connection.execute(statement)]


async def remove_expired(connection: AsyncConnection, now: datetime) -> int:
    """Takes away those whose time is over, but for those that are being sent in; how many there were."""
    statement = delete(draft).where(_c.expires_at <= now, _c.sent_at.is_(None))
    return (await connection.execute(statement)).rowcount


async def sent(connection: AsyncConnection, before: datetime, limit: int) -> list[tuple[UUID, datetime]]:
    """Those that were being sent in before that moment, and since when, the oldest first."""
    statement = select(_c.id, _c.sent_at).where(_c.sent_at < before).order_by(_c.sent_at).limit(limit)
    return [(row.id, row.sent_at) for row in await connection.execute(statement)]


_SEEN_BY: Mapping[Column, ColumnElement[Any]] = {
    Column.CLIENT: _c.client,
    Column.SUBJECT: _c.subject,
    Column.BUNDLE: _c.bundle,
    Column.JURISDICTION: _c.jurisdiction,
    Column.RECEIVING: _c.receiving,
}


def _condition(condition: Condition) -> ColumnElement[bool]:
    column = _SEEN_BY.get(condition.column)
    return false() if column is None else column.in_(sorted(condition.values))


def _of(owner: Owner) -> tuple[ColumnElement[bool], ...]:
    return (_c.client == owner.client, _c.subject == owner.subject)


async def _change(connection: AsyncConnection, id: UUID, *still: ColumnElement[bool], **columns: Any) -> bool:
    statement = update(draft).where(_c.lane == lane_of(id), _c.id == id, *still).values(**columns)
    return (await connection.execute(statement)).rowcount == 1


async def _remove(connection: AsyncConnection, id: UUID, *still: ColumnElement[bool]) -> bool:
    statement = delete(draft).where(_c.lane == lane_of(id), _c.id == id, *still)
    return (await connection.execute(statement)).rowcount == 1


def _saved(ring: KeyRing, row: DraftRow) -> dict[str, Any]:
    """The columns of one saving: under a new key each time, so that what was struck out is gone as well."""
    key, wrapped = ring.new_data_key()
    return {
        "jurisdiction": row.jurisdiction,
        "receiving": row.receiving,
        "version": row.version,
        "content": key.encrypt(json.dumps(row.content).encode(), place=CONTENT, row=row.id),
        "data_key": wrapped,
        "updated_at": row.updated_at,
        "expires_at": row.expires_at,
    }


def _read(ring: KeyRing, row: Row[Any]) -> DraftRow:
    plain = ring.open(row.data_key).decrypt(row.content, place=CONTENT, row=row.id)
    return DraftRow(
        id=row.id,
        owner=Owner(row.client, row.subject),
        bundle=row.bundle,
        jurisdiction=row.jurisdiction,
        receiving=row.receiving,
        content=json.loads(plain),
        created_at=row.created_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
        version=row.version,
        sent_at=row.sent_at,
    )
