"""Archive: a ZIP read by its own description, which must be true in every word.

`zipfile` is not asked: Python 3.11.7 opens entries that share bytes (CVE-2024-0450), and every reader
believes another part of a hostile archive. Here each byte belongs to exactly one entry, to the directory or
to its end; local headers say what the directory says; what is unpacked is as long as declared and has its
checksum.
Source: APPNOTE 6.3.10; caps of security.md section 8.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from onenet.domain.files import foreign
from onenet.domain.files.reasons import refused
from onenet.domain.files.source import BLOCK, Source

MAX_ENTRIES = 1_000
MAX_UNPACKED = 200_000_000
MAX_RATIO = 100
MAX_DIRECTORY = 1_000_000

_LOCAL, _CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
_LOCAL_HEAD = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL_HEAD = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_DESCRIPTOR = 0x0008
_STORED, _DEFLATED = 0, 8
_ZIP64 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the archive, as its directory describes it. `begin`, `end`: its packed bytes."""

    name: str
    method: int
    crc: int
    packed: int
    unpacked: int
    begin: int
    end: int
    after: int


def entries(source: Source) -> list[Entry]:
    """The entries of the archive, when its description holds. Raises: DocumentRefused."""
    count, begin, end = _end(source)
    described = list(_described(source.read(begin, end - begin), count))
    found = [_local(source, name, head) for name, head in described if not _is_folder(name, head)]
    folders = [_local(source, name, head) for name, head in described if _is_folder(name, head)]
    _check_names([name for name, _ in described])
    _check_sizes(found, source.size)
    _check_places([*found, *folders], begin)
    return found


def _end(source: Source) -> tuple[int, int, int]:
    """The number of entries, where the directory begins and where it ends."""
    at = source.size - _END.size
    if at < 0:
        raise refused("malformed")
    said = source.read(at, _END.size)
    if not said.startswith(foreign.ZIP_END):
        tail = source.read(max(0, source.size - foreign.ZIP_TAIL), foreign.ZIP_TAIL)
        raise refused("zip_hidden" if foreign.ZIP_END in tail else "malformed")
    _, disk, first_disk, here, count, size, begin, comment = _END.unpack(said)
    if count > MAX_ENTRIES:
        raise refused("zip_entries")
    if disk or first_disk or here != count or comment or begin + size > at:
        raise refused("malformed")
    if begin + size != at:
        raise refused("zip_hidden")
    if size > MAX_DIRECTORY:
        raise refused("too_complex")
    return count, begin, at


