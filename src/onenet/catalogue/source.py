"""Reads YAML files into plain values that remember where each of them stands.

Stricter than YAML: one document, no duplicate keys, no tags, no merge keys, and no plain word that YAML 1.1
quietly takes for something else (`no`, `1:30`, `012`, `2026-01-01`). Anchors and aliases are welcome as long
as the file stays small when they are written out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from onenet.catalogue.findings import Finding, Place, error, warning

MAX_FILE_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_NODES = 100_000

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_TAG = "tag:yaml.org,2002:"


_KINDS = {"bool": "truth value", "int": "number", "float": "number", "timestamp": "date"}


class _Plain(NamedTuple):
    """How a plain value of one type is written, and what it means."""

    pattern: re.Pattern[str]
    convert: Callable[[str], Any]


_PLAIN: Mapping[str, _Plain] = {
    f"{_TAG}bool": _Plain(re.compile("true|false"), lambda text: text == "true"),
    f"{_TAG}int": _Plain(re.compile("-?(0|[1-9][0-9]{0,17})"), int),
    f"{_TAG}float": _Plain(re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}"), float),
    f"{_TAG}null": _Plain(re.compile("null|~|"), lambda text: None),
}


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a file with its place.

    `children`: the nodes below, by key or index. `keys`: where each key stands. `size`: nodes in all, with
    aliases written out. `verbatim_column`: where the text of a string begins, when the file holds it in one
    line and letter by letter, else None.
    """

    value: Any
    place: Place
    children: Mapping[str | int, Node] = field(default_factory=dict)
    keys: Mapping[str, Place] = field(default_factory=dict)
    size: int = 1
    verbatim_column: int | None = None

    def find(self, path: tuple[str | int, ...]) -> Node:
        """The node at the path, or the nearest one above it."""
        node = self
        for step in path:
            if step not in node.children:
                break
            node = node.children[step]
        return node

    def key_place(self, path: tuple[str | int, ...]) -> Place:
        """Where the last key of the path is written, or the nearest thing above it."""
        above = self.find(path[:-1])
        return above.keys.get(str(path[-1]), above.place) if path else self.place


def read_directory(directory: Path) -> tuple[list[Node], list[Finding]]:
    """One node a file, for every `*.yaml` below the directory in order of path; and what is wrong with them.

    A file that cannot be read at all gives a finding and no node, an empty one gives neither.
    """
    paths = sorted(directory.rglob("*.yaml"))
    findings = [
        warning(Place(path.as_posix()), "not_read", "this file is not read; expected the ending .yaml")
        for path in sorted(directory.rglob("*.yml"))
    ]
    if not paths:
        findings.append(
            error(Place(directory.as_posix()), "no_files", "expected *.yaml files in this folder")
        )
    nodes = []
    for path in paths:
        node, found = read_file(path)
        findings += found
        if node is not None and node.value is not None:
            nodes.append(node)
    return nodes, findings


