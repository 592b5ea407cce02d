"""Limits of steps and cases: on which clock they run, what lengthens them, what moves them. Days by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from onenet.catalogue.calendars import known_year
from onenet.domain import limits
from onenet.domain.bundle import Limit, Member
from onenet.domain.calendar import Calendar, Year, read_office
from onenet.domain.case import Case, Decision, Moment
from onenet.domain.clocks import Clock, Pause, joint
from onenet.domain.commands import Command, Extend, HandInSupplement, LetTimePass, Open, RecordAnswer
from onenet.domain.deadlines import deadline
from onenet.domain.events import EventType
from onenet.domain.machine import decide
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Outcome,
    Rejected,
    Resumed,
    SupplementNeeded,
    SupplementRequest,
    Suspended,
)
from onenet.domain.rules import Rules, read_rules
from onenet.domain.states import CaseState, StepState
from onenet.errors import (
    Conflict,
    ExtensionRepeated,
    ExtensionTooLong,
    LimitUsedUp,
    NoLimitRunning,
    NotFound,
)
from tests.factories import make_blank, make_bundle, make_content, make_member

CHINA = Calendar("china", {year: known_year("CN", year) for year in (2025, 2026)})
LAW = {"suzhou": Rules(calendar=CHINA)}
THU = date(2026, 3, 5)
"""A Thursday in a month without holidays."""


def at_nine(on: date) -> datetime:
    """Nine in the morning there."""
    return datetime(on.year, on.month, on.day, 1, 0, tzinfo=UTC)


def end_of(on: date) -> datetime:
    """The midnight that ends the day there: 16:00 in UTC."""
    return datetime(on.year, on.month, on.day, 16, 0, tzinfo=UTC)


def told(case: Case, command: Command, on: date, rules: dict[str, Rules] | None = None) -> Decision:
    """What the command does at nine that day."""
    return decide(case, command, Moment(at_nine(on), at_nine(on), rules=rules or LAW))


def answered(case: Case, step: str, outcome: Outcome, on: date) -> Case:
    """The case after the department of the step said that."""
    task = case.live_task(step)
    assert task is not None
    return told(case, RecordAnswer(task.id, outcome), on).case


def item(code: str = "a", **changes: Any) -> Member:
    """An item of 20 working days by law and 5 promised, of a department of its own."""
    member = make_member(code, department=code, fields=["name"])
    given = {"statutory": Limit(20, "workdays"), "promised": Limit(5, "workdays"), **changes}
    return replace(member, **given)


def opened(*members: Member) -> Case:
    """A case of joint handling, 45 working days by law, handed out on that Thursday."""
    bundle = replace(make_bundle(*members), statutory=Limit(45, "workdays"), promised=Limit(10, "workdays"))
    blank = make_blank(bundle, content=make_content(form={"name": "x"}), at=at_nine(THU))
    return told(blank, Open(), THU).case


ASKS = SupplementNeeded((SupplementRequest("field", "name", "unreadable"),))

HEARING = Suspended("hearing", expected=Limit(10, "workdays"))
"""The clock stops for it, since it is told how long it takes."""


# ---- the clock of the case (LIC art. 42 par. 2)


def test_the_clock_of_the_case_begins_with_its_acceptance_and_ends_with_it() -> None:
    case = opened(item("a"), item("b"))
    assert (case.timing.clock, case.timing.statutory_due_at) == (None, None)
    case = answered(case, "a", Accepted(), THU)
    # LIC 42 par. 2, 45 working days after Thursday 5 March 2026; off are weekends, 4 to 6 April (Sat,
    # Sun, Mon) and 1 to 5 May, made up is Sat 9 May: March has 18 (6th to 31st), April 21 (without the 6th):
    # 39; Wed 6, Thu 7, Fri 8, Sat 9, Mon 11, Tue 12 May are 40 to 45.
    assert case.timing.statutory_due_at == end_of(date(2026, 5, 12))
    assert case.timing.promised_due_at == end_of(date(2026, 3, 19))
    case = answered(case, "b", Completed(), date(2026, 3, 9))
    case = answered(case, "a", Completed(), date(2026, 3, 10))
    assert case.state is CaseState.COMPLETED
    assert case.timing.clock == Clock(at_nine(THU), (), at_nine(date(2026, 3, 10)))


def test_the_clock_of_a_case_that_is_decided_on_the_spot_has_no_length() -> None:
    case = answered(opened(item("a")), "a", Completed(), THU)
    assert case.timing.clock == Clock(at_nine(THU), (), at_nine(THU))


def test_the_whole_goes_on_while_one_office_can_work() -> None:
    """LIC 45 leaves out what a special procedure needs, not what another office does meanwhile."""
    case = answered(answered(opened(item("a"), item("b")), "a", Accepted(), THU), "b", Accepted(), THU)
    case = answered(case, "a", Suspended("expert_review", expected=Limit(10, "workdays")), date(2026, 3, 9))
    assert case.timing.promised_due_at == end_of(date(2026, 3, 19))
    case = answered(case, "b", ASKS, date(2026, 3, 10))
    assert (case.timing.promised_due_at, case.timing.clock and case.timing.clock.stopped) == (
        None,
        Pause(at_nine(date(2026, 3, 10)), None, "special_procedure"),
    )
    # Tue 10 to Thu 12 March are three working days that nobody could work on: Thu 19 becomes Tue 24 March.
    case = answered(case, "a", Resumed(), date(2026, 3, 13))
    assert case.timing.promised_due_at == end_of(date(2026, 3, 24))


def test_what_is_refused_or_not_accepted_yet_stops_nothing() -> None:
    case = answered(opened(item("a"), item("b"), item("c")), "a", Accepted(), THU)
    case = answered(case, "c", Rejected("refused", "no"), date(2026, 3, 6))
    assert case.timing.clock == Clock(at_nine(THU))
    # b has no clock yet, and a's stands still: nobody's limit runs.
    case = answered(case, "a", HEARING, date(2026, 3, 6))
    assert case.timing.clock is not None
    assert case.timing.clock.stopped is not None
    case = answered(case, "b", Accepted(), date(2026, 3, 9))
    assert case.timing.clock is not None
    assert case.timing.clock.stopped is None


def test_the_whole_stands_still_while_the_applicant_alone_can_act_before_acceptance() -> None:
    """LIC 42 counts the time of offices, from acceptance."""
    for others in ((), (item("c"),)):
        case = answered(opened(item("a"), item("b"), *others), "a", Completed(), THU)
        case = answered(case, "b", ASKS, date(2026, 3, 9))
        assert case.timing.clock is not None
        stopped = Pause(at_nine(date(2026, 3, 9)), None, "supplement")
        assert case.timing.clock.stopped == (None if others else stopped)
        # Ten working days after Thu 5 end on Thu 19; Mon 9 and Tue 10 are the applicant's: Mon 23.
        case = told(case, HandInSupplement("b", (), {"name": "x"}), date(2026, 3, 11)).case
        assert case.timing.promised_due_at == end_of(date(2026, 3, 19 if others else 23))


def test_an_acceptance_that_is_dated_back_takes_the_clock_of_the_case_along() -> None:
    later = joint(Clock(at_nine(THU)), [Clock(at_nine(date(2026, 3, 3)))], at_nine(THU), is_closed=False)
    assert later.started_at == at_nine(date(2026, 3, 3))


def test_the_reason_why_the_case_stands_still_may_change() -> None:
    since, then = at_nine(THU), at_nine(date(2026, 3, 9))
    stopped = joint(Clock(since), [Clock(since, (Pause(since, None, "supplement"),))], since, is_closed=False)
    procedure = [Clock(since, (Pause(then, None, "special_procedure"),))]
    assert joint(stopped, procedure, then, is_closed=False).pauses == (
        Pause(since, then, "supplement"),
        Pause(then, None, "special_procedure"),
    )


# ---- one extension (LIC art. 42)


def extend(days: int, *, step: str | None = "a", limit: Any = "statutory") -> Extend:
    """An extension as the head of the body approves it."""
    return Extend(step, limit, days, "head of the body", "records from elsewhere")


@pytest.mark.parametrize(
    ("step", "days", "due_on"),
    [
        # LIC 42 par. 1, 20 + 10 after Thu 5 March: 18 in March, Wed 1, Thu 2 April are 19 and 20; Fri 3, Tue
        # 7 to Fri 10, Mon 13 to Fri 17 are ten more.
        ("a", 10, date(2026, 4, 17)),
        ("a", 1, date(2026, 4, 3)),
        # LIC 42 par. 2, 45 + 15 after it: Tue 12 May is 45; Wed 13 to Fri 15, 18 to 22, 25 to 29, Mon 1 and
        # Tue 2 June are fifteen more.
        (None, 15, date(2026, 6, 2)),
    ],
)
def test_a_limit_is_lengthened_by_what_the_law_allows(step: str | None, days: int, due_on: date) -> None:
    case = answered(opened(item("a")), "a", Accepted(), THU)
    decision = told(case, extend(days, step=step), date(2026, 3, 20))
    timing = decision.case.steps[step].timing if step else decision.case.timing
    assert timing.statutory_due_at == end_of(due_on)
    (event,) = [each for each in decision.events if each.type.endswith(".extended")]
    assert (event.data["to"], event.data["days"]) == (end_of(due_on).isoformat(), days)
    assert event.data["approved_by"] == "head of the body"
    assert event.data["reason"] == "records from elsewhere"


def test_the_explanation_shows_the_added_days_and_who_approved() -> None:
    case = answered(opened(item("a")), "a", Accepted(), THU)
    case = told(case, extend(3), date(2026, 3, 20)).case
    found = limits.of_step(case, case.steps["a"], CHINA).statutory
    assert found is not None
    assert found.extension is not None
    assert (found.number, found.extension.approved_by) == (23, "head of the body")
    assert [each.number for each in found.days if each.number] == list(range(1, 24))


LAST_DAY = date(2026, 4, 2)
"""Of the twenty working days after Thursday, 5 March."""


@pytest.mark.parametrize(
    ("command", "on", "refusal"),
    [
        (extend(11), THU, ExtensionTooLong),
        (extend(16, step=None), THU, ExtensionTooLong),
        (extend(5), LAST_DAY + timedelta(days=1), LimitUsedUp),
        (extend(5, limit="promised"), LAST_DAY, LimitUsedUp),
        (extend(5, step="b"), THU, NoLimitRunning),
        (extend(5, step="nothing"), THU, NotFound),
    ],
)
def test_an_extension_is_refused_by_name(command: Extend, on: date, refusal: type[Exception]) -> None:
    case = answered(opened(item("a"), item("b")), "a", Accepted(), THU)
    with pytest.raises(refusal):
        told(case, command, on)


@pytest.mark.parametrize("step", ["a", None])
def test_a_limit_is_extended_once(step: str | None) -> None:
    """LIC 42: "may be extended by ten days", and nothing of a second time."""
    case = answered(opened(item("a")), "a", Accepted(), THU)
    case = told(case, extend(2, step=step), LAST_DAY).case
    with pytest.raises(ExtensionRepeated):
        told(case, extend(2, step=step), LAST_DAY)
    # The promise is another limit.
    told(answered(opened(item("a")), "a", Accepted(), THU), extend(2, step=step, limit="promised"), THU)


def test_on_its_last_day_a_limit_can_still_be_extended() -> None:
    case = answered(opened(item("a")), "a", Accepted(), THU)
    assert told(case, extend(10), LAST_DAY).reply == "applied"


def test_a_closed_step_and_a_limit_in_another_unit_have_no_extension() -> None:
    case = answered(opened(item("a"), item("b")), "a", Accepted(), THU)
    closed = answered(case, "a", Completed(), THU)
    with pytest.raises(NoLimitRunning):
        told(closed, extend(5), THU)
    hours = answered(opened(item("a", statutory=Limit(24, "hours"))), "a", Accepted(), THU)
    with pytest.raises(ExtensionTooLong):
        told(hours, extend(5), THU)


def test_a_limit_that_stands_still_can_be_extended() -> None:
    case = answered(
        answered(opened(item("a")), "a", Accepted(), THU),
        "a",
        HEARING,
        THU,
    )
    (event,) = told(case, extend(5), LAST_DAY).events
    assert event.data.keys().isdisjoint({"from", "to"})


# ---- after a supplement: go on, or begin anew (domain.md section 5.4)


@pytest.mark.parametrize(
    ("policy", "due_on"),
    [
        # Five working days after Thu 5 March; asked on Mon 9, handed in on Wed 11. Fri 6 is 1, Mon and Tue
        # stand still, Wed 11 is 2, Thu 3, Fri 4, Mon 16 is 5.
        ("continue", date(2026, 3, 16)),
        # Anew: the day it is handed in is not counted; Thu 12 is 1, Fri 2, Mon 3, Tue 4, Wed 18 is 5.
        ("restart", date(2026, 3, 18)),
    ],
)
def test_a_supplement_lets_the_clock_go_on_or_begin_anew(policy: Any, due_on: date) -> None:
    case = answered(opened(item("a", after_supplement=policy)), "a", Accepted(), THU)
    case = answered(case, "a", ASKS, date(2026, 3, 9))
    case = told(case, HandInSupplement("a", (), {"name": "y"}), date(2026, 3, 11)).case
    step = case.steps["a"]
    assert (step.state, step.timing.promised_due_at) == (StepState.ACCEPTED, end_of(due_on))
    days = [(each.day.on.day, each.reason) for each in limits.of_step(case, step, CHINA).promised.days]  # type: ignore[union-attr]  # a limit runs
    anew = [(6, "restart"), (9, "supplement"), (10, "supplement"), (11, "restart")]
    on = [(6, None), (9, "supplement"), (10, "supplement"), (11, None)]
    assert [day for day in days if day[0] in (6, 9, 10, 11)] == (anew if policy == "restart" else on)


def test_a_special_procedure_lets_no_clock_begin_anew() -> None:
    case = answered(opened(item("a", after_supplement="restart")), "a", Accepted(), THU)
    case = answered(case, "a", HEARING, date(2026, 3, 9))
    case = answered(case, "a", Resumed(), date(2026, 3, 11))
    assert case.steps["a"].timing.promised_due_at == end_of(date(2026, 3, 16))


# ---- office hours (domain.md sections 3.1 and 5.2)

SEASONS = {
    "hours": [
        {"begins": "10-01", "open": [["09:00", "12:00"], ["13:00", "17:00"]]},
        {"begins": "06-01", "open": [["08:30", "12:00"], ["14:00", "17:30"]]},
    ]
}
"""Seven hours a day, in summer other ones."""


def by_office(**said: Any) -> Calendar:
    """The calendar of a place that goes by office hours."""
    return replace(CHINA, office=read_office({**SEASONS, **said}))


@pytest.mark.parametrize(
    ("on", "closes"),
    [
        (date(2026, 1, 5), time(17, 0)),  # since October, over the year's end
        (date(2026, 5, 29), time(17, 0)),
        (date(2026, 6, 1), time(17, 30)),
        (date(2026, 9, 30), time(17, 30)),
        (date(2026, 10, 8), time(17, 0)),
    ],
)
def test_hours_are_those_of_the_season(on: date, closes: time) -> None:
    assert by_office().office.open_on(on)[-1][1] == closes


@pytest.mark.parametrize(
    ("said", "started_on", "due_at"),
    [
        ({}, THU, end_of(date(2026, 3, 12))),
        # Thu 12 March closes at 17:00 there, which is 09:00 in UTC; Thu 11 June at 17:30.
        ({"ends_deadlines": True}, THU, datetime(2026, 3, 12, 9, 0, tzinfo=UTC)),
        ({"ends_deadlines": True}, date(2026, 6, 4), datetime(2026, 6, 11, 9, 30, tzinfo=UTC)),
    ],
)
def test_a_deadline_ends_at_midnight_or_when_the_office_closes(
    said: dict[str, Any], started_on: date, due_at: datetime
) -> None:
    found = deadline(Limit(5, "workdays"), Clock(at_nine(started_on)), by_office(**said), 480)
    assert found.due_at == due_at


def test_a_deadline_in_days_that_ends_on_a_day_off_ends_at_midnight() -> None:
    found = deadline(Limit(2, "days"), Clock(at_nine(date(2026, 3, 6))), by_office(ends_deadlines=True), 480)
    assert found.due_at == end_of(date(2026, 3, 8))


@pytest.mark.parametrize(
    ("started_at", "hours", "pauses", "due_at"),
    [
        # Ten hours of offices from Thu 5 March 16:00 there: one until 17:00, seven on Friday, the last two on
        # Monday: 11:00, 03:00 in UTC.
        (datetime(2026, 3, 5, 8, 0, tzinfo=UTC), 10, (), datetime(2026, 3, 9, 3, 0, tzinfo=UTC)),
        # From a Friday evening, closed: Monday 09:00 + 1.
        (datetime(2026, 3, 6, 12, 0, tzinfo=UTC), 1, (), datetime(2026, 3, 9, 2, 0, tzinfo=UTC)),
        # Through the spring festival, Sat 14 February made up: Fri 13 from 16:00 is 1, Sat 7, Tue 1.
        (datetime(2026, 2, 13, 8, 0, tzinfo=UTC), 9, (), datetime(2026, 2, 24, 2, 0, tzinfo=UTC)),
        # Stopped from Fri 10:00 to 15:00 there, of which four are office hours: due 16:00 instead of 11:00.
        (
            datetime(2026, 3, 6, 1, 0, tzinfo=UTC),
            2,
            ((datetime(2026, 3, 6, 2, 0, tzinfo=UTC), datetime(2026, 3, 6, 7, 0, tzinfo=UTC)),),
            datetime(2026, 3, 6, 8, 0, tzinfo=UTC),
        ),
        # It stands still.
        (datetime(2026, 3, 6, 1, 0, tzinfo=UTC), 2, ((datetime(2026, 3, 6, 2, 0, tzinfo=UTC), None),), None),
    ],
)
def test_hours_may_be_those_of_offices(
    started_at: datetime, hours: int, pauses: Any, due_at: datetime | None
) -> None:
    clock = Clock(started_at, tuple(Pause(since, until, "supplement") for since, until in pauses))
    found = deadline(Limit(hours, "hours"), clock, by_office(counts_hours=True), 480)
    assert found.due_at == due_at


def test_the_days_of_a_limit_in_office_hours_say_why_an_office_is_closed() -> None:
    clock = Clock(datetime(2026, 3, 6, 8, 0, tzinfo=UTC))
    found = deadline(Limit(2, "hours"), clock, by_office(counts_hours=True), 480)
    assert [(each.day.on.day, each.reason) for each in found.days] == [
        (6, None),
        (7, "weekend"),
        (8, "weekend"),
        (9, None),
    ]


# ---- a year that is published (domain.md section 5.2)

DRAFT_2027 = Year(2027, {}, is_provisional=True)
OFF = Year(2027, {date(2027, 1, 1): {"zh": "元旦", "en": "New Year"}}, is_provisional=False)


def in_2027(year: Year) -> dict[str, Rules]:
    """The rules with that calendar of 2027."""
    return {"suzhou": Rules(calendar=Calendar("x", {2026: CHINA.years[2026], 2027: year}))}


@pytest.mark.parametrize(
    ("published", "moved", "of_case"),
    [
        # Two working days after Wed 30 December 2026: Thu 31, Fri 1 January. With New Year off: Mon 4.
        (OFF, (end_of(date(2027, 1, 1)), end_of(date(2027, 1, 4))), ["promised", "statutory"]),
        # Nothing is off: it is where it was, and certain now. The later limit of the case tells so.
        (replace(DRAFT_2027, is_provisional=False), (end_of(date(2027, 1, 1)),) * 2, ["statutory"]),
    ],
)
def test_a_deadline_that_moved_or_is_certain_now_is_told_once(
    published: Year, moved: tuple[datetime, datetime], of_case: list[str]
) -> None:
    on, before = date(2026, 12, 30), in_2027(DRAFT_2027)
    case = told(opened(item("a", promised=Limit(2, "workdays"), statutory=None)), LetTimePass(), on).case
    (task,) = case.tasks.values()
    case = told(case, RecordAnswer(task.id, Accepted()), on, before).case
    assert case.steps["a"].timing.is_provisional
    assert case.steps["a"].timing.promised_due_at == moved[0]
    decision = told(case, LetTimePass(), on, in_2027(published))
    (event,) = [each for each in decision.events if each.type is EventType.STEP_DEADLINE_MOVED]
    assert event.data == {
        "limit": "promised",
        "from": moved[0].isoformat(),
        "to": moved[1].isoformat(),
        "is_provisional": False,
    }
    told_of_case = [each for each in decision.events if each.type is EventType.CASE_DEADLINE_MOVED]
    assert [each.data["limit"] for each in told_of_case] == of_case
    again = told(decision.case, LetTimePass(), on, in_2027(published))
    assert (again.reply, again.events) == ("unchanged", ())


def test_rules_of_a_place_say_how_much_may_come_on_top_and_when_offices_are_open() -> None:
    said = {"extension": {"number": 3, "unit": "workdays"}, "office": {**SEASONS, "ends_deadlines": True}}
    rules = read_rules(said, CHINA)
    assert (rules.extension, rules.joint_extension) == (Limit(3, "workdays"), Limit(15, "workdays"))
    assert rules.calendar.office.ends_deadlines
    case = answered(opened(item("a")), "a", Accepted(), THU)
    with pytest.raises(Conflict):
        told(case, extend(4), THU, {"suzhou": rules})
