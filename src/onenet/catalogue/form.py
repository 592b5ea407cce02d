"""Rules about form fields: each schema stands alone and is checked in linear time; waits count from dates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from onenet.catalogue import model
from onenet.catalogue.findings import Findings, error
from onenet.catalogue.load import Catalogue, Entry, first_of
from onenet.domain.identifiers import FORMATS

KNOWN_FORMATS = frozenset({"date", "date-time", "time", "email", "uri", "uuid", *FORMATS})

# A field's schema becomes one property of a merged form: what points elsewhere would point at another place
# there, and what names another dialect has no meaning inside.
_NOT_ALONE = frozenset({"$ref", "$dynamicRef", "$id", "$schema", "$anchor", "$dynamicAnchor", "$defs"})
_KEYWORDS = frozenset(
    {"type", "enum", "const", "format", "pattern", "minLength", "maxLength", "minimum", "maximum"}
    | {"exclusiveMinimum", "exclusiveMaximum", "multipleOf", "items", "prefixItems", "contains", "minItems"}
    | {"maxItems", "uniqueItems", "properties", "required", "additionalProperties", "allOf", "anyOf", "oneOf"}
    | {"not", "if", "then", "else", "default", "examples", "title", "description"}
)


def schemas_are_sound(catalogue: Catalogue) -> Findings:
    """JSON Schema 2020-12, without references, with known formats and patterns that take linear time."""
    for entry in catalogue.fields:
        foreign = [path for path in _keys(entry.shape.schema_) if path[-1] in _NOT_ALONE]
        for path in foreign:
            what = f"a field's schema stands alone; expected no {path[-1]}"
            yield error(entry.node.key_place(("schema", *path)), "bad_schema", what)
        yield from _unknown_words(entry)
        if not foreign and (fault := _refusal(entry.shape.schema_)) is not None:
            path, what = fault
            yield error(entry.at("schema", *path), "bad_schema", what)


def waits_count_from_dates(catalogue: Catalogue) -> Findings:
    """The field a wait counts from is a date of the form."""
    fields = first_of(catalogue.fields)
    for bundle in catalogue.bundles:
        for i, member in enumerate(bundle.shape.members):
            for j, wait in enumerate(member.waits):
                field = fields.get(wait.from_field)
                if field is not None and not _is_date(field.shape.schema_):
                    place = bundle.at("members", i, "waits", j, "from_field")
                    expected = "expected a field with the schema {type: string, format: date}"
                    yield error(place, "not_a_date", f"{wait.from_field} is not a date; {expected}")


def renewals_expire_on_a_date(catalogue: Catalogue) -> Findings:
    """The field with the day on which a certificate expires is a date, and the item asks for it."""
    fields = first_of(catalogue.fields)
    for item in catalogue.items:
        code = item.shape.renews
        if code is None or code not in fields:
            continue
        if not _is_date(fields[code].shape.schema_):
            expected = "expected a field with the schema {type: string, format: date}"
            yield error(item.at("renews"), "not_a_date", f"{code} is not a date; {expected}")
        if code not in item.shape.fields:
            yield error(item.at("renews"), "not_asked", f"{code} is not among the fields of {item.code}")


def _is_date(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "string" and schema.get("format") == "date"


def _unknown_words(entry: Entry[model.FormField]) -> Findings:
    """JSON Schema ignores a word that it does not know: a slip would switch a check off in silence."""
    schema = entry.shape.schema_
    for key in schema:
        if key not in _KEYWORDS | _NOT_ALONE and not key.startswith("x-"):
            place = entry.node.key_place(("schema", key))
            yield error(place, "bad_schema", f"unknown keyword {key}; own ones begin with x-")
    for path in _keys(schema):
        if path[-1] == "format" and entry.node.find(("schema", *path)).value not in KNOWN_FORMATS:
            known = ", ".join(sorted(KNOWN_FORMATS))
            yield error(entry.at("schema", *path), "bad_schema", f"unknown format; known are: {known}")


def _refusal(schema: dict[str, Any]) -> tuple[tuple[str | int, ...], str] | None:
    """Path and reason, when the validator that checks forms would not take the schema."""
    try:
        jsonschema_rs.Draft202012Validator(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except jsonschema_rs.ValidationError as problem:
        what = f"not a JSON Schema (2020-12) with patterns of linear time: {problem.message}"
        return tuple(problem.instance_path), what
    except (ValueError, jsonschema_rs.ReferencingError) as problem:
        return (), f"not a JSON Schema (2020-12): {problem}"
    return None


def _keys(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of all keys of mappings below the value."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield (*path, key)
            yield from _keys(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _keys(below, (*path, index))
