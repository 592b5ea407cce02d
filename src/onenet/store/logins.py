"""Log-ins: who is logged in to the console, found by the hash of what their browser holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.principal import Role
from onenet.store.identity_tables import login_session


@dataclass(frozen=True, slots=True)
class LoginRow:
    """A log-in. `id_hash`: SHA-256 of the 256 random bits in the cookie. `seen_at`: its last use, nearly.

    `address` and `browser`: where it was made, for the person to know it again.
    """

    id_hash: bytes
    issuer: str
    subject: str
    role: Role
    department: str | None
    jurisdictions: frozenset[str]
    acr: str | None
    authenticated_at: datetime | None
    created_at: datetime
    seen_at: datetime
    address: str | None = None
    browser: str | None = None


_FIND = select(login_session).where(login_session.c.id_hash == bindparam("id_hash"))
_INSERT = insert(login_session)
_SEEN = (
    update(login_session).where(login_session.c.id_hash == bindparam("of_id")).values(seen_at=bindparam("at"))
)
_END = delete(login_session).where(login_session.c.id_hash == bindparam("of_id"))
_END_OF_SUBJECT = delete(login_session).where(
    login_session.c.issuer == bindparam("of_issuer"), login_session.c.subject == bindparam("of_subject")
)
_END_OLD = delete(login_session).where(
    or_(
        login_session.c.seen_at <= bindparam("seen_before"),
        login_session.c.created_at <= bindparam("made_before"),
    )
)


async def find(connection: AsyncConnection, id_hash: bytes) -> LoginRow | None:
    """The log-in of that hash, over or not."""
    row = (await connection.execute(_FIND, {"id_hash": id_hash})).one_or_none()
    return None if row is None else _login(row)


async def of_subject(connection: AsyncConnection, issuer: str, subject: str) -> list[LoginRow]:
    """The log-ins of this subject, the oldest first."""
    c = login_session.c
    statement = select(login_session).where(c.issuer == issuer, c.subject == subject).order_by(c.created_at)
    return [_login(row) for row in await connection.execute(statement)]


async def add(connection: AsyncConnection, login: LoginRow) -> None:
    """Writes a new one."""
    values = {name: getattr(login, name) for name in LoginRow.__dataclass_fields__}
    jurisdictions = json.dumps(sorted(login.jurisdictions))
    await connection.execute(_INSERT, {**values, "role": str(login.role), "jurisdictions": jurisdictions})


async def seen(connection: AsyncConnection, id_hash: bytes, at: datetime) -> None:
    """Notes its use."""
    await connection.execute(_SEEN, {"of_id": id_hash, "at": at})


async def end(connection: AsyncConnection, id_hash: bytes) -> None:
    """Ends it, if it is there."""
    await connection.execute(_END, {"of_id": id_hash})


async def end_of_subject(connection: AsyncConnection, issuer: str, subject: str) -> int:
    """Ends all of a subject; how many there were."""
    done = await connection.execute(_END_OF_SUBJECT, {"of_issuer": issuer, "of_subject": subject})
    return done.rowcount


async def end_old(connection: AsyncConnection, *, seen_before: datetime, made_before: datetime) -> None:
    """Takes those away that are over."""
    await connection.execute(_END_OLD, {"seen_before": seen_before, "made_before": made_before})


def _login(row: Row[Any]) -> LoginRow:
    return LoginRow(
        id_hash=bytes(row.id_hash),
        issuer=row.issuer,
        subject=row.subject,
        role=Role(row.role),
        department=row.department,
        jurisdictions=frozenset(json.loads(row.jurisdictions)),
        acr=row.acr,
        authenticated_at=row.authenticated_at,
        created_at=row.created_at,
        seen_at=row.seen_at,
        address=row.address,
        browser=row.browser,
    )
