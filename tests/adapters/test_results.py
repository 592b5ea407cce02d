"""What departments say of their results, in the shape that all adapters share."""

from __future__ import annotations

import json
from typing import Any

import pytest

from onenet.adapters.webhook import outcome_said
from onenet.domain.outcome import Completed, Outcome, ResultGiven, Unclear


def said(**result: Any) -> Outcome:
    value = {"outcome": "completed", "results": [{"code": "licence", **result}]}
    return outcome_said(value, json.dumps(value).encode())


def test_a_result_has_a_name_an_issuer_and_a_validity() -> None:
    beside: dict[str, Any] = {
        "name": "食品经营许可证",
        "issuer": "示例局",
        "valid_from": "2026-12-01",
        "valid_until": "2031-11-30",
    }
    assert said(number="F-1", **beside) == Completed((ResultGiven("licence", "F-1", **beside),))


@pytest.mark.parametrize(
    ("result", "at"),
    [
        ({"valid_until": "2026-02-30"}, "valid_until"),
        ({"valid_from": "2026-12-01T00:00:00Z"}, "valid_from"),
        ({"valid_from": 20261201}, "valid_from"),
        ({"name": " "}, "name"),
        ({"issuer": "局" * 201}, "issuer"),
    ],
)
def test_what_cannot_be_is_told_by_its_place_and_nothing_of_it_is_taken(
    result: dict[str, Any], at: str
) -> None:
    outcome = said(**result)
    assert isinstance(outcome, Unclear)
    assert outcome.reason.startswith(f"/results/0/{at}: ")
    assert "202" not in outcome.reason
