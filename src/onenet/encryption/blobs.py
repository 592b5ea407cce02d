"""Blobs: what is stored of something sealed. `0x01 | kid (2) | nonce (12) | ciphertext | tag (16)`.

`kid` names the key-encryption key; 0 stands for the data key of the row's case. The associated data are
`table.column|row`, so that what was sealed for one place opens at no other: with the column alone, the values
of two rows could be exchanged unseen (security.md section 5, measured).

A column of text holds the same in letters: its first character is the blob's first byte, and the others are
the rest in base64. No text that is stored in the clear begins with that character: JSON, tokens and
excerpts have no control characters.
"""

from __future__ import annotations

import os
from binascii import Error, a2b_base64, b2a_base64
from uuid import UUID

from cryptography.exceptions import InvalidTag

from onenet import security_log
from onenet.encryption.suites import NONCE_BYTES, TAG_BYTES, Cipher

VERSION = b"\x01"
MARK = VERSION.decode()
HEAD_BYTES = 3 + NONCE_BYTES
OF_CASE = 0
"""The kid of what is sealed with the data key of a case."""


class Unreadable(ValueError):
    """What is stored cannot be opened: it was altered, moved, sealed with another key, or its key is gone."""


def unreadable(place: str, what: str, row: UUID | str = "") -> Unreadable:
    """The error for what does not open at a place (table.column), once the stream of security events has it.

    A row is named by an id of ours; others may hold what somebody typed, as the keys of answers do.
    """
    security_log.report("decryption_failed", place=place, row=str(row) if isinstance(row, UUID) else None)
    return Unreadable(f"{place}: {what}")


def head(kid: int) -> bytes:
    """What every blob of a key begins with."""
    return VERSION + kid.to_bytes(2, "big")


def seal(cipher: Cipher, head: bytes, plain: bytes, where: str) -> bytes:
    """The blob; `where` is `table.column|row`.

    Nonces are random: one key is good for 2^32 of them (NIST SP 800-38D, section 8.3).
    """
    nonce = os.urandom(NONCE_BYTES)
    return head + nonce + cipher.encrypt(nonce, plain, where.encode())


def unseal(cipher: Cipher, blob: bytes, *, place: str, row: UUID | str) -> bytes:
    """What was sealed. Raises: Unreadable, without a word of what it is."""
    if len(blob) < HEAD_BYTES + TAG_BYTES or blob[:1] != VERSION:
        raise unreadable(place, "this is nothing that was sealed", row)
    try:
        return cipher.decrypt(blob[3:HEAD_BYTES], blob[HEAD_BYTES:], f"{place}|{row}".encode())
    except InvalidTag:
        raise unreadable(place, "it was altered, moved, or sealed with another key", row) from None


def kid_of(blob: bytes) -> int:
    """The number of the key that sealed it. Raises: Unreadable."""
    if len(blob) < HEAD_BYTES + TAG_BYTES or blob[:1] != VERSION:
        raise Unreadable("this is nothing that was sealed")
    return int.from_bytes(blob[1:3], "big")


def is_sealed(text: str) -> bool:
    """Whether a text from the database is a blob in letters."""
    return text[:1] == MARK


def to_text(blob: bytes) -> str:
    """The blob in letters, for a column of text."""
    return MARK + b2a_base64(blob[1:], newline=False).decode()


def from_text(text: str, *, place: str, row: UUID | str) -> bytes:
    """The blob in a column of text. Raises: Unreadable."""
    if not is_sealed(text):
        raise unreadable(place, "this was stored in the clear", row)
    try:
        return VERSION + a2b_base64(text[1:], strict_mode=True)
    except (Error, ValueError):
        raise unreadable(place, "this is no base64", row) from None


# ---- the kid of a blob in letters, by its first characters alone: databases can compare these

HEAD_CHARACTERS = 4


def kid_of_head(first: str) -> int:
    """The kid in the first characters; 0 when it is not sealed."""
    if not is_sealed(first) or len(first) < HEAD_CHARACTERS:
        return 0
    return int.from_bytes(a2b_base64(first[1:] + "A")[:2], "big")


def heads(kid: int) -> list[str]:
    """All first characters that stand for this kid: the last one begins with two bits of the nonce."""
    lasts = (kid.to_bytes(2, "big") + bytes([two << 6]) for two in range(4))
    return [MARK + b2a_base64(last, newline=False).decode()[:3] for last in lasts]
