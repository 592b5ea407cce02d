"""Deadlines, by days that were worked out by hand, and by what holds for every calendar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onenet.catalogue.calendars import known_year
from onenet.domain.bundle import Limit
from onenet.domain.calendar import Calendar, Office, OfficeHours, Year, local_day
from onenet.domain.clocks import Clock, Mark, Pause, heard, joint
from onenet.domain.deadlines import CountedDay, Deadline, deadline
from onenet.domain.events import EventType
from onenet.domain.procedures import Extension

CHINA = Calendar("china", {year: known_year("CN", year) for year in (2025, 2026, 2027)})
OFFSET = 480


def noon(day: str) -> datetime:
    """Noon in Shanghai."""
    return datetime.fromisoformat(f"{day}T04:00:00+00:00")


def due(number: int, unit: str, started: str, *pauses: tuple[str, str | None]) -> Deadline:
    stops = tuple(
        Pause(noon(since), noon(until) if until else None, "special_procedure") for since, until in pauses
    )
    return deadline(Limit(number, unit), Clock(noon(started), stops), CHINA, OFFSET)  # type: ignore[arg-type]  # a unit


@pytest.mark.parametrize(
    ("number", "started", "due_on"),
    [
        # LIC 82: working days; the day of acceptance is not counted. Thu 5 March: Fri 1, Mon 2 ... Thu 5.
        (5, "2026-03-05", "2026-03-12"),
        (1, "2026-03-05", "2026-03-06"),
        # Across the year's end: Tue 30 Dec 1, Wed 31 2, 1 to 3 Jan off, Sun 4 Jan (make-up) 3, Mon 4, Tue 5.
        (5, "2025-12-29", "2026-01-06"),
        # Through the spring festival: Fri 13 Feb 1, Sat 14 (make-up) 2, 15 to 23 off, Tue 24 3, Wed 4, Thu 5.
        (5, "2026-02-12", "2026-02-26"),
        # Accepted on the eve, which is off itself: Tue 24 Feb 1, 25, 26, 27, Sat 28 (make-up) 5.
        (5, "2026-02-16", "2026-02-28"),
        # LIC 42 ¶1, twenty: Mon 1 Sep 2025; 2-5, 8-12, 15-19, 22-26 are 19, Sun 28 (make-up) is the 20th.
        (20, "2025-09-01", "2025-09-28"),
    ],
)
def test_working_days_are_those_of_the_calendar(number: int, started: str, due_on: str) -> None:
    assert due(number, "workdays", started).due_on == date.fromisoformat(due_on)


def test_an_expert_review_moves_the_deadline_by_its_working_days() -> None:
    """LIC 45; domain.md 5.2. Mon 8 to Fri 19 Sep are ten working days, twelve elapsed: 28 Sep becomes 17 Oct.

    After the 28th come 29 and 30 Sep, (1 to 8 Oct off), 9, 10, Sat 11 (make-up), 13, 14, 15, 16, 17 Oct: ten.
    """
    moved = due(20, "workdays", "2025-09-01", ("2025-09-08", "2025-09-20"))
    assert moved.due_on == date(2025, 10, 17)
    stopped = [each.day.on for each in moved.days if each.reason == "special_procedure"]
    assert (stopped[0], stopped[-1]) == (date(2025, 9, 8), date(2025, 9, 19))


def test_stopping_and_going_on_within_a_day_wins_nothing() -> None:
    assert due(5, "workdays", "2026-03-05", ("2026-03-09", "2026-03-09")).due_on == date(2026, 3, 12)


def test_while_the_clock_stands_still_nobody_knows_the_day() -> None:
    stopped = due(5, "workdays", "2026-03-05", ("2026-03-10", None))
    assert (stopped.due_at, stopped.due_on) == (None, None)
    assert stopped.left(date(2026, 6, 1)) == 3, "Fri 6 and Mon 9 were counted"


def test_calendar_days_are_days() -> None:
    """Creditors' notice of 45 days: from 1 Jan the 46th day of the year is 15 Feb."""
    assert due(45, "days", "2026-01-01").due_on == date(2026, 2, 15)


