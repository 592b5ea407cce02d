"""The one strict JSON reader: every body from outside passes it before any model sees it.

jiter refuses bad syntax, trailing text, NaN and Infinity, invalid UTF-8, duplicate names, lone surrogates
and integers of more than 4,300 digits. The walk afterwards refuses what is well formed and still harmful:
too many levels or names, texts of more than 20,000 characters, numbers that overflow (1e400), NUL and the
C0 controls but tab, LF and CR.
Source: api.md section 10.
"""

from __future__ import annotations

import math
import re
from typing import Any, TypeAlias

import jiter

from onenet.errors import Fault, MalformedJson

# code: (in Chinese, in English); the submitted value never appears.
_MESSAGES = {
    "empty": ("请求体为空，应为 JSON", "The body is empty; JSON was expected"),
    "encoding": ("应为不带 BOM 的 UTF-8", "The body must be UTF-8 without a byte order mark"),
    "syntax": ("不是合格的 JSON", "Not well-formed JSON"),
    "duplicate_key": ("同一对象中成员名重复", "A member name appears twice in one object"),
    "too_deep": ("嵌套过深，至多 {limit} 层", "Nested too deeply; at most {limit} levels are read"),
    "too_many_keys": ("成员过多，至多 {limit} 个", "Too many members; at most {limit} are read"),
    "string_too_long": (
        "字符串过长，至多 {limit} 个字符",
        "The text is too long; at most {limit} characters are read",
    ),
    "not_finite": ("数值超出范围", "The number is out of range"),
    "control_character": (
        "不得含有控制字符（制表符、换行、回车除外）",
        "Control characters are not allowed, save tab, line feed and carriage return",
    ),
}
# What jiter says, as far as it deserves a code of its own.
_JITER_CODES = (
    ("Detected duplicate key", "duplicate_key"),
    ("recursion limit exceeded", "too_deep"),
    ("number out of range", "not_finite"),
    ("invalid unicode code point", "encoding"),
)
_PLACE = re.compile(r" at line (\d+) column (\d+)$")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MAX_POINTER = 64
MAX_STRING = 20_000
"""Characters of a text or a name, unless a field says less."""

_Path: TypeAlias = "tuple[_Path, str | int] | None"
"""Where a value lies: (the path above it, its name or place); a pointer is made of it only on a fault."""


def read_json(raw: bytes, *, max_depth: int = 64, max_keys: int = 2_000) -> Any:
    """The value in this body: dict, list, str, int, finite float, bool or None.

    Raises: MalformedJson with one fault, that says where and what was expected, never the value.
    """
    if not raw.strip():
        raise _malformed("empty")
    # A NUL byte in the first four is UTF-16 or UTF-32: no JSON in UTF-8 begins like that.
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw[:4]:
        raise _malformed("encoding")
    try:
        value = jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise _unparseable(str(error), max_depth) from None
    _check(value, max_depth, max_keys, has_escapes=b"\\" in raw)
    return value


def _check(value: Any, max_depth: int, max_keys: int, *, has_escapes: bool) -> None:
    """Walks the value without recursion, so that no body can exhaust the stack.

    JSON has control characters only as escapes: a body without a backslash has none.
    """
    keys = 0
    # A list around it makes the value an entry like all others; `_pointer` leaves that list out.
    todo: list[tuple[dict[str, Any] | list[Any], int, _Path]] = [([value], 0, None)]
    while todo:
        node, depth, path = todo.pop()
        if depth > max_depth:
            raise _malformed("too_deep", pointer=_pointer(path), limit=max_depth)
        if type(node) is dict:
            keys += len(node)
            _check_names(node, path)
            if keys > max_keys:
                raise _malformed("too_many_keys", limit=max_keys)
        if has_escapes:
            _refuse_controls(node, path)
        for name, child in node.items() if type(node) is dict else enumerate(node):
            kind = type(child)
            if kind is str and len(child) > MAX_STRING:
                raise _malformed("string_too_long", pointer=_pointer((path, name)), limit=MAX_STRING)
            if kind is dict or kind is list:
                todo.append((child, depth + 1, (path, name)))
            elif kind is float and not math.isfinite(child):
                raise _malformed("not_finite", pointer=_pointer((path, name)))


def _check_names(node: dict[str, Any], path: _Path) -> None:
    """Passes when no name is too long."""
    if any(len(name) > MAX_STRING for name in node):
        raise _malformed("string_too_long", pointer=_pointer(path), limit=MAX_STRING)


def _refuse_controls(node: dict[str, Any] | list[Any], path: _Path) -> None:
    """Passes when neither a name nor a text right in this node holds one."""
    if type(node) is dict and any(map(_CONTROL.search, node)):
        raise _malformed("control_character", pointer=_pointer(path))
    for name, child in node.items() if type(node) is dict else enumerate(node):
        if type(child) is str and _CONTROL.search(child):
            raise _malformed("control_character", pointer=_pointer((path, name)))


def _pointer(path: _Path) -> str:
    """The JSON Pointer (RFC 6901), cut at 64 characters: names are the sender's own text."""
    names = []
    while path is not None:
        path, name = path
        names.append(str(name).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{name}" for name in names[-2::-1])[:_MAX_POINTER]


def _unparseable(said: str, max_depth: int) -> MalformedJson:
    code = next((code for start, code in _JITER_CODES if said.startswith(start)), "syntax")
    place = _PLACE.search(said)
    if place is None:
        return _malformed(code, limit=max_depth)
    line, column = place.groups()
    where = (f"（第 {line} 行第 {column} 列）", f" (line {line}, column {column})")
    return _malformed(code, limit=max_depth, where=where)


def _malformed(
    code: str, *, pointer: str = "", limit: int = 0, where: tuple[str, str] = ("", "")
) -> MalformedJson:
    zh, en = (text.format(limit=limit) + place for text, place in zip(_MESSAGES[code], where, strict=True))
    return MalformedJson(en, faults=(Fault(code, zh, en, pointer=pointer),))
