"""Consents 同意 to use a document again: given and taken back by its owner. Where they count: `reuse`.

Source: PIPL articles 6 (a stated purpose), 14, 15 (taken back at any time) and 23 (to whom).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.consent import Consent
from onenet.domain.delegation import Owner
from onenet.domain.principal import Principal
from onenet.errors import Conflict, Fault, NotFound
from onenet.ids import new_id
from onenet.services import reuse, within
from onenet.services.cases import find_bundle, unknown
from onenet.services.catalogue import Catalogue
from onenet.services.change import Once
from onenet.services.once import do_once
from onenet.store import consents as store
from onenet.store import documents as store_documents
from onenet.store.database import Database
from onenet.store.idempotency import StoredAnswer

LONGEST = timedelta(days=366)
MOST_LIVE = 100
NO_DOCUMENT = ("没有此文件，或其不属于本人办件", "no document of your own cases")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an owner consents to."""

    document_id: UUID
    bundle: str
    departments: tuple[str, ...]
    purpose: str
    ends_at: datetime


async def check(
    database: Database, catalogue: Catalogue, wanted: Wanted, who: Principal, now: datetime
) -> None:
    """Passes when this can be given. Raises: Conflict, UnknownReference."""
    if not timedelta(0) < wanted.ends_at - now <= LONGEST:
        zh, en = "应晚于当前时间，且不超过 366 天", "Expected after now, within 366 days"
        raise Conflict(en, faults=(Fault("consent", zh, en, pointer="/ends_at"),))
    bundle = await find_bundle(catalogue, wanted.bundle, None)
    for index, code in enumerate(wanted.departments):
        if code not in {member.department for member in bundle.members}:
            raise unknown(f"/departments/{index}", "该“一件事”无此部门", "no such department in the bundle")
    seen = await within.own(catalogue, who)
    async with database.read() as connection:
        row = (await store_documents.find(connection, [wanted.document_id])).get(wanted.document_id)
        if row is None or not await reuse.is_of_own_case(connection, row, seen):
            raise unknown("/document", *NO_DOCUMENT)


async def give_once(
    database: Database,
    wanted: Wanted,
    owner: Owner,
    now: datetime,
    *,
    once: Once,
    render: Callable[[Consent], StoredAnswer],
) -> tuple[StoredAnswer, bool]:
    """Gives it, under a key. Raises: Conflict when the owner has given too many."""
    given = Consent(
        id=new_id(), owner=owner, document_id=wanted.document_id, bundle=wanted.bundle,
        departments=frozenset(wanted.departments), purpose=wanted.purpose, given_at=now,
        ends_at=wanted.ends_at,
    )  # fmt: skip

    async def effect(connection: AsyncConnection) -> StoredAnswer:
        if await store.count_live(connection, owner, now) >= MOST_LIVE:
            raise Conflict(f"at most {MOST_LIVE} consents at a time: take one back first")
        await store.add(connection, given)
        return render(given)

    return await do_once(database, once, now, effect)


async def about(database: Database, owner: Owner, after: Consent | None = None) -> list[Consent]:
    """What this owner gave, newest first, at most a hundred."""
    async with database.read() as connection:
        return await store.about(connection, owner, MOST_LIVE, after=after)


async def revoke(database: Database, owner: Owner, id: UUID, now: datetime) -> Consent:
    """Takes one back, from now on; a second time changes nothing. Raises: NotFound."""
    async with database.transaction() as connection:
        found = await store.revoke(connection, owner, id, now)
    if found is None:
        raise NotFound
    return found
