"""The published catalogue: publishing what a folder holds, and reading it from memory.

Versions are immutable, so a bundle once read is kept for good. What is the latest, and calendars,
jurisdictions and departments, are read again when they are older than a second: another process may publish.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.catalogue.build import content_text, fingerprint
from onenet.catalogue.calendars import kept
from onenet.catalogue.lint import Report, lint
from onenet.clock import Clock
from onenet.domain.bundle import Bundle, Department, Jurisdiction, read_bundle
from onenet.domain.calendar import Calendar, Year
from onenet.domain.rules import KNOWN_EVERYWHERE, Changed, Held, Rules, changed, held, line, read_rules
from onenet.domain.tickets import BUNDLE as TICKETS
from onenet.errors import Conflict, NotFound
from onenet.services.numbering import NumberTemplate
from onenet.store import catalogue as store
from onenet.store import dues
from onenet.store.catalogue import Version
from onenet.store.database import Database

MAX_AGE_S = 1.0
RULES_MAX_AGE_S = KNOWN_EVERYWHERE.total_seconds() - 15


class ChangedYear(NamedTuple):
    """A year of a calendar as it was and as it is."""

    calendar: str
    before: Year
    after: Year


@dataclass(frozen=True, slots=True)
class Publication:
    """What came of publishing: the check's report, and each bundle's version; nothing was stored on errors.

    `added`: versions that are new. `unchanged`: versions that hold the same content already. `rules`: what
    places that were known before say otherwise now, or say no more. `years`: those of calendars that are
    otherwise than before.
    """

    report: Report
    added: tuple[Version, ...] = ()
    unchanged: tuple[Version, ...] = ()
    rules: tuple[Changed, ...] = ()
    years: tuple[ChangedYear, ...] = ()


async def publish(database: Database, directory: Path, clock: Clock) -> Publication:
    """Checks the catalogue in a folder and stores what is new in it; a folder with errors stores nothing.

    A bundle gets a new version only when its content differs from the latest; running cases keep theirs.
    Raises: Conflict when somebody else publishes at the same moment.
    """
    report = await asyncio.to_thread(lint, directory)
    if report.errors:
        return Publication(report)
    try:
        async with database.transaction() as connection:
            return await _store(connection, report, clock)
    except IntegrityError as error:
        raise Conflict("another publication came first; publish again") from error


async def _store(connection: AsyncConnection, report: Report, clock: Clock) -> Publication:
    now = clock.now()
    before = await store.calendars(connection), _by_code(await store.jurisdictions(connection))
    await store.save_calendars(connection, kept(before[0], report.calendars), now)
    await store.save_jurisdictions(connection, report.jurisdictions, now)
    after = await store.calendars(connection), _by_code(await store.jurisdictions(connection))
    if before != after:
        await dues.look_again(connection, now + KNOWN_EVERYWHERE)
    await store.save_departments(connection, report.departments, now)
    latest = {version.code: version for version in await store.latest(connection)}
    added, unchanged = [], []
    for bundle in report.bundles:
        known = latest.get(bundle.code)
        if known is not None and known.fingerprint == fingerprint(bundle):
            unchanged.append(known)
            continue
        number = known.version + 1 if known else 1
        version = Version(bundle.code, number, fingerprint(bundle), now)
        await store.add(connection, version, content_text(bundle))
        added.append(version)
    rules, years = tuple(changed(before[1], after[1])), tuple(_changed_years(before[0], after[0]))
    return Publication(report, tuple(added), tuple(unchanged), rules, years)


def _changed_years(before: Mapping[str, Calendar], after: Mapping[str, Calendar]) -> Iterator[ChangedYear]:
    for code, known in before.items():
        for number, year in known.years.items():
            if (now := after[code].years[number]) != year:
                yield ChangedYear(code, year, now)


def _by_code(places: Iterable[Jurisdiction]) -> dict[str, Jurisdiction]:
    return {place.code: place for place in places}


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What was current when it was read."""

    read_at_s: float
    latest: Mapping[str, int]
    calendars: Mapping[str, Calendar]
    jurisdictions: Mapping[str, Jurisdiction]
    departments: Mapping[str, Department]


