"""Lights of steps and cases: when they turn, what turns them back, what stays. Dates by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from onenet.domain.bundle import Limit
from onenet.domain.calendar import Calendar, Year
from onenet.domain.case import Case, Moment
from onenet.domain.commands import LetTimePass, Open, RecordAnswer
from onenet.domain.events import EventType
from onenet.domain.lights import days_left
from onenet.domain.machine import decide
from onenet.domain.outcome import Accepted, Completed, Outcome, Suspended
from onenet.domain.rules import LAW, Rules, Yellow, read_rules
from onenet.domain.states import CaseState, Light
from tests.factories import make_blank, make_bundle, make_content, make_member

TEN = Limit(10, "workdays")
MONDAY = date(2026, 3, 2)
"""The tenth working day after it is Monday 16 March; two are left after Thursday 12 March."""


def at_nine(on: date) -> datetime:
    """Nine in the morning there."""
    return datetime(on.year, on.month, on.day, 1, 0, tzinfo=UTC)


def end_of(on: date) -> datetime:
    """The midnight that ends the day there."""
    return datetime(on.year, on.month, on.day, 16, 0, tzinfo=UTC)


def now(at: datetime, rules: Rules = LAW) -> Moment:
    """That moment, where these rules hold."""
    return Moment(at, at, rules={"suzhou": rules})


def accepted(
    promised: Limit | None = TEN,
    statutory: Limit | None = None,
    rules: Rules = LAW,
    bundle_promised: Limit | None = None,
) -> Case:
    """A case of two steps, of which the first was accepted on that Monday."""
    slow = replace(make_member("slow"), promised=promised, statutory=statutory)
    bundle = replace(make_bundle(slow, make_member("free", department="tax")), promised=bundle_promised)
    case = decide(make_blank(bundle), Open(), now(at_nine(MONDAY), rules)).case
    return answered(case, Accepted(), MONDAY, rules)


def answered(case: Case, outcome: Outcome, on: date, rules: Rules = LAW, step: str = "slow") -> Case:
    """The case after the department of a step said that."""
    task = next(task for task in case.tasks.values() if task.step == step)
    return decide(case, RecordAnswer(task.id, outcome), now(at_nine(on), rules)).case


def lit(case: Case, at: datetime, rules: Rules = LAW) -> tuple[Case, list[tuple[EventType, str]]]:
    """The case after time has passed, and which lights turned."""
    decision = decide(case, LetTimePass(), now(at, rules))
    told = [(event.type, event.data["light"]) for event in decision.events if "light" in event.data]
    return decision.case, told


def test_a_light_is_yellow_for_the_last_fifth_of_its_limit_and_red_after_it() -> None:
    # Domain.md section 11: yellow, the limit is about to run out; red, overrun.
    case = accepted()
    assert case.timing.next_due_at == end_of(date(2026, 3, 12))
    case, told = lit(case, end_of(date(2026, 3, 12)))
    assert told == [(EventType.STEP_LIGHT, "yellow"), (EventType.CASE_LIGHT, "yellow")]
    assert case.timing.next_due_at == end_of(date(2026, 3, 16))
    case, told = lit(case, end_of(date(2026, 3, 16)))
    assert told == [(EventType.STEP_LIGHT, "red"), (EventType.CASE_LIGHT, "red")]
    assert (case.steps["slow"].timing.light, case.timing.light) == (Light.RED, Light.RED)
    _, told = lit(case, end_of(date(2026, 6, 1)))
    assert told == []


def test_who_looks_late_still_lights_both_in_their_order() -> None:
    _, told = lit(accepted(), end_of(date(2026, 4, 1)))
    assert [light for type, light in told if type is EventType.STEP_LIGHT] == ["yellow", "red"]


def test_the_case_shows_its_own_limit_too_once() -> None:
    # Five working days of the bundle from Monday 2 March end on Monday 9; a fifth is left after Friday 6.
    case = accepted(bundle_promised=Limit(5, "workdays"))
    case, told = lit(case, end_of(date(2026, 3, 6)))
    assert told == [(EventType.CASE_LIGHT, "yellow")]
    case, told = lit(case, end_of(date(2026, 3, 9)))
    assert told == [(EventType.CASE_LIGHT, "red")]
    assert case.steps["slow"].timing.light is Light.GREEN
    case, told = lit(case, end_of(date(2026, 3, 16)))
    assert told == [(EventType.STEP_LIGHT, "yellow"), (EventType.STEP_LIGHT, "red")]


def test_a_light_of_the_case_by_its_own_limit_says_when_it_was_due() -> None:
    # Five working days after Monday 2 March are over on Monday 9 March; one of them is left after Friday 6.
    case = accepted(promised=None, bundle_promised=Limit(5, "workdays"))
    decision = decide(case, LetTimePass(), now(at_nine(date(2026, 3, 10))))
    told = [(event.data["light"], event.data["due_at"]) for event in decision.events]
    due = [end_of(date(2026, 3, day)).isoformat() for day in (6, 9)]
    assert told == [("yellow", due[0]), ("red", due[1])]


def test_the_limit_of_a_case_runs_from_what_was_decided_on_the_spot() -> None:
    # Granted without a word before: that is an acceptance (LIC art. 42 par. 2 counts from it). Five working
    # days after Monday 2 March end on Monday 9; a fifth is left after Friday 6.
    bundle = replace(make_bundle(make_member("slow"), make_member("free")), promised=Limit(5, "workdays"))
    case = decide(make_blank(bundle), Open(), now(at_nine(MONDAY))).case
    case, told = lit(answered(case, Completed(), MONDAY), end_of(date(2026, 3, 6)))
    assert told == [(EventType.CASE_LIGHT, "yellow")]
    case = answered(case, Accepted(), date(2026, 3, 9), step="free")
    assert lit(case, end_of(date(2026, 3, 9)))[1] == [(EventType.CASE_LIGHT, "red")]


def test_a_case_that_is_closed_keeps_the_light_it_had() -> None:
    case, _ = lit(accepted(bundle_promised=Limit(5, "workdays")), end_of(date(2026, 3, 9)))
    for code in ("slow", "free"):
        case = answered(case, Completed(), date(2026, 3, 10), step=code)
    assert case.timing.light is Light.RED
    assert lit(case, end_of(date(2026, 6, 1)))[1] == []


@pytest.mark.parametrize("looked_on", [1, 3], ids=["at that midnight", "days later"])
def test_a_case_whose_last_step_time_closes_by_then_is_lit_by_no_limit_any_more(looked_on: int) -> None:
    # 22 working days after Monday 2 March end on Wednesday 1 April, and so does the certificate: thirty days
    # after the case came.
    free = replace(make_member("free", department="tax", fields=["valid_until"]), renews="valid_until")
    bundle = replace(make_bundle(make_member("slow"), free), promised=Limit(22, "workdays"))
    content = make_content(form={"valid_until": "2026-04-01"})
    blank = make_blank(bundle, content=content, at=at_nine(MONDAY))
    case = answered(decide(blank, Open(), now(at_nine(MONDAY))).case, Completed(), MONDAY)
    case, _ = lit(case, end_of(date(2026, 3, 31)))
    case, told = lit(case, end_of(date(2026, 4, looked_on)))
    assert (case.state, case.timing.light, told) == (CaseState.COMPLETED, Light.YELLOW, [])


def test_a_late_step_counts_although_the_others_are_on_time() -> None:
    case, _ = lit(accepted(), end_of(date(2026, 3, 16)))
    assert (case.steps["free"].timing.light, case.timing.light) == (Light.GREEN, Light.RED)


def test_what_was_lit_stays_lit_on_a_step_that_is_closed() -> None:
    case, _ = lit(accepted(), end_of(date(2026, 3, 16)))
    case = answered(case, Completed(), date(2026, 3, 18))
    assert case.steps["slow"].timing.light is Light.RED
    assert lit(case, end_of(date(2026, 5, 1)))[1] == []


def test_a_clock_that_stands_still_lights_nothing() -> None:
    case = answered(accepted(), Suspended("expert_review", expected=Limit(10, "workdays")), date(2026, 3, 10))
    assert lit(case, end_of(date(2026, 5, 1)))[1] == []


def test_the_limit_that_is_used_up_first_lights() -> None:
    # The statutory limit of five working days is used up on Monday 9 March; a fifth of it is one day.
    case = accepted(statutory=Limit(5, "workdays"))
    assert case.timing.next_due_at == end_of(date(2026, 3, 6))


def test_a_limit_in_hours_lights_by_the_hour() -> None:
    # Ten hours after nine in the morning there, a fifth of it earlier: two hours.
    case = accepted(Limit(10, "hours"))
    assert case.timing.next_due_at == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_a_place_says_when_it_is_yellow_item_by_item() -> None:
    said = {"yellow": [{"days_left": 4, "items": ["item_slow"]}]}
    rules = read_rules(said, Calendar(""))
    # Four of ten days are left after Tuesday 10 March.
    assert accepted(rules=rules).timing.next_due_at == end_of(date(2026, 3, 10))
    other = read_rules({"yellow": [{"days_left": 4, "items": ["another"]}]}, Calendar(""))
    assert accepted(rules=other).timing.next_due_at == end_of(date(2026, 3, 12))


def test_a_light_goes_back_when_the_days_it_went_by_turn_out_to_be_none() -> None:
    # The whole week from Monday 9 March is a holiday after all: ten days end on Monday 23 March.
    case, _ = lit(accepted(), end_of(date(2026, 3, 12)))
    off = {date(2026, 3, day): {"zh": "假", "en": "off"} for day in range(9, 14)}
    rules = Rules(calendar=Calendar("x", {2026: Year(2026, off)}))
    case, told = lit(case, end_of(date(2026, 3, 13)), rules)
    assert told == [(EventType.STEP_LIGHT, "green"), (EventType.CASE_LIGHT, "green")]
    assert case.timing.next_due_at == end_of(date(2026, 3, 19))


@pytest.mark.parametrize(
    ("number", "rule", "left"),
    [
        (10, Yellow(percent_left=20), 2),
        (5, Yellow(percent_left=20), 1),
        (7, Yellow(percent_left=20), 2),  # 1.4 days are two begun ones
        (1, Yellow(percent_left=20), 1),
        (3, Yellow(days_left=5), 3),  # never more than there are
    ],
)
def test_how_many_days_are_left_when_it_is_yellow(number: int, rule: Yellow, left: int) -> None:
    assert days_left(Limit(number, "workdays"), rule) == left
