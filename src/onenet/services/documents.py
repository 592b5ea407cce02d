"""Documents: taken in, looked up, handed out. Whoever uploads one owns it, until a case takes it.

In: the bytes go to a spool, are judged there, and what is kept of them is sealed into an object. The row
comes first, as `storing`, so that whatever is killed when, somebody knows of every object; it becomes a
document in the transaction that stores the answer. Out: only unsealed chunk by chunk, to whom it concerns.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet import crashing
from onenet.clock import Clock
from onenet.domain.case import Case
from onenet.domain.delegation import Owner
from onenet.domain.files import kinds
from onenet.domain.files.source import Kept, blocks, size_of
from onenet.domain.principal import Principal
from onenet.domain.states import StepState
from onenet.domain.visibility import Content, View
from onenet.encryption import DataKey, KeyRing, Unreadable
from onenet.errors import DocumentQuota, Fault, Forbidden, NotFound, PayloadTooLarge, Unavailable
from onenet.ids import new_id
from onenet.services.change import Once
from onenet.services.once import answered, do_once
from onenet.store import documents as store
from onenet.store import sealed
from onenet.store.database import Database
from onenet.store.documents import DocumentRow
from onenet.store.idempotency import StoredAnswer
from onenet.store.objects import Objects
from onenet.store.spool import Spool

MAX_FREE_DOCUMENTS = 100
MAX_FREE_BYTES = 200_000_000
"""Of one subject, together with what is on its way, until cases take them."""

FREE_FOR = timedelta(hours=24)
"""How long a document waits for a case to take it."""

STORING_FOR = timedelta(hours=1)
WRITE_BYTES = 256 * 1024
MOST_JUDGED = 4
"""Files that are judged at once in a process; each may take a processor for a tenth of a second."""

ABOUT = "document.about"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Announced:
    """What is said of a file: by whom, its name, its type, how large it is where that is known."""

    client: str
    subject: str
    filename: str
    media_type: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document as its owner knows it. `sha256` is of what is kept, `uploaded_sha256` of what was sent.

    `since`: of a copy, when the first of them was handed in, as ISO text.
    """

    row: DocumentRow
    filename: str
    sha256: str
    uploaded_sha256: str
    since: str | None = None

    @property
    def handed_in_at(self) -> datetime:
        """When a person brought it; a copy is as old as what it was made of."""
        return datetime.fromisoformat(self.since) if self.since else self.row.created_at

    @property
    def id(self) -> UUID:
        """Its id."""
        return self.row.id


Render = Callable[[Document], StoredAnswer]
Effect = Callable[[AsyncConnection, Document], Awaitable[None]]
CaseOf = Callable[[UUID], Awaitable[Case | None]]


