"""Sealed: how the bytes of a document are encrypted, chunk by chunk, as an object.

Each chunk is bound to its document, its number, and to being the last one or not: one that is left out,
moved, added, or taken from another document does not open. Form: `length (4) | blob`, for each 64 KiB.
Source: security.md section 5; the construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

from onenet.encryption import DataKey
from onenet.encryption.blobs import unreadable

CHUNK = 64 * 1024
PLACE = "document.content"
_LENGTH = 4
_LONGEST = CHUNK + 64


def seal(key: DataKey, row: UUID | str, plain: Iterable[bytes]) -> Iterator[bytes]:
    """The object of these bytes, block by block."""
    number, waiting = 0, bytearray()
    for block in plain:
        waiting += block
        while len(waiting) > CHUNK:  # never all of it: which one is the last is known at the end
            yield _frame(key, row, number, bytes(waiting[:CHUNK]), is_last=False)
            del waiting[:CHUNK]
            number += 1
    yield _frame(key, row, number, bytes(waiting), is_last=True)


def unseal(key: DataKey, row: UUID | str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes in an object, chunk by chunk. Raises: Unreadable, before anything of a bad chunk is given."""
    number, waiting = 0, None
    for blob in _blobs(blocks):
        if waiting is not None:
            yield _open(key, row, number, waiting, is_last=False)
            number += 1
        waiting = blob
    if waiting is None:
        raise unreadable(PLACE, "the object is empty", row)
    yield _open(key, row, number, waiting, is_last=True)


def _frame(key: DataKey, row: UUID | str, number: int, chunk: bytes, *, is_last: bool) -> bytes:
    blob = key.encrypt(chunk, place=PLACE, row=_row(row, number, is_last=is_last))
    return len(blob).to_bytes(_LENGTH, "big") + blob


def _open(key: DataKey, row: UUID | str, number: int, blob: bytes, *, is_last: bool) -> bytes:
    return key.decrypt(blob, place=PLACE, row=_row(row, number, is_last=is_last))


def _row(row: UUID | str, number: int, *, is_last: bool) -> str:
    return f"{row}/{number}/{'last' if is_last else 'more'}"


def _blobs(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blobs in an object. Raises: Unreadable when it ends in the middle of one."""
    waiting = bytearray()
    for block in blocks:
        waiting += block
        while len(waiting) >= _LENGTH:
            length = int.from_bytes(waiting[:_LENGTH], "big")
            if length > _LONGEST:
                raise unreadable(PLACE, "this is no object of ours")
            if len(waiting) < _LENGTH + length:
                break
            yield bytes(waiting[_LENGTH : _LENGTH + length])
            del waiting[: _LENGTH + length]
    if waiting:
        raise unreadable(PLACE, "the object is cut short")
