"""Forms: whether what an applicant filled in satisfies the bundle's merged JSON Schema.

Faults say where and what was expected, never what was given. The schema comes from a published bundle, whose
patterns are linear-time and whose references stay inside (checked when it was published).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jsonschema_rs

from onenet.domain.identifiers import FORMATS
from onenet.domain.questions import is_date
from onenet.errors import Fault, FormInvalid

_FORMAT_NAMES = {
    "cn-ric": (
        "居民身份证号码（18 位，校验位正确）",
        "an identity number of 18 characters with its check digit",
    ),
    "cn-uscc": (
        "统一社会信用代码（18 位，校验位正确）",
        "a unified social credit code with its check character",
    ),
    "date": ("日期，例如 2026-11-23，年份 1800 至 2199", "a date such as 2026-11-23, years 1800 to 2199"),
    "date-time": ("带时区的时间", "a date and time with a zone"),
}

_TYPE_NAMES: Mapping[str, tuple[str, str]] = {
    "string": ("文本", "text"),
    "integer": ("整数", "a whole number"),
    "number": ("数字", "a number"),
    "boolean": ("true 或 false", "true or false"),
    "array": ("列表", "a list"),
    "object": ("对象", "an object"),
    "null": ("null", "null"),
}


def _type_names(types: Sequence[str]) -> tuple[str, str]:
    zh, en = zip(*(_TYPE_NAMES[each] for each in types), strict=True)
    return f"应为{'或'.join(zh)}", f"expected {' or '.join(en)}"


_EXPECTED: Mapping[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "required": lambda kind: ("此项必填", "this field is required"),
    "additionalProperties": lambda kind: ("表单中没有此项", "the form has no such field"),
    "type": lambda kind: _type_names(kind["types"]),
    "enum": lambda kind: (f"应为其中之一：{kind.get('options')}", f"expected one of {kind.get('options')}"),
    "maxLength": lambda kind: (f"最多 {kind['limit']} 个字符", f"at most {kind['limit']} characters"),
    "minLength": lambda kind: (f"至少 {kind['limit']} 个字符", f"at least {kind['limit']} characters"),
    "maximum": lambda kind: (f"不得大于 {kind['limit']}", f"at most {kind['limit']}"),
    "minimum": lambda kind: (f"不得小于 {kind['limit']}", f"at least {kind['limit']}"),
    "pattern": lambda kind: ("格式不正确", f"expected text of the form {kind.get('pattern')}"),
    "format": lambda kind: _FORMAT_NAMES.get(kind["format"], ("格式不正确", f"expected {kind['format']}")),
}
"""What each keyword of JSON Schema expected, in both languages."""

MOST_FAULTS = 20


@lru_cache(maxsize=256)
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        json.loads(schema),
        validate_formats=True,
        # A date of year 1 or 9999 overflows on its way to UTC, and no limit could be counted from it.
        formats={**FORMATS, "date": is_date},
        offline=True,
        pattern_options=jsonschema_rs.RegexOptions(),
    )


def as_text(schema: Mapping[str, Any]) -> str:
    """The schema as `check` takes it: by this text its validator is remembered."""
    return json.dumps(schema, sort_keys=True)


def wrong(faults: Sequence[Fault]) -> FormInvalid:
    """The error for these: how many there are, and the first of them."""
    said = "1 entry is" if len(faults) == 1 else f"{len(faults)} entries are"
    return FormInvalid(f"{said} wrong or missing", faults=tuple(faults[:MOST_FAULTS]))


def check(schema: str, form: Mapping[str, Any], at: str = "/form") -> tuple[Fault, ...]:
    """What is wrong with the form, at most 20 faults, each with a JSON Pointer below `at`."""
    faults: list[Fault] = []
    for error in _validator(schema).iter_errors(dict(form)):
        keyword = error.kind.name
        said: dict[str, Any] = error.kind.as_dict()
        zh, en = _EXPECTED.get(keyword, _unnamed)(said)
        for name in _named(keyword, said):
            path = [*error.instance_path, *name]
            faults.append(Fault(keyword, zh, en, pointer=at + _pointer(path)))
            if len(faults) == MOST_FAULTS:
                return tuple(faults)
    return tuple(faults)


def _unnamed(kind: dict[str, Any]) -> tuple[str, str]:
    return "不符合表单要求", "does not satisfy the form's schema"


def _named(keyword: str, said: dict[str, Any]) -> list[list[str]]:
    """The members that a fault of the whole object speaks of; the fault's own place otherwise."""
    if keyword == "required":
        return [[said["property"]]]
    if keyword == "additionalProperties":
        return [[name[:64]] for name in said["unexpected"]]
    return [[]]


def _pointer(path: Sequence[str | int]) -> str:
    """A JSON Pointer (RFC 6901) of these parts."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
