"""Makes files byte by byte: honest ones, and with any part of their description turned into a lie."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

# ---- PNG


def chunk(kind: bytes, data: bytes = b"", *, crc: int | None = None) -> bytes:
    total = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", total)


def png(
    width: int = 2, height: int = 2, *extra: bytes, lines: bytes | None = None, after: bytes = b""
) -> bytes:
    """A grey image; `extra` chunks stand before its data."""
    raw = bytes((1 + width) * height) if lines is None else lines
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + b"".join(extra) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + body + after


# ---- JPEG


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def size_of_jpeg(width: int, height: int, *, marker: int = 0xC0) -> bytes:
    return segment(marker, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00")


JFIF = segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
QUANTISATION = segment(0xDB, b"\0" + b"\x01" * 64)
HUFFMAN = segment(0xC4, b"\x00\x01" + bytes(15) + b"\0") + segment(0xC4, b"\x10\x01" + bytes(15) + b"\0")
SCAN = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x3f"


def exif(way_up: int = 6, *, place: bytes = b"GPS 31.3N 120.6E") -> bytes:
    """What a telephone writes: which way is up, and where it was."""
    tiff = b"II*\0" + struct.pack("<IH", 8, 2)
    tiff += struct.pack("<HHII", 0x0112, 3, 1, way_up)
    tiff += struct.pack("<HHII", 0x010E, 2, len(place), 38) + bytes(4) + place
    return segment(0xE1, b"Exif\0\0" + tiff)


def jpeg(
    *notes: bytes,
    size: bytes | None = None,
    scans: int = 1,
    scan: bytes = SCAN,
    end: bytes = b"\xff\xd9",
    after: bytes = b"",
) -> bytes:
    """A grey image of eight by eight."""
    size = size_of_jpeg(8, 8) if size is None else size
    head = b"\xff\xd8" + JFIF + b"".join(notes) + QUANTISATION
    return head + size + HUFFMAN + scan * scans + end + after


# ---- PDF


def pdf(*objects: bytes, trailer: bytes = b"", head: bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n") -> bytes:
    """A page, and these objects from number 10 on."""
    numbered = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>",
        4: stream(b"BT /F1 12 Tf 72 720 Td (JavaScript in words) Tj ET"),
    } | {10 + place: made for place, made in enumerate(objects)}
    body, places = head, {}
    for number, made in numbered.items():
        places[number] = len(body)
        body += b"%d 0 obj\n%s\nendobj\n" % (number, made)
    table = b"".join(
        b"%010d 00000 n \n" % places[n] if n in places else b"0000000000 65535 f \n"
        for n in range(max(places) + 1)
    )
    count = max(places) + 1
    ends = b"xref\n0 %d\n%strailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n"
    return body + ends % (count, table, count, trailer, len(body))


def stream(content: bytes, *, said: bytes = b"", packed: bool = True) -> bytes:
    data = zlib.compress(content) if packed else content
    filters = b"/Filter /FlateDecode " if packed else b""
    return b"<< %s%s/Length %d >>\nstream\n%s\nendstream" % (said, filters, len(data), data)


def objects_in_stream(*contents: bytes, said: bytes = b"/Type /ObjStm ", padding: int = 0) -> bytes:
    """An object stream."""
    heads, at = [], 0
    for place, content in enumerate(contents):
        heads.append(b"%d %d" % (20 + place, at))
        at += len(content) + 1
    head = b" ".join(heads) + b"\n"
    said = b"%s/N %d /First %d " % (said, len(contents), len(head))
    return stream(head + b" " * padding + b"\n".join(contents), said=said)


# ---- ZIP and OFD

ROOT_XML = (
    b'<?xml version="1.0" encoding="UTF-8"?><ofd:OFD xmlns:ofd="http://www.ofdspec.org/2016" Version="1.0"'
    b' DocType="OFD"><ofd:DocBody><ofd:DocInfo><ofd:DocID>1</ofd:DocID></ofd:DocInfo>'
    b"<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
)
DOCUMENT_XML = (
    b'<?xml version="1.0" encoding="UTF-8"?><ofd:Document xmlns:ofd="http://www.ofdspec.org/2016">'
    b"<ofd:CommonData><ofd:PageArea><ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:PageArea>"
    b"</ofd:CommonData><ofd:Pages><ofd:Page ID='1' BaseLoc='Pages/Page_0/Content.xml'/></ofd:Pages>"
    b"</ofd:Document>"
)
PAGE_XML = (
    '<?xml version="1.0" encoding="UTF-8"?><ofd:Page xmlns:ofd="http://www.ofdspec.org/2016"><ofd:Content>'
    "<ofd:Layer><ofd:TextObject><ofd:TextCode>新生儿登记表</ofd:TextCode></ofd:TextObject></ofd:Layer>"
    "</ofd:Content></ofd:Page>"
).encode()


@dataclass(frozen=True)
class Packed:
    """An entry; what is given overrides what is true, in the directory (and, unless `local_…`, beside it)."""

    name: str
    content: bytes = b""
    method: int = 8
    flags: int = 0x0800
    crc: int | None = None
    packed: int | None = None
    unpacked: int | None = None
    attributes: int = 0o100644 << 16
    local_name: str | None = None
    descriptor: bool = False
    at: int | None = None
    before: bytes = b""


def ofd(
    *further: Packed, root: bytes = ROOT_XML, before: Sequence[Packed] = (), **lies: bytes | int
) -> bytes:
    """An OFD of one page, with further entries."""
    parts = [
        *before,
        Packed("OFD.xml", root),
        Packed("Doc_0/Document.xml", DOCUMENT_XML),
        Packed("Doc_0/Pages/Page_0/Content.xml", PAGE_XML),
        *further,
    ]
    return archive(*parts, **lies)  # type: ignore[arg-type]  # lies are of either kind


def archive(*parts: Packed, count: int | None = None, after: bytes = b"", comment: bytes = b"") -> bytes:
    """A ZIP of these entries."""
    body, directory = b"", b""
    for part in parts:
        data = part.content
        if part.method == 8:
            deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
            data = deflate.compress(data) + deflate.flush()
        crc = zlib.crc32(part.content) if part.crc is None else part.crc
        packed = len(data) if part.packed is None else part.packed
        unpacked = len(part.content) if part.unpacked is None else part.unpacked
        flags = part.flags | (8 if part.descriptor else 0)
        numbers = (0, 0, 0) if part.descriptor else (crc, packed, unpacked)
        offset = len(body) + len(part.before) if part.at is None else part.at
        if part.at is None:
            name = (part.name if part.local_name is None else part.local_name).encode()
            head = struct.pack(
                "<4sHHHHHIIIHH", b"PK\x03\x04", 20, flags, part.method, 0, 33, *numbers, len(name), 0
            )
            body += part.before + head + name + data
            if part.descriptor:
                body += b"PK\x07\x08" + struct.pack("<III", crc, packed, unpacked)
        name = part.name.encode()
        directory += struct.pack(
            "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 0x0314, 20, flags, part.method, 0, 33, crc, packed,
            unpacked, len(name), 0, 0, 0, 0, part.attributes, offset,
        ) + name  # fmt: skip
    count = min(len(parts), 0xFFFF) if count is None else count
    ends = struct.pack(
        "<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), len(comment)
    )
    return body + directory + ends + comment + after
