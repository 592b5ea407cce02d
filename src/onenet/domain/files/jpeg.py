"""JPEG: its segments from the first to the last, its size before anybody decodes it, its metadata left out.

Kept are the segments a decoder needs, the colour profile and the way up, which is written anew as a segment
that says nothing else. Where and when a picture was taken, and with what, goes, and so does what follows its
end. Source: ITU-T T.81 annex B, Exif 2.32 section 4.6.
"""

from __future__ import annotations

import re

from onenet.domain.files import foreign
from onenet.domain.files.png import MAX_PIXELS
from onenet.domain.files.reasons import refused
from onenet.domain.files.source import BLOCK, Kept, Range, Source

MOST_SEGMENTS = 2_000
MOST_SCANS = 100
"""A progressive image may have a scan for each bit, and a small hostile one thousands: minutes to decode."""

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_SIZES = frozenset({0xC0, 0xC1, 0xC2})
_OTHER_SIZES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_TABLES = frozenset({0xC4, 0xDB, 0xDD, *_SIZES})
_KEPT_NOTES = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_PLAIN_JFIF = 18
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_WAY_UP = bytes.fromhex("ffe1 0022 457869660000 4d4d002a00000008 0001 0112 0003 00000001")
_LONGEST_EXIF = 65_533


class _Walk:
    """What was seen of an image on the way through it."""

    def __init__(self) -> None:
        self.kept: list[Range | bytes] = [b"\xff\xd8"]
        self.size: bytes | None = None
        self.scans = 0
        self.way_up = 1


def check(source: Source) -> Kept:
    """What is kept of the image. Raises: DocumentRefused."""
    seen, at = _Walk(), 2
    for _ in range(MOST_SEGMENTS):
        at, marker = _marker(source, at)
        if marker == _EOI:
            return _ended(source, seen, at)
        length = int.from_bytes(source.read(at, 2), "big")
        segment = Range(at - 2, at + length)
        if length < 2 or segment.end > source.size:
            raise refused("malformed")
        _note(source, seen, marker, segment)
        at = segment.end
        if marker == _SOS:
            ends = _end_of_scan(source, at)
            seen.kept[-1] = Range(segment.begin, ends)
            at = ends
    raise refused("too_complex")


def _marker(source: Source, at: int) -> tuple[int, int]:
    """Where the segment after the next marker begins, and the marker. Bytes of 0xFF may go before it."""
    head = source.read(at, 64)
    body = head.lstrip(b"\xff")
    if not head.startswith(b"\xff") or not body or body[0] in (0x00, _SOI):
        raise refused("malformed")
    return at + len(head) - len(body) + 1, body[0]


def _note(source: Source, seen: _Walk, marker: int, segment: Range) -> None:
    """Looks at one segment and keeps it, or not."""
    if marker in _OTHER_SIZES:
        raise refused("unsupported_image")
    if marker in _SIZES:
        _note_size(source.read(segment.begin + 4, 6), seen)
    if marker == _SOS:
        seen.scans += 1
        if seen.scans > MOST_SCANS:
            raise refused("too_complex")
        if seen.size is None:
            raise refused("malformed")
    if marker == 0xE1 and seen.way_up == 1:
        seen.way_up = _way_up(
            source.read(segment.begin + 4, _LONGEST_EXIF)[: segment.end - segment.begin - 4]
        )
    wanted = _KEPT_NOTES.get(marker)
    said = wanted is not None and source.read(segment.begin + 4, len(wanted)) == wanted
    if marker == 0xE0 and segment.end - segment.begin != _PLAIN_JFIF:
        said = False  # it has a small picture of its own
    if marker in _TABLES or marker == _SOS or said:
        seen.kept.append(segment)
    elif not (0xE0 <= marker <= 0xEF or marker == _COM):
        raise refused("malformed")


def _note_size(header: bytes, seen: _Walk) -> None:
    height, width = int.from_bytes(header[1:3], "big"), int.from_bytes(header[3:5], "big")
    if seen.size not in (None, header) or not height or not width or header[5] not in (1, 3, 4):
        raise refused("malformed")
    if width * height > MAX_PIXELS:
        raise refused("too_many_pixels")
    seen.size = header


def _end_of_scan(source: Source, at: int) -> int:
    """Where the coded data ends: at the next marker that is none of those within it."""
    while at < source.size:
        block = source.read(at, BLOCK)
        found = _MARKER.search(block)
        if found:
            return at + found.end() - 2
        at += max(len(block) - 1, 1)
    raise refused("malformed")


def _ended(source: Source, seen: _Walk, at: int) -> Kept:
    if not seen.scans:
        raise refused("malformed")
    for offset in range(at, source.size, BLOCK):
        if foreign.is_foreign(source.read(max(at, offset - 16), BLOCK + 16)):
            raise refused("polyglot")
    if seen.way_up != 1:
        place = 2 if len(seen.kept) > 1 and _is_jfif(source, seen.kept[1]) else 1
        seen.kept.insert(place, _WAY_UP + seen.way_up.to_bytes(2, "big") + bytes(6))
    return [*seen.kept, b"\xff\xd9"]


def _is_jfif(source: Source, piece: Range | bytes) -> bool:
    return isinstance(piece, Range) and source.read(piece.begin, 2) == b"\xff\xe0"


def _way_up(segment: bytes) -> int:
    """Which side of the picture is up, 1 to 8; 1 where it does not say so well."""
    if segment[:6] != b"Exif\0\0":
        return 1
    tiff = segment[6:]
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(tiff[:4])
    if order is None:
        return 1

    def number(offset: int, length: int) -> int:
        return int.from_bytes(tiff[offset : offset + length], "little" if order == "little" else "big")

    begin = number(4, 4)
    for place in range(min(number(begin, 2), 200)):
        entry = begin + 2 + 12 * place
        if number(entry, 2) == 0x0112:
            said = number(entry + 8, 2)
            return said if 1 <= said <= 8 else 1
    return 1
