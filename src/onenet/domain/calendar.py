"""Calendar: which days are working days in a place, and why each is one or is not.

Weekends are off, public holidays are off, make-up working days 调休上班日 are on. The State Council names the
last two anew for each year, late in the year before; until then a year is *provisional*: what is counted in
it may still change. Source: LIC art. 82; domain.md section 5.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from onenet.domain.bundle import Names

Why = Literal["workday", "make_up", "weekend", "holiday"]
SATURDAY = 5
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Year:
    """The days of a year that are not as their weekday says. `source`: who says so, for people to look up.

    `is_provisional`: the make-up working days of this year are not published yet.
    """

    year: int
    holidays: Mapping[date, Names] = field(default_factory=dict)
    make_up: frozenset[date] = frozenset()
    is_provisional: bool = True
    source: str = ""


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


@dataclass(frozen=True, slots=True)
class Calendar:
    """The calendar of a place. Of a year that it does not hold only the weekends are known."""

    code: str
    years: Mapping[int, Year] = field(default_factory=dict)

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

    def days_after(self, on: date) -> Iterator[Day]:
        """The days after that one, without end but that of the calendar of all dates."""
        while on < date.max:
            on += ONE_DAY
            yield self.day(on)
