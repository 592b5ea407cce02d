"""Documents of GeoReport v2 as plain entries, in XML and JSON alike, and as peers really write them.

In the place of a list there may be its one child; a list may stand below its own name in JSON too; numbers
begin with zeros, as in the examples of the standard; texts are elements with attributes.
Source: GeoReport v2 (https://wiki.open311.org/GeoReport_v2/).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import Any

import httpx2

from onenet.adapters import answers
from onenet.adapters.base import UnreadableAnswer
from onenet.adapters.json_reader import read_json
from onenet.adapters.xml_body import read_xml
from onenet.errors import MalformedJson

Entry = Mapping[str, Any]
"""A request, an update or an error, by the names of its members."""

_CONTAINERS = (
    *("service_requests", "request", "service_request_updates", "request_update", "service_request_update"),
    *("errors", "error"),
)
_IDS = ("service_request_id", "token", "update_id")

_CHARSETS = frozenset(
    {"iso-8859-1", "iso-8859-15", "windows-1252", "utf-16", "gb2312", "gbk", "gb18030", "big5"}
)
"""What is read besides UTF-8: some codecs of Python cost far more than the body is long."""

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TEXT_OR_ZEROS = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![\w.+-])0[0-9]+(?![\w.])')
_NAMED = re.compile(rb"\s*<\?xml[^>]{0,128}\sencoding=", re.IGNORECASE)


def read(response: httpx2.Response) -> list[Entry] | None:
    """The entries of this document; None when it is none: another media type, or empty.

    Raises: UnreadableAnswer, that says what was expected, never what is there.
    """
    media_type = response.headers.get("content-type", "").partition(";")[0].lower()
    is_json = "json" in media_type
    if answers.is_empty(response.content) or not (is_json or "xml" in media_type):
        return None
    return _entries(_read_json(response) if is_json else _read_xml(response))


def error_code(entries: list[Entry]) -> int | None:
    """The code of the first error, where this document tells of errors: 400 where it has none of its own."""
    found = next(filter(_is_error, entries), None)
    if found is None:
        return None
    code = word_of(found, "code") or ""
    return int(code) if re.fullmatch("[1-5][0-9]{2}", code) else 400


def _is_error(entry: Entry) -> bool:
    return {"code", "description"} <= entry.keys() and not any(name in entry for name in _IDS)


def word_of(entry: Entry, name: str) -> str | None:
    """A member as a text, whether it came as one or as a number; None where it says nothing. 0 says "0"."""
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def carries(value: Any, key: str) -> bool:
    """Whether a text in this value, however deep, has the key in it."""
    if isinstance(value, Mapping):
        return any(carries(each, key) for each in value.values())
    if isinstance(value, list):
        return any(carries(each, key) for each in value)
    return isinstance(value, str) and key in value


def _read_json(response: httpx2.Response) -> Any:
    try:
        raw = _decoded(response).removeprefix("\ufeff")
        try:
            return read_json(raw.encode())
        except MalformedJson:
            return read_json(_TEXT_OR_ZEROS.sub(_as_text, raw).encode())
    except MalformedJson as error:
        raise UnreadableAnswer(str(error)) from None


def _as_text(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else f'"{found[0]}"'


def _read_xml(response: httpx2.Response) -> Any:
    """What the root element holds; the head's charset counts where the document names none of its own."""
    raw = response.content
    if response.charset_encoding and not _NAMED.match(raw) and not raw.startswith(_MARKS):
        raw = _decoded(response).encode()
    return _plain(next(iter(read_xml(raw).values())))


def _decoded(response: httpx2.Response) -> str:
    """The body by the charset that its head names, or UTF-8."""
    charset = (response.charset_encoding or "utf-8").lower()
    try:
        return response.content.decode(charset if charset in _CHARSETS else "utf-8")
    except ValueError:
        raise UnreadableAnswer("text in UTF-8, or in the charset of content-type, was expected") from None


def _plain(value: Any) -> Any:
    """An XML value without its attributes: what stays of an element that had nothing else is its text."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    members = {name: _plain(each) for name, each in value.items() if not name.startswith("@")}
    return members.get("#text") if members.keys() <= {"#text"} else members


def _entries(value: Any) -> list[Entry]:
    if isinstance(value, list):
        return [entry for each in value for entry in _entries(each)]
    if not isinstance(value, Mapping) or not value:
        return []
    inner = next((value[name] for name in _CONTAINERS if isinstance(value.get(name), Mapping | list)), None)
    return [value] if inner is None else _entries(inner)
