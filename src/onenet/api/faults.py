"""What a model finds wrong, as faults in both languages: what was expected, by pydantic's error type.

Only what the model itself declares is filled in (lengths, bounds, choices); never the value that was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from onenet.adapters.masking import masked
from onenet.api.problems import MAX_FAULTS, MAX_POINTER
from onenet.errors import Fault, InvalidInput, NotFound, OnenetError, UnknownParameter

_EXPECTED: Mapping[str, tuple[str, str]] = {
    "missing": ("此项必填", "Required, but missing"),
    "extra_forbidden": ("此处没有这个成员", "There is no such member here"),
    "model_type": ("应为对象", "Expected an object"),
    "model_attributes_type": ("应为对象", "Expected an object"),
    "dict_type": ("应为对象", "Expected an object"),
    "list_type": ("应为数组", "Expected an array"),
    "string_type": ("应为字符串", "Expected a string"),
    "int_type": ("应为整数", "Expected an integer"),
    "int_parsing": ("应为整数", "Expected an integer"),
    "int_from_float": ("应为整数", "Expected an integer"),
    "int_parsing_size": ("整数超出范围", "The integer is out of range"),
    "bool_type": ("应为 true 或 false", "Expected true or false"),
    "string_too_short": ("至少 {min_length} 个字符", "Expected at least {min_length} characters"),
    "string_too_long": ("至多 {max_length} 个字符", "Expected at most {max_length} characters"),
    "string_pattern_mismatch": ("格式不正确，应符合 {pattern}", "Expected text that matches {pattern}"),
    "too_short": ("至少 {min_length} 项", "Expected at least {min_length} entries"),
    "too_long": ("至多 {max_length} 项", "Expected at most {max_length} entries"),
    "greater_than_equal": ("应不小于 {ge}", "Expected {ge} or more"),
    "less_than_equal": ("应不大于 {le}", "Expected {le} or less"),
    "literal_error": ("应为：{expected}", "Expected {expected}"),
    "enum": ("应为：{expected}", "Expected {expected}"),
    "union_tag_not_found": ("缺少 {discriminator}", "Expected the member {discriminator}"),
    "union_tag_invalid": (
        "{discriminator} 应为：{expected_tags}",
        "Expected {discriminator} to be {expected_tags}",
    ),
    "url_type": ("应为网址", "Expected a URL"),
    "url_parsing": ("应为网址", "Expected a URL"),
    "url_scheme": ("网址应以 {expected_schemes} 开头", "Expected a URL that begins with {expected_schemes}"),
    "invalid_key": ("成员名格式不正确", "The member's name is not well formed"),
}
_OTHERWISE = ("不符合要求", "Not as described")


def of_body(errors: Iterable[Mapping[str, Any]], body: Any) -> InvalidInput:
    """The error for a body that its model refuses; `body` is the parsed JSON, to tell names from tags."""
    return InvalidInput(
        faults=tuple(
            _fault(error, pointer=_pointer(error["loc"], body)) for error in islice(errors, MAX_FAULTS)
        )
    )


def of_request(errors: Iterable[Mapping[str, Any]]) -> OnenetError:
    """The error for path, query or headers. A path that no object can have is simply not there."""
    found = list(errors)[:MAX_FAULTS]
    if any(error["loc"][0] == "path" for error in found):
        return NotFound()
    faults = tuple(_request_fault(error) for error in found)
    if any(error["type"] == "extra_forbidden" for error in found):
        return UnknownParameter(faults=faults)
    return InvalidInput(faults=faults)


def unknown_parameter(name: str) -> Fault:
    """The fault of a query parameter that the route does not know."""
    return Fault(
        "extra_forbidden", "此接口没有这个查询参数", "There is no such query parameter here",
        parameter=name[:MAX_POINTER],
    )  # fmt: skip


def _request_fault(error: Mapping[str, Any]) -> Fault:
    source, name = error["loc"][0], str(error["loc"][1] if len(error["loc"]) > 1 else "")
    if source == "header":
        return _fault(error, header=name)
    if error["type"] == "extra_forbidden":
        return unknown_parameter(name)
    return _fault(error, parameter=name[:MAX_POINTER])


def _fault(error: Mapping[str, Any], **where: str) -> Fault:
    zh, en = error.get("ctx", {}).get("words") or _EXPECTED.get(error["type"], _OTHERWISE)
    context = _Context(error.get("ctx", {}))
    return Fault(error["type"], zh.format_map(context), en.format_map(context), **where)


class _Context(dict[str, Any]):
    """An error's context; a name it lacks stands for itself, as a message must never become a 500."""

    def __missing__(self, name: str) -> str:
        return name


def _pointer(location: Iterable[str | int], body: Any) -> str:
    """The JSON Pointer (RFC 6901) to a place in the body, cut at 64 characters.

    pydantic puts the tag of a union between a member and what is inside; a part that the body has not is
    one of those, unless it is the last one, of an object: that member is missing.
    """
    parts = list(location)
    pointer, node = "", body
    for place, part in enumerate(parts):
        inside = _inside(node, part)
        if inside is _NOTHING and not (place == len(parts) - 1 and isinstance(node, dict)):
            continue
        node = inside
        pointer += "/" + str(part).replace("~", "~0").replace("/", "~1")
    return masked(pointer)[:MAX_POINTER]  # a name is what was sent, too


_NOTHING = object()


def _inside(node: Any, part: str | int) -> Any:
    """What is at this name or place of a value, or the mark of nothing."""
    if isinstance(node, dict):
        return node.get(part, _NOTHING)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return _NOTHING
