"""Documents: their rows, those of uploads on their way, and those of links. Bytes are in `objects`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, and_, func, insert, or_, select, tuple_, update
from sqlalchemy import delete as delete_from
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.ids import lane_of
from onenet.store.among import among
from onenet.store.document_tables import document, document_link, document_upload

State = Literal["storing", "scanning", "clean", "infected", "unscanned"]
USABLE = ("clean", "unscanned")


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document. `about` is sealed: its name and checksums. `object` is where its bytes are.

    `check_at`: when somebody looks whether it is still wanted; None when a case has it for good. `case_id`
    says which case took it, or is about to.
    """

    id: UUID
    client: str
    subject: str
    media_type: str
    size_bytes: int
    about: bytes
    data_key: bytes
    object: str
    state: State
    created_at: datetime
    check_at: datetime | None
    scan_at: datetime | None = None
    finding: str | None = None
    case_id: UUID | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class UploadRow:
    """A document on its way by parts. `pieces`: names of the objects that hold what came, in order."""

    id: UUID
    client: str
    subject: str
    media_type: str
    size_bytes: int
    about: bytes
    data_key: bytes
    created_at: datetime
    expires_at: datetime
    received_bytes: int = 0
    pieces: tuple[str, ...] = ()
    document_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link that hands a document out once. The token is not kept, only its hash."""

    hash: bytes
    document_id: UUID
    case_id: UUID
    task_id: UUID
    department: str
    expires_at: datetime
    used_at: datetime | None = None


_DOCUMENT = tuple(DocumentRow.__dataclass_fields__)
_UPLOAD = tuple(UploadRow.__dataclass_fields__)
_LINK = tuple(LinkRow.__dataclass_fields__)
_DOCUMENTS = select(*(document.c[name] for name in _DOCUMENT))
_UPLOADS = select(*(document_upload.c[name] for name in _UPLOAD))
_LINKS = select(*(document_link.c[name] for name in _LINK))
_KEY = (document.c.lane, document.c.id)


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


# ---- documents


async def add(connection: AsyncConnection, row: DocumentRow) -> None:
    """Writes a new document."""
    await connection.execute(insert(document).values(lane=lane_of(row.id), **_fields(row)))


async def change(connection: AsyncConnection, id: UUID, *still: Any, **columns: Any) -> bool:
    """Writes these columns of a document; whether it was there, and as `still` says."""
    statement = update(document).where(document.c.lane == lane_of(id), document.c.id == id, *still)
    return (await connection.execute(statement.values(**columns))).rowcount == 1


async def remove(connection: AsyncConnection, id: UUID, *still: Any) -> bool:
    """Takes the row away; whether it was there, and as `still` says."""
    statement = delete_from(document).where(document.c.lane == lane_of(id), document.c.id == id, *still)
    return (await connection.execute(statement)).rowcount == 1


async def find(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, DocumentRow]:
    """The documents of these ids, at most 256; unknown ones are left out."""
    if not ids:
        return {}
    keys = sorted({(lane_of(id), id) for id in ids})
    found = await connection.execute(*among(_DOCUMENTS, _KEY, keys))
    return {row.id: DocumentRow(*row) for row in found}


async def of_subject(
    connection: AsyncConnection, client: str, subject: str, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[DocumentRow]:
    """The documents that this subject uploaded, the oldest first, after a place."""
    c = document.c
    statement = _DOCUMENTS.where(c.client == client, c.subject == subject, c.state != "storing")
    if after is not None:
        at, id = after
        later = and_(c.created_at == at, tuple_(c.lane, c.id) > (lane_of(id), id))
        statement = statement.where(or_(c.created_at > at, later))
    found = await connection.execute(statement.order_by(c.created_at, c.lane, c.id).limit(limit))
    return [DocumentRow(*row) for row in found]


async def of_case(connection: AsyncConnection, case_id: UUID) -> list[UUID]:
    """The documents that a case took, or that are put aside for it; also those it names no more."""
    statement = select(document.c.id).where(document.c.case_id == case_id)
    return list((await connection.execute(statement)).scalars())


async def taken_of_subject(
    connection: AsyncConnection, client: str, subject: str, *, limit: int
) -> list[DocumentRow]:
    """The documents of this subject that cases have for good and that may be used, the newest first."""
    c = document.c
    statement = _DOCUMENTS.where(
        c.client == client, c.subject == subject, c.case_id.is_not(None), c.state.in_(USABLE)
    )
    found = await connection.execute(statement.order_by(c.created_at.desc(), c.lane, c.id).limit(limit))
    return [DocumentRow(*row) for row in found]


async def free_of_subject(connection: AsyncConnection, client: str, subject: str) -> tuple[int, int]:
    """How many documents of this subject no case has taken, and how many bytes they are."""
    c = document.c
    statement = select(func.count(), func.coalesce(func.sum(c.size_bytes), 0)).where(
        c.client == client, c.subject == subject, c.case_id.is_(None)
    )
    count, size = (await connection.execute(statement)).one()
    return count, int(size)


async def to_scan(connection: AsyncConnection, now: datetime, limit: int) -> list[DocumentRow]:
    """Those that wait to be scanned, the longest waiting first."""
    due = _DOCUMENTS.where(document.c.scan_at <= now).order_by(document.c.scan_at).limit(limit)
    return [DocumentRow(*row) for row in await connection.execute(due)]


async def to_check(connection: AsyncConnection, now: datetime, limit: int) -> list[DocumentRow]:
    """Those about which it is time to ask whether they are still wanted."""
    due = _DOCUMENTS.where(document.c.check_at <= now).order_by(document.c.check_at).limit(limit)
    return [DocumentRow(*row) for row in await connection.execute(due)]


async def take(connection: AsyncConnection, id: UUID, case_id: UUID, check_at: datetime) -> bool:
    """Puts a document aside for a case; False when another case has it, or it is not usable."""
    c = document.c
    free = or_(c.case_id.is_(None), c.case_id == case_id)
    kept = c.check_at.is_not(None)
    return await change(
        connection, id, free, kept, c.state.in_(USABLE), case_id=case_id, check_at=check_at
    ) or await _is_of(connection, id, case_id)


async def _is_of(connection: AsyncConnection, id: UUID, case_id: UUID) -> bool:
    row = (await find(connection, [id])).get(id)
    return row is not None and row.case_id == case_id and row.state in USABLE


async def set_free(connection: AsyncConnection, id: UUID, case_id: UUID, check_at: datetime) -> bool:
    """Makes a document free that was put aside for a case and not taken for good."""
    c = document.c
    still = (c.case_id == case_id, c.check_at.is_not(None))
    return await change(connection, id, *still, case_id=None, check_at=check_at)


# ---- uploads


async def add_upload(connection: AsyncConnection, row: UploadRow) -> None:
    """Writes a new upload."""
    values = _fields(row) | {"pieces": json.dumps(row.pieces)}
    await connection.execute(insert(document_upload).values(lane=lane_of(row.id), **values))


async def change_upload(connection: AsyncConnection, id: UUID, received: int, **columns: Any) -> bool:
    """Writes these columns of an upload of which so much had been received; whether that was so."""
    c = document_upload.c
    still = (c.lane == lane_of(id), c.id == id, c.received_bytes == received, c.document_id.is_(None))
    return (await connection.execute(update(document_upload).where(*still).values(**columns))).rowcount == 1


async def find_upload(connection: AsyncConnection, id: UUID) -> UploadRow | None:
    """The upload of this id."""
    c = document_upload.c
    return await _upload(connection, _UPLOADS.where(c.lane == lane_of(id), c.id == id))


async def uploads_of_subject(connection: AsyncConnection, client: str, subject: str) -> tuple[int, int]:
    """How many uploads of this subject are on their way, and how many bytes they will be."""
    c = document_upload.c
    statement = select(func.count(), func.coalesce(func.sum(c.size_bytes), 0)).where(
        c.client == client, c.subject == subject, c.document_id.is_(None)
    )
    count, size = (await connection.execute(statement)).one()
    return count, int(size)


async def open_uploads(connection: AsyncConnection, client: str, subject: str) -> list[UploadRow]:
    """The uploads of this subject that are on their way; a quota keeps them few."""
    c = document_upload.c
    statement = _UPLOADS.where(c.client == client, c.subject == subject, c.document_id.is_(None))
    return [_read_upload(row) for row in await connection.execute(statement.order_by(c.created_at))]


async def expired_uploads(connection: AsyncConnection, now: datetime, limit: int) -> list[UploadRow]:
    """Uploads whose time is over."""
    c = document_upload.c
    due = _UPLOADS.where(c.expires_at <= now).order_by(c.expires_at).limit(limit)
    return [_read_upload(row) for row in await connection.execute(due)]


async def remove_upload(connection: AsyncConnection, id: UUID, *, before: datetime) -> None:
    """Takes an upload away whose time was over before that moment."""
    c = document_upload.c
    gone = (c.lane == lane_of(id), c.id == id, c.expires_at <= before)
    await connection.execute(delete_from(document_upload).where(*gone))


async def _upload(connection: AsyncConnection, statement: Select[Any]) -> UploadRow | None:
    row = (await connection.execute(statement)).first()
    return _read_upload(row) if row else None


def _read_upload(row: Any) -> UploadRow:
    members = dict(zip(_UPLOAD, row, strict=True))
    return UploadRow(**members | {"pieces": tuple(json.loads(members["pieces"]))})


# ---- links


async def put_links(connection: AsyncConnection, rows: Sequence[LinkRow]) -> None:
    """Writes links; one that is there already gets its new end, and stays used when it was used."""
    c = document_link.c
    for row in rows:
        lane = row.hash[-1]
        there = update(document_link).where(c.lane == lane, c.hash == row.hash)
        if (await connection.execute(there.values(expires_at=row.expires_at))).rowcount == 0:
            await connection.execute(insert(document_link).values(lane=lane, **_fields(row)))


async def find_link(connection: AsyncConnection, hashed: bytes) -> LinkRow | None:
    """The link whose token has this hash."""
    c = document_link.c
    row = (await connection.execute(_LINKS.where(c.lane == hashed[-1], c.hash == hashed))).first()
    return LinkRow(*row) if row else None


async def use_link(connection: AsyncConnection, hashed: bytes, now: datetime) -> bool:
    """Uses a link up; False when somebody did before, or its time is over."""
    c = document_link.c
    still = (c.lane == hashed[-1], c.hash == hashed, c.used_at.is_(None), c.expires_at > now)
    return (await connection.execute(update(document_link).where(*still).values(used_at=now))).rowcount == 1


async def give_back_link(connection: AsyncConnection, hashed: bytes, used_at: datetime) -> None:
    """Makes a link good again that broke off on the way."""
    c = document_link.c
    still = (c.lane == hashed[-1], c.hash == hashed, c.used_at == used_at)
    await connection.execute(update(document_link).where(*still).values(used_at=None))


async def remove_expired_links(connection: AsyncConnection, before: datetime) -> None:
    """Takes links away whose time was over before that moment."""
    await connection.execute(delete_from(document_link).where(document_link.c.expires_at <= before))
