"""Kinds of files that are taken, and the way through the checks to what is kept of one.

The own magic table of security.md section 8: a kind is told by its first bytes, an OFD by what its archive
holds. Extension and content type must both say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from onenet.domain.files import foreign, jpeg, ofd, pdf, png
from onenet.domain.files.reasons import refused
from onenet.domain.files.source import Kept, Source, size_of, tail

MAX_FILE_BYTES = 20_000_000
HEAD = 1_024
"""Readers of PDF look for its first line in so many first bytes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file. `check` gives what is kept of one. Raises: DocumentRefused."""

    media_type: str
    extensions: tuple[str, ...]
    magic: bytes
    check: Callable[[Source], Kept]


KINDS: Mapping[str, Kind] = {
    kind.media_type: kind
    for kind in (
        Kind("application/pdf", ("pdf",), b"%PDF-", pdf.check),
        Kind("image/jpeg", ("jpg", "jpeg"), b"\xff\xd8\xff", jpeg.check),
        Kind("image/png", ("png",), png.MAGIC, png.check),
        Kind("application/ofd", ("ofd",), b"PK\x03\x04", ofd.check),
    )
}


def check(source: Source, *, media_type: str, filename: str) -> Kept:
    """What is kept of a file that is said to be of this type and has this name. Raises: DocumentRefused."""
    if source.size == 0:
        raise refused("empty")
    if source.size > MAX_FILE_BYTES:
        raise refused("too_large")
    kind = _kind(source)
    if kind.media_type != media_type:
        raise refused("type_mismatch")
    if filename.rpartition(".")[2].lower() not in kind.extensions:
        raise refused("extension_mismatch")
    kept = kind.check(source)
    if kind.magic != b"PK\x03\x04" and foreign.ends_as_zip(tail(source, kept, foreign.ZIP_TAIL)):
        raise refused("polyglot")
    if size_of(kept) > MAX_FILE_BYTES:
        raise refused("too_large")
    return kept


def _kind(source: Source) -> Kind:
    head = source.read(0, HEAD)
    for kind in KINDS.values():
        if head.startswith(kind.magic):
            if kind.magic != b"%PDF-" and b"%PDF-" in head:
                raise refused("polyglot")
            return kind
    if b"%PDF-" in head:
        raise refused("polyglot")  # a PDF with something before it: readers differ in what they see
    if foreign.MARKUP.match(head.lstrip(b"\xef\xbb\xbf \t\r\n")):
        raise refused("markup")
    raise refused("unknown_kind")
