"""API keys: a public part to find one by, and a hash in place of the secret part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, bindparam, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.store.tables import api_key

KeyKind = Literal["frontend", "department", "administrator", "officer", "supervisor", "auditor"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored.

    `hash`: SHA-256 of the whole token, which holds 256 random bits. `client`: the code of the front-end,
    department or administrator it belongs to; of an officer's key the department. `jurisdictions`: what it is
    confined to; empty: nothing. `networks`: from where it may be used; empty: anywhere. `expires_at` None: no
    end. `revoked_at`: from then on it is refused; a moment in the future is the end of a rotation.
    `last_used_at`: to the minute.
    """

    id: UUID
    public: str
    hash: bytes
    kind: KeyKind
    client: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    jurisdictions: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()
    last_used_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether the key still opens anything."""
        return all(end is None or now < end for end in (self.expires_at, self.revoked_at))


_BY_PUBLIC = select(api_key).where(api_key.c.public == bindparam("public"))
_EVERY = select(api_key).order_by(api_key.c.created_at, api_key.c.id)
_LIVE_OF_CLIENT = (
    select(api_key)
    .where(api_key.c.kind == bindparam("kind"), api_key.c.client == bindparam("client"))
    .where(or_(api_key.c.revoked_at.is_(None), api_key.c.revoked_at > bindparam("now")))
    .where(or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > bindparam("now")))
    .order_by(api_key.c.created_at, api_key.c.id)
)
_REVOKE = (
    update(api_key)
    .where(api_key.c.public == bindparam("of_public"))
    .where(or_(api_key.c.revoked_at.is_(None), api_key.c.revoked_at > bindparam("at")))
    .values(revoked_at=bindparam("at"))
)
_USED = (
    update(api_key)
    .where(api_key.c.public == bindparam("of_public"))
    .where(or_(api_key.c.last_used_at.is_(None), api_key.c.last_used_at < bindparam("at")))
    .values(last_used_at=bindparam("at"))
)
_INSERT = insert(api_key)


async def find(connection: AsyncConnection, public: str) -> ApiKey | None:
    """The key with that public part, live or not."""
    row = (await connection.execute(_BY_PUBLIC, {"public": public})).one_or_none()
    return None if row is None else _key(row)


async def live_of_client(
    connection: AsyncConnection, kind: KeyKind, client: str, now: datetime
) -> list[ApiKey]:
    """The keys of a client that still open something, the oldest first."""
    rows = await connection.execute(_LIVE_OF_CLIENT, {"kind": kind, "client": client, "now": now})
    return [_key(row) for row in rows]


async def every(connection: AsyncConnection) -> list[ApiKey]:
    """All keys, live or not, the oldest first."""
    return [_key(row) for row in await connection.execute(_EVERY)]


async def add(connection: AsyncConnection, key: ApiKey) -> None:
    """Writes a new key."""
    await connection.execute(
        _INSERT,
        {
            "id": key.id,
            "public": key.public,
            "hash": key.hash,
            "kind": key.kind,
            "client": key.client,
            "scopes": json.dumps(sorted(key.scopes)),
            "created_at": key.created_at,
            "expires_at": key.expires_at,
            "revoked_at": key.revoked_at,
            "jurisdictions": json.dumps(sorted(key.jurisdictions)),
            "networks": json.dumps(key.networks),
        },
    )


async def revoke(connection: AsyncConnection, public: str, at: datetime) -> bool:
    """Ends a key at that moment, unless it ends earlier; whether there was anything to end."""
    done = await connection.execute(_REVOKE, {"of_public": public, "at": at})
    return done.rowcount == 1


async def note_used(connection: AsyncConnection, used: Mapping[str, datetime]) -> None:
    """Writes when keys were last used, by their public parts; in order, as two processes may be at it."""
    await connection.execute(_USED, [{"of_public": public, "at": at} for public, at in sorted(used.items())])


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        public=row.public,
        hash=bytes(row.hash),
        kind=row.kind,
        client=row.client,
        scopes=frozenset(json.loads(row.scopes)),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        jurisdictions=frozenset(json.loads(row.jurisdictions)),
        networks=tuple(json.loads(row.networks)),
        last_used_at=row.last_used_at,
    )
