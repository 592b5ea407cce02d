"""Deadlines: the day on which a limit is used up, and every day on the way, counted or not, with the reason.

The day of acceptance is not counted. The day on which the clock is stopped is not counted either, the day on
which it goes on is: whoever does both on one day wins nothing. A clock that began anew counts from the day
after, as at first. A deadline ends with its last day, local time, and limits in hours run round the clock;
a place may say that both go by office hours. Source: domain.md section 5.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

from onenet.domain.bundle import Limit
from onenet.domain.calendar import ONE_DAY, Calendar, Day, local_day
from onenet.domain.clocks import Clock, Pause
from onenet.domain.flow import end_of_day
from onenet.domain.procedures import Extension
from onenet.recent import Recent


class CountedDay(NamedTuple):
    """One day on the way. `number`: the how-manieth of the limit it is, None where it is not counted.

    `reason` then says why: weekend, holiday, special_procedure, supplement, or restart, for a day that was
    counted until the clock began anew. Of a limit in office hours no day has a number.
    """

    day: Day
    number: int | None
    reason: Literal["weekend", "holiday", "restart"] | str | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when. `due_at` None: the clock stands still, and nobody knows.

    `due_on`: the last day, local; None for a limit in hours. `is_provisional`: it lies in, or comes after, a
    year whose make-up days are not published, and may still move. `extension`: what came on top of the limit.
    """

    limit: Limit
    due_at: datetime | None
    due_on: date | None = None
    days: tuple[CountedDay, ...] = ()
    is_provisional: bool = False
    extension: Extension | None = None

    @property
    def number(self) -> int:
        """How many days or hours there are in all."""
        return self.limit.number + (self.extension.days if self.extension else 0)

    def left(self, today: date) -> int | None:
        """How many of its days come after today; None where days do not count."""
        if self.limit.unit == "hours":
            return None
        return self.number - sum(day.number is not None and day.day.on <= today for day in self.days)


def deadline(
    limit: Limit,
    clock: Clock,
    calendar: Calendar,
    utc_offset_minutes: int,
    extension: Extension | None = None,
) -> Deadline:
    """Until when that limit runs on this clock."""
    if limit.unit == "hours":
        return (_in_office_hours if _goes_by_office(calendar) else _in_hours)(
            limit, clock, calendar, utc_offset_minutes
        )
    if clock.pauses or extension:
        return _in_days(limit, clock, calendar, utc_offset_minutes, extension)
    begun_on = local_day(clock.started_at, utc_offset_minutes)
    key = (id(calendar), limit.number, limit.unit, begun_on, utc_offset_minutes)
    found = _COUNTED.get(key)
    if found is None:
        found = (calendar, _in_days(limit, clock, calendar, utc_offset_minutes, None))
        _COUNTED.put(key, found)
    return found[1]


_COUNTED: Recent[tuple[int, int, str, date, int], tuple[Calendar, Deadline]] = Recent(1_000)
"""By the calendar's identity, which the entry keeps alive: what begins on one day ends on one day."""


def _in_days(
    limit: Limit, clock: Clock, calendar: Calendar, utc_offset_minutes: int, extension: Extension | None
) -> Deadline:
    wanted = limit.number + (extension.days if extension else 0)
    pauses = _by_day(clock.pauses, utc_offset_minutes)
    restarted_on = clock.restarted_at and local_day(clock.restarted_at, utc_offset_minutes)
    days: list[CountedDay] = []
    number, due_on = 0, None
    for day in calendar.days_after(local_day(clock.started_at, utc_offset_minutes)):
        stopped = _pause_on(day.on, pauses)
        if stopped is not None and stopped.until is None:
            break
        reason = stopped.reason if stopped else _day_off(limit, day)
        if reason is None and restarted_on and day.on <= restarted_on:
            reason = "restart"
        number += reason is None
        days.append(CountedDay(day, None if reason else number, reason))
        if number == wanted:
            due_on = day.on
            break
    due_at = _end(calendar, due_on, utc_offset_minutes) if due_on else None
    return Deadline(limit, due_at, due_on, tuple(days), _is_provisional(limit, days, calendar), extension)


def _end(calendar: Calendar, on: date, utc_offset_minutes: int) -> datetime | None:
    """When that last day ends: with the office, where the place says so and it is open that day."""
    if calendar.office.ends_deadlines:
        opening = calendar.opening(calendar.day(on), utc_offset_minutes)
        if opening:
            return opening[-1][1].astimezone(UTC)
    return end_of_day(on, utc_offset_minutes)


_DayPause = tuple[date, date | None, Pause]


def _by_day(pauses: Sequence[Pause], utc_offset_minutes: int) -> list[_DayPause]:
    return [
        (
            local_day(each.since, utc_offset_minutes),
            each.until and local_day(each.until, utc_offset_minutes),
            each,
        )
        for each in pauses
    ]


def _pause_on(on: date, pauses: Sequence[_DayPause]) -> Pause | None:
    return next(
        (each for since, until, each in pauses if since <= on and (until is None or on < until)), None
    )


def _day_off(limit: Limit, day: Day) -> str | None:
    return day.why if limit.unit == "workdays" and not day.is_workday else None


def _is_provisional(limit: Limit, days: Sequence[CountedDay], calendar: Calendar) -> bool:
    return limit.unit == "workdays" and _touches_provisional(days, calendar)


def _touches_provisional(days: Sequence[CountedDay], calendar: Calendar) -> bool:
    return any(calendar.year(year).is_provisional for year in {each.day.on.year for each in days})


def _goes_by_office(calendar: Calendar) -> bool:
    return calendar.office.counts_hours and bool(calendar.office.hours)


def _in_hours(limit: Limit, clock: Clock, calendar: Calendar, utc_offset_minutes: int) -> Deadline:
    due_at = clock.counts_from + timedelta(hours=limit.number)
    for pause in clock.pauses:
        if pause.until is None:
            return Deadline(limit, None)
        if pause.since >= clock.counts_from:
            due_at += pause.until - pause.since
    return Deadline(limit, due_at)


def _in_office_hours(limit: Limit, clock: Clock, calendar: Calendar, utc_offset_minutes: int) -> Deadline:
    begun, left = clock.counts_from, timedelta(hours=limit.number)
    days: list[CountedDay] = []
    for day in calendar.days_after(local_day(begun, utc_offset_minutes) - ONE_DAY):
        days.append(CountedDay(day, None, None if day.is_workday else day.why))
        for opens, closes in calendar.opening(day, utc_offset_minutes):
            for since, until in _running(max(opens, begun), closes, clock.pauses):
                if until - since >= left:
                    due_at = (since + left).astimezone(UTC)
                    provisional = _touches_provisional(days, calendar)
                    return Deadline(limit, due_at, None, tuple(days), provisional)
                left -= until - since
        if clock.stopped and local_day(clock.stopped.since, utc_offset_minutes) <= day.on:
            break
    return Deadline(limit, None, None, tuple(days), _touches_provisional(days, calendar))


def _running(
    since: datetime, until: datetime, pauses: Sequence[Pause]
) -> Iterator[tuple[datetime, datetime]]:
    """The parts of a span of time in which the clock did not stand still."""
    for pause in pauses:
        if pause.since > since and pause.since < until:
            yield since, pause.since
        since = max(since, min(pause.until or until, until)) if pause.since < until else since
    if since < until:
        yield since, until
