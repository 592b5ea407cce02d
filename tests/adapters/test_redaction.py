"""The last resort of the log."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from onenet.adapters.redaction import redact, redacted

ID_NO = "11010519491231002X"
MOBILE = "13812345678"
CARD = "6222021234567890128"


@pytest.mark.parametrize("number", [ID_NO, MOBILE, f"+86 {MOBILE}", CARD])
@pytest.mark.parametrize("around", ["{}", "号码{}。", '{{"no": "{}"}}', "a {} b"])
def test_a_number_of_a_person_does_not_get_into_a_line(number: str, around: str) -> None:
    assert number[-8:] not in redacted(around.format(number))


@pytest.mark.parametrize(
    "text",
    [
        "32050820261206000001",  # a case number
        "110105194912310021",  # no identity number: its check digit is wrong
        "6222021234567890127",  # no card: likewise
        "01a2090f-8b24-7716-b139-12345678af42",  # a case id with the digits of a mobile number
        "2026-11-25T22:00:00.123456Z",
    ],
)
def test_what_is_no_such_number_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


def test_it_is_found_however_deep_and_whatever_it_is() -> None:
    event: dict[str, Any] = {
        "event": f"said {ID_NO}",
        "nested": {"list": [MOBILE, (CARD,)]},
        "number": int(CARD),
        "object": ValueError(ID_NO),
        "case": UUID("01a2090f-8b24-7716-b139-12345678af42"),
        "count": 3,
        "none": None,
    }
    line = json.dumps(redact(None, "info", event), default=str)
    for number in (ID_NO, MOBILE, CARD):
        assert number not in line
    assert event["case"] == redact(None, "info", event)["case"]
    assert '"count": 3' in line
