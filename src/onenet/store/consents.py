"""Consents: rows that their owner adds and takes back. The purpose is sealed: it is in a person's words."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.consent import Consent
from onenet.domain.delegation import Owner
from onenet.encryption import KeyRing
from onenet.store.access_tables import consent
from onenet.store.sealing import opened_system, ring_of, sealed_system

PURPOSE = "consent.purpose"

_c = consent.c


async def add(connection: AsyncConnection, given: Consent) -> None:
    """Writes a new one."""
    row = _place(given.owner, given.id)
    await connection.execute(
        insert(consent),
        {
            "subject": given.owner.subject,
            "client": given.owner.client,
            "id": given.id,
            "document_id": given.document_id,
            "bundle": given.bundle,
            "departments": json.dumps(sorted(given.departments)),
            "purpose": sealed_system(ring_of(connection), given.purpose, PURPOSE, row),
            "given_at": given.given_at,
            "ends_at": given.ends_at,
            "revoked_at": given.revoked_at,
        },
    )


async def about(
    connection: AsyncConnection, owner: Owner, limit: int, *, after: Consent | None = None
) -> list[Consent]:
    """What this owner gave, ended ones too; the newest first, after one of them."""
    statement = select(consent).where(_c.subject == owner.subject, _c.client == owner.client)
    if after is not None:
        later = and_(_c.given_at == after.given_at, _c.id > after.id)
        statement = statement.where(or_(_c.given_at < after.given_at, later))
    found = await connection.execute(statement.order_by(_c.given_at.desc(), _c.id).limit(limit))
    ring = ring_of(connection)
    return [_read(ring, row) for row in found]


async def of_document(connection: AsyncConnection, owner: Owner, document_id: UUID) -> list[Consent]:
    """What this owner gave for this document, ended ones too."""
    mine = (_c.subject == owner.subject, _c.client == owner.client, _c.document_id == document_id)
    ring = ring_of(connection)
    return [_read(ring, row) for row in await connection.execute(select(consent).where(*mine))]


async def count_live(connection: AsyncConnection, owner: Owner, now: datetime) -> int:
    """How many of this owner's have neither ended nor been taken back."""
    mine = (_c.subject == owner.subject, _c.client == owner.client)
    live = (_c.ends_at > now, _c.revoked_at.is_(None))
    return await connection.scalar(select(func.count()).select_from(consent).where(*mine, *live)) or 0


async def revoke(connection: AsyncConnection, owner: Owner, id: UUID, at: datetime) -> Consent | None:
    """Takes one back, once; gives it as it now is, or None when this owner gave none of this id."""
    mine = (_c.subject == owner.subject, _c.id == id, _c.client == owner.client)
    await connection.execute(update(consent).where(*mine, _c.revoked_at.is_(None)).values(revoked_at=at))
    row = (await connection.execute(select(consent).where(*mine))).first()
    return _read(ring_of(connection), row) if row else None


def _place(owner: Owner, id: UUID) -> str:
    return f"{owner.subject}/{id}"


def _read(ring: KeyRing, row: Row[Any]) -> Consent:
    owner = Owner(row.client, row.subject)
    return Consent(
        id=row.id,
        owner=owner,
        document_id=row.document_id,
        bundle=row.bundle,
        departments=frozenset(json.loads(row.departments)),
        purpose=opened_system(ring, row.purpose, PURPOSE, _place(owner, row.id)),
        given_at=row.given_at,
        ends_at=row.ends_at,
        revoked_at=row.revoked_at,
    )