@dataclass(frozen=True, slots=True)
class Vault:
    """What documents are kept with. `is_scanned`: whether a scanner must have seen one before it is used."""

    database: Database
    objects: Objects
    keys: KeyRing
    clock: Clock
    folder: Path
    is_scanned: bool
    judging: asyncio.Semaphore

    @classmethod
    def over(
        cls,
        database: Database,
        objects: Objects,
        keys: KeyRing,
        clock: Clock,
        *,
        folder: Path,
        is_scanned: bool,
    ) -> Vault:
        """One for a process; spools are files of `folder`."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(database, objects, keys, clock, folder, is_scanned, asyncio.Semaphore(MOST_JUDGED))


# ---- in


async def upload(
    vault: Vault,
    said: Announced,
    chunks: AsyncIterator[bytes],
    once: Callable[[str], Once],
    render: Render,
) -> tuple[StoredAnswer, bool]:
    """Takes a file in at once: the answer, and whether it is a repeated one. `once` is told the SHA-256.

    Raises: DocumentRefused, PayloadTooLarge, DocumentQuota, Unavailable.
    """
    await check_quota(vault, said)
    with Spool(vault.folder) as spool:
        await fill(spool, chunks)
        digest = await asyncio.to_thread(spool.end)
        return await keep(vault, said, spool, digest, once=once(digest), render=render)


async def fill(spool: Spool, chunks: AsyncIterator[bytes], limit: int = kinds.MAX_FILE_BYTES) -> None:
    """Writes what comes to the spool. Raises: PayloadTooLarge as soon as it is too much."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if spool.size + len(waiting) > limit:
            raise too_large(limit)
        if len(waiting) >= WRITE_BYTES:
            await asyncio.to_thread(spool.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(spool.write, bytes(waiting))


def too_large(limit: int) -> PayloadTooLarge:
    """The error for more bytes than may come."""
    en = f"Expected at most {limit} bytes"
    return PayloadTooLarge(en, faults=(Fault("too_large", f"至多 {limit} 字节", en, pointer=""),))


async def keep(
    vault: Vault,
    said: Announced,
    spool: Spool,
    digest: str,
    *,
    once: Once,
    render: Render,
    effect: Effect | None = None,
) -> tuple[StoredAnswer, bool]:
    """Judges what is in a spool and makes a document of it. `effect` is part of the same transaction."""
    if kept := await answered(vault.database, once):
        return kept, True
    async with vault.judging:
        passed = await asyncio.to_thread(
            kinds.check, spool, media_type=said.media_type, filename=said.filename
        )
    made, key = await _begin(vault, said, spool, passed, digest)
    await asyncio.to_thread(_put, vault.objects, made, key, blocks(spool, passed))
    crashing.point("after_document_stored")
    now = vault.clock.now()
    ready = replace(made, row=_ready(vault, made.row, now))

    async def commit(connection: AsyncConnection) -> StoredAnswer:
        row = ready.row
        columns = {"state": row.state, "scan_at": row.scan_at, "check_at": row.check_at}
        if not await store.change(connection, row.id, **columns):
            raise Unavailable("the upload took too long", retry_after_s=1)
        if effect is not None:
            await effect(connection, ready)
        return render(ready)

    answer, replayed = await do_once(vault.database, once, now, commit)
    crashing.point("after_document_commit")
    if replayed:  # the same request came twice at once, and the other one was first
        await erase(vault, made.row)
    return answer, replayed


async def _begin(
    vault: Vault, said: Announced, spool: Spool, passed: Kept, digest: str
) -> tuple[Document, DataKey]:
    kept_digest = await asyncio.to_thread(_digest, blocks(spool, passed))
    return await _with_row(vault, said, size_of(passed), kept_digest, digest)


async def _with_row(
    vault: Vault, said: Announced, size_bytes: int, kept_digest: str, digest: str, *, since: str | None = None
) -> tuple[Document, DataKey]:
    """Writes the row of what is about to be stored."""
    id, now = new_id(), vault.clock.now()
    key, wrapped = vault.keys.new_data_key()
    about = {"filename": said.filename, "sha256": kept_digest, "uploaded_sha256": digest}
    about |= {"since": since} if since else {}
    # Keyed, and of this document alone: equal files of two people have nothing in common from outside.
    name = vault.keys.blind_index(f"document/{id}/{kept_digest}").hex()
    row = DocumentRow(
        id, said.client, said.subject, said.media_type, size_bytes,
        about=key.encrypt(json.dumps(about).encode(), place=ABOUT, row=id),
        data_key=wrapped, object=f"documents/{name[:2]}/{name}", state="storing",
        created_at=now, check_at=now + STORING_FOR,
    )  # fmt: skip
    async with vault.database.transaction() as connection:
        await store.add(connection, row)
    return Document(row, **about), key


def _ready(vault: Vault, row: DocumentRow, now: datetime) -> DocumentRow:
    if vault.is_scanned:
        return replace(row, state="scanning", scan_at=now, check_at=now + FREE_FOR)
    return replace(row, state="unscanned", check_at=now + FREE_FOR)


def _digest(plain: Iterable[bytes]) -> str:
    made = hashlib.sha256()
    for block in plain:
        made.update(block)
    return made.hexdigest()


def _put(objects: Objects, made: Document, key: DataKey, plain: Iterator[bytes]) -> None:
    objects.put(made.row.object, sealed.seal(key, made.id, plain))


async def copy(vault: Vault, row: DocumentRow, owner: Owner) -> DocumentRow:
    """A document of this owner with the same bytes and a key of its own, free until a case takes it.

    Raises: NotFound for one that may not be used, Unavailable.
    """
    found = read(vault.keys, row)
    plain = await content(vault, found)
    said = Announced(*owner, found.filename, row.media_type)
    made, key = await _with_row(
        vault, said, row.size_bytes, found.sha256, found.uploaded_sha256,
        since=found.handed_in_at.isoformat(),
    )  # fmt: skip
    await asyncio.to_thread(_put, vault.objects, made, key, plain)
    async with vault.database.transaction() as connection:
        await store.change(connection, made.id, state=row.state, check_at=vault.clock.now() + FREE_FOR)
    return made.row


async def check_quota(vault: Vault, said: Announced, more: int = 1) -> None:
    """Passes when the subject may bring so many more of this size together.

    Raises: DocumentQuota, Unavailable.
    """
    if not vault.keys.kids:
        raise Unavailable("documents need a key-encryption key: ONENET_KEK_FILE")
    async with vault.database.read() as connection:
        count, size = await store.free_of_subject(connection, said.client, said.subject)
        coming, coming_size = await store.uploads_of_subject(connection, said.client, said.subject)
    wanted = size + coming_size + (said.size_bytes or 0)
    if count + coming + more > MAX_FREE_DOCUMENTS or wanted > MAX_FREE_BYTES:
        raise DocumentQuota(
            f"at most {MAX_FREE_DOCUMENTS} documents and {MAX_FREE_BYTES} bytes wait for a case",
            faults=(
                Fault(
                    "quota",
                    "等待办件的文件过多，请先提交办件",
                    "Too many documents wait for a case",
                    pointer="",
                ),
            ),
        )


async def erase(vault: Vault, row: DocumentRow, *still: object) -> None:
    """Takes a document away for good: the object first, as without its row nobody would know of it."""
    await asyncio.to_thread(vault.objects.remove, row.object)
    async with vault.database.transaction() as connection:
        await store.remove(connection, row.id, *still)


# ---- looking up


def read(keys: KeyRing, row: DocumentRow) -> Document:
    """The document in a row. Raises: Unreadable."""
    plain = keys.open(row.data_key).decrypt(row.about, place=ABOUT, row=row.id)
    return Document(row, **json.loads(plain))


async def find(vault: Vault, id: UUID) -> DocumentRow:
    """The row of a document; who may see it is for `is_owner` and `is_shown`. Raises: NotFound."""
    async with vault.database.read() as connection:
        row = (await store.find(connection, [id])).get(id)
    if row is None or row.state == "storing":
        raise NotFound
    return row


def owner_of(who: Principal) -> Owner:
    """Whose a document is that this caller uploads: the caller's, or of whoever stands before the counter.

    Raises: Forbidden for callers who act for nobody.
    """
    name = who.visitor or who.subject
    if name is None:
        raise Forbidden
    return Owner(who.client, name)


def is_owner(row: DocumentRow, who: Principal) -> bool:
    """Whether it is this caller's own: uploaded by the same subject, in the same world."""
    return (row.client, row.subject) == (who.client, who.visitor or who.subject)


def is_shown(row: DocumentRow, case: Case, view: View) -> bool:
    """Whether a view of the case that has it shows it: all of them, those that its steps need, or none."""
    match view.content:
        case Content.WHOLE:
            return any(given.document == row.id for given in case.content.materials)
        case Content.NEEDED:
            return row.state in store.USABLE and view.department in departments_of(case, row.id)
        case Content.NOTHING:
            return False


def departments_of(case: Case, document_id: UUID) -> set[str]:
    """The departments with a step that needs this document, was reached by now, and was not cancelled."""
    codes = {given.code for given in case.content.materials if given.document == document_id}
    return {
        step.department
        for step in case.steps.values()
        if step.state not in (StepState.SKIPPED, StepState.WAITING, StepState.CANCELLED)
        and codes & set(case.bundle.member(step.code).materials)
    }


# ---- out


async def content(vault: Vault, found: Document) -> Iterator[bytes]:
    """The bytes of a document; the first of them are read and right when this returns.

    Raises: NotFound for one that may not be used, Unavailable when its object cannot be read.
    """
    row = found.row
    if row.state not in store.USABLE:
        raise NotFound
    try:
        plain = sealed.unseal(vault.keys.open(row.data_key), row.id, vault.objects.read(row.object))
        first = await asyncio.to_thread(next, plain)
    except (LookupError, Unreadable) as error:
        log.exception("document_unreadable", document=str(row.id), error=type(error).__name__)
        raise Unavailable("the document cannot be read") from error
    return chain([first], plain)