def test_hours_run_round_the_clock_and_stand_still_to_the_minute() -> None:
    begun = datetime(2026, 2, 14, 23, 0, tzinfo=UTC)
    stop = Pause(begun + timedelta(hours=3), begun + timedelta(hours=4, minutes=30), "supplement")
    found = deadline(Limit(24, "hours"), Clock(begun, (stop,)), CHINA, OFFSET)
    assert found.due_at == begun + timedelta(hours=25, minutes=30)
    assert (found.days, found.left(date(2026, 2, 15))) == ((), None)
    still = deadline(Limit(24, "hours"), Clock(begun, (Pause(begun, None, "supplement"),)), CHINA, OFFSET)
    assert still.due_at is None


@pytest.mark.parametrize(
    ("accepted", "due_on"),
    [("2026-03-02T15:59:59+00:00", "2026-03-03"), ("2026-03-02T16:00:00+00:00", "2026-03-04")],
)
def test_the_day_of_acceptance_is_the_local_one(accepted: str, due_on: str) -> None:
    """16:00 UTC is midnight in Shanghai, where no clock is ever put forward."""
    found = deadline(Limit(1, "workdays"), Clock(datetime.fromisoformat(accepted)), CHINA, OFFSET)
    assert found.due_on == date.fromisoformat(due_on)


def test_a_deadline_ends_with_its_last_day_in_local_time() -> None:
    assert due(5, "workdays", "2026-03-05").due_at == datetime(2026, 3, 12, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "unit", "is_provisional"),
    [(2, "workdays", False), (3, "workdays", True), (30, "days", False)],
)
def test_a_deadline_that_touches_a_provisional_year_says_so(
    number: int, unit: str, is_provisional: bool
) -> None:
    """From Tue 29 Dec 2026: the 30th, the 31st, then 2027. Days that are all counted hang on no calendar."""
    assert due(number, unit, "2026-12-29").is_provisional is is_provisional


def test_days_left_count_from_tomorrow() -> None:
    found = due(5, "workdays", "2026-03-05")
    lefts = [found.left(date(2026, 3, day)) for day in (5, 6, 7, 9, 12, 20)]
    assert lefts == [5, 4, 4, 3, 0, 0]


# ---- what holds for every calendar

