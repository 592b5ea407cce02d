"""Uploads: a document that comes in parts, over lines that break. What came stays until it is complete.

Each part is an object of its own, sealed; the row says which of them count, in order, so that a part that was
cut off, or came twice, does not. A part that is cut off counts as far as it came.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.principal import Principal
from onenet.errors import Conflict, Fault, InvalidInput, NotFound
from onenet.ids import new_id
from onenet.services import documents
from onenet.services.change import Once
from onenet.services.documents import Announced, Document, Render, Vault
from onenet.services.once import answered, do_once
from onenet.store import documents as store
from onenet.store import sealed
from onenet.store.documents import UploadRow
from onenet.store.idempotency import StoredAnswer
from onenet.store.spool import Spool

LIVES = timedelta(hours=24)
AFTERWARDS = timedelta(hours=1)
"""How long an upload that is complete still says which document it became."""

MOST_PIECES = 400
ABOUT = "document_upload.about"


async def begin(
    vault: Vault, said: Announced, once: Once, render: Callable[[UploadRow, str], StoredAnswer]
) -> tuple[StoredAnswer, bool]:
    """Begins an upload: the answer, and whether it is a repeated one. Raises: DocumentQuota."""
    if kept := await answered(vault.database, once):
        return kept, True
    await documents.check_quota(vault, said)
    id, now = new_id(), vault.clock.now()
    key, wrapped = vault.keys.new_data_key()
    about = key.encrypt(json.dumps(said.filename).encode(), place=ABOUT, row=id)
    row = UploadRow(
        id, said.client, said.subject, said.media_type, said.size_bytes or 0, about, wrapped, now, now + LIVES
    )

    async def effect(connection: AsyncConnection) -> StoredAnswer:
        await store.add_upload(connection, row)
        return render(row, said.filename)

    return await do_once(vault.database, once, now, effect)


async def get(vault: Vault, id: UUID, who: Principal) -> tuple[UploadRow, str]:
    """An upload of the caller's own, and the name of its file. Raises: NotFound."""
    async with vault.database.read() as connection:
        row = await store.find_upload(connection, id)
    if (
        row is None
        or documents.owner_of(who) != (row.client, row.subject)
        or row.expires_at <= vault.clock.now()
    ):
        raise NotFound
    return row, filename_of(vault, row)


def filename_of(vault: Vault, row: UploadRow) -> str:
    """The name of the file that is on its way. Raises: Unreadable."""
    plain = vault.keys.open(row.data_key).decrypt(row.about, place=ABOUT, row=row.id)
    name: str = json.loads(plain)
    return name


async def put_part(vault: Vault, row: UploadRow, offset: int, chunks: AsyncIterator[bytes]) -> UploadRow:
    """Adds what comes, as far as it comes.

    Raises: Conflict when it begins elsewhere than the last ended; InvalidInput when nothing was to come.
    """
    if row.document_id is not None:
        raise Conflict("this upload is complete")
    if offset != row.received_bytes:
        raise out_of_place(row)
    if len(row.pieces) >= MOST_PIECES:
        raise Conflict(f"at most {MOST_PIECES} parts: begin again, with larger ones")
    with Spool(vault.folder) as spool:
        broke_off = await _fill(spool, chunks, row.size_bytes - offset)
        if spool.size == 0:
            if not broke_off:
                raise InvalidInput("expected at least one byte in the body")
            return row
        return await _note(vault, row, spool, broke_off=broke_off)


async def _fill(spool: Spool, chunks: AsyncIterator[bytes], limit: int) -> bool:
    """Whether the line broke before the end."""
    broke_off = False

    async def as_far_as_it_comes() -> AsyncIterator[bytes]:
        nonlocal broke_off
        try:
            async for chunk in chunks:
                yield chunk
        except ConnectionError:
            broke_off = True

    await documents.fill(spool, as_far_as_it_comes(), limit)
    await asyncio.to_thread(spool.end)
    return broke_off


async def _note(vault: Vault, row: UploadRow, spool: Spool, *, broke_off: bool) -> UploadRow:
    piece = f"incoming/{row.id.hex}/{new_id().hex}"
    key = vault.keys.open(row.data_key)
    await asyncio.to_thread(vault.objects.put, piece, sealed.seal(key, piece, spool.blocks()))
    received = row.received_bytes + spool.size
    pieces = (*row.pieces, piece)
    async with vault.database.transaction() as connection:
        counts = await store.change_upload(
            connection, row.id, row.received_bytes, received_bytes=received, pieces=json.dumps(pieces)
        )
    if not counts:  # another part came first, from here on this one is nobody's
        await asyncio.to_thread(vault.objects.remove, piece)
        raise Conflict("another part was sent at the same time: ask how far the upload is")
    if broke_off:
        raise ConnectionError("the line broke off")
    async with vault.database.read() as connection:
        return await store.find_upload(connection, row.id) or row


def out_of_place(row: UploadRow) -> Conflict:
    """The error for a part that begins somewhere else than where the last one ended."""
    at = row.received_bytes
    fault = Fault("offset", f"应从第 {at} 字节继续", f"Expected to go on from byte {at}", parameter="offset")
    return Conflict(f"the upload goes on from byte {at}", faults=(fault,))


async def complete(
    vault: Vault, row: UploadRow, filename: str, sha256: str, *, once: Once, render: Render
) -> tuple[StoredAnswer, bool]:
    """Makes a document of what came. Raises: Conflict while something is missing; as `documents.upload`."""
    if kept := await answered(vault.database, once):
        return kept, True
    if row.document_id is not None:
        raise Conflict("this upload is complete")
    if row.received_bytes != row.size_bytes:
        raise out_of_place(row)
    said = Announced(row.client, row.subject, filename, row.media_type, row.size_bytes)
    with Spool(vault.folder) as spool:
        digest = await asyncio.to_thread(_gather, vault, row, spool)
        if digest != sha256:
            fault = Fault("sha256", "与所收到的内容不符", "Not the checksum of what came", pointer="/sha256")
            raise Conflict("what came is not what was sent: begin again", faults=(fault,))

        async def effect(connection: AsyncConnection, made: Document) -> None:
            ends = vault.clock.now() + AFTERWARDS
            columns = {"document_id": made.id, "expires_at": ends}
            if not await store.change_upload(connection, row.id, row.received_bytes, **columns):
                raise Conflict("this upload is complete")

        answer, replayed = await documents.keep(
            vault, said, spool, digest, once=once, render=render, effect=effect
        )
    await asyncio.to_thread(vault.objects.remove_below, folder_of(row))
    return answer, replayed


def folder_of(row: UploadRow) -> str:
    """What the names of its parts begin with."""
    return f"incoming/{row.id.hex}"


def _gather(vault: Vault, row: UploadRow, spool: Spool) -> str:
    """Puts the parts together; gives the SHA-256 of the whole."""
    key = vault.keys.open(row.data_key)
    for piece in row.pieces:
        for chunk in sealed.unseal(key, piece, vault.objects.read(piece)):
            spool.write(chunk)
    return spool.end()
