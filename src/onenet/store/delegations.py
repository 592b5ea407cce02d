"""Delegations: rows that their owner adds and takes back, and that each call of a delegate reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.delegation import Delegation, Owner
from onenet.store.access_tables import delegation

_c = delegation.c


async def add(connection: AsyncConnection, given: Delegation) -> None:
    """Writes a new one."""
    await connection.execute(
        insert(delegation),
        {
            "delegate_subject": given.delegate.subject,
            "delegate_client": given.delegate.client,
            "id": given.id,
            "owner_client": given.owner.client,
            "owner_subject": given.owner.subject,
            "bundles": json.dumps(sorted(given.bundles)),
            "case_id": given.case_id,
            "proof": given.proof,
            "begins_at": given.begins_at,
            "ends_at": given.ends_at,
            "created_at": given.created_at,
            "revoked_at": given.revoked_at,
        },
    )


async def to(connection: AsyncConnection, delegate: Owner, now: datetime) -> list[Delegation]:
    """What was given to this delegate and has not ended yet."""
    statement = select(delegation).where(
        _c.delegate_subject == delegate.subject, _c.delegate_client == delegate.client, _c.ends_at > now
    )
    return [_read(row) for row in await connection.execute(statement)]


async def about(
    connection: AsyncConnection, person: Owner, limit: int, *, after: Delegation | None = None
) -> list[Delegation]:
    """What this person gave and was given, ended ones too; the newest first, after one of them."""
    gave = (_c.owner_subject == person.subject) & (_c.owner_client == person.client)
    got = (_c.delegate_subject == person.subject) & (_c.delegate_client == person.client)
    statement = select(delegation).where(or_(gave, got)).order_by(_c.created_at.desc(), _c.id).limit(limit)
    if after is not None:
        later = and_(_c.created_at == after.created_at, _c.id > after.id)
        statement = statement.where(or_(_c.created_at < after.created_at, later))
    return [_read(row) for row in await connection.execute(statement)]


async def count_live(connection: AsyncConnection, owner: Owner, now: datetime) -> int:
    """How many of this owner's have neither ended nor been taken back."""
    statement = select(_c.id).where(
        _c.owner_subject == owner.subject,
        _c.owner_client == owner.client,
        _c.ends_at > now,
        _c.revoked_at.is_(None),
    )
    return len((await connection.execute(statement)).all())


async def revoke(connection: AsyncConnection, owner: Owner, id: UUID, at: datetime) -> Delegation | None:
    """Takes one back, once; gives it as it now is, or None when this owner gave none of this id."""
    mine = (_c.id == id, _c.owner_subject == owner.subject, _c.owner_client == owner.client)
    await connection.execute(update(delegation).where(*mine, _c.revoked_at.is_(None)).values(revoked_at=at))
    row = (await connection.execute(select(delegation).where(*mine))).first()
    return _read(row) if row else None


def _read(row: Row[Any]) -> Delegation:
    bundles: Sequence[str] = json.loads(row.bundles)
    return Delegation(
        id=row.id,
        owner=Owner(row.owner_client, row.owner_subject),
        delegate=Owner(row.delegate_client, row.delegate_subject),
        begins_at=row.begins_at,
        ends_at=row.ends_at,
        bundles=frozenset(bundles),
        case_id=row.case_id,
        proof=row.proof,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
