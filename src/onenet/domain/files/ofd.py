"""OFD: an archive that holds `OFD.xml`, and nothing that runs, links out of itself, or is an archive again.

Source: GB/T 33190-2016. Its parts are XML, images, fonts and seals; a document type declaration has no place
in them, and is how readers of XML are attacked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.parsers import expat

from onenet.domain.files import archive, foreign
from onenet.domain.files.archive import Entry
from onenet.domain.files.reasons import refused
from onenet.domain.files.source import Kept, Range, Source

ROOT = "OFD.xml"
MAX_ROOT = 1_000_000
MAX_DEPTH = 32

_RUNS = re.compile(
    "js|mjs|vb[se]|wsf|hta|x?html?|mht|shtml|svgz?|swf|exe|dll|so|dylib|com|scr|msi|bat|cmd|ps1|sh|class|php"
    "|jspx?|aspx?|py|p[lm]|rb|lnk|url|chm|(?:doc|xls|ppt)m|apk"
)
_ARCHIVES = re.compile("zip|[jw]ar|rar|7z|t?gz|bz2|t?xz|tar|cab|iso|ofd|(?:doc|xls|ppt)x|epub")
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_OVERLAP = 16


def check(source: Source) -> Kept:
    """All of it is kept. Raises: DocumentRefused."""
    found = archive.entries(source)
    root = next((entry for entry in found if entry.name == ROOT), None)
    if root is None or root.unpacked > MAX_ROOT:
        raise refused("not_ofd")
    for entry in found:
        extension = entry.name.rpartition(".")[2].lower()
        if _ARCHIVES.fullmatch(extension):
            raise refused("zip_nested")
        if _RUNS.fullmatch(extension):
            raise refused("active_content")
    text: list[bytes] = []
    archive.unpack(source, root, text.append)
    _check_root(b"".join(text))
    for entry in found:
        archive.unpack(source, entry, _looking(entry))
    return [Range(0, source.size)]


def _looking(entry: Entry) -> Callable[[bytes], None]:
    """A look at the blocks of an entry, one after the other."""
    is_xml = entry.name.lower().endswith(".xml")
    before: list[bytes] = []

    def look(block: bytes) -> None:
        if not block:
            return
        if not before:
            _check_head(block, is_xml=is_xml)
        elif is_xml and b"\0" in block:
            raise refused("malformed")
        last = before.pop() if before else b""
        if is_xml and _DECLARATION.search(last + block):
            raise refused("active_content")
        before.append(block[-_OVERLAP:])

    return look


def _check_head(head: bytes, *, is_xml: bool) -> None:
    if foreign.is_archive(head):
        raise refused("zip_nested")
    if foreign.is_program(head):
        raise refused("active_content")
    if is_xml and (head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head):
        raise refused("malformed")  # UTF-16 would hide what is looked for


def _check_root(text: bytes) -> None:
    """Passes when the text is XML whose outermost element is an OFD."""
    names: list[str] = []
    depth = 0

    def opened(name: str, _: object) -> None:
        nonlocal depth
        names.append(name)
        depth += 1
        if depth > MAX_DEPTH:
            raise refused("too_complex")

    def closed(_: str) -> None:
        nonlocal depth
        depth -= 1

    def declared(*_: object) -> None:
        raise refused("active_content")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    parser.StartDoctypeDeclHandler = declared
    try:
        parser.Parse(text, True)
    except expat.ExpatError:
        raise refused("not_ofd") from None
    if names[0] != "http://www.ofdspec.org/2016 OFD":
        raise refused("not_ofd")
