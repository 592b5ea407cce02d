"""PNG: its chunks from the first to the last, its size before anybody decodes it, its metadata left out.

Source: ISO/IEC 15948:2004 (PNG, second edition).
"""

from __future__ import annotations

import zlib

from onenet.domain.files import foreign
from onenet.domain.files.reasons import refused
from onenet.domain.files.source import BLOCK, Kept, Range, Source

MAGIC = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 40_000_000
MOST_CHUNKS = 20_000

_NEEDED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_HARMLESS = frozenset({b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs", b"bKGD"})
"""Kept beside them: a few numbers that say how it looks. Text, time, place and profiles are not."""

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_LONGEST_HARMLESS = 1_024


def check(source: Source) -> Kept:
    """What is kept of the image. Raises: DocumentRefused."""
    kept: list[Range | bytes] = [Range(0, len(MAGIC))]
    at, seen = len(MAGIC), set[bytes]()
    for number in range(MOST_CHUNKS):
        head = source.read(at, 8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        chunk = Range(at, at + 12 + length)
        if len(head) < 8 or chunk.end > source.size or not kind.isalpha():
            raise refused("malformed")
        if (kind == b"IHDR") is not (number == 0):
            raise refused("malformed")
        if kind == b"IHDR":
            _check_size(source.read(at + 8, length) if length == 13 else b"")
        if _is_kept(kind, length):
            _check_sum(source, chunk)
            kept.append(chunk)
        at = chunk.end
        seen.add(kind)
        if kind == b"IEND":
            return _ended(source, kept, at, is_whole=length == 0 and b"IDAT" in seen)
    raise refused("too_complex")


def _is_kept(kind: bytes, length: int) -> bool:
    """Whether a chunk is kept; an unknown one that no decoder may pass over is refused."""
    if kind in _NEEDED:
        return True
    if kind[:1].isupper():
        raise refused("malformed")
    return kind in _HARMLESS and length <= _LONGEST_HARMLESS


def _check_size(header: bytes) -> None:
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    if not width or not height or header[8] not in _DEPTHS.get(header[9], ()):
        raise refused("malformed")
    if width * height > MAX_PIXELS:
        raise refused("too_many_pixels")


def _check_sum(source: Source, chunk: Range) -> None:
    total = 0
    for offset in range(chunk.begin + 4, chunk.end - 4, BLOCK):
        total = zlib.crc32(source.read(offset, min(BLOCK, chunk.end - 4 - offset)), total)
    if total.to_bytes(4, "big") != source.read(chunk.end - 4, 4):
        raise refused("malformed")


def _ended(source: Source, kept: Kept, at: int, *, is_whole: bool) -> Kept:
    if not is_whole:
        raise refused("malformed")
    for offset in range(at, source.size, BLOCK):
        if foreign.is_foreign(source.read(max(at, offset - 16), BLOCK + 16)):
            raise refused("polyglot")
    return kept
