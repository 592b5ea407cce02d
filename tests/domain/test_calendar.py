"""Which days are working days: the rules of the calendar, by days that can be looked up in a printed one."""

from __future__ import annotations

from datetime import date

import pytest

from onenet.catalogue.calendars import known_year
from onenet.domain.calendar import Calendar, Year

NAMES = {"zh": "节", "en": "Holiday"}
CHINA = Calendar("china", {year: known_year("CN", year) for year in (2025, 2026, 2027)})


@pytest.mark.parametrize(
    ("on", "why"),
    [
        ("2026-01-01", "holiday"),  # Thursday, New Year
        ("2026-01-02", "holiday"),  # Friday, off for Sunday the 4th
        ("2026-01-03", "weekend"),
        ("2026-01-04", "make_up"),  # Sunday, worked
        ("2026-01-05", "workday"),
        ("2026-02-14", "make_up"),  # Saturday before the spring festival
        ("2026-02-15", "weekend"),
        ("2026-02-16", "holiday"),  # the eve, Monday
        ("2026-02-21", "weekend"),  # Saturday within it
        ("2026-02-23", "holiday"),  # Monday, the last day
        ("2026-02-24", "workday"),
        ("2026-02-28", "make_up"),  # Saturday after it
        ("2026-10-07", "holiday"),
        ("2026-10-10", "make_up"),
    ],
)
def test_days_of_2026_are_as_the_state_council_says(on: str, why: str) -> None:
    assert CHINA.day(date.fromisoformat(on)).why == why


def test_a_make_up_day_wins_over_the_weekend_and_a_holiday_over_a_weekday() -> None:
    calendar = Calendar("c", {2026: Year(2026, {date(2026, 7, 1): NAMES}, frozenset({date(2026, 7, 4)}))})
    days = [calendar.day(date(2026, 7, number)) for number in (1, 2, 4, 5)]
    assert [(day.why, day.is_workday) for day in days] == [
        ("holiday", False),
        ("workday", True),
        ("make_up", True),
        ("weekend", False),
    ]
    assert days[0].names == NAMES


def test_a_year_without_make_up_days_is_provisional() -> None:
    assert not CHINA.year(2026).is_provisional
    assert CHINA.year(2027).is_provisional
    assert CHINA.day(date(2027, 2, 8)).why == "holiday", "what the law fixes is known all the same"


def test_of_a_year_that_is_not_held_only_weekends_are_known() -> None:
    assert CHINA.year(2040).is_provisional
    assert CHINA.day(date(2040, 10, 1)).why == "workday"
    assert CHINA.day(date(2040, 10, 6)).why == "weekend"


def test_days_go_on_until_the_last_of_all_dates() -> None:
    days = list(CHINA.days_after(date(9999, 12, 29)))
    assert [day.on for day in days] == [date(9999, 12, 30), date(9999, 12, 31)]
