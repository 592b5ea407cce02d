"""What is said of a form that does not fit: in words for citizens."""

from __future__ import annotations

import pytest

from onenet.errors import Fault
from onenet.services import forms

ONE = Fault("type", "应为文本", "expected text", "/form/food_range")


@pytest.mark.parametrize(
    ("wanted", "zh", "en"),
    [
        ("string", "应为文本", "expected text"),
        ("integer", "应为整数", "expected a whole number"),
        (["null", "number"], "应为null或数字", "expected null or a number"),
        ("object", "应为对象", "expected an object"),
    ],
)
def test_a_value_of_another_type_is_told_in_words(wanted: str | list[str], zh: str, en: str) -> None:
    schema = forms.as_text({"properties": {"food_range": {"type": wanted}}})
    (fault,) = forms.check(schema, {"food_range": ["热食"]})
    assert (fault.message_zh, fault.message_en, fault.pointer) == (zh, en, "/form/food_range")


@pytest.mark.parametrize(
    ("count", "said", "shown"),
    [
        (1, "1 entry is wrong or missing", 1),
        (2, "2 entries are wrong or missing", 2),
        (21, "21 entries are wrong or missing", forms.MOST_FAULTS),
    ],
)
def test_it_is_said_how_many_are_wrong(count: int, said: str, shown: int) -> None:
    found = forms.wrong([ONE] * count)
    assert (found.detail, len(found.faults)) == (said, shown)
