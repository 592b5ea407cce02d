"""Calendars of a catalogue: the holidays that a library knows, and years that the catalogue says itself.

The library is `holidays` (MIT, released monthly): of mainland China it knows the statutory days of every year
and the make-up working days of those that the State Council has published. It does not say when it lacks the
latter (stack.md 9.7), so a year without any of its own is provisional.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from importlib.metadata import version

from onenet.catalogue import model
from onenet.catalogue.findings import Findings, Place, error, warning
from onenet.catalogue.load import Catalogue, Entry
from onenet.domain.calendar import ONE_DAY, SATURDAY, Calendar, Year

YEARS = range(2024, 2036)
"""Years that are published; later ones are provisional, and of them only weekends are known."""

_AMERICAN = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_LANGUAGES = {"zh": "zh_CN", "en": "en_US"}


def build_calendars(catalogue: Catalogue) -> list[Calendar]:
    """Each calendar with its years: those that the catalogue says itself, and the library's."""
    own = {(e.shape.calendar, e.shape.year): _own_year(e.shape) for e in catalogue.calendar_years}
    return [
        Calendar(
            entry.code,
            {
                year: own.get((entry.code, year)) or known_year(entry.shape.country, year)
                for year in sorted({*YEARS, *(number for code, number in own if code == entry.code)})
            },
        )
        for entry in catalogue.calendars
    ]


def kept(published: Mapping[str, Calendar], new: Iterable[Calendar]) -> list[Calendar]:
    """The new calendars, with those years as they were published that a catalogue said itself and this one
    does not: what the State Council has published is not taken back by a folder that does not say it.
    """
    return [
        replace(each, years={n: _kept(published.get(each.code), year) for n, year in each.years.items()})
        for each in new
    ]


def _kept(published: Calendar | None, new: Year) -> Year:
    before = published.years.get(new.year) if published else None
    return before if before is not None and before.is_said and not new.is_said else new


def known_year(country: str, year: int) -> Year:
    """A year as the library knows it."""
    import holidays  # here: it takes 0.1 s, and only publishing needs it

    days = {
        language: holidays.country_holidays(country, years=year, language=code)
        for language, code in _LANGUAGES.items()
    }
    make_up = frozenset(day for day in days["zh"].weekend_workdays if day.year == year)
    return Year(
        year,
        {
            day: {language: _plain(days[language][day]) for language in _LANGUAGES}
            for day in sorted(days["zh"])
        },
        make_up,
        is_provisional=not make_up,
        source=f"holidays {version('holidays')}, {country}",
    )


def _plain(name: str) -> str:
    """The name with dates as ISO 8601 writes them: the library's English has 01/04/2026."""
    return _AMERICAN.sub(r"\3-\1-\2", name)


def _own_year(shape: model.CalendarYear) -> Year:
    named = {day: each.names.model_dump() for each in shape.holidays for day in _span(each)}
    make_up = frozenset(map(date.fromisoformat, shape.make_up))
    return Year(
        shape.year, named, make_up,
        is_provisional=shape.is_provisional, source=shape.source, is_said=True,
    )  # fmt: skip


def _span(holiday: model.Holiday) -> Iterator[date]:
    day, last = date.fromisoformat(holiday.first), date.fromisoformat(holiday.last or holiday.first)
    while day <= last:
        yield day
        day += ONE_DAY


def every_root_has_a_calendar(catalogue: Catalogue) -> Findings:
    """Below a root each place has its own calendar, or its parent's."""
    for entry in catalogue.jurisdictions:
        if entry.shape.parent is None and entry.shape.calendar is None:
            what = (
                f"{entry.code} has no calendar: its holidays are not known, and each deadline is provisional"
            )
            yield warning(entry.at(), "no_calendar", what)


def years_are_said_once(catalogue: Catalogue) -> Findings:
    """A year of a calendar stands in one entry."""
    first: dict[tuple[str, int], Place] = {}
    for entry in catalogue.calendar_years:
        key = (entry.shape.calendar, entry.shape.year)
        if key in first:
            what = f"{key[1]} of {key[0]} was said before, at {first[key]}"
            yield error(entry.at("year"), "duplicate_year", what)
        first.setdefault(key, entry.at("year"))


def days_fit_their_year(catalogue: Catalogue) -> Findings:
    """Each day is one of its year and has one meaning; only a day that is off can be made a working day."""
    for entry in catalogue.calendar_years:
        yield from _faults_of_days(entry)


def _faults_of_days(entry: Entry[model.CalendarYear]) -> Findings:
    shape, off = entry.shape, dict[date, str]()
    for i, holiday in enumerate(shape.holidays):
        place = entry.at("holidays", i)
        ends = {date.fromisoformat(day).year for day in (holiday.first, holiday.last or holiday.first)}
        if ends != {shape.year}:
            yield error(place, "bad_days", f"expected days of {shape.year}")
            continue
        days = list(_span(holiday))
        if not days:
            yield error(place, "bad_days", "expected a last day that is not before the first")
        for day in days:
            if day in off:
                yield error(place, "bad_days", f"{day} is a holiday already: {off[day]}")
            off[day] = holiday.names.zh
    made_up = set[date]()
    for i, text in enumerate(shape.make_up):
        place, day = entry.at("make_up", i), date.fromisoformat(text)
        if day.year != shape.year or day.weekday() < SATURDAY or day in off or day in made_up:
            what = f"expected a Saturday or Sunday of {shape.year}, once, that is no holiday; {day} is not"
            yield error(place, "bad_days", what)
        made_up.add(day)
