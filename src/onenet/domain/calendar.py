"""Calendar: which days are working days in a place, and why each is one or is not.

Weekends are off, public holidays are off, make-up working days 调休上班日 are on. The State Council names the
last two anew for each year, late in the year before; until then a year is *provisional*: what is counted in
it may still change. Source: LIC art. 82; domain.md section 5.2.
Hours of opening are dated too: many offices keep others in summer (domain.md section 3.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from functools import cache
from typing import Any, Literal

from onenet.domain.bundle import Names

Why = Literal["workday", "make_up", "weekend", "holiday"]
SATURDAY = 5
ONE_DAY = timedelta(days=1)


@cache
def zone_of(utc_offset_minutes: int) -> timezone:
    """Local time, made once for each of the few offsets that there are."""
    return timezone(timedelta(minutes=utc_offset_minutes))


def local_day(at: datetime, utc_offset_minutes: int) -> date:
    """The day on which a moment falls there."""
    return at.astimezone(zone_of(utc_offset_minutes)).date()


@dataclass(frozen=True, slots=True)
class Year:
    """The days of a year that are not as their weekday says. `source`: who says so, for people to look up.

    `is_provisional`: the make-up working days of this year are not published yet. `is_said`: a catalogue says
    the year itself; else a library knew it.
    """

    year: int
    holidays: Mapping[date, Names] = field(default_factory=dict)
    make_up: frozenset[date] = frozenset()
    is_provisional: bool = True
    source: str = ""
    is_said: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """One day, and why it is a working day or none. `names` of the holiday, where it is one."""

    on: date
    why: Why
    names: Names | None = None

    @property
    def is_workday(self) -> bool:
        """Whether offices work on it."""
        return self.why in ("workday", "make_up")


Span = tuple[time, time]
"""From when until when, local time."""


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """When offices are open on working days, from a day of each year (`begins`, MM-DD) until others begin."""

    begins: str
    open: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Office:
    """When offices are open, and what goes by it; both are for the place to say (domain.md section 5.2).

    `ends_deadlines`: a deadline ends when the office closes on its last day, instead of at midnight.
    `counts_hours`: limits in hours run while offices are open, instead of round the clock.
    """

    hours: tuple[OfficeHours, ...] = ()
    ends_deadlines: bool = False
    counts_hours: bool = False

    def open_on(self, on: date) -> tuple[Span, ...]:
        """From when until when offices are open on a working day of that date; empty where nobody says."""
        if not self.hours:
            return ()
        begun = [each for each in self.hours if each.begins <= f"{on:%m-%d}"]
        return (begun or self.hours)[-1].open


NO_HOURS = Office()
"""Where nobody says when offices are open."""


def read_office(said: Mapping[str, Any]) -> Office:
    """The office that a place says in its rules."""
    hours = [
        OfficeHours(each["begins"], tuple((_time(since), _time(until)) for since, until in each["open"]))
        for each in said.get("hours", ())
    ]
    ordered = tuple(sorted(hours, key=lambda each: each.begins))
    return Office(ordered, said.get("ends_deadlines", False), said.get("counts_hours", False))


_time = time.fromisoformat


@dataclass(frozen=True, slots=True)
class Calendar:
    """The calendar of a place. Of a year that it does not hold only the weekends are known."""

    code: str
    years: Mapping[int, Year] = field(default_factory=dict)
    office: Office = NO_HOURS

    def year(self, number: int) -> Year:
        """That year; provisional, and without holidays, when nothing is known of it."""
        return self.years.get(number) or Year(number)

    def day(self, on: date) -> Day:
        """What kind of day it is."""
        year = self.year(on.year)
        if on in year.make_up:
            return Day(on, "make_up")
        if on in year.holidays:
            return Day(on, "holiday", year.holidays[on])
        return Day(on, "weekend" if on.weekday() >= SATURDAY else "workday")

    def opening(self, day: Day, utc_offset_minutes: int) -> list[tuple[datetime, datetime]]:
        """From when until when offices are open that day; empty where they are not, or nobody says when."""
        zone = zone_of(utc_offset_minutes)
        spans = self.office.open_on(day.on) if day.is_workday else ()
        return [
            (datetime.combine(day.on, since, zone), datetime.combine(day.on, until, zone))
            for since, until in spans
        ]

    def days_before(self, on: date) -> Iterator[Day]:
        """The days before that one, the nearest first."""
        while on > date.min:
            on -= ONE_DAY
            yield self.day(on)

    def days_after(self, on: date) -> Iterator[Day]:
        """The days after that one, without end but that of the calendar of all dates."""
        while on < date.max:
            on += ONE_DAY
            yield self.day(on)
