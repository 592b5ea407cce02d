"""How a result stands on a day. Source: domain.md section 16."""

from __future__ import annotations

from datetime import date

import pytest

from onenet.domain import results
from onenet.domain.outcome import Completed, ResultGiven
from onenet.domain.states import StepState
from onenet.store.results import numbered
from tests.domain.walk import begin
from tests.factories import make_bundle, make_member

GIVEN = ResultGiven("licence", "F-1", valid_until="2026-12-31", issued_on="2026-12-01")


@pytest.mark.parametrize(
    ("result", "today", "stands"),
    [
        (GIVEN, date(2026, 12, 1), ("issued", "2026-12-01")),
        (GIVEN, date(2026, 12, 31), ("issued", "2026-12-01")),  # it holds through its last day
        (GIVEN, date(2027, 1, 1), ("expired", "2027-01-01")),
        (ResultGiven("licence", "F-1"), date(2099, 1, 1), ("issued", None)),  # of before 0.1, without end
        (
            ResultGiven("licence", valid_until="2026-12-31", state="revoked", state_on="2027-02-01"),
            date(2027, 3, 1),  # revoked is graver than expired
            ("revoked", "2027-02-01"),
        ),
    ],
)
def test_how_a_result_stands_is_worked_out_for_the_day(
    result: ResultGiven, today: date, stands: tuple[str, str | None]
) -> None:
    assert results.standing(result, today) == stands


def test_what_would_end_before_it_begins_is_held_for_a_person_and_nothing_of_it_is_issued() -> None:
    walk = begin(make_bundle(make_member("licence", results=["licence"])))
    wrong = ResultGiven("licence", valid_from="2026-12-02", valid_until="2026-12-01")
    assert walk.answer("licence", Completed((GIVEN, wrong))) == "held"
    step = walk.step("licence")
    assert (step.state, step.results) == (StepState.HELD, ())
    assert step.reason == "/results/1/valid_until: Expected no day before valid_from"
    one_day = ResultGiven("licence", valid_from="2026-12-01", valid_until="2026-12-01")
    assert walk.answer("licence", Completed((one_day,))) == "applied"


@pytest.mark.parametrize(
    ("number", "other", "reply"),
    [("F-1", "F-1", "held"), (None, None, "held"), ("F-1", "F-2", "applied"), ("F-1", None, "applied")],
)
def test_one_result_is_not_issued_twice(number: str | None, other: str | None, reply: str) -> None:
    walk = begin(make_bundle(make_member("licence", results=["licence"])))
    given = (ResultGiven("licence", number), ResultGiven("licence", other))
    assert walk.answer("licence", Completed(given)) == reply
    if reply == "held":
        assert walk.step("licence").results == ()
        assert walk.step("licence").reason == "/results/1: Expected each result of one number once"


def test_the_copy_of_a_result_in_a_case_that_applies_again_has_no_code() -> None:
    walk = begin(make_bundle(make_member("licence", results=["licence"])))
    walk.answer("licence", Completed((ResultGiven("licence", "F-1"),)))
    issued = walk.step("licence")
    assert [each.number for each in numbered(issued)] == ["F-1"]
    # What applies again skips the step, with the result of the earlier case.
    assert [*numbered(issued._replace(state=StepState.SKIPPED))] == []
