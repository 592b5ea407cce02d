"""XML bodies as plain values and back, so that one pointer serves JSON and XML.

An element is a mapping of its children by their names without prefixes, `@name` its attributes, `#text` what
stands beside them; an element with neither child nor attribute is its text, and several of one name are a
list. A document type is refused unread: without it there are no entities to expand and none to fetch.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.parsers import expat

from onenet.adapters.base import UnreadableAnswer
from onenet.adapters.json_reader import MAX_STRING
from onenet.adapters.template import Fault, Unfilled, Where, as_word, is_special

MAX_DEPTH = 64
MAX_MEMBERS = 2_000
"""Elements and attributes; the same caps as for JSON."""

NAME = re.compile(r"[^\W\d][\w.-]*(:[^\W\d][\w.-]*)?")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CHINESE = re.compile(rb"<\?xml[^>]{0,64}encoding=[\"'](gb2312|gbk|gb18030)[\"']", re.IGNORECASE)


def read_xml(raw: bytes) -> dict[str, Any]:
    """The one element that this document is, by its name.

    Raises: UnreadableAnswer, that says where and what was expected, never what is there.
    """
    builder = _Builder()
    parser = expat.ParserCreate("utf-8" if _CHINESE.match(raw) else None)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.begin
    parser.CharacterDataHandler = builder.add
    parser.EndElementHandler = builder.end
    try:
        parser.Parse(_in_utf8(raw), True)
    except expat.ExpatError as error:
        what = f"not well-formed XML (line {error.lineno}, column {error.offset + 1})"
        raise UnreadableAnswer(what) from None
    except (ValueError, LookupError):
        raise UnreadableAnswer("XML in UTF-8, UTF-16 or GB 18030 was expected") from None
    return builder.document


def write_xml(value: Mapping[str, Any]) -> bytes:
    """The document with this one element. Raises: Unfilled for several, and for a name that none can have."""
    if sum(len(each) if isinstance(each, list) else 1 for each in value.values()) != 1:
        raise Unfilled("the body: one element was expected at the top")
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + "".join(_elements(value))).encode()


def faults(template: Mapping[str, Any], where: Where) -> Iterator[Fault]:
    """What keeps this template from being the content of an element, whatever it is filled with."""
    for name, value in template.items():
        at = (*where, name)
        if name != "#text" and not NAME.fullmatch(name.removeprefix("@")):
            yield Fault(at, "expected a name that an XML element or attribute can have", "bad_key")
        elif name == "#text" or name.startswith("@"):
            if isinstance(value, list) or (isinstance(value, dict) and "$value" not in value):
                yield Fault(at, "expected one text or number", "bad_value")
        elif isinstance(value, dict) and "$each" in value:
            yield from _entry_faults(value.get("$as"), (*at, "$as"))
        elif isinstance(value, list):
            for place, each in enumerate(value):
                yield from _entry_faults(each, (*at, place))
        else:
            yield from _entry_faults(value, at)


def _entry_faults(entry: Any, where: Where) -> Iterator[Fault]:
    if isinstance(entry, list) or (isinstance(entry, dict) and "$each" in entry):
        yield Fault(where, "expected one element, and no list in a list", "bad_value")
    elif isinstance(entry, dict) and not is_special(entry):
        yield from faults(entry, where)


class _Builder:
    """Makes values of the parser's events, within the limits."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self._open: list[tuple[dict[str, Any], list[str]]] = []
        self._members = 0

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        self._members += 1 + len(attributes)
        if len(self._open) >= MAX_DEPTH or self._members > MAX_MEMBERS:
            raise UnreadableAnswer(f"at most {MAX_DEPTH} levels and {MAX_MEMBERS:,} elements were expected")
        own = {f"@{_local(key)}": value for key, value in attributes.items() if not key.startswith("xmlns")}
        self._open.append((own, []))

    def add(self, text: str) -> None:
        self._open[-1][1].append(text)

    def end(self, name: str) -> None:
        members, texts = self._open.pop()
        text = "".join(texts).strip()
        if len(text) > MAX_STRING or any(len(value) > MAX_STRING for value in members.values()):
            raise UnreadableAnswer(f"texts of at most {MAX_STRING:,} characters were expected")
        if members and text:
            members["#text"] = text
        above, key = (self._open[-1][0] if self._open else self.document), _local(name)
        value: Any = members or text
        if key not in above:
            above[key] = value
        elif isinstance(above[key], list):
            above[key].append(value)
        else:
            above[key] = [above[key], value]


def _refuse_doctype(*_: object) -> None:
    raise UnreadableAnswer("XML without a document type was expected")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _in_utf8(raw: bytes) -> bytes:
    """Departments write GBK still, which the parser does not know; GB 18030 holds both it and GB 2312."""
    return raw.decode("gb18030").encode() if _CHINESE.match(raw) else raw


def _elements(members: Mapping[str, Any]) -> Iterator[str]:
    for name, value in members.items():
        if name.startswith("@") or name == "#text":
            continue
        if not NAME.fullmatch(name):
            raise Unfilled("the body: a name that an XML element can have was expected")
        for each in value if isinstance(value, list) else [value]:
            yield f"<{name}{_attributes(each)}>"
            yield from _content(each)
            yield f"</{name}>"


def _content(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield _escaped(value.get("#text"))
        yield from _elements(value)
    else:
        yield _escaped(value)


def _attributes(value: Any) -> str:
    if not isinstance(value, Mapping):
        return ""
    own = {name[1:]: each for name, each in value.items() if name.startswith("@")}
    if not all(map(NAME.fullmatch, own)):
        raise Unfilled("the body: a name that an XML attribute can have was expected")
    return "".join(f' {name}="{_escaped(each)}"' for name, each in own.items())


def _escaped(value: Any) -> str:
    if value is None:
        return ""
    word = as_word(value)
    if word is None:
        raise Unfilled("the body: a text or a number was expected in an XML element")
    return html.escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", word))
