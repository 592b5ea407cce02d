"""PDF: its first and last line, and nothing in it that acts, calls out, or is another file.

Names are looked for over all bytes, however they are escaped, and in object streams, which are unpacked
within a cap. Names that are short enough to come up in packed bytes by chance are not among them: an action
that runs JavaScript has to say so in full. Source: ISO 32000-2:2020 sections 7.3.5, 7.5.7, 12.6.4.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from onenet.domain.files import foreign
from onenet.domain.files.reasons import refused
from onenet.domain.files.source import BLOCK, Kept, Range, Source

MOST_STREAMS = 20_000
MAX_UNPACKED = 16_000_000
"""Of all object streams together: as much as is unpacked and searched in half a tenth of a second."""

ACTING = (
    "JavaScript", "Launch", "EmbeddedFile", "EmbeddedFiles", "RichMedia", "SubmitForm", "ImportData",
    "GoToE", "GoToR", "Rendition",
)  # fmt: skip

_OVERLAP = 512
_LONGEST_TAIL = 2_048
_DICTIONARY = 2_048
_HEADER = re.compile(rb"%PDF-[12]\.[0-9]")
_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_OBJECTS = re.compile(rb"\s*[0-9]+\s+[0-9]+(?:\s+[0-9]+\s+[0-9]+)*\s*(?:[<\[(/0-9]|$)")
_SCRIPT = re.compile(rb"/URI\s*(?:\(\s*javascript:|<\s*6a\s*6176617363726970743a)", re.IGNORECASE)


def _escaped(name: str) -> bytes:
    """A pattern for a name, each character of which may be written as its number."""
    return b"".join(b"(?:%c|#(?i:%02x))" % (ord(c), ord(c)) for c in name)


_ACTS = re.compile(
    b"/(?:" + b"|".join(map(_escaped, ACTING)) + rb")(?![A-Za-z0-9])|/" + _escaped("XFA") + rb"\s*[\[0-9<]"
)
_ENCRYPTED = re.compile(b"/" + _escaped("Encrypt") + rb"\s*(?:[0-9]+\s+[0-9]+\s+R|<<)")
_OBJECT_STREAM = re.compile(b"/" + _escaped("ObjStm"))
_FILTER = re.compile(rb"/" + _escaped("Filter") + rb"\s*(\[[^\]]*\]|/[^\s/<>\[\]()]+)")
_PLAIN_FILTERS = frozenset({b"/FlateDecode", b"[/FlateDecode]"})


def check(source: Source) -> Kept:
    """All of it is kept. Raises: DocumentRefused."""
    if not _HEADER.match(source.read(0, 8)):
        raise refused("malformed")
    if foreign.MARKUP.search(source.read(0, 1_024)):
        raise refused("polyglot")
    _check_tail(source)
    streams = 0
    budget = MAX_UNPACKED
    for offset, block in _overlapping(source):
        _check_block(block)
        for found in _STREAM.finditer(block):
            if offset and found.end() <= _OVERLAP:
                continue  # seen at the end of the block before
            streams += 1
            if streams > MOST_STREAMS:
                raise refused("too_complex")
            before = source.read(max(0, offset + found.start() - _DICTIONARY), _DICTIONARY)
            budget -= _look_into(source, offset + found.end(), before.rpartition(b"obj")[2], budget)
    return [Range(0, source.size)]


def _check_tail(source: Source) -> None:
    last = source.read(max(0, source.size - _LONGEST_TAIL), _LONGEST_TAIL)
    before, mark, after = last.rpartition(b"%%EOF")
    if mark and foreign.is_foreign(after):
        raise refused("polyglot")
    if not mark or b"startxref" not in before:
        raise refused("malformed")


def _overlapping(source: Source) -> Iterator[tuple[int, bytes]]:
    """The file in blocks; each begins a little before the end of the one before, so that no name is cut."""
    for offset in range(0, source.size, BLOCK):
        begin = max(0, offset - _OVERLAP)
        yield begin, source.read(begin, offset - begin + BLOCK)


def _check_block(block: bytes) -> None:
    if _ENCRYPTED.search(block):
        raise refused("encrypted")
    if _ACTS.search(block) or _SCRIPT.search(block):
        raise refused("active_content")


def _look_into(source: Source, at: int, dictionary: bytes, budget: int) -> int:
    """Looks into a stream when it holds objects; gives how much was unpacked."""
    said = _OBJECT_STREAM.search(dictionary) is not None
    filters = _FILTER.search(dictionary)
    named = b"".join(filters.group(1).split()) if filters else b""
    if said and named and (named not in _PLAIN_FILTERS or b"/DecodeParms" in dictionary):
        raise refused("active_content")  # packed so that nobody looks into it
    if not said and not _begins_with_objects(source.read(at, 1_024)):
        return 0
    return _look_through(source, at, budget)


def _begins_with_objects(head: bytes) -> bool:
    """Whether a stream unpacks to what an object stream begins with, whatever it says it is."""
    try:
        begins = zlib.decompressobj().decompress(head, 256)
    except zlib.error:
        return False
    return _OBJECTS.match(begins) is not None


def _look_through(source: Source, at: int, budget: int) -> int:
    inflate = zlib.decompressobj()
    last, length = b"", 0
    try:
        while not inflate.eof and (inflate.unconsumed_tail or at < source.size):
            packed = inflate.unconsumed_tail or source.read(at, BLOCK)
            at += 0 if inflate.unconsumed_tail else len(packed)
            block = inflate.decompress(packed, BLOCK)
            length += len(block)
            if length > budget:
                raise refused("too_complex")
            _check_block(last + block)
            last = block[-_OVERLAP:]
    except zlib.error:
        return length  # not packed, and so seen among all bytes
    return length
