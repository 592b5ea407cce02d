"""Foreign: signs that bytes are, or hold, a file of another kind than they pass for."""

from __future__ import annotations

import re

ZIP_END = b"PK\x05\x06"
ZIP_END_SIZE = 22
LONGEST_COMMENT = 0xFFFF
ZIP_TAIL = ZIP_END_SIZE + LONGEST_COMMENT
"""Readers look for the end of an archive in so many last bytes of a file."""

MARKUP = re.compile(rb"<(?:!doctype|html|head|body|script|svg|iframe|\?php|\?xml|%@)", re.IGNORECASE)

_ANYWHERE = re.compile(
    rb"PK\x03\x04|PK\x05\x06|%PDF-|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\xfd7zXZ|\x7fELF|MSCF|"
    rb"<(?:!doctype|html|script|svg|iframe|\?php)",
    re.IGNORECASE,
)
_AT_START = (b"MZ", b"#!", b"\x1f\x8b", b"BZh", b"\xca\xfe\xba\xbe", b"\xd0\xcf\x11\xe0")
_ARCHIVES = (
    b"PK\x03\x04", b"PK\x05\x06", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"MSCF",
)  # fmt: skip
_PROGRAMS = (b"MZ", b"\x7fELF", b"#!", b"\xca\xfe\xba\xbe", b"\xd0\xcf\x11\xe0")


def is_foreign(content: bytes) -> bool:
    """Whether bytes that follow the end of a file begin, or hold, a file of another kind."""
    return content.lstrip().startswith(_AT_START) or _ANYWHERE.search(content) is not None


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so is an archive."""
    return head.startswith(_ARCHIVES)


def is_program(head: bytes) -> bool:
    """Whether a file that begins so runs, or is read by a browser."""
    return head.startswith(_PROGRAMS) or head.lstrip()[:20].lower().startswith((b"<!doctype html", b"<html"))


def ends_as_zip(last: bytes) -> bool:
    """Whether readers of archives find the end of one in the last bytes of a file."""
    at = last.rfind(ZIP_END)
    while at >= 0:
        comment = int.from_bytes(last[at + 20 : at + 22], "little")
        same_disk = last[at + 4 : at + 8] == bytes(4)
        if same_disk and len(last) >= at + ZIP_END_SIZE and at + ZIP_END_SIZE + comment <= len(last):
            return True
        at = last.rfind(ZIP_END, 0, at)
    return False
