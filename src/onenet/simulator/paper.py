"""How a simulated GeoReport server writes: XML or JSON by the standard, and the quirks of real ones."""

from __future__ import annotations

import codecs
import html
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

QUIRKS: Mapping[str, str] = {
    "bare": "ids are numbers that begin with zeros, in JSON too",
    "zero": "the first id is 0",
    "single": "one request is no list, in JSON",
    "named": "a list stands below its own name, in JSON too",
    "bom": "documents begin with a byte order mark",
    "namespace": "elements are in a namespace",
    "gbk": "documents are written in GBK",
    "errors_200": "errors come with the status 200",
    "words": "the status of a request is a word of the server's own, not only open and closed",
}
"""What real servers do that the standard does not say."""


def write(
    form: str, root: str, child: str, rows: Sequence[Row], quirks: Collection[str]
) -> tuple[str, bytes]:
    """A document with these entries: its media type, and its bytes."""
    charset = "gbk" if "gbk" in quirks else "utf-8"
    text = _in_xml(root, child, rows, charset, quirks) if form == "xml" else _in_json(root, rows, quirks)
    content = text.encode(charset, errors="replace")
    mark = codecs.BOM_UTF8 if "bom" in quirks and charset == "utf-8" else b""
    media_type = "text/xml" if form == "xml" else "application/json"
    return f"{media_type}; charset={charset}", mark + content


def definition(form: str, code: str, attributes: Sequence[Row]) -> tuple[str, bytes]:
    """What a service asks for: the one document that is no list, in JSON."""
    if form == "xml":
        inner = _elements("attribute", attributes, "")
        said = f"<service_code>{_escaped(code)}</service_code><attributes>{inner}</attributes>"
        text = f'<?xml version="1.0" encoding="utf-8"?>\n<service_definition>{said}</service_definition>'
        return "text/xml; charset=utf-8", text.encode()
    told = {"service_code": code, "attributes": list(attributes)}
    return "application/json; charset=utf-8", json.dumps(told, ensure_ascii=False).encode()


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _in_json(root: str, rows: Sequence[Row], quirks: Collection[str]) -> str:
    told: Any = rows[0] if "single" in quirks and len(rows) == 1 else list(rows)
    text = json.dumps({root: told} if "named" in quirks else told, ensure_ascii=False)
    if "bare" in quirks:
        for row in rows:
            id = row.get("service_request_id")
            text = text.replace(f'"service_request_id": "{id}"', f'"service_request_id": {id}')
    return text


def _in_xml(root: str, child: str, rows: Sequence[Row], charset: str, quirks: Collection[str]) -> str:
    prefix, named = ("g:", ' xmlns:g="urn:example:georeport"') if "namespace" in quirks else ("", "")
    inner = _elements(child, rows, prefix)
    return f'<?xml version="1.0" encoding="{charset}"?>\n<{prefix}{root}{named}>{inner}</{prefix}{root}>'


def _elements(name: str, rows: Sequence[Row], prefix: str) -> str:
    return "".join(f"<{prefix}{name}>{_members(row, prefix)}</{prefix}{name}>" for row in rows)


def _members(row: Row, prefix: str) -> str:
    written = []
    for name, value in row.items():
        if isinstance(value, list):
            inner = _elements(name.removesuffix("s"), value, prefix)
        elif isinstance(value, bool):
            inner = str(value).lower()
        else:
            inner = _escaped("" if value is None else str(value))
        written.append(f"<{prefix}{name}>{inner}</{prefix}{name}>")
    return "".join(written)
