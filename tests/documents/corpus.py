"""Corpus of fault F17: hostile files with the reason each is refused for, and honest ones that must pass."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.documents import making
from tests.documents.making import Packed, archive, chunk, jpeg, objects_in_stream, ofd, pdf, png, stream

PDF, JPEG, PNG, OFD = "application/pdf", "image/jpeg", "image/png", "application/ofd"
NAMES = {PDF: "scan.pdf", JPEG: "photo.jpg", PNG: "shot.png", OFD: "form.ofd"}

HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
INNER = archive(Packed("a.txt", b"hello"))
SCRIPT = b"<< /Type /Action /S /JavaScript /JS (app.alert(1)) >>"


@dataclass(frozen=True)
class Made:
    """A file, by whoever makes it; what it is sent as, and why it is refused (None: it is not)."""

    make: Callable[[], bytes]
    media_type: str
    reason: str | None = None
    filename: str | None = None

    @property
    def name(self) -> str:
        return self.filename or NAMES[self.media_type]


def same_bytes() -> bytes:
    """A small archive whose directory lists the bytes of one entry again and again."""
    kernel = random_bytes(20_000)
    return ofd(*(Packed(f"Doc_0/Res/{n}.bmp", kernel, at=0) for n in range(50)))


def quoted() -> bytes:
    """Entries that hold one another: each begins within the one before (the better zip bomb)."""
    inner = Packed("Doc_0/b.bmp", b"x" * 400, method=0)
    whole = archive(inner)
    local = whole[: whole.index(b"PK\x01\x02")]
    outer = Packed("Doc_0/a.bmp", local, method=0)
    return archive(
        Packed("OFD.xml", making.ROOT_XML), outer, Packed("Doc_0/b.bmp", b"x" * 400, 0, at=inner_at(local))
    )


def inner_at(local: bytes) -> int:
    whole = archive(Packed("OFD.xml", making.ROOT_XML), Packed("Doc_0/a.bmp", local, method=0))
    return whole.index(local)


def many_streams() -> bytes:
    return pdf(stream(b"\nendstream\nstream\n" * 20_001, packed=False))


def bomb_in_objects() -> bytes:
    return pdf(objects_in_stream(b"<< /A 1 >>", padding=40_000_000))


def doctype() -> bytes:
    return making.ROOT_XML.replace(b"?><", b'?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><', 1)


def deep() -> bytes:
    inside = b"<ofd:DocBody>" * 40 + b"</ofd:DocBody>" * 40
    return making.ROOT_XML.replace(b"</ofd:OFD>", inside + b"</ofd:OFD>")


def of_zip64() -> bytes:
    return ofd(Packed("Doc_0/a.bmp", b"x", packed=0xFFFFFFFF, unpacked=0xFFFFFFFF))


def random_bytes(length: int) -> bytes:
    return random.Random(length).randbytes(length)


HOSTILE: Mapping[str, Made] = {
    # an archive that is none, or is too much
    "zip: one entry listed fifty times": Made(same_bytes, OFD, "zip_lies"),
    "zip: entries within entries": Made(quoted, OFD, "zip_overlap"),
    "zip: less declared than there is": Made(
        lambda: ofd(Packed("a.bmp", b"x" * 900, unpacked=400)), OFD, "zip_lies"
    ),
    "zip: more declared than there is": Made(
        lambda: ofd(Packed("a.bmp", b"x" * 90, unpacked=400)), OFD, "zip_lies"
    ),
    "zip: a wrong checksum": Made(lambda: ofd(Packed("a.bmp", b"x" * 90, crc=1)), OFD, "zip_lies"),
    "zip: two names for one entry": Made(
        lambda: ofd(Packed("a.bmp", b"x", local_name="b.bmp")), OFD, "zip_lies"
    ),
    "zip: an archive by its name": Made(lambda: ofd(Packed("Doc_0/a.zip", INNER)), OFD, "zip_nested"),
    "zip: an archive by its content": Made(lambda: ofd(Packed("Doc_0/a.bmp", INNER)), OFD, "zip_nested"),
    "zip: 65,535 entries and more": Made(
        lambda: archive(*[Packed(f"{n}", method=0) for n in range(2_000)], count=0xFFFF), OFD, "zip_entries"
    ),
    "zip: 1,001 entries": Made(
        lambda: ofd(*[Packed(f"{n}.xml", b"<a/>", 0) for n in range(998)]), OFD, "zip_entries"
    ),
    "zip: a symbolic link": Made(
        lambda: ofd(Packed("a.bmp", b"/etc/passwd", attributes=0o120777 << 16)), OFD, "zip_link"
    ),
    "zip: a device": Made(lambda: ofd(Packed("a.bmp", attributes=0o020666 << 16)), OFD, "zip_link"),
    "zip: a way out": Made(lambda: ofd(Packed("../../etc/cron.d/a.xml", b"<a/>")), OFD, "zip_name"),
    "zip: a way from the root": Made(lambda: ofd(Packed("/etc/a.xml", b"<a/>")), OFD, "zip_name"),
    "zip: a backslash": Made(lambda: ofd(Packed("..\\a.xml", b"<a/>")), OFD, "zip_name"),
    "zip: a drive": Made(lambda: ofd(Packed("C:a.xml", b"<a/>")), OFD, "zip_name"),
    "zip: one name twice": Made(lambda: ofd(Packed("OFD.xml", b"<a/>")), OFD, "zip_name"),
    "zip: one name in two cases": Made(lambda: ofd(Packed("ofd.XML", b"<a/>")), OFD, "zip_name"),
    "zip: a hidden character": Made(lambda: ofd(Packed("a\u202elmx.xml", b"<a/>")), OFD, "zip_name"),
    "zip: encrypted": Made(lambda: ofd(Packed("a.bmp", b"x" * 90, flags=1)), OFD, "zip_encrypted"),
    "zip: a bomb of ten million zeros": Made(
        lambda: ofd(Packed("a.bmp", bytes(10_000_000))), OFD, "zip_ratio"
    ),
    "zip: a gigabyte declared": Made(
        lambda: ofd(Packed("a.bmp", bytes(1_000), unpacked=1_000_000_000)), OFD, "zip_size"
    ),
    "zip: another method": Made(lambda: ofd(Packed("a.bmp", b"x" * 90, method=12)), OFD, "zip_method"),
    "zip: of 64 bits": Made(of_zip64, OFD, "malformed"),
    "zip: data between entries": Made(
        lambda: ofd(Packed("a.bmp", b"x", before=b"hidden" * 9)), OFD, "zip_hidden"
    ),
    "zip: an entry that is not listed": Made(
        lambda: ofd(Packed("b.bmp", before=INNER[:40])), OFD, "zip_hidden"
    ),
    "zip: data after its end": Made(lambda: ofd(after=HTML), OFD, "zip_hidden"),
    "zip: a comment": Made(lambda: ofd(comment=HTML), OFD, "zip_hidden"),
    "zip: cut short": Made(lambda: ofd()[:-40], OFD, "malformed"),
    "zip: a text document": Made(lambda: archive(Packed("word/document.xml", b"<a/>")), OFD, "not_ofd"),
    "zip: an OFD.xml that is none": Made(lambda: ofd(root=b"<html/>"), OFD, "not_ofd"),
    "zip: an OFD.xml that is no XML": Made(lambda: ofd(root=b"OFD"), OFD, "not_ofd"),
    "zip: entities": Made(lambda: ofd(root=doctype()), OFD, "active_content"),
    "zip: entities in a page": Made(
        lambda: ofd(Packed("a.xml", b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>")), OFD, "active_content"
    ),
    "zip: XML in UTF-16": Made(
        lambda: ofd(Packed("a.xml", "<!DOCTYPE a><a/>".encode("utf-16"))), OFD, "malformed"
    ),
    "zip: forty levels": Made(lambda: ofd(root=deep()), OFD, "too_complex"),
    "zip: a script": Made(lambda: ofd(Packed("Doc_0/a.js", b"alert(1)")), OFD, "active_content"),
    "zip: a program with another name": Made(
        lambda: ofd(Packed("Doc_0/a.bmp", b"MZ\x90\0" + bytes(60), 0)), OFD, "active_content"
    ),
    # pictures
    "jpeg: 400 million pixels": Made(
        lambda: jpeg(size=making.size_of_jpeg(20_000, 20_000)), JPEG, "too_many_pixels"
    ),
    "jpeg: no pixel": Made(lambda: jpeg(size=making.size_of_jpeg(0, 8)), JPEG, "malformed"),
    "jpeg: cut short": Made(lambda: jpeg(end=b""), JPEG, "malformed"),
    "jpeg: nothing in it": Made(lambda: b"\xff\xd8\xff\xd9", JPEG, "malformed"),
    "jpeg: two sizes": Made(lambda: jpeg(making.size_of_jpeg(9, 9)), JPEG, "malformed"),
    "jpeg: lossless": Made(
        lambda: jpeg(size=making.size_of_jpeg(8, 8, marker=0xC3)), JPEG, "unsupported_image"
    ),
    "jpeg: a thousand scans": Made(lambda: jpeg(scans=1_000), JPEG, "too_complex"),
    "jpeg: a segment beyond the end": Made(lambda: jpeg()[:25] + b"\xff\xe1\xff\xff", JPEG, "malformed"),
    "jpeg: an archive behind it": Made(lambda: jpeg(after=INNER), JPEG, "polyglot"),
    "jpeg: a page behind it": Made(lambda: jpeg(after=b"\0" * 300_000 + HTML), JPEG, "polyglot"),
    "jpeg: PHP behind it": Made(lambda: jpeg(after=b"<?php system($_GET[0]);"), JPEG, "polyglot"),
    "jpeg: a PDF in its notes": Made(lambda: jpeg(making.segment(0xFE, pdf())), JPEG, "polyglot"),
    "jpeg: an archive in its data": Made(lambda: jpeg(scan=making.SCAN + INNER), JPEG, "polyglot"),
    "png: 400 million pixels": Made(lambda: png(20_000, 20_000, lines=b"0"), PNG, "too_many_pixels"),
    "png: no pixel": Made(lambda: png(0, 9), PNG, "malformed"),
    "png: a wrong checksum": Made(lambda: png(2, 2, chunk(b"PLTE", bytes(3), crc=1)), PNG, "malformed"),
    "png: a part that nobody knows": Made(lambda: png(2, 2, chunk(b"EVIL")), PNG, "malformed"),
    "png: cut short": Made(lambda: png()[:-20], PNG, "malformed"),
    "png: a part beyond the end": Made(lambda: png()[:40] + b"\x7f\xff\xff\xffIDAT", PNG, "malformed"),
    "png: thirty thousand parts": Made(lambda: png(2, 2, *[chunk(b"IDAT")] * 30_000), PNG, "too_complex"),
    "png: an archive behind it": Made(lambda: png(after=INNER), PNG, "polyglot"),
    "png: a script behind it": Made(lambda: png(after=b"<script>alert(1)</script>"), PNG, "polyglot"),
    "png: an archive in its data": Made(lambda: png(2, 2, chunk(b"IDAT", INNER)), PNG, "polyglot"),
    # PDF
    "pdf: JavaScript": Made(lambda: pdf(SCRIPT), PDF, "active_content"),
    "pdf: JavaScript, escaped": Made(
        lambda: pdf(SCRIPT.replace(b"/JavaScript", b"/J#61v#61Script")), PDF, "active_content"
    ),
    "pdf: JavaScript in an object stream": Made(
        lambda: pdf(objects_in_stream(SCRIPT)), PDF, "active_content"
    ),
    "pdf: JavaScript in a stream that does not say so": Made(
        lambda: pdf(objects_in_stream(SCRIPT, said=b"")), PDF, "active_content"
    ),
    "pdf: JavaScript far behind": Made(
        lambda: pdf(stream(random_bytes(262_100), packed=False), SCRIPT), PDF, "active_content"
    ),
    "pdf: objects packed twice": Made(
        lambda: pdf(
            objects_in_stream(SCRIPT)
            .replace(b"/Filter /Flate", b"/Filter [/ASCIIHexDecode /Flate")
            .replace(b"Decode /L", b"Decode] /L")
        ),
        PDF,
        "active_content",
    ),
    "pdf: an object stream of forty million bytes": Made(bomb_in_objects, PDF, "too_complex"),
    "pdf: a program to start": Made(lambda: pdf(b"<< /S /Launch /F (cmd.exe) >>"), PDF, "active_content"),
    "pdf: a file within": Made(
        lambda: pdf(stream(b"x", said=b"/Type /EmbeddedFile ")), PDF, "active_content"
    ),
    "pdf: a form that runs": Made(lambda: pdf(b"<< /XFA [(template) 11 0 R] >>"), PDF, "active_content"),
    "pdf: a form that is sent": Made(
        lambda: pdf(b"<< /S /SubmitForm /F (http://a.example) >>"), PDF, "active_content"
    ),
    "pdf: an address that is a script": Made(
        lambda: pdf(b"<< /S /URI /URI (JavaScript:alert(1)) >>"), PDF, "active_content"
    ),
    "pdf: encrypted": Made(lambda: pdf(trailer=b"/Encrypt 9 0 R"), PDF, "encrypted"),
    "pdf: something before it": Made(lambda: b"GIF89a" + pdf(), PDF, "polyglot"),
    "pdf: an archive behind it": Made(lambda: pdf() + INNER, PDF, "polyglot"),
    "pdf: a page in its head": Made(lambda: pdf(head=b"%PDF-1.7\n%" + HTML + b"\n"), PDF, "polyglot"),
    "pdf: cut short": Made(lambda: pdf()[:300], PDF, "malformed"),
    "pdf: no version": Made(lambda: b"%PDF-x\n" + pdf()[9:], PDF, "malformed"),
    "pdf: twenty thousand streams": Made(many_streams, PDF, "too_complex"),
    # what is not taken, and what is not what it says
    "svg": Made(lambda: SVG, PNG, "markup"),
    "svg with a mark before it": Made(lambda: b"\xef\xbb\xbf\n<?xml version='1.0'?>" + SVG, PNG, "markup"),
    "html": Made(lambda: HTML, PDF, "markup"),
    "a program": Made(lambda: b"MZ" + bytes(500), PDF, "unknown_kind"),
    "gif": Made(lambda: b"GIF89a" + bytes(50), PNG, "unknown_kind"),
    "nothing": Made(lambda: b"", PDF, "empty"),
    "more than 20 MB": Made(lambda: pdf(stream(bytes(20_000_001), packed=False)), PDF, "too_large"),
    "a PNG that says PDF": Made(png, PDF, "type_mismatch"),
    "a PNG with the name of a PDF": Made(png, PNG, "extension_mismatch", "scan.pdf"),
    "a PNG with two extensions": Made(png, PNG, "extension_mismatch", "scan.png.html"),
    "a PNG without an extension": Made(png, PNG, "extension_mismatch", "scan"),
}

GOOD: Mapping[str, Made] = {
    "pdf": Made(pdf, PDF),
    "pdf with objects in a stream": Made(
        lambda: pdf(objects_in_stream(b"<< /Type /Font >>", b"[1 2 3]")), PDF
    ),
    "pdf with an address": Made(lambda: pdf(b"<< /S /URI /URI (https://city.example/a) >>"), PDF),
    "pdf with blank lines at its end": Made(lambda: pdf() + b"\r\n\r\n", PDF),
    "pdf of two million random bytes": Made(
        lambda: pdf(*[stream(random_bytes(200_000), packed=False) for _ in range(10)]), PDF
    ),
    "pdf with a name in capitals": Made(pdf, PDF, filename="扫描件.PDF"),
    "jpeg": Made(jpeg, JPEG),
    "jpeg of a telephone": Made(lambda: jpeg(making.exif()), JPEG, filename="IMG.1.jpeg"),
    "jpeg of many scans": Made(lambda: jpeg(size=making.size_of_jpeg(8, 8, marker=0xC2), scans=10), JPEG),
    "jpeg with a maker's data behind it": Made(lambda: jpeg(after=b"SEFH" + bytes(40)), JPEG),
    "jpeg of 39 million pixels": Made(lambda: jpeg(size=making.size_of_jpeg(6_500, 6_000)), JPEG),
    "png": Made(png, PNG),
    "png with words and a time": Made(
        lambda: png(2, 2, chunk(b"tEXt", b"Author\0x"), chunk(b"tIME", bytes(7)), chunk(b"pHYs", bytes(9))),
        PNG,
    ),
    "png in two parts": Made(lambda: png(2, 2, chunk(b"IDAT", zlib.compress(bytes(6))[:4])), PNG),
    "ofd": Made(ofd, OFD),
    "ofd with folders": Made(lambda: ofd(Packed("Doc_0/Res/", method=0, attributes=0o040755 << 16)), OFD),
    "ofd that is not packed": Made(lambda: ofd(Packed("Doc_0/Res/a.png", png(), 0)), OFD),
    "ofd with descriptions behind": Made(
        lambda: ofd(Packed("Doc_0/Res/a.jpg", jpeg(), descriptor=True)), OFD
    ),
    "ofd with a name in Chinese": Made(
        lambda: ofd(Packed("Doc_0/印章.esl", b"0\x82" + random_bytes(3_000))), OFD
    ),
    "ofd of three million random bytes": Made(
        lambda: ofd(*[Packed(f"Doc_0/Res/{n}.ttf", random_bytes(1_000_000 + n)) for n in range(3)]), OFD
    ),
}
