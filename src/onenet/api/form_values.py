"""What an answer and a form may hold before a bundle is looked at: any JSON, within the limits of api.md.

The check and its JSON Schema stand side by side; each says what the other does. The strict reader has refused
controls, depth and non-finite numbers before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_INTEGER = 2**53 - 1
MAX_TEXT = 20_000
MAX_ANSWER_TEXT = 100
MAX_ENTRIES = 200
MAX_FORM_DEPTH = 2
"""A field may be a list of objects; nothing deeper has been needed."""

NAME_PATTERN = "^[A-Za-z][A-Za-z0-9_]{0,63}$"

_NAME = re.compile(NAME_PATTERN.strip("^$"))
_NO_CONTROLS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"
_INTEGER = {"type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER}
_ANSWER_TEXT = {"type": "string", "maxLength": MAX_ANSWER_TEXT, "pattern": _NO_CONTROLS}

_LEAVES: list[dict[str, Any]] = [
    {"type": "boolean"},
    {"type": "number", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER},
    {"type": "string", "maxLength": MAX_TEXT, "pattern": _NO_CONTROLS},
    {"type": "null"},
]


def _around(inner: str) -> list[dict[str, Any]]:
    """A leaf, or a list or an object of `inner`; spelled out, as few generators of clients know recursion."""
    entry = {"$ref": f"#/components/schemas/{inner}"}
    names = {"pattern": _NO_CONTROLS}
    return [
        *_LEAVES,
        {"type": "array", "items": entry},
        {"type": "object", "propertyNames": names, "additionalProperties": entry},
    ]


COMPONENTS: Mapping[str, dict[str, Any]] = {
    "AnswerValue": {
        "description": "An answer: true or false, an integer, an option or a date, or several options.",
        "anyOf": [
            {"type": "boolean"},
            _INTEGER,
            _ANSWER_TEXT,
            {"type": "array", "items": _ANSWER_TEXT, "maxItems": MAX_ENTRIES},
        ],
    },
    "FormLeaf": {"description": "A single value of a form.", "anyOf": _LEAVES},
    "FormRow": {
        "description": "An entry of a list, such as one line of a table.",
        "anyOf": _around("FormLeaf"),
    },
    "FormValue": {
        "description": "What a field of a form holds; the bundle's form schema says what it should be.",
        "anyOf": _around("FormRow"),
    },
}
"""Schemas of the contract that no model stands for."""


def _check_answers(answers: dict[str, Any]) -> dict[str, Any]:
    _check_names(answers)
    if not all(map(_is_given, answers.values())):
        raise _refuse(
            "answer_type",
            "每个答案应为 true/false、±(2^53 - 1) 之内的整数、至多 100 字符的文字，或若干选项代码",
            "Expected each answer to be true or false, an integer within ±(2^53 - 1), text of at most 100"
            " characters, or a list of options",
        )
    return answers


def _is_given(answer: Any) -> bool:
    match answer:
        case str():
            return len(answer) <= MAX_ANSWER_TEXT
        case bool():
            return True
        case int():
            return abs(answer) <= MAX_INTEGER
        case list():
            return len(answer) <= MAX_ENTRIES and all(map(_is_option, answer))
        case _:
            return False


def _is_option(entry: Any) -> bool:
    return isinstance(entry, str) and len(entry) <= MAX_ANSWER_TEXT


def _check_form(form: dict[str, Any]) -> dict[str, Any]:
    """No number is beyond what every reader of JSON keeps exactly, and no text too long."""
    _check_names(form)
    todo: list[tuple[Iterable[Any], int]] = [(form.values(), 0)]
    while todo:
        values, depth = todo.pop()
        for value in values:
            kind = type(value)
            if kind is str:
                if len(value) > MAX_TEXT:
                    raise _refuse(
                        "string_too_long",
                        f"至多 {MAX_TEXT} 个字符",
                        f"Expected at most {MAX_TEXT} characters",
                    )
            elif kind is dict or kind is list:
                if depth >= MAX_FORM_DEPTH:
                    raise _refuse(
                        "too_deep",
                        f"至多嵌套 {MAX_FORM_DEPTH} 层",
                        f"Expected at most {MAX_FORM_DEPTH} levels",
                    )
                todo.append((value.values() if kind is dict else value, depth + 1))
            elif (kind is int or kind is float) and not abs(value) <= MAX_INTEGER:  # NaN is neither
                raise _refuse(
                    "number_range", "数值应在 ±(2^53 - 1) 之内", "Expected numbers within ±(2^53 - 1)"
                )
    return form


def _check_names(members: Mapping[str, Any]) -> None:
    if not all(map(_NAME.fullmatch, members)):
        raise _refuse(
            "member_name",
            "成员名应为字母、数字和下划线，字母开头，至多 64 个字符",
            "Expected names of letters, digits and _, a letter first, at most 64",
        )


def _refuse(code: str, zh: str, en: str) -> PydanticCustomError:
    return PydanticCustomError(code, "not as described", {"words": (zh, en)})


def _object_of(schema: str) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": {"pattern": NAME_PATTERN},
        "maxProperties": MAX_ENTRIES,
        "additionalProperties": {"$ref": f"#/components/schemas/{schema}"},
    }


GivenAnswers = Annotated[
    dict[str, Any],
    Field(max_length=MAX_ENTRIES),
    AfterValidator(_check_answers),
    WithJsonSchema(_object_of("AnswerValue")),
]
GivenForm = Annotated[
    dict[str, Any],
    Field(max_length=MAX_ENTRIES),
    AfterValidator(_check_form),
    WithJsonSchema(_object_of("FormValue")),
]
