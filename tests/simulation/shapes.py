"""Shapes of cases, as small as they can be: a chain, a join, a queue at one department, a waiting period."""

from __future__ import annotations

from typing import Any

from onenet.domain.bundle import Bundle, Limit, Member, Wait
from tests.factories import make_bundle, make_material, make_member

DEPARTMENTS = ("bank", "police", "tax")


def _member(code: str, department: str, *after: str, **more: Any) -> Member:
    return make_member(code, department=department, after=after, materials=["deed"], **more)


def _bundle(code: str, *members: Member) -> Bundle:
    return make_bundle(*members, code=code, materials=[make_material("deed")])


_NOTICE = [Wait("noticed_on", Limit(2, "days"))]

SHAPES = (
    _bundle("chain", _member("a", "police"), _member("b", "bank", "a")),
    _bundle("join", _member("a", "police"), _member("b", "bank"), _member("c", "tax", "a", "b")),
    _bundle("queue", _member("a", "police"), _member("b", "police")),
    _bundle("wait", _member("a", "police", waits=_NOTICE), _member("b", "bank", "a")),
    _bundle(
        "edges",
        _member("a", "police"),
        _member("b", "bank", "a", if_failed={"a": "cancel"}),
        _member("c", "tax", "a", "b", if_failed={"a": "go_on", "b": "go_on"}),
    ),
)
