"""Deadlines: the day on which a limit is used up, and every day on the way, counted or not, with the reason.

The day of acceptance is not counted. The day on which the clock is stopped is not counted either, the day on
which it goes on is: whoever does both on one day wins nothing. A deadline ends with its last day, local time.
Limits in hours run round the clock. Source: domain.md section 5.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Literal, NamedTuple

from onenet.domain.bundle import Limit
from onenet.domain.calendar import Calendar, Day
from onenet.domain.clocks import Clock, Pause
from onenet.domain.flow import end_of_day
from onenet.recent import Recent


class CountedDay(NamedTuple):
    """One day on the way. `number`: the how-manieth of the limit it is, None where it is not counted.

    `reason` then says why: weekend, holiday, special_procedure or supplement.
    """

    day: Day
    number: int | None
    reason: Literal["weekend", "holiday"] | str | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when. `due_at` None: the clock stands still, and nobody knows.

    `due_on`: the last day, local; None for a limit in hours. `is_provisional`: it lies in, or comes after, a
    year whose make-up days are not published, and may still move.
    """

    limit: Limit
    due_at: datetime | None
    due_on: date | None = None
    days: tuple[CountedDay, ...] = ()
    is_provisional: bool = False

    def left(self, today: date) -> int | None:
        """How many of its days come after today; None where days do not count."""
        if self.limit.unit == "hours":
            return None
        return self.limit.number - sum(day.number is not None and day.day.on <= today for day in self.days)


def local_day(at: datetime, utc_offset_minutes: int) -> date:
    """The day of a moment in local time."""
    return at.astimezone(timezone(timedelta(minutes=utc_offset_minutes))).date()


def deadline(limit: Limit, clock: Clock, calendar: Calendar, utc_offset_minutes: int) -> Deadline:
    """Until when that limit runs on this clock."""
    if limit.unit == "hours":
        return _in_hours(limit, clock)
    if clock.pauses:
        return _in_days(limit, clock, calendar, utc_offset_minutes)
    key = (id(calendar), limit, local_day(clock.started_at, utc_offset_minutes), utc_offset_minutes)
    found = _COUNTED.get(key)
    if found is None:
        found = (calendar, _in_days(limit, clock, calendar, utc_offset_minutes))
        _COUNTED.put(key, found)
    return found[1]


_COUNTED: Recent[tuple[int, Limit, date, int], tuple[Calendar, Deadline]] = Recent(1_000)
"""By the calendar's identity, which the entry keeps alive: what begins on one day ends on one day."""


def _in_days(limit: Limit, clock: Clock, calendar: Calendar, utc_offset_minutes: int) -> Deadline:
    pauses = [
        (
            local_day(each.since, utc_offset_minutes),
            each.until and local_day(each.until, utc_offset_minutes),
            each,
        )
        for each in clock.pauses
    ]
    days: list[CountedDay] = []
    number = 0
    for day in calendar.days_after(local_day(clock.started_at, utc_offset_minutes)):
        stopped = _pause_on(day.on, pauses)
        if stopped is not None and stopped.until is None:
            return Deadline(limit, None, None, tuple(days), _is_provisional(limit, days, calendar))
        reason = stopped.reason if stopped else _day_off(limit, day)
        number += reason is None
        days.append(CountedDay(day, None if reason else number, reason))
        if number == limit.number:
            break
    due_on = days[-1].day.on
    due_at = end_of_day(due_on, utc_offset_minutes)
    return Deadline(limit, due_at, due_on, tuple(days), _is_provisional(limit, days, calendar))


def _pause_on(on: date, pauses: Sequence[tuple[date, date | None, Pause]]) -> Pause | None:
    return next(
        (each for since, until, each in pauses if since <= on and (until is None or on < until)), None
    )


def _day_off(limit: Limit, day: Day) -> str | None:
    return day.why if limit.unit == "workdays" and not day.is_workday else None


def _is_provisional(limit: Limit, days: Sequence[CountedDay], calendar: Calendar) -> bool:
    years = {each.day.on.year for each in days}
    return limit.unit == "workdays" and any(calendar.year(year).is_provisional for year in years)


def _in_hours(limit: Limit, clock: Clock) -> Deadline:
    due_at = clock.started_at + timedelta(hours=limit.number)
    for pause in clock.pauses:
        if pause.until is None:
            return Deadline(limit, None)
        due_at += pause.until - pause.since
    return Deadline(limit, due_at)
