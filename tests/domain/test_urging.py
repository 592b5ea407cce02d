"""Urging and supervision: who is told, until when an answer is due, and what comes of none. Dates by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from onenet.domain.bundle import Limit
from onenet.domain.calendar import Calendar
from onenet.domain.case import Case, Decision, Moment
from onenet.domain.commands import AnswerUrging, Command, LetTimePass, Open, RecordAnswer, Urge
from onenet.domain.events import EventType
from onenet.domain.machine import decide
from onenet.domain.outcome import Accepted, Completed
from onenet.domain.rules import LAW, Rules, read_rules
from onenet.domain.urging import urgings
from onenet.errors import Conflict, NotFound
from tests.factories import make_blank, make_bundle, make_member

MONDAY = date(2026, 3, 2)
URGE = Urge("household", "urging", "the family waits", "supervisor:city/s-9")


def at_nine(on: date) -> datetime:
    """Nine in the morning there."""
    return datetime(on.year, on.month, on.day, 1, 0, tzinfo=UTC)


def end_of(on: date) -> datetime:
    """The midnight that ends the day there."""
    return datetime(on.year, on.month, on.day, 16, 0, tzinfo=UTC)


def done(case: Case, command: Command, at: datetime, rules: Rules = LAW) -> Decision:
    """What becomes of the case."""
    return decide(case, command, Moment(at, at, rules={"suzhou": rules}))


@pytest.fixture
def case() -> Case:
    """Accepted on a Monday; its one working day is used up on Tuesday 3 March."""
    member = replace(make_member(), promised=Limit(1, "workdays"))
    opened = done(make_blank(make_bundle(member)), Open(), at_nine(MONDAY)).case
    (task,) = opened.tasks.values()
    return done(opened, RecordAnswer(task.id, Accepted()), at_nine(MONDAY)).case


def told(decision: Decision) -> list[tuple[str, str]]:
    """What was said of urgings, with their levels."""
    return [(e.type, e.data["level"]) for e in decision.events if "urging" in e.data]


def test_who_is_urged_answers_within_two_working_days(case: Case) -> None:
    # Friday 6 March: Monday 9 is 1, Tuesday 10 is 2.
    case = done(case, URGE, at_nine(date(2026, 3, 6)), Rules(urges_on_red=False)).case
    (urging,) = urgings(case.steps["household"])
    assert (urging.due_at, urging.answer) == (end_of(date(2026, 3, 10)), None)
    reply = AnswerUrging("household", 1, "decided tomorrow", "officer:police")
    case = done(case, reply, at_nine(date(2026, 3, 10))).case
    (urging,) = urgings(case.steps["household"])
    assert (urging.answer, urging.answered_by) == ("decided tomorrow", "officer:police")
    assert told(done(case, LetTimePass(), end_of(date(2026, 4, 1)), Rules(urges_on_red=False))) == []


def test_a_limit_that_is_used_up_urges_by_itself(case: Case) -> None:
    decision = done(case, LetTimePass(), end_of(date(2026, 3, 3)))
    assert told(decision) == [(EventType.STEP_URGED, "urging")]
    assert told(done(case, LetTimePass(), end_of(date(2026, 3, 3)), Rules(urges_on_red=False))) == []


def test_no_answer_in_time_becomes_supervision_and_is_on_record_once(case: Case) -> None:
    # Urged at the end of Tuesday 3 March, which is Wednesday there: Thursday 5 is 1, Friday 6 is 2.
    # Supervised then, on Saturday: five working days end on Friday 13.
    case = done(case, LetTimePass(), end_of(date(2026, 3, 3))).case
    decision = done(case, LetTimePass(), end_of(date(2026, 3, 6)))
    assert told(decision) == [
        (EventType.STEP_URGING_OVERDUE, "urging"),
        (EventType.STEP_URGED, "supervision"),
    ]
    decision = done(decision.case, LetTimePass(), end_of(date(2026, 3, 13)))
    assert told(decision) == [(EventType.STEP_URGING_OVERDUE, "supervision")]
    assert told(done(decision.case, LetTimePass(), end_of(date(2026, 5, 1)))) == []


def test_a_place_gives_other_days(case: Case) -> None:
    rules = read_rules({"urging": {"number": 1, "unit": "workdays"}, "urges_on_red": False}, Calendar(""))
    case = done(case, URGE, at_nine(date(2026, 3, 6)), rules).case
    assert urgings(case.steps["household"])[0].due_at == end_of(date(2026, 3, 9))


def test_nobody_is_urged_twice_at_once_nor_about_what_is_closed(case: Case) -> None:
    urged = done(case, URGE, at_nine(MONDAY)).case
    with pytest.raises(Conflict, match="not answered yet"):
        done(urged, URGE, at_nine(MONDAY))
    (task,) = case.tasks.values()
    closed = done(case, RecordAnswer(task.id, Completed()), at_nine(MONDAY)).case
    with pytest.raises(Conflict, match="closed"):
        done(closed, URGE, at_nine(MONDAY))


def test_an_urging_is_answered_once_and_there_must_be_one(case: Case) -> None:
    reply = AnswerUrging("household", 1, "at once", "officer:police")
    with pytest.raises(NotFound):
        done(case, reply, at_nine(MONDAY))
    answered = done(done(case, URGE, at_nine(MONDAY)).case, reply, at_nine(MONDAY)).case
    with pytest.raises(Conflict, match="answered before"):
        done(answered, reply, at_nine(MONDAY))


def test_urgings_stay_in_their_order_when_the_first_is_answered(case: Case) -> None:
    urged = done(case, URGE, at_nine(MONDAY)).case
    both = done(urged, replace(URGE, level="supervision"), at_nine(MONDAY)).case
    answered = done(both, AnswerUrging("household", 1, "at once", "officer:police"), at_nine(MONDAY)).case
    assert [each.number for each in urgings(answered.steps["household"])] == [1, 2]
