"""Drafts 草稿: kept while somebody fills in an application, sent in once, gone when nobody comes back.

A draft is no case. Sending one in takes three steps, each committed, so that whatever is killed when, there
is one case or a draft that can be sent in again: the draft is marked, which keeps others from changing it
and from sending it in meanwhile; the case is opened, under an id that follows from the draft's and a key
that is the draft's own; the draft is taken away. The upkeep finds what was left between two of them
(decision 0045).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet import crashing
from onenet.domain.delegation import Owner
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.domain.visibility import Column, Sight, Visible
from onenet.errors import (
    DraftQuota,
    DraftSent,
    Fault,
    NotFound,
    OnenetError,
    PreconditionFailed,
    Unavailable,
)
from onenet.ids import derived_id, to_text
from onenet.services.change import Once, Result
from onenet.services.custody import SETTLED_AFTER
from onenet.services.once import do_once
from onenet.store import cases as store_cases
from onenet.store import drafts as store
from onenet.store.database import Database
from onenet.store.documents import DocumentRow
from onenet.store.drafts import DraftRow
from onenet.store.idempotency import StoredAnswer

LIFE = timedelta(days=30)
"""From each saving on, unless `ONENET_DRAFT_DAYS` says otherwise."""

MOST = 20
"""Of one owner; each is as long as a body may be at most."""

SENDING = timedelta(minutes=1)
"""Sending one in is over long before, by the time limits of the database: a mark this old was left."""

MOST_SHOWN = 100
BATCH = 100


def case_id_of(draft_id: UUID) -> UUID:
    """The id of the case that is opened from a draft: there can be one."""
    return derived_id(b"draft", draft_id.bytes)


def sight_of(row: DraftRow, ways: Visible) -> Sight | None:
    """How a draft is seen: by the rules of the case that it may become."""
    return ways.sight_of_draft(
        {
            Column.CLIENT: row.owner.client,
            Column.SUBJECT: row.owner.subject,
            Column.BUNDLE: row.bundle,
            Column.JURISDICTION: row.jurisdiction,
            Column.RECEIVING: row.receiving,
        }
    )


async def begin(
    database: Database, row: DraftRow, *, once: Once, render: Callable[[DraftRow], StoredAnswer]
) -> tuple[StoredAnswer, bool]:
    """Keeps a new one, under a key. Raises: DraftQuota."""

    async def effect(connection: AsyncConnection) -> StoredAnswer:
        if await store.count_of(connection, row.owner, row.created_at) >= MOST:
            raise DraftQuota(f"at most {MOST} drafts: send one in or delete one first")
        await store.add(connection, row)
        return render(row)

    return await do_once(database, once, row.created_at, effect)


async def find(database: Database, id: UUID, ways: Visible, now: datetime) -> tuple[DraftRow, Sight]:
    """The draft, and how it is seen. Raises: NotFound, also for one of others, or whose time is over."""
    async with database.read() as connection:
        row = await store.find(connection, id)
    sight = sight_of(row, ways) if row else None
    if row is None or sight is None or row.expires_at <= now:
        raise NotFound
    return row, sight


async def visible(database: Database, ways: Visible, now: datetime) -> list[DraftRow]:
    """Those that can be seen, the last changed first, at most a hundred."""
    async with database.read() as connection:
        found = await store.visible(connection, ways, now, MOST_SHOWN)
    return [row for row in found if sight_of(row, ways)]


async def is_wanted(database: Database, document: DocumentRow) -> bool:
    """Whether a draft of its owner names this document."""
    async with database.read() as connection:
        found = await store.of_owner(connection, Owner(document.client, document.subject))
    name = to_text(DOCUMENT_PREFIX, document.id)
    return any(name == given.get("document") for row in found for given in row.content["materials"])


async def save(database: Database, row: DraftRow) -> None:
    """Writes the next version. Raises: DraftSent, PreconditionFailed when somebody else was first."""
    async with database.transaction() as connection:
        if not await store.save(connection, row):
            raise await _moved(connection, row.id)


async def delete(database: Database, row: DraftRow) -> None:
    """Takes it away for good. Raises: DraftSent, PreconditionFailed when somebody else was first."""
    async with database.transaction() as connection:
        if not await store.remove_unsent(connection, row):
            raise await _moved(connection, row.id)


async def _moved(connection: AsyncConnection, id: UUID) -> OnenetError:
    """Why a draft could not be changed."""
    found = await store.find(connection, id)
    if found is None:
        return NotFound()
    return _being_sent() if found.sent_at else PreconditionFailed()


def _being_sent() -> DraftSent:
    zh, en = (
        "草稿正在提交，或提交中断：请再次提交",
        "It is being sent in, or that broke off: send it in again",
    )
    fault = Fault("sending", zh, en, parameter="draft_id")
    return DraftSent(en, faults=(fault,), retry_after_s=int(SENDING.total_seconds()))


async def send_in(
    database: Database, row: DraftRow, open_case: Callable[[], Awaitable[Result]], now: datetime
) -> Result:
    """Opens the case of this draft, and takes the draft away.

    Whoever began before, and may have been killed, is gone ahead of: the case and the key are the draft's, so
    that there is one case whoever is first. Raises: as `open_case`, and then the draft stays;
    PreconditionFailed when somebody else changed it, DraftSent when somebody else began in this moment.
    """
    async with database.transaction() as connection:
        if not await store.mark_sent(connection, row, now):
            raise await _moved(connection, row.id)
    crashing.point("after_draft_marked")
    try:
        result = await open_case()
    except DraftSent:
        raise  # somebody else was first
    except Unavailable:  # it is not known what became of it: it can be sent in again, and not be changed
        with suppress(Unavailable):
            async with database.transaction() as connection:
                await store.change_mark(connection, row.id, now, now - SENDING)
        raise
    except OnenetError:
        is_others = row.sent_at is not None and row.sent_at > now - SENDING  # who may be at it still
        async with database.transaction() as connection:
            await store.change_mark(connection, row.id, now, row.sent_at if is_others else None)
        raise
    crashing.point("after_draft_sent")
    with suppress(Unavailable):  # the case is there: the upkeep takes the draft away
        async with database.transaction() as connection:
            await store.remove_sent(connection, row)
    return result


async def take_away_sent(database: Database, id: UUID) -> None:
    """Takes away what was left of a draft whose case is there."""
    with suppress(Unavailable):  # the upkeep takes it away
        async with database.transaction() as connection:
            await store.remove_marked(connection, id)


async def look_round(database: Database, now: datetime) -> None:
    """Takes away what is over, and settles what was left while it was sent in."""
    async with database.transaction() as connection:
        await store.remove_expired(connection, now)
    async with database.read() as connection:
        left = await store.sent(connection, now - SETTLED_AFTER, BATCH)
    for id, since in left:
        async with database.transaction() as connection:
            if await store_cases.versions(connection, [case_id_of(id)]):
                await store.remove_marked(connection, id)
            else:
                await store.change_mark(connection, id, since, None)
