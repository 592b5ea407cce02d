"""Special procedures: the closed list of LIC art. 45, what an applicant is told, when the clock stops."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import get_args

import pytest

from onenet.adapters.webhook import outcome_said
from onenet.console.words import PROCEDURES
from onenet.domain import suspensions
from onenet.domain.bundle import Limit
from onenet.domain.calendar import Calendar, Year
from onenet.domain.case import Moment, Waiting
from onenet.domain.commands import LetTimePass
from onenet.domain.machine import decide
from onenet.domain.outcome import Accepted, Completed, Resumed, SpecialProcedure, Suspended, Unclear
from onenet.domain.procedures import Extension
from onenet.domain.rules import Rules
from onenet.domain.states import StepState
from onenet.store import procedures as stored
from tests.domain.walk import Walk, begin
from tests.factories import NOW, make_bundle, make_member, names

TEN_DAYS = Limit(10, "workdays")


def end_of(on: date) -> datetime:
    """The midnight that ends the day there."""
    return datetime(on.year, on.month, on.day, 16, tzinfo=UTC)


def accepted() -> Walk:
    """A step with a limit of 20 working days, accepted on Monday 23 November 2026."""
    member = replace(make_member(), statutory=Limit(20, "workdays"))
    walk = begin(make_bundle(member))
    walk.answer("household", Accepted())
    return walk


def told(walk: Walk, type: str) -> dict[str, object]:
    """What the last event of that type says."""
    return dict([event for event in walk.events if event.type == type][-1].content())


def test_a_procedure_whose_length_the_applicant_is_told_stops_the_clock() -> None:
    # LIC art. 45. Ten working days after Monday 23 November 2026: Monday 7 December.
    walk = accepted()
    walk.answer("household", Suspended("expert_review", "five experts", TEN_DAYS))
    step = walk.step("household")
    assert step.timing.statutory_due_at is None
    until = end_of(date(2026, 12, 7))
    assert step.waiting == Waiting("department", "special_procedure", ("police",), until)
    said = told(walk, "step.suspended")
    assert said["expected"] == {"number": 10, "unit": "workdays"}
    assert said["stops_clock"] is True


def test_a_procedure_whose_length_nobody_was_told_does_not_stop_the_clock() -> None:
    # domain.md section 9. Twenty working days after 23 November: Monday 21 December.
    walk = accepted()
    walk.answer("household", Suspended("expert_review", "five experts"))
    step = walk.step("household")
    assert (step.state, step.timing.statutory_due_at) == (StepState.SUSPENDED, end_of(date(2026, 12, 21)))
    assert told(walk, "step.suspended")["stops_clock"] is False
    walk.answer("household", Resumed())
    assert walk.step("household").timing.statutory_due_at == end_of(date(2026, 12, 21))


def test_the_pause_is_added_in_working_days() -> None:
    # Stopped on Monday 30 November, on again on Friday 4 December: four working days, 30 Nov to 3 Dec.
    walk = accepted()
    walk.now = datetime(2026, 11, 30, 2, tzinfo=UTC)
    walk.answer("household", Suspended("testing", "x", TEN_DAYS))
    walk.now = datetime(2026, 12, 4, 2, tzinfo=UTC)
    walk.answer("household", Resumed())
    assert walk.step("household").timing.statutory_due_at == end_of(date(2026, 12, 25))


def test_a_procedure_that_takes_longer_than_was_said_is_told_once() -> None:
    walk = accepted()
    walk.answer("household", Suspended("appraisal", "x", TEN_DAYS))
    due_at = end_of(date(2026, 12, 7))
    assert walk.case.timing.next_due_at == due_at
    for _ in range(2):
        walk.now = due_at
        walk.tell(LetTimePass())
    found = [event.content() for event in walk.events if event.type == "step.procedure_overdue"]
    assert [(each["procedure"], each["due_at"]) for each in found] == [("appraisal", due_at.isoformat())]
    assert walk.step("household").state is StepState.SUSPENDED


def test_a_year_that_is_published_moves_what_is_expected_both_ways() -> None:
    """Of ten working days after Monday 23 November 2026 the last is Monday 7 December; with Tuesday 24 off it
    is Tuesday 8, with Saturday 28 on it is Friday 4.
    """
    walk = accepted()
    walk.answer("household", Suspended("appraisal", "x", TEN_DAYS))
    until = end_of(date(2026, 12, 7))
    tuesday_off = Year(2026, {date(2026, 11, 24): names("假")}, is_provisional=False)
    saturday_on = Year(2026, make_up=frozenset({date(2026, 11, 28)}), is_provisional=False)
    for year, last in ((tuesday_off, date(2026, 12, 8)), (saturday_on, date(2026, 12, 4))):
        moved = end_of(last)
        rules = {"suzhou": Rules(calendar=Calendar("x", {2026: year}))}
        decision = decide(walk.case, LetTimePass(), Moment(walk.now, walk.now, rules=rules))
        (event,) = decision.events
        assert event.data == {
            "limit": "special_procedure",
            "from": until.isoformat(),
            "to": moved.isoformat(),
            "is_provisional": False,
        }
        step = decision.case.steps["household"]
        assert (step.waiting and step.waiting.until, step.timing.next_due_at) == (moved, moved)


def test_a_procedure_that_ended_in_time_is_due_to_nothing() -> None:
    walk = accepted()
    walk.answer("household", Suspended("appraisal", "x", TEN_DAYS))
    walk.answer("household", Resumed())
    walk.answer("household", Completed())
    walk.now = end_of(date(2026, 12, 31))
    walk.tell(LetTimePass())
    assert "step.procedure_overdue" not in walk.types()


@pytest.mark.parametrize("procedure", get_args(SpecialProcedure))
def test_every_procedure_of_the_law_is_understood_and_has_words(procedure: str) -> None:
    said = {"outcome": "suspended", "procedure": procedure, "expected": {"number": 1, "unit": "days"}}
    body = str(said).replace("'", '"').encode()
    outcome = outcome_said(said, body)
    assert outcome == Suspended(procedure, None, Limit(1, "days"))  # type: ignore[arg-type]  # one of them
    assert PROCEDURES[procedure].keys() == {"zh", "en"}


def test_a_procedure_that_the_law_does_not_know_holds_the_step_and_names_those_it_does() -> None:
    outcome = outcome_said({"outcome": "suspended"}, b'{"outcome": "suspended", "procedure": "consultation"}')
    assert isinstance(outcome, Unclear)
    assert all(known in outcome.reason for known in get_args(SpecialProcedure))
    walk = accepted()
    assert walk.answer("household", outcome) == "held"


def test_a_special_procedure_is_any_other_in_the_standard_and_an_extension_is_not() -> None:
    # GB/T 39046 A.7: 1 extended review, 2 any other.
    walk = accepted()
    walk.answer("household", Suspended("hearing", "x", TEN_DAYS))
    found = suspensions.under_way(walk.step("household"))
    assert found is not None
    assert suspensions.gb39046_code(found) == "2"
    assert stored.read(stored.as_json((found,))) == (found,)
    longer = Extension("extension", "statutory", 10, "the mayor", "many papers", NOW)
    assert suspensions.gb39046_code(longer) == "1"
