"""Tokens that were taken back: one by its id, or all of a subject from before a moment.

A row is of use until the last token it speaks of has ended by itself; then it may go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.store.identity_tables import token_revocation

_SELECT = select(token_revocation).where(token_revocation.c.ends_at > bindparam("now"))
_DELETE = delete(token_revocation).where(
    token_revocation.c.issuer == bindparam("of_issuer"),
    token_revocation.c.kind == bindparam("of_kind"),
    token_revocation.c.value_hash == bindparam("of_value"),
)
_DELETE_ENDED = delete(token_revocation).where(token_revocation.c.ends_at <= bindparam("now"))
_INSERT = insert(token_revocation)


@dataclass(frozen=True, slots=True)
class Revocation:
    """What was taken back. `value_hash`: SHA-256 of a token's `jti`, or of a subject, whose tokens issued
    before the moment are refused."""

    issuer: str
    kind: Literal["token", "subject"]
    value_hash: bytes
    before: datetime
    ends_at: datetime


async def live(connection: AsyncConnection, now: datetime) -> Sequence[Revocation]:
    """All that still matter."""
    rows = await connection.execute(_SELECT, {"now": now})
    return [Revocation(row.issuer, row.kind, bytes(row.value_hash), row.before, row.ends_at) for row in rows]


async def put(connection: AsyncConnection, revocation: Revocation, now: datetime) -> None:
    """Writes it in place of an earlier one of the same, and takes away what no longer matters."""
    await connection.execute(_DELETE_ENDED, {"now": now})
    same = {
        "of_issuer": revocation.issuer,
        "of_kind": revocation.kind,
        "of_value": revocation.value_hash,
    }
    await connection.execute(_DELETE, same)
    names = ("issuer", "kind", "value_hash", "before", "ends_at")
    await connection.execute(_INSERT, {name: getattr(revocation, name) for name in names})
