"""Published calendars, jurisdictions, departments, bundle versions. A version is written once and kept so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Table, and_, bindparam, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.bundle import Department, Jurisdiction
from onenet.domain.calendar import Calendar, Year
from onenet.store.catalogue_tables import bundle_version, calendar_year, department, jurisdiction


@dataclass(frozen=True, slots=True)
class Version:
    """A published version of a bundle without its content. `fingerprint`: SHA-256 of the content's text."""

    code: str
    version: int
    fingerprint: str
    published_at: datetime


_newest = (
    select(bundle_version.c.code, func.max(bundle_version.c.version).label("version"))
    .group_by(bundle_version.c.code)
    .subquery()
)
_COLUMNS = (
    bundle_version.c.code,
    bundle_version.c.version,
    bundle_version.c.fingerprint,
    bundle_version.c.published_at,
)
_LATEST = (
    select(*_COLUMNS)
    .join(
        _newest,
        and_(_newest.c.code == bundle_version.c.code, _newest.c.version == bundle_version.c.version),
    )
    .order_by(bundle_version.c.code)
)
_OF_CODE = (
    select(*_COLUMNS).where(bundle_version.c.code == bindparam("of_code")).order_by(bundle_version.c.version)
)
_CONTENT = select(bundle_version.c.content).where(
    bundle_version.c.code == bindparam("of_code"), bundle_version.c.version == bindparam("of_version")
)
_JURISDICTIONS = select(jurisdiction.c.content).order_by(jurisdiction.c.code)
_DEPARTMENTS = select(department.c.content).order_by(department.c.code)
_CALENDAR_YEARS = select(calendar_year.c.code, calendar_year.c.content).order_by(
    calendar_year.c.code, calendar_year.c.year
)
_ADD = insert(bundle_version)
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def latest(connection: AsyncConnection) -> list[Version]:
    """The latest version of every bundle, by code."""
    return [Version(*row) for row in await connection.execute(_LATEST)]


async def versions(connection: AsyncConnection, code: str) -> list[Version]:
    """All versions of a bundle, the oldest first; empty for an unknown code."""
    return [Version(*row) for row in await connection.execute(_OF_CODE, {"of_code": code})]


async def content(connection: AsyncConnection, code: str, version: int) -> str | None:
    """The JSON text of one version."""
    found = await connection.execute(_CONTENT, {"of_code": code, "of_version": version})
    text: str | None = found.scalar_one_or_none()
    return text


async def add(connection: AsyncConnection, version: Version, content: str) -> None:
    """Writes a new version. Raises: IntegrityError when the number is taken."""
    await connection.execute(_ADD, {**asdict(version), "content": content})


async def jurisdictions(connection: AsyncConnection) -> list[Jurisdiction]:
    """All jurisdictions, by code."""
    texts = (await connection.execute(_JURISDICTIONS)).scalars()
    return [Jurisdiction(**json.loads(text)) for text in texts]


async def departments(connection: AsyncConnection) -> list[Department]:
    """All departments, by code."""
    texts = (await connection.execute(_DEPARTMENTS)).scalars()
    return [Department(**json.loads(text)) for text in texts]


async def calendars(connection: AsyncConnection) -> dict[str, Calendar]:
    """All calendars, by code."""
    found: dict[str, dict[int, Year]] = {}
    for code, text in await connection.execute(_CALENDAR_YEARS):
        year = _year(json.loads(text))
        found.setdefault(code, {})[year.year] = year
    return {code: Calendar(code, years) for code, years in found.items()}


def _year(content: dict[str, Any]) -> Year:
    return Year(
        content["year"],
        {date.fromisoformat(on): names for on, names in content["holidays"].items()},
        frozenset(map(date.fromisoformat, content["make_up"])),
        is_provisional=content["is_provisional"],
        source=content["source"],
        is_said=content.get("is_said", not content["source"].startswith("holidays ")),  # of a version before
    )


def _year_text(year: Year) -> str:
    content = {
        "year": year.year,
        "holidays": {on.isoformat(): dict(names) for on, names in sorted(year.holidays.items())},
        "make_up": sorted(on.isoformat() for on in year.make_up),
        "is_provisional": year.is_provisional,
        "source": year.source,
        "is_said": year.is_said,
    }
    return json.dumps(content, ensure_ascii=False)


async def save_calendars(connection: AsyncConnection, entries: Iterable[Calendar], at: datetime) -> None:
    """Writes calendars, year by year, over the same year. None is ever taken out: deadlines refer to them."""
    rows = [
        {"code": each.code, "year": year.year, "content": _year_text(year), "updated_at": at}
        for each in entries
        for year in each.years.values()
    ]
    await _upsert(connection, calendar_year, rows)


async def save_jurisdictions(
    connection: AsyncConnection, entries: Iterable[Jurisdiction], at: datetime
) -> None:
    """Writes jurisdictions, over those of the same code. None is ever taken out: cases refer to them."""
    await _save(connection, jurisdiction, entries, at)


async def save_departments(connection: AsyncConnection, entries: Iterable[Department], at: datetime) -> None:
    """Writes departments, over those of the same code. None is ever taken out: cases refer to them."""
    await _save(connection, department, entries, at)


async def _save(
    connection: AsyncConnection, table: Table, entries: Iterable[Jurisdiction | Department], at: datetime
) -> None:
    rows = [
        {"code": entry.code, "content": json.dumps(asdict(entry), ensure_ascii=False), "updated_at": at}
        for entry in entries
    ]
    await _upsert(connection, table, rows)


async def _upsert(connection: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Writes rows over those of the same key, where the content is another."""
    if rows:
        statement = _INSERT[connection.dialect.name](table)
        changed = {"content": statement.excluded.content, "updated_at": statement.excluded.updated_at}
        upsert = statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_=changed,
            where=table.c.content != statement.excluded.content,
        )
        await connection.execute(upsert, rows)
