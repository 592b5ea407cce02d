"""From a folder of YAML files to entries of known shape, and what is wrong with the others.

All files are one catalogue: each may hold any of the sections, so one file can bring a whole bundle.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin

from pydantic import ValidationError

from onenet.catalogue import model
from onenet.catalogue.findings import Finding, Findings, Place, error
from onenet.catalogue.source import Node, read_directory

S = TypeVar("S", bound=model.Shape)
AnyEntry = TypeVar("AnyEntry", bound="Entry[Any]")


@dataclass(frozen=True, slots=True)
class Entry(Generic[S]):
    """One well-shaped entry and its place in the files."""

    shape: S
    node: Node

    @property
    def code(self) -> str:
        """The entry's code."""
        return str(self.node.value["code"])

    def at(self, *path: str | int) -> Place:
        """The place of the value at this path below the entry."""
        return self.node.find(path).place


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All well-shaped entries, in the order of files and lines; doubles are still in.

    `broken`: section and code of entries that are left out, so that what refers to them is not called
    dangling. `is_whole`: every file could be read.
    """

    calendars: tuple[Entry[model.Calendar], ...]
    calendar_years: tuple[Entry[model.CalendarYear], ...]
    jurisdictions: tuple[Entry[model.Jurisdiction], ...]
    departments: tuple[Entry[model.Department], ...]
    fields: tuple[Entry[model.FormField], ...]
    sources: tuple[Entry[model.Source], ...]
    materials: tuple[Entry[model.Material], ...]
    items: tuple[Entry[model.Item], ...]
    bundles: tuple[Entry[model.Bundle], ...]
    broken: frozenset[tuple[str, str]]
    is_whole: bool


def load(directory: Path) -> tuple[Catalogue, list[Finding]]:
    """The catalogue below the directory and the faults of its form."""
    nodes, findings = read_directory(directory)
    entries: dict[str, list[Entry[Any]]] = {section: [] for section in model.SECTIONS}
    broken = set()
    lost = {finding.place.file for finding in findings if finding.severity == "error"}
    is_whole = lost <= {node.place.file for node in nodes}
    for node in nodes:
        findings += _check_sections(node)
        for section, entry_node in _entry_nodes(node):
            shape, found = _validate(model.SECTIONS[section], entry_node)
            findings += found
            if shape is None:
                broken.add((section, _code_of(entry_node)))
            else:
                entries[section].append(Entry(shape, entry_node))
    sections: Any = {section: tuple(found) for section, found in entries.items()}
    return Catalogue(**sections, broken=frozenset(broken), is_whole=is_whole), findings


def first_of(entries: tuple[AnyEntry, ...]) -> dict[str, AnyEntry]:
    """Entries by code; of doubles the first."""
    return {entry.code: entry for entry in reversed(entries)}


def _check_sections(node: Node) -> Findings:
    known = ", ".join(model.SECTIONS)
    if not isinstance(node.value, dict):
        yield error(node.place, "wrong_type", f"expected a mapping at the top of the file, with: {known}")
        return
    for key, value in node.value.items():
        if key not in model.SECTIONS:
            yield error(node.keys[key], "unknown_key", f"unknown key {key}; known here are: {known}")
        elif not isinstance(value, list):
            yield error(node.children[key].place, "wrong_type", f"expected a list of {key}")


def _entry_nodes(node: Node) -> Iterator[tuple[str, Node]]:
    for section in model.SECTIONS:
        if section in node.children and isinstance(node.children[section].value, list):
            for entry in node.children[section].children.values():
                yield section, entry


def _code_of(node: Node) -> str:
    return str(node.value.get("code")) if isinstance(node.value, dict) else ""


def _validate(shape: type[S], node: Node) -> tuple[S | None, list[Finding]]:
    """The shape and its faults. Keys too many are left out, so that they hide no other fault."""
    try:
        return shape.model_validate(node.value), []
    except ValidationError as problem:
        faults = problem.errors(include_url=False)
    findings = [_finding(shape, node, cast("dict[str, Any]", fault)) for fault in faults]
    if any(fault["type"] != "extra_forbidden" for fault in faults):
        return None, findings
    return shape.model_validate(_without(node.value, {tuple(fault["loc"]) for fault in faults})), findings


def _without(value: Any, unwanted: set[tuple[Any, ...]], path: tuple[Any, ...] = ()) -> Any:
    if isinstance(value, dict):
        kept = {key: entry for key, entry in value.items() if (*path, key) not in unwanted}
        return {key: _without(entry, unwanted, (*path, key)) for key, entry in kept.items()}
    if isinstance(value, list):
        return [_without(entry, unwanted, (*path, index)) for index, entry in enumerate(value)]
    return value


def _finding(shape: type[model.Shape], node: Node, fault: dict[str, Any]) -> Finding:
    path = tuple(fault["loc"])
    key = path[-1] if path else ""
    place = node.find(path).place
    match fault["type"]:
        case "extra_forbidden":
            known = ", ".join(_keys_at(shape, path[:-1]))
            return error(node.key_place(path), "unknown_key", f"unknown key {key}; known here are: {known}")
        case "missing":
            return error(place, "missing_key", f"the key {key} is missing")
        case "literal_error":
            return error(place, "bad_value", f"expected {fault['ctx']['expected']}")
        case "greater_than_equal":
            return error(place, "bad_value", f"expected {fault['ctx']['ge']} or more")
        case "less_than_equal":
            return error(place, "bad_value", f"expected {fault['ctx']['le']} or less")
        case "string_pattern_mismatch":
            if key == "[key]":
                place = node.key_place(path[:-1])
            return error(place, "bad_value", f"expected {model.PATTERNS_IN_WORDS[fault['ctx']['pattern']]}")
        case kind if kind in _TYPES:
            found = _FOUND.get(type(fault["input"]), "something else")
            return error(place, "wrong_type", f"expected {_TYPES[kind]}, but found {found}")
        case _:
            # The library's own words, such as "List should have at least 1 item".
            return error(place, "bad_value", str(fault["msg"]))


_TYPES = {
    "string_type": "text (in quotes, if it looks like a number or a truth value)",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
_FOUND = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}


def _keys_at(shape: type[model.Shape], path: tuple[Any, ...]) -> list[str]:
    """The keys known at a path of the shape."""
    annotation: Any = shape
    for step in path:
        annotation = _below(annotation, step)
    fields = _shape_in(annotation).model_fields
    return [field.alias or name for name, field in fields.items()]


def _below(annotation: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return get_args(annotation)[0]
    return _shape_in(annotation).model_fields[step].annotation


def _shape_in(annotation: Any) -> type[model.Shape]:
    """The shape itself, or the one in `Shape | None`."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    return cast("type[model.Shape]", annotation)