class Catalogue:
    """The published catalogue, kept in memory; one for a process."""

    def __init__(self, database: Database, *, max_age_s: float = MAX_AGE_S):
        """Reads nothing yet."""
        self._database = database
        self._max_age_s = max_age_s
        self._versions = {(TICKETS.code, TICKETS.version): TICKETS}
        self._snapshot: _Snapshot | None = None
        self._reading: asyncio.Task[_Snapshot] | None = None
        self._rules: tuple[float, Mapping[str, Rules]] | None = None

    async def bundle(self, code: str, version: int) -> Bundle:
        """One version of a bundle. Raises: NotFound."""
        known = self._versions.get((code, version))
        if known is not None:
            return known
        async with self._database.read() as connection:
            text = await store.content(connection, code, version)
        if text is None:
            raise NotFound(f"no bundle {code} of version {version}")
        # Whoever comes second gets the first one's object, so that a bundle is one object in a process.
        return self._versions.setdefault((code, version), read_bundle(json.loads(text), version))

    async def latest(self, code: str) -> Bundle:
        """The latest version of a bundle. Raises: NotFound."""
        version = (await self._current()).latest.get(code)
        if version is None:
            raise NotFound(f"no bundle {code}")
        return await self.bundle(code, version)

    async def versions(self, code: str) -> list[Version]:
        """All versions of a bundle, the oldest first. Raises: NotFound."""
        async with self._database.read() as connection:
            found = await store.versions(connection, code)
        if not found:
            raise NotFound(f"no bundle {code}")
        return found

    async def bundles(
        self, q: str | None = None, audience: str | None = None, jurisdiction: str | None = None
    ) -> list[Bundle]:
        """The latest versions, by code: whose code or name holds `q`, for that audience, offered there."""
        found = [await self.latest(code) for code in (await self._current()).latest]
        if q is not None:
            found = [bundle for bundle in found if _mentions(bundle, q.casefold())]
        if audience is not None:
            found = [bundle for bundle in found if audience in bundle.audience]
        if jurisdiction is not None:
            found = [bundle for bundle in found if await self.covers(bundle, jurisdiction)]
        return found

    async def covers(self, bundle: Bundle, jurisdiction: str) -> bool:
        """Whether the bundle is offered in that jurisdiction: it, or one above it, is named by the bundle."""
        above = line((await self._current()).jurisdictions, jurisdiction)
        return any(each.code in bundle.jurisdictions for each in above)

    async def below(self, codes: Iterable[str]) -> frozenset[str]:
        """These jurisdictions and all below them; an unknown code has nothing below it."""
        snapshot, tops = await self._current(), frozenset(codes)
        places = snapshot.jurisdictions
        return tops | {code for code in places if any(above.code in tops for above in line(places, code))}

    async def above(self, code: str) -> frozenset[str]:
        """This jurisdiction and all above it."""
        return frozenset(each.code for each in line((await self._current()).jurisdictions, code))

    async def jurisdictions(self) -> list[Jurisdiction]:
        """All jurisdictions, by code."""
        return list((await self._current()).jurisdictions.values())

    async def jurisdiction(self, code: str) -> Jurisdiction:
        """One jurisdiction. Raises: NotFound."""
        found = (await self._current()).jurisdictions.get(code)
        if found is None:
            raise NotFound(f"no jurisdiction {code}")
        return found

    async def calendar(self, jurisdiction: str) -> Calendar:
        """The calendar of a jurisdiction, its own or the nearest above it, with the office hours that hold
        there; without any, that of weekends.

        Raises: NotFound for an unknown jurisdiction.
        """
        await self.jurisdiction(jurisdiction)
        return _rules(await self._current(), jurisdiction).calendar

    async def rules(self) -> Mapping[str, Rules]:
        """What holds in each jurisdiction, at most half a minute old: every decision asks for it."""
        kept = self._rules
        if kept is None or time.monotonic() - kept[0] >= RULES_MAX_AGE_S:
            snapshot = await self._current()
            found = {code: _rules(snapshot, code) for code in snapshot.jurisdictions}
            kept = self._rules = (time.monotonic(), found)
        return kept[1]

    async def held(self, jurisdiction: str) -> tuple[Held, ...]:
        """Each rule that holds in that jurisdiction, and which one says so. Raises: NotFound."""
        await self.jurisdiction(jurisdiction)
        return held(line((await self._current()).jurisdictions, jurisdiction))

    async def departments(self) -> list[Department]:
        """All departments, by code."""
        return list((await self._current()).departments.values())

    async def number_template(self, jurisdiction: str) -> NumberTemplate:
        """How cases of that jurisdiction are numbered: by its own template or the nearest above it.

        Raises: NotFound for an unknown jurisdiction.
        """
        own = await self.jurisdiction(jurisdiction)
        for each in line((await self._current()).jurisdictions, jurisdiction):
            if each.case_number is not None:
                return NumberTemplate(each.code, each.case_number, own.area_code, own.utc_offset_minutes)
        raise NotFound(f"no template of case numbers for {jurisdiction}")

    async def _current(self) -> _Snapshot:
        kept = self._fresh()
        if kept is None:
            # One reads for all who wait, and fails for all: each in turn would wait behind the others.
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read())
            kept = self._snapshot = await asyncio.shield(self._reading)
        return kept

    def _fresh(self) -> _Snapshot | None:
        """What was read last, while it is young enough."""
        kept = self._snapshot
        return kept if kept and time.monotonic() - kept.read_at_s < self._max_age_s else None

    async def _read(self) -> _Snapshot:
        read_at_s = time.monotonic()
        async with self._database.read() as connection:
            latest = await store.latest(connection)
            calendars = await store.calendars(connection)
            jurisdictions = await store.jurisdictions(connection)
            departments = await store.departments(connection)
        return _Snapshot(
            read_at_s,
            {version.code: version.version for version in latest},
            calendars,
            _by_code(jurisdictions),
            {department.code: department for department in departments},
        )


def _calendar(snapshot: _Snapshot, code: str) -> Calendar:
    for each in line(snapshot.jurisdictions, code):
        if each.calendar is not None and each.calendar in snapshot.calendars:
            return snapshot.calendars[each.calendar]
    return Calendar("")


def _rules(snapshot: _Snapshot, code: str) -> Rules:
    said: dict[str, Any] = {}
    for each in reversed(line(snapshot.jurisdictions, code)):
        said |= each.rules
    return read_rules(said, _calendar(snapshot, code))


def _mentions(bundle: Bundle, text: str) -> bool:
    return any(text in words.casefold() for words in (bundle.code, *bundle.names.values()))
