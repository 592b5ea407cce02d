"""What the silence of an applicant means, and that of an office when a certificate expires. Days by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from onenet.catalogue.calendars import known_year
from onenet.domain.bundle import Limit, Member
from onenet.domain.calendar import Calendar, Year
from onenet.domain.case import Case, Decision, Moment
from onenet.domain.commands import Command, HandInSupplement, LetTimePass, Open, RecordAnswer
from onenet.domain.events import EventType, NewEvent
from onenet.domain.machine import decide
from onenet.domain.outcome import (
    Accepted,
    Outcome,
    SupplementNeeded,
    SupplementRequest,
    Suspended,
)
from onenet.domain.rules import Rules
from onenet.domain.states import CaseState, StepState, TaskState
from tests.factories import make_blank, make_bundle, make_content, make_member, names

CHINA = Calendar("china", {2026: known_year("CN", 2026)})
MON = date(2026, 3, 2)


def at_nine(on: date) -> datetime:
    """Nine in the morning there."""
    return datetime(on.year, on.month, on.day, 1, 0, tzinfo=UTC)


def end_of(on: date) -> datetime:
    """The midnight that ends the day there: 16:00 in UTC."""
    return datetime(on.year, on.month, on.day, 16, 0, tzinfo=UTC)


def told(case: Case, command: Command, at: datetime, **rules: Any) -> Decision:
    """What the command does at that moment."""
    return decide(case, command, Moment(at, at, rules={"suzhou": Rules(calendar=CHINA, **rules)}))


def opened(member: Member, form: dict[str, Any] | None = None, **rules: Any) -> Case:
    """A case of one step, handed out on that Monday."""
    content = make_content(form=form or {"name": "x"})
    blank = make_blank(make_bundle(member), content=content, at=at_nine(MON))
    return told(blank, Open(), at_nine(MON), **rules).case


def answered(case: Case, outcome: Outcome, at: datetime, **rules: Any) -> Case:
    """The case after its department said that."""
    task = case.live_task(next(iter(case.steps)))
    assert task is not None
    return told(case, RecordAnswer(task.id, outcome), at, **rules).case


def asked(due_on: date | None = None, *, accepted: bool = False, **rules: Any) -> Case:
    """A case of whose applicant something is asked on that Monday."""
    case = opened(make_member(fields=["name"]), **rules)
    if accepted:
        case = answered(case, Accepted(), at_nine(MON), **rules)
    wanted = (SupplementRequest("field", "name", "unreadable"),)
    return answered(case, SupplementNeeded(wanted, due_on), at_nine(MON), **rules)


def passes(case: Case, at: datetime, **rules: Any) -> Decision:
    """What time does to it until then."""
    return told(case, LetTimePass(), at, **rules)


def of(type: EventType, events: tuple[NewEvent, ...]) -> list[NewEvent]:
    """Those of one type."""
    return [event for event in events if event.type is type]


FRI = date(2026, 3, 13)
HEARING = Suspended("hearing", expected=Limit(10, "workdays"))


# ---- a correction that is not made (ANY art. 36; provincial index code 5)


@pytest.mark.parametrize("accepted", [False, True])
def test_who_does_not_hand_in_by_the_day_that_was_named_has_withdrawn(accepted: bool) -> None:
    case = asked(FRI, accepted=accepted)
    before = passes(case, end_of(FRI) - timedelta(seconds=1)).case
    assert before.steps["household"].state is StepState.SUPPLEMENT_NEEDED
    decision = passes(before, end_of(FRI))
    step = decision.case.steps["household"]
    assert (step.state, step.reason) == (StepState.CANCELLED, "supplement_lapsed")
    assert decision.case.state is CaseState.WITHDRAWN
    (event,) = of(EventType.STEP_CANCELLED, decision.events)
    assert (event.data["deemed"], event.data["due_at"]) == ("supplement_lapsed", end_of(FRI).isoformat())
    task, notice = decision.case.tasks.values()
    assert (task.state, notice.kind) == (TaskState.WITHDRAWN, "withdrawal")


def test_where_the_place_says_so_it_is_refused() -> None:
    decision = passes(asked(FRI), end_of(FRI), supplement_lapse="rejected")
    assert decision.case.steps["household"].state is StepState.REJECTED
    assert decision.case.state is CaseState.REJECTED


def test_what_the_department_still_answers_is_late() -> None:
    case = passes(asked(FRI), end_of(FRI)).case
    task = next(iter(case.tasks.values()))
    late = told(case, RecordAnswer(task.id, Accepted()), end_of(FRI))
    assert late.reply == "recorded-late"


@pytest.mark.parametrize(
    ("rules", "last"),
    [
        # Thirty working days after Mon 2 March: 21 in March, Wed 1, Thu 2, Fri 3 April are 24, Tue 7 to Fri
        # 10 are 28 (Mon 6 is off), Mon 13 and Tue 14.
        ({}, date(2026, 4, 14)),
        ({"supplement": Limit(10, "days")}, date(2026, 3, 12)),
    ],
)
def test_where_the_department_names_no_day_the_place_does(rules: dict[str, Any], last: date) -> None:
    case = asked(**rules)
    waiting = case.steps["household"].waiting
    assert waiting is not None
    assert waiting.until == end_of(last)
    assert passes(case, end_of(last), **rules).case.state is CaseState.WITHDRAWN


def test_what_is_handed_in_in_time_does_not_lapse() -> None:
    case = told(asked(FRI), HandInSupplement("household", (), {"name": "y"}), at_nine(FRI)).case
    later = passes(case, end_of(date(2026, 6, 1)))
    assert later.case.steps["household"].state is StepState.DISPATCHED


def test_a_day_that_is_over_when_it_is_named_holds_the_step() -> None:
    """Nobody could have handed in anything: a person looks at it instead."""
    step = asked(MON - timedelta(days=1)).steps["household"]
    assert (step.state, step.reason) == (StepState.HELD, "asks for something until a day that is over")
    assert asked(MON).steps["household"].state is StepState.SUPPLEMENT_NEEDED


def test_a_day_that_means_no_limit_never_comes() -> None:
    case = asked(date(2200, 1, 1))
    assert case.timing.next_due_at is None


# ---- told before


@pytest.mark.parametrize(
    ("due_on", "on"),
    [
        # Three working days of which Fri 13 March is the last: Wed 11 begins.
        (FRI, date(2026, 3, 11)),
        # The last day is a Sunday: Wed 11, Thu 12 and Fri 13 are left.
        (date(2026, 3, 15), date(2026, 3, 11)),
        # Tue 7 April: Mon 6 is off, the weekend too; Thu 2, Fri 3, Tue 7.
        (date(2026, 4, 7), date(2026, 4, 2)),
    ],
)
def test_the_applicant_is_told_once_before_time_runs_out(due_on: date, on: date) -> None:
    case = asked(due_on)
    begins = end_of(on - timedelta(days=1))
    assert case.timing.next_due_at == begins
    decision = passes(case, begins)
    (event,) = decision.events
    assert (event.type, event.data["until"]) == (EventType.STEP_SUPPLEMENT_DUE, end_of(due_on).isoformat())
    assert event.data["codes"] == ["name"]
    again = passes(decision.case, begins + timedelta(hours=30))
    assert of(EventType.STEP_SUPPLEMENT_DUE, again.events) == []
    assert again.case.timing.next_due_at == end_of(due_on)


def test_who_has_less_time_than_that_is_told_when_it_is_asked() -> None:
    case = asked(date(2026, 3, 4))  # Wed: Mon 2 has begun when it is asked
    assert case.timing.next_due_at == end_of(date(2026, 3, 4))


def test_another_day_is_told_of_again() -> None:
    case = passes(asked(FRI), at_nine(FRI)).case
    case = told(case, HandInSupplement("household", (), {"name": "y"}), at_nine(FRI)).case
    again = SupplementNeeded((SupplementRequest("field", "name", "still not"),), date(2026, 3, 27))
    case = answered(case, again, at_nine(FRI))
    assert of(EventType.STEP_SUPPLEMENT_DUE, passes(case, at_nine(date(2026, 3, 26))).events)


# ---- a renewal that is not decided (LIC art. 50)

EXPIRES = date(2026, 4, 1)
"""Thirty days after that Monday."""


def renewal(expires_on: date = EXPIRES, **rules: Any) -> Case:
    """A renewal of a certificate that expires then."""
    member = replace(make_member(fields=["valid_until"], results=["licence"]), renews="valid_until")
    return opened(member, {"valid_until": expires_on.isoformat()}, **rules)


@pytest.mark.parametrize("answers", [[], [Accepted()], [Accepted(), HEARING]])
def test_a_renewal_that_is_undecided_at_the_expiry_is_deemed_granted(answers: list[Outcome]) -> None:
    case = renewal()
    for answer in answers:
        case = answered(case, answer, at_nine(MON))
    assert passes(case, end_of(EXPIRES) - timedelta(seconds=1)).case.state is not CaseState.COMPLETED
    decision = passes(case, end_of(EXPIRES))
    step = decision.case.steps["household"]
    assert (decision.case.state, step.state) == (CaseState.COMPLETED, StepState.COMPLETED)
    assert [(each.code, each.facts) for each in step.results] == [("licence", {"deemed": "renewed"})]
    (event,) = of(EventType.STEP_COMPLETED, decision.events)
    assert (event.data["deemed"], event.data["due_at"]) == ("renewed", end_of(EXPIRES).isoformat())
    task = next(iter(decision.case.tasks.values()))
    assert told(decision.case, RecordAnswer(task.id, Accepted()), end_of(EXPIRES)).reply == "recorded-late"


@pytest.mark.parametrize(("days", "is_deemed"), [(30, True), (29, False)])
def test_who_applied_later_than_thirty_days_before_has_no_such_right(days: int, is_deemed: bool) -> None:
    expires_on = MON + timedelta(days=days)
    decision = passes(renewal(expires_on), end_of(expires_on))
    assert (decision.case.state is CaseState.COMPLETED) is is_deemed


def test_a_law_of_the_matter_may_name_other_days() -> None:
    expires_on = MON + timedelta(days=29)
    case = renewal(expires_on, renewal_days=10)
    assert passes(case, end_of(expires_on), renewal_days=10).case.state is CaseState.COMPLETED


def test_what_waits_for_the_applicant_is_not_the_silence_of_the_office() -> None:
    ask = SupplementNeeded((SupplementRequest("field", "valid_until", "unreadable"),), date(2026, 4, 10))
    case = passes(answered(renewal(), ask, at_nine(MON)), end_of(EXPIRES)).case
    assert case.steps["household"].state is StepState.SUPPLEMENT_NEEDED
    # Handed in after the expiry, it is with an office that had no time left to be silent in.
    again = HandInSupplement("household", (), {"valid_until": "2026-04-01"})
    handed = told(case, again, end_of(EXPIRES)).case
    assert passes(handed, at_nine(date(2026, 4, 3))).case.steps["household"].state is StepState.DISPATCHED


# ---- a year that is not published yet (LIC art. 82)

NEW_YEAR = {date(2027, 1, 1): names("元旦")}
KNOWN = {2026: known_year("CN", 2026)}
PROVISIONAL = Calendar("china", {**KNOWN, 2027: Year(2027, NEW_YEAR)})
MONDAY_TOO = Year(2027, {**NEW_YEAR, date(2027, 1, 4): names("元旦")}, is_provisional=False)
SATURDAY_ON = Year(2027, NEW_YEAR, frozenset({date(2027, 1, 2)}), is_provisional=False)
ASKED_ON, THOUGHT = date(2026, 11, 23), date(2027, 1, 5)
"""Thirty working days after Monday 23 November: 5 in November, 23 in December; of January only the 1st is
known to be off, so Mon 4 is 29 and Tue 5 is 30.
"""


def by(year: Year | None, case: Case, command: Command, at: datetime) -> Decision:
    """What the command does by the calendar with that year, or before it is published."""
    calendar = Calendar("china", {**KNOWN, 2027: year}) if year else PROVISIONAL
    return decide(case, command, Moment(at, at, rules={"suzhou": Rules(calendar=calendar)}))


def asked_in_november(due_on: date | None) -> Case:
    """A case of whose applicant something is asked on that Monday, while 2027 is provisional."""
    blank = make_blank(make_bundle(make_member(fields=["name"])), at=at_nine(ASKED_ON))
    case = by(None, blank, Open(), at_nine(ASKED_ON)).case
    (task,) = case.tasks
    wanted = SupplementNeeded((SupplementRequest("field", "name", "unreadable"),), due_on)
    return by(None, case, RecordAnswer(task, wanted), at_nine(ASKED_ON)).case


@pytest.mark.parametrize(
    ("named", "published", "until"),
    [
        (None, MONDAY_TOO, date(2027, 1, 6)),  # Tue 5 is 29, Wed 6 is 30
        (None, SATURDAY_ON, THOUGHT),  # Sat 2 is 29, Mon 4 is 30: nobody has less than was told
        (THOUGHT, MONDAY_TOO, THOUGHT),  # what the department named is that day
    ],
)
def test_a_year_that_is_published_takes_no_day_from_who_has_to_hand_in(
    named: date | None, published: Year, until: date
) -> None:
    case = asked_in_november(named)
    looked = by(published, case, LetTimePass(), at_nine(date(2026, 12, 1)))
    moved = {
        "limit": "supplement",
        "from": end_of(THOUGHT).isoformat(),
        "to": end_of(until).isoformat(),
        "is_provisional": False,
    }
    told = [event.data for event in of(EventType.STEP_DEADLINE_MOVED, looked.events)]
    assert told == ([moved] if until != THOUGHT else [])
    waiting = looked.case.steps["household"].waiting
    assert waiting is not None
    assert waiting.until == end_of(until)
    before = by(published, looked.case, LetTimePass(), end_of(until) - timedelta(seconds=1)).case
    assert before.steps["household"].state is StepState.SUPPLEMENT_NEEDED
    assert by(published, before, LetTimePass(), end_of(until)).case.state is CaseState.WITHDRAWN


def test_a_year_that_is_heard_of_on_the_last_day_still_moves_it() -> None:
    decision = by(MONDAY_TOO, asked_in_november(None), LetTimePass(), end_of(THOUGHT))
    assert decision.case.steps["household"].state is StepState.SUPPLEMENT_NEEDED