def read_file(path: Path) -> tuple[Node | None, list[Finding]]:
    """The file's only document and what is wrong with it; no node when it cannot be read at all."""
    name = path.as_posix()
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        return None, [error(Place(name), "too_large", f"expected at most {MAX_FILE_BYTES:,} bytes")]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        before = raw[: problem.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        place = Place(name, before.count(b"\n") + 1, column)
        return None, [error(place, "not_utf8", "expected UTF-8; this byte is not part of it")]
    # The parser itself would give the place of such a character in bytes.
    if found := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line = text.rfind("\n", 0, found.start()) + 1
        place = Place(name, text.count("\n", 0, line) + 1, found.start() - line + 1)
        what = f"the character U+{ord(found.group()):04X} is not allowed in YAML"
        return None, [error(place, "yaml_syntax", what)]
    composer = _Composer(name, text)
    try:
        node = composer.document()
    except _UnreadableError as problem:
        return None, [*composer.findings, problem.finding]
    return node, composer.findings


class _UnreadableError(Exception):
    """The rest of the file makes no sense."""

    def __init__(self, finding: Finding):
        super().__init__(str(finding))
        self.finding = finding


class _Composer:
    """Builds nodes from parser events. Faults that leave the rest readable are noted, the others raised."""

    def __init__(self, file: str, text: str):
        self.findings: list[Finding] = []
        self._file = file
        self._text = text
        self._anchors: dict[str, Node] = {}
        self._budget = MAX_NODES
        self._resolver = yaml.resolver.Resolver()
        self._stream = self._events()

    def document(self) -> Node | None:
        node = None
        for event in self._stream:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    raise self._unreadable(event, "several_documents", "expected one YAML document in a file")
                node = self._node(next(self._stream), 0)
        return node

    def _events(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self._text, Loader=yaml.CSafeLoader)
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark
            place = Place(self._file, mark.line + 1, mark.column + 1) if mark else Place(self._file)
            what = ", ".join(part for part in (problem.context, problem.problem) if part)
            raise _UnreadableError(error(place, "yaml_syntax", f"not well-formed YAML: {what}")) from None

    def _node(self, event: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._unreadable(event, "too_deep", f"expected at most {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            what = f"found the tag {event.tag}; expected a value without one (quote text that begins with !)"
            self._note(event, "yaml_tag", what)
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            what = f"expected the alias *{event.anchor} to name an anchor that is complete above it"
            raise self._unreadable(event, "unknown_alias", what)
        self._spend(event, node.size)
        return node

    def _sequence(self, event: Any, depth: int) -> Node:
        items = []
        while not isinstance(item := next(self._stream), yaml.SequenceEndEvent):
            items.append(self._node(item, depth + 1))
        self._spend(event, 1)
        return Node(
            value=[item.value for item in items],
            place=self._place(event),
            children=dict(enumerate(items)),
            size=1 + sum(item.size for item in items),
        )

    def _mapping(self, event: Any, depth: int) -> Node:
        children: dict[str | int, Node] = {}
        keys: dict[str, Place] = {}
        while not isinstance(key_event := next(self._stream), yaml.MappingEndEvent):
            key = self._node(key_event, depth + 1)
            child = self._node(next(self._stream), depth + 1)
            if not isinstance(key.value, str):
                self._note(
                    key_event, "bad_key", "expected text as key, in quotes if it looks like something else"
                )
            elif key.value in keys:
                what = f"the key {key.value} is given twice, first in line {keys[key.value].line}"
                self._note(key_event, "duplicate_key", what)
            else:
                children[key.value] = child
                keys[key.value] = key.place
        self._spend(event, 1)
        return Node(
            value={key: child.value for key, child in children.items()},
            place=self._place(event),
            children=children,
            keys=keys,
            size=1 + sum(child.size for child in children.values()),
        )

    def _scalar(self, event: Any) -> Node:
        self._spend(event, 1)
        text = event.value
        if _CONTROL.search(text):
            self._note(event, "control_character", "expected text without control characters")
        tag: str = self._resolver.resolve(yaml.ScalarNode, text, event.implicit)  # type: ignore[no-untyped-call]
        if not event.implicit[0] or tag == f"{_TAG}str":
            return Node(text, self._place(event), verbatim_column=self._verbatim_column(event))
        if tag in _PLAIN and _PLAIN[tag].pattern.fullmatch(text):
            return Node(_PLAIN[tag].convert(text), self._place(event))
        kind = _KINDS.get(tag.removeprefix(_TAG), "special word")
        what = f"YAML takes {text} for a {kind}; put text in quotes, write true, false, null or 12 plainly"
        self._note(event, "ambiguous_value", what)
        return Node(text, self._place(event))

    def _verbatim_column(self, event: Any) -> int | None:
        written = self._text[event.start_mark.index : event.end_mark.index]
        begin = 1 if event.style in ("'", '"') else 0
        if written[begin : begin + len(event.value)] != event.value or "\n" in event.value:
            return None
        return int(event.start_mark.column) + 1 + begin

    def _spend(self, event: Any, nodes: int) -> None:
        self._budget -= nodes
        if self._budget < 0:
            what = f"expected at most {MAX_NODES:,} values in a file, with aliases written out"
            raise self._unreadable(event, "too_large", what)

    def _place(self, event: Any) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _note(self, event: Any, code: str, message: str) -> None:
        self.findings.append(error(self._place(event), code, message))

    def _unreadable(self, event: Any, code: str, message: str) -> _UnreadableError:
        return _UnreadableError(error(self._place(event), code, message))
