"""What time does to a case by itself: when it is due, that it happens once, and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from onenet.domain.bundle import Limit, Member
from onenet.domain.calendar import Calendar, Year
from onenet.domain.case import Case, Decision, Moment
from onenet.domain.clocks import Clock
from onenet.domain.commands import LetTimePass, Open, RecordAnswer
from onenet.domain.events import EventType
from onenet.domain.machine import decide
from onenet.domain.outcome import Accepted, Completed, Outcome, SupplementNeeded, SupplementRequest, Suspended
from onenet.domain.rules import KNOWN_EVERYWHERE, Rules, read_rules
from onenet.domain.states import StepState
from tests.factories import make_blank, make_bundle, make_member, moment

RECEIVED_ON = date(2026, 1, 29)
"""A Thursday."""


def at_nine(on: date) -> datetime:
    """Nine in the morning there."""
    return datetime(on.year, on.month, on.day, 1, 0, tzinfo=UTC)


def end_of(on: date) -> datetime:
    """The midnight that ends the day there: 16:00 in UTC."""
    return datetime(on.year, on.month, on.day, 16, 0, tzinfo=UTC)


def licence(*, promised: Limit | None = None, statutory: Limit | None = None) -> Member:
    """A licence, 01 of GB/T 39046 A.1."""
    return replace(make_member(), item_type="01", promised=promised, statutory=statutory)


def received(member: Member, rules: Mapping[str, Rules] | None = None) -> Case:
    """A case whose one step a department got on that Thursday."""
    now = Moment(at_nine(RECEIVED_ON), at_nine(RECEIVED_ON), rules=rules or {})
    return decide(make_blank(make_bundle(member)), Open(), now).case


def answered(case: Case, outcome: Outcome, at: datetime) -> Case:
    """The case after its department said that."""
    (task,) = case.tasks.values()
    return decide(case, RecordAnswer(task.id, outcome), moment(at)).case


def passed(case: Case, at: datetime, rules: Mapping[str, Rules] | None = None) -> Decision:
    """What time does to it at that moment."""
    return decide(case, LetTimePass(), Moment(at, at, rules=rules or {}))


def test_who_says_nothing_for_five_working_days_has_accepted_from_the_day_of_receipt() -> None:
    # LIC art. 32(1)(4). Thursday 29 January 2026: Fri 30 is 1, Mon 2, Tue 3, Wed 4 are 2 to 4, Thu 5 is 5.
    case = received(licence())
    assert case.timing.next_due_at == end_of(date(2026, 2, 5))
    before = passed(case, end_of(date(2026, 2, 5)) - timedelta(seconds=1))
    assert (before.reply, before.events) == ("unchanged", ())
    decision = passed(case, end_of(date(2026, 2, 5)))
    (step,) = decision.case.steps.values()
    assert (step.state, step.timing.clock) == (StepState.ACCEPTED, Clock(at_nine(RECEIVED_ON)))
    told = next(event for event in decision.events if event.type is EventType.STEP_ACCEPTED)
    assert told.data["deemed"] == "no_notice"
    assert told.data["due_at"] == end_of(date(2026, 2, 5)).isoformat()


def test_what_was_due_happens_once() -> None:
    once = passed(received(licence()), end_of(date(2026, 2, 5))).case
    again = passed(once, end_of(date(2026, 3, 5)))
    assert (again.reply, again.events) == ("unchanged", ())


def test_the_limits_of_who_is_deemed_to_have_accepted_run_from_the_receipt() -> None:
    # Twenty working days after Thursday 29 January without holidays: Thursday 26 February.
    case = passed(received(licence(statutory=Limit(20, "workdays"))), end_of(date(2026, 2, 5))).case
    (step,) = case.steps.values()
    assert step.timing.statutory_due_at == end_of(date(2026, 2, 26))


@pytest.mark.parametrize(
    "outcome",
    [
        Accepted(),
        SupplementNeeded((SupplementRequest("field", "name", "unreadable"),)),
    ],
)
def test_who_said_something_in_time_has_not_been_silent(outcome: Outcome) -> None:
    case = answered(received(replace(licence(), fields={"name": True})), outcome, at_nine(date(2026, 2, 5)))
    late = passed(case, at_nine(date(2026, 3, 1)))
    assert late.events == ()


def test_where_the_type_of_item_is_another_silence_means_nothing() -> None:
    case = received(replace(make_member(), item_type="20"))
    assert case.timing.next_due_at is None


def test_a_place_may_count_other_days_for_other_items() -> None:
    # Three working days after Thursday 29 January, of which Friday is a holiday there: Wednesday 4 February.
    off = Year(2026, {date(2026, 1, 30): {"zh": "假", "en": "off"}}, is_provisional=False)
    said = {"notice": {"number": 3, "unit": "workdays"}, "notice_item_types": ["20"]}
    rules = {"suzhou": read_rules(said, Calendar("x", {2026: off}))}
    case = received(replace(make_member(), item_type="20"), rules)
    assert case.timing.next_due_at == end_of(date(2026, 2, 4))


def test_a_year_that_is_published_moves_what_is_due() -> None:
    case = received(licence())
    off = Year(2026, {date(2026, 2, 2): {"zh": "假", "en": "off"}}, is_provisional=False)
    rules = {"suzhou": Rules(calendar=Calendar("x", {2026: off}))}
    moved = passed(case, at_nine(date(2026, 1, 30)), rules)
    assert moved.events == ()
    assert moved.case.timing.next_due_at == end_of(date(2026, 2, 6))


def looked_at(case: Case, at: datetime) -> Case:
    """The case as somebody is to look at it then, whatever is due."""
    return case._replace(timing=case.timing._replace(next_due_at=at))


def test_what_is_due_just_before_the_look_after_a_publication_waits_for_it() -> None:
    # Whoever came at the due moment may go by the calendar of before, and the look would be forgotten.
    due_at = end_of(date(2026, 2, 5))
    published_at = due_at - timedelta(seconds=25)
    look_at = published_at + KNOWN_EVERYWHERE
    case = passed(looked_at(received(licence()), look_at), published_at).case
    assert case.timing.next_due_at == look_at
    decision = passed(case, look_at)
    assert decision.case.steps["household"].state is StepState.ACCEPTED
    assert decision.case.timing.next_due_at is None  # that was the look


def test_what_is_due_before_a_look_that_is_far_away_does_not_wait() -> None:
    due_at = end_of(date(2026, 2, 5))
    case = looked_at(received(licence()), due_at + timedelta(hours=1))
    assert passed(case, due_at - timedelta(minutes=1)).case.timing.next_due_at == due_at


def test_while_the_clock_stands_still_nobody_knows_when_the_limit_is_used_up() -> None:
    case = answered(received(licence(promised=Limit(5, "workdays"))), Accepted(), at_nine(RECEIVED_ON))
    (step,) = case.steps.values()
    assert step.timing.promised_due_at == end_of(date(2026, 2, 5))
    case = answered(
        case, Suspended("expert_review", expected=Limit(10, "workdays")), at_nine(date(2026, 1, 30))
    )
    assert case.steps[step.code].timing.promised_due_at is None


def test_a_step_that_is_closed_is_due_to_nothing() -> None:
    case = answered(received(licence()), Completed(), at_nine(RECEIVED_ON))
    assert case.timing.next_due_at is None