def _described(directory: bytes, count: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and numbers of each entry."""
    at = 0
    for _ in range(count):
        if len(directory) < at + _CENTRAL_HEAD.size:
            raise refused("malformed")
        signature, *head = _CENTRAL_HEAD.unpack_from(directory, at)
        name_length, extra, comment = head[9], head[10], head[11]
        after = at + _CENTRAL_HEAD.size + name_length + extra + comment
        if signature != _CENTRAL or after > len(directory):
            raise refused("malformed")
        raw = directory[at + _CENTRAL_HEAD.size :][:name_length]
        yield _name(raw, is_utf8=bool(head[2] & 0x0800)), tuple(head)
        at = after
    if at != len(directory):
        raise refused("zip_hidden")


def _name(raw: bytes, *, is_utf8: bool) -> str:
    try:
        return raw.decode("utf-8" if is_utf8 else "gb18030")
    except UnicodeDecodeError:
        raise refused("zip_name") from None


def _is_folder(name: str, head: Sequence[int]) -> bool:
    return name.endswith("/") and head[7] == 0 and head[8] == 0


def _local(source: Source, name: str, head: Sequence[int]) -> Entry:
    """The entry, when its local header says what the directory says."""
    _, _, flags, method, _, _, crc, packed, unpacked, _, _, _, disk, _, attributes, offset = head
    if flags & _ENCRYPTED:
        raise refused("zip_encrypted")
    if method not in (_STORED, _DEFLATED):
        raise refused("zip_method")
    if (attributes >> 16) & 0o170000 not in (0, 0o100000, 0o040000):
        raise refused("zip_link")
    if disk or _ZIP64 in (packed, unpacked, offset):
        raise refused("malformed")
    said = source.read(offset, _LOCAL_HEAD.size)
    if len(said) < _LOCAL_HEAD.size or not said.startswith(_LOCAL):
        raise refused("malformed")
    _, _, local_flags, local_method, _, _, *numbers, name_length, extra = _LOCAL_HEAD.unpack(said)
    raw = source.read(offset + _LOCAL_HEAD.size, name_length)
    same_name = _name(raw, is_utf8=bool(local_flags & 0x0800)) == name
    later = bool(flags & _DESCRIPTOR) and numbers == [0, 0, 0]
    if not same_name or (local_flags, local_method) != (flags, method):
        raise refused("zip_lies")
    if not later and numbers != [crc, packed, unpacked]:
        raise refused("zip_lies")
    begin = offset + _LOCAL_HEAD.size + name_length + extra
    after = begin + packed
    if flags & _DESCRIPTOR:
        after += _descriptor(source, after, struct.pack("<III", crc, packed, unpacked))
    return Entry(name, method, crc, packed, unpacked, offset, begin + packed, after)


def _descriptor(source: Source, at: int, wanted: bytes) -> int:
    """How long the description after an entry is, with or without a mark of its own."""
    said = source.read(at, 16)
    if said == b"PK\x07\x08" + wanted:
        return 16
    if said[:12] == wanted:
        return 12
    raise refused("zip_lies")


def _check_names(names: Sequence[str]) -> None:
    if len({name.casefold().rstrip("/") for name in names}) != len(names):
        raise refused("zip_name")
    for name in names:
        parts = name.rstrip("/").split("/")
        odd = any(part in ("", ".", "..") for part in parts) or not name.isprintable()
        if odd or "\\" in name or ":" in name or len(name) > 255:
            raise refused("zip_name")


def _check_sizes(found: Sequence[Entry], size: int) -> None:
    if sum(entry.unpacked for entry in found) > MAX_UNPACKED:
        raise refused("zip_size")
    if any(entry.unpacked > MAX_RATIO * max(entry.packed, 1) for entry in found):
        raise refused("zip_ratio")
    if sum(entry.unpacked for entry in found) > MAX_RATIO * size:
        raise refused("zip_ratio")


def _check_places(found: Sequence[Entry], directory: int) -> None:
    """Passes when the entries lie one behind the other, from the first byte to the directory."""
    at = 0
    for entry in sorted(found, key=lambda entry: entry.begin):
        if entry.begin < at or entry.after > directory:
            raise refused("zip_overlap")
        if entry.begin > at:
            raise refused("zip_hidden")
        at = entry.after
    if at != directory:
        raise refused("zip_hidden")


def unpack(source: Source, entry: Entry, look: Callable[[bytes], None]) -> None:
    """Unpacks an entry block by block, as far as it is what was declared. Raises: DocumentRefused."""
    total, length = 0, 0
    for block in _unpacked(source, entry):
        length += len(block)
        if length > entry.unpacked:
            raise refused("zip_lies")
        total = zlib.crc32(block, total)
        look(block)
    if length != entry.unpacked or total != entry.crc:
        raise refused("zip_lies")


def _unpacked(source: Source, entry: Entry) -> Iterator[bytes]:
    packed = _packed(source, entry)
    if entry.method == _STORED:
        yield from packed
        return
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for block in packed:
            yield inflate.decompress(block, BLOCK)
            while inflate.unconsumed_tail:
                yield inflate.decompress(inflate.unconsumed_tail, BLOCK)
        yield inflate.flush()
    except zlib.error:
        raise refused("zip_lies") from None
    if not inflate.eof or inflate.unused_data:
        raise refused("zip_lies")


def _packed(source: Source, entry: Entry) -> Iterator[bytes]:
    begin = entry.end - entry.packed
    for offset in range(begin, entry.end, BLOCK):
        yield source.read(offset, min(BLOCK, entry.end - offset))