START = date(2026, 1, 1)
DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))
NAMES = {"zh": "节", "en": "Holiday"}


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Two years with holidays and make-up days at any place."""
    years = {}
    for number in (2026, 2027):
        days = st.dates(date(number, 1, 1), date(number, 12, 31))
        holidays = draw(st.sets(days, max_size=30))
        make_up = {day for day in draw(st.sets(days, max_size=10)) if day.weekday() >= 5} - holidays
        years[number] = Year(number, dict.fromkeys(holidays, NAMES), frozenset(make_up), is_provisional=False)
    return Calendar("any", years)


def at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, 0, tzinfo=UTC)


@given(calendars(), DAYS, st.integers(1, 60), st.sampled_from(["workdays", "days"]))
def test_the_days_add_up_to_the_deadline(calendar: Calendar, start: date, number: int, unit: str) -> None:
    found = deadline(Limit(number, unit), Clock(at_noon(start)), calendar, OFFSET)  # type: ignore[arg-type]  # a unit
    assert [each.number for each in found.days if each.number] == list(range(1, number + 1))
    assert found.days[-1] == CountedDay(found.days[-1].day, number)
    assert found.due_on == found.days[-1].day.on
    assert all((b.day.on - a.day.on).days == 1 for a, b in pairwise(found.days))
    assert all((each.number is None) == (each.reason is not None) for each in found.days)


@given(
    calendars(),
    DAYS,
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=4),
)
def test_stopping_and_going_on_never_loses_or_wins_a_working_day(
    calendar: Calendar, start: date, number: int, stops: list[tuple[int, int]]
) -> None:
    """As many working days as the clock stood still on come on top, whatever lies between."""
    pauses, at = [], start
    for gap, length in stops:
        since = at + timedelta(days=gap)
        at = since + timedelta(days=length)
        pauses.append(Pause(at_noon(since), at_noon(at), "supplement"))
    found = deadline(Limit(number, "workdays"), Clock(at_noon(start), tuple(pauses)), calendar, OFFSET)
    assert found.due_on is not None
    stood_still = {
        each.since.date() + timedelta(days=day)
        for each in pauses
        if each.until
        for day in range((each.until - each.since).days)
    }
    ran = [day.on for each in found.days if (day := each.day).is_workday and day.on not in stood_still]
    assert len(ran) == number
    assert ran[-1] == found.due_on


# ---- extensions, clocks that begin anew, hours of offices, limits of members, years published midway

STOPS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=4)
HOURS = (("08:30", "12:00"), ("13:00", "17:00"))
"""Seven and a half hours a day."""


def stopped(start: date, stops: list[tuple[int, int]]) -> tuple[Pause, ...]:
    """Pauses, each so many days after the one before and so many days long."""
    pauses, at = [], start
    for gap, length in stops:
        since = at + timedelta(days=gap)
        at = since + timedelta(days=length)
        pauses.append(Pause(at_noon(since), at_noon(at), "supplement"))
    return tuple(pauses)


def given_by(calendar: Calendar, start: date, number: int, skipped: Callable[[date], bool]) -> date:
    """The last of so many working days after that day, without those that are skipped; one by one."""
    day = start
    while number:
        day += timedelta(days=1)
        number -= calendar.day(day).is_workday and not skipped(day)
    return day


def stands(pauses: Sequence[Pause], day: date) -> bool:
    return any(each.until and each.since.date() <= day < each.until.date() for each in pauses)


@given(calendars(), DAYS, st.integers(1, 30), st.integers(1, 15), STOPS)
def test_an_extension_adds_its_days_and_no_other(
    calendar: Calendar, start: date, number: int, more: int, stops: list[tuple[int, int]]
) -> None:
    clock = Clock(at_noon(start), stopped(start, stops))
    longer = Extension("extension", "promised", more, "head", "much to do", at_noon(start))
    found = deadline(Limit(number, "workdays"), clock, calendar, OFFSET, longer)
    assert found == replace(
        deadline(Limit(number + more, "workdays"), clock, calendar, OFFSET),
        limit=Limit(number, "workdays"),
        extension=longer,
    )
    assert found.due_on == given_by(calendar, start, number + more, lambda day: stands(clock.pauses, day))
    assert found.left(start) == number + more


@given(calendars(), DAYS, st.integers(1, 30), STOPS, st.integers(1, 90))
def test_a_clock_that_began_anew_counts_from_the_day_after(
    calendar: Calendar, start: date, number: int, stops: list[tuple[int, int]], after: int
) -> None:
    """What ran before counts no more; every day of it is told, with the reason."""
    anew = start + timedelta(days=after)
    clock = Clock(at_noon(start), stopped(start, stops), restarted_at=at_noon(anew))
    found = deadline(Limit(number, "workdays"), clock, calendar, OFFSET)
    skipped = {each.day.on for each in found.days if each.reason == "restart"}
    assert found.due_on == given_by(calendar, anew, number, lambda day: stands(clock.pauses, day))
    before = [start + timedelta(days=day) for day in range(1, after + 1)]
    ran = {day for day in before if calendar.day(day).is_workday and not stands(clock.pauses, day)}
    assert skipped == ran
    assert [each.number for each in found.days if each.number] == [*range(1, number + 1)]


@given(calendars(), DAYS, st.integers(1, 80), st.lists(st.tuples(*[st.integers(1, 3_000)] * 2), max_size=3))
def test_hours_of_offices_are_neither_lost_nor_won(
    calendar: Calendar, start: date, number: int, stops: list[tuple[int, int]]
) -> None:
    """Minute by minute: as many as the limit has between its beginning and its end, in which it ran."""
    office = Office((OfficeHours("01-01", tuple((_time(a), _time(b)) for a, b in HOURS)),), True, True)
    open_at, begun = replace(calendar, office=office), at_noon(start)
    pauses, at = [], begun
    for gap, length in stops:
        since = at + timedelta(minutes=gap)
        at = since + timedelta(minutes=length)
        pauses.append(Pause(since, at, "supplement"))
    found = deadline(Limit(number, "hours"), Clock(begun, tuple(pauses)), open_at, OFFSET)
    assert found.due_at is not None
    ran = timedelta()
    for each in found.days:
        for opens, closes in _spans(each.day.on) if each.day.is_workday else ():
            ran += _overlap(opens, closes, begun, found.due_at)
            ran -= sum(
                (
                    _overlap(max(opens, begun), min(closes, found.due_at), stop.since, stop.until or closes)
                    for stop in pauses
                ),
                timedelta(),
            )
    assert ran == timedelta(hours=number)


_time = time.fromisoformat


def _spans(on: date) -> list[tuple[datetime, datetime]]:
    midnight = datetime(on.year, on.month, on.day, tzinfo=UTC) - timedelta(minutes=OFFSET)
    return [
        (
            midnight + timedelta(hours=_time(a).hour, minutes=_time(a).minute),
            midnight + timedelta(hours=_time(b).hour, minutes=_time(b).minute),
        )
        for a, b in HOURS
    ]


def _overlap(since: datetime, until: datetime, begun: datetime, ended: datetime) -> timedelta:
    return max(min(until, ended) - max(since, begun), timedelta())


@given(calendars(), DAYS, st.integers(1, 40))
def test_a_deadline_by_the_close_of_the_office_is_on_the_same_day(
    calendar: Calendar, start: date, number: int
) -> None:
    office = Office((OfficeHours("01-01", ((_time("09:00"), _time("17:00")),)),), ends_deadlines=True)
    limit, clock = Limit(number, "workdays"), Clock(at_noon(start))
    by_day = deadline(limit, clock, calendar, OFFSET)
    by_office = deadline(limit, clock, replace(calendar, office=office), OFFSET)
    assert (by_office.due_on, by_office.days) == (by_day.due_on, by_day.days)
    assert by_day.due_at is not None
    assert by_office.due_at == by_day.due_at - timedelta(hours=7)


@given(
    calendars(),
    st.lists(
        st.tuples(
            st.dates(START, date(2026, 6, 30)), st.lists(st.tuples(*[st.integers(1, 20)] * 2), max_size=3)
        ),
        min_size=1,
        max_size=3,
    ),
    st.integers(1, 40),
)
def test_a_case_stands_still_only_on_days_on_which_no_member_can_work(
    calendar: Calendar, members: list[tuple[date, list[tuple[int, int]]]], number: int
) -> None:
    """The joint clock follows its members, whichever of them stop and go on, day by day."""
    clocks = [Clock(at_noon(start), stopped(start, stops)) for start, stops in members]
    whole: Clock | None = None
    for moment in sorted({at for clock in clocks for at in _moments(clock)}):
        begun = [_until(clock, moment) for clock in clocks if clock.started_at <= moment]
        whole = joint(whole, begun, moment, is_closed=False)
    assert whole is not None
    first = min(clock.started_at for clock in clocks).date()

    def all_stand(day: date) -> bool:
        begun = [clock for clock in clocks if clock.started_at.date() <= day]
        return all(stands(clock.pauses, day) for clock in begun)

    found = deadline(Limit(number, "workdays"), whole, calendar, OFFSET)
    assert found.due_on == given_by(calendar, first, number, all_stand)


def _moments(clock: Clock) -> list[datetime]:
    return [clock.started_at, *(at for each in clock.pauses for at in (each.since, each.until) if at)]


def _until(clock: Clock, moment: datetime) -> Clock:
    """The clock as it was then."""
    known = [each for each in clock.pauses if each.since <= moment]
    return clock._replace(
        pauses=tuple(
            each if each.until and each.until <= moment else each._replace(until=None) for each in known
        )
    )


@given(calendars(), st.dates(date(2026, 10, 1), date(2026, 12, 31)), st.integers(1, 60))
def test_a_year_that_is_published_midway_moves_only_what_touches_it(
    calendar: Calendar, start: date, number: int
) -> None:
    known = {2026: calendar.years[2026]}
    before = deadline(Limit(number, "workdays"), Clock(at_noon(start)), Calendar("any", known), OFFSET)
    after = deadline(Limit(number, "workdays"), Clock(at_noon(start)), calendar, OFFSET)
    assert before.due_on is not None
    assert before.is_provisional is (before.due_on.year > 2026)
    assert not after.is_provisional
    assert before.is_provisional or after == before
    shared = [day for day in before.days if day.day.on.year == 2026]
    assert after.days[: len(shared)] == tuple(shared)


# ---- the clock that the events tell

T = EventType


def clock_of(*types: EventType) -> Clock | None:
    """The clock that heard of these events, one a day."""
    clock = None
    for day, type_ in enumerate(types):
        clock = heard(clock, Mark(type_, at_noon(START + timedelta(days=day))))
    return clock


@pytest.mark.parametrize(
    ("types", "pauses", "has_ended"),
    [
        ((T.STEP_ACCEPTED,), [], False),
        ((T.STEP_ACCEPTED, T.STEP_SUSPENDED), [("special_procedure", None)], False),
        ((T.STEP_ACCEPTED, T.STEP_SUSPENDED, T.STEP_RESUMED), [("special_procedure", 1)], False),
        ((T.STEP_ACCEPTED, T.STEP_SUPPLEMENT_NEEDED, T.STEP_SUPPLEMENTED), [("supplement", 1)], False),
        # The department accepts all the same: what it asked for is no longer needed.
        ((T.STEP_ACCEPTED, T.STEP_SUPPLEMENT_NEEDED, T.STEP_ACCEPTED), [("supplement", 1)], False),
        ((T.STEP_ACCEPTED, T.STEP_COMPLETED), [], True),
        ((T.STEP_ACCEPTED, T.STEP_SUSPENDED, T.STEP_CANCELLED), [("special_procedure", 1)], True),
    ],
)
def test_the_clock_is_told_by_the_events(
    types: tuple[EventType, ...], pauses: list[tuple[str, int | None]], has_ended: bool
) -> None:
    clock = clock_of(*types)
    assert clock is not None
    assert clock.started_at == at_noon(START)
    told = [(each.reason, (each.until - each.since).days if each.until else None) for each in clock.pauses]
    assert (told, clock.ended_at is not None) == (pauses, has_ended)


def test_a_correction_before_acceptance_stops_nothing() -> None:
    """No clock runs before acceptance (LIC 42); it begins when the department accepts."""
    clock = clock_of(T.STEP_SUPPLEMENT_NEEDED, T.STEP_SUPPLEMENTED, T.STEP_ACCEPTED)
    assert clock == Clock(at_noon(START + timedelta(days=2)))
    assert clock_of(T.STEP_SUPPLEMENT_NEEDED, T.STEP_REJECTED) is None


def test_a_day_is_that_of_the_place() -> None:
    assert local_day(datetime(2026, 1, 1, 16, 0, tzinfo=UTC), OFFSET) == date(2026, 1, 2)
