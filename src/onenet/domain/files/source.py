"""Source: the bytes of a file, read piece by piece; and pieces of it that are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

BLOCK = 256 * 1024


class Source(Protocol):
    """Bytes that can be read anywhere."""

    @property
    def size(self) -> int:
        """How many there are."""

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on; fewer only at the end."""


class Range(NamedTuple):
    """Bytes of the source, from `begin` to before `end`."""

    begin: int
    end: int


Kept = Sequence[Range | bytes]
"""What is kept of a file, in order: ranges of it, and bytes that take the place of others."""


class InMemory:
    """A source of bytes that are at hand."""

    def __init__(self, content: bytes):
        """Holds them."""
        self._content = content

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._content)

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on."""
        return self._content[offset : offset + length]


def blocks(source: Source, kept: Kept) -> Iterator[bytes]:
    """What is kept, in blocks."""
    for piece in kept:
        if isinstance(piece, bytes):
            yield piece
            continue
        for offset in range(piece.begin, piece.end, BLOCK):
            yield source.read(offset, min(BLOCK, piece.end - offset))


def size_of(kept: Kept) -> int:
    """How many bytes are kept."""
    return sum(len(piece) if isinstance(piece, bytes) else piece.end - piece.begin for piece in kept)


def tail(source: Source, kept: Kept, length: int) -> bytes:
    """The last bytes of what is kept."""
    found = b""
    for piece in reversed(kept):
        wanted = length - len(found)
        if wanted <= 0:
            break
        if isinstance(piece, bytes):
            found = piece[-wanted:] + found
        else:
            begin = max(piece.begin, piece.end - wanted)
            found = source.read(begin, piece.end - begin) + found
    return found
