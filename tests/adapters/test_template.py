"""What goes out and comes in is filled in by looking it up: nothing runs, nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onenet.adapters import template
from onenet.adapters.template import NOTHING, Unfilled

SOURCE = {
    "task": "tsk_1", "round": 0, "is_new": True, "none": None, "empty": "", "a/b": {"~": 1},
    "papers": [{"code": "id_card"}, {"code": "form", "reference": "r"}], "due": "2026-12-01 16:00:00",
}  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "filled"),
    [
        ("${/round}", 0),
        ("${/is_new}", True),
        ("${/none}", None),
        ("${/papers/1/code}", "form"),
        ("${/a~1b/~0}", 1),
        ("No. ${/round} of ${/task}", "No. 0 of tsk_1"),
        ("${/is_new}!", "true!"),
        ("(${/absent?})", "()"),
        ({"kept": "${/task}", "absent": "${/absent?}", "none": "${/none?}", "empty": "${/empty?}"},
         {"kept": "tsk_1"}),
        (["${/absent?}", 1, None, {"x": ["${/round}"]}], [1, None, {"x": [0]}]),
        ({"$each": "${/papers}", "$as": {"c": "${/code}", "r": "${/reference?}"}},
         [{"c": "id_card"}, {"c": "form", "r": "r"}]),
        ({"$each": "${/absent?}", "$as": "${/code}"}, []),
        ({"$each": "${/a~1b}", "$as": "${/~0}"}, [1]),
        ({"$value": "${/round}", "$words": {"0": "first"}}, "first"),
        ({"$value": "${/is_new}", "$words": {"true": 1}}, 1),
        ({"$value": "${/absent?}", "$words": {"0": "first"}}, NOTHING),
        ({"$value": "${/due}", "$date": "%Y-%m-%d %H:%M:%S"}, "2026-12-01"),
    ],
)  # fmt: skip
def test_a_template_is_filled_with_what_stands_there(shape: Any, filled: Any) -> None:
    assert list(template.faults(shape)) == []
    assert template.fill(shape, SOURCE) == filled


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("${/absent}", "/absent: a value was expected"),
        ("x${/papers}", "/papers: a text or a number was expected"),
        ("x${/none}", "/none: a text or a number was expected"),
        ("${/papers/2}", "/papers/2: a value was expected"),
        ("${/papers/-1}", "/papers/-1: a value was expected"),
        ("${/task/x}", "/task/x: a value was expected"),
        ({"$value": "${/task}", "$words": {"a": 1, "b": 2}}, "${/task}: expected one of a, b"),
        ({"$value": "${/task}", "$date": "%Y%m%d"}, "${/task}: a date like %Y%m%d was expected"),
        ({"$each": "${/task}", "$as": "${/code}"}, "/code: a value was expected"),
    ],
)
def test_what_is_not_there_is_told_without_what_is(shape: Any, said: str) -> None:
    with pytest.raises(Unfilled, match="expected") as unfilled:
        template.fill(shape, SOURCE)
    assert str(unfilled.value) == said
    assert "tsk_1" not in said


@pytest.mark.parametrize(
    ("shape", "where"),
    [
        ("${task}", ()),
        ("${/a", ()),
        ({"x": ["ok", "${/a~2}"]}, ("x", 1)),
        ({"x": {"$each": "/papers", "$as": "${/code}"}}, ("x", "$each")),
        ({"x": {"$each": "${/papers}", "$as": "${code}"}}, ("x", "$as")),
        ({"x": {"$each": "${/papers}"}}, ("x",)),
        ({"x": {"$eval": "1 + 1"}}, ("x",)),
        ({"$value": "${/a}", "$words": {}}, ()),
        ({"$value": "${/a}", "$words": {"a": ["b"]}}, ("$words", "a")),
        ({"$value": "${/a}", "$date": "%y"}, ("$date",)),
        ({"$value": "${/a}", "$words": {"a": 1}, "$date": "%Y%m%d"}, ()),
    ],
)
def test_a_template_that_cannot_be_used_is_told_with_its_place(
    shape: Any, where: tuple[str | int, ...]
) -> None:
    assert [fault.where for fault in template.faults(shape)] == [where]


@given(st.text())
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    assert template.fill({"x": "${/v}", "y": "a${/v}"}, {"v": value}) == {"x": value, "y": f"a{value}"}
