"""Identifiers: UUIDs of version 7 whose low byte is the lane, and the text forms that leave the house.

A case's lane is the low byte of its id; every other id of the case is made with the same lane, so whoever
holds one knows on which shard to look (scale.md section 4). Text forms are a prefix and 26 Crockford
base-32 characters, without a dot, since the dot separates the signed string of a webhook.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from uuid import UUID

from onenet.clock import unix_ms

LANES = 256
"""How many there are: a lane is the low byte of an id."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_TEXT = re.compile(r"[a-z]{3}_[0-7][0-9A-HJKMNP-TV-Z]{25}")


class _Stamp:
    """Millisecond stamps that never run backwards within a process, whatever the clock does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_ms = 0

    def next_ms(self) -> int:
        with self._lock:
            self._last_ms = max(self._last_ms, unix_ms())
            return self._last_ms


_stamp = _Stamp()


def new_id(lane: int | None = None) -> UUID:
    """A fresh UUIDv7. With `lane` its low byte is that lane; without, the low byte is random.

    Source: RFC 9562 section 5.7.
    """
    unix_ms = _stamp.next_ms()
    chance = secrets.randbits(74)
    value = unix_ms << 80 | 0x7 << 76 | chance >> 62 << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    return UUID(int=value if lane is None else value & ~0xFF | lane)


def derived_id(*parts: bytes) -> UUID:
    """An id made of these parts alone: the same parts give the same one. Source: RFC 9562 section 5.8."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    raw = bytearray(digest.digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return UUID(bytes=bytes(raw))


def lane_of(value: UUID) -> int:
    """The lane, 0 to 255: the low byte of the id."""
    return value.int & 0xFF


def to_text(prefix: str, value: UUID) -> str:
    """The id as it leaves the house, such as `tsk_01JD…`; `prefix` is three letters."""
    number = value.int
    pairs = [_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(pairs)}"


def from_text(prefix: str, text: str) -> UUID | None:
    """The id in its text form, or None when the text is not one with that prefix."""
    if not _TEXT.fullmatch(text) or not text.startswith(f"{prefix}_"):
        return None
    number = 0
    for character in text[4:]:
        number = number << 5 | _ALPHABET.index(character)
    return UUID(int=number)
