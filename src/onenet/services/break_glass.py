"""Break-glass 应急查阅: one asks with a reason, another approves, the owner is told, looks are on record."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from onenet import security_log
from onenet.domain.commands import NoteEmergencyAccess
from onenet.domain.principal import Principal
from onenet.domain.visibility import EMERGENCY, EVERYTHING, Sight, Subject, Visible
from onenet.errors import Conflict, Forbidden, NotFound
from onenet.ids import lane_of, new_id
from onenet.services import cases
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.change import Change
from onenet.services.reading import Reading, Seen
from onenet.store import break_glass as store
from onenet.store import visibility as store_visibility
from onenet.store.break_glass import BreakGlass
from onenet.store.database import Database

LASTS = timedelta(hours=4)
APPROVABLE_FOR = timedelta(hours=24)


async def ask(database: Database, case_id: UUID, reason: str, who: Principal, now: datetime) -> BreakGlass:
    """Asks. Whether there is such a case is found out by whoever approves, never by whoever asks."""
    asked = BreakGlass(new_id(lane_of(case_id)), case_id, who.id, reason, now)
    async with database.transaction() as connection:
        await store.add(connection, asked)
    security_log.report("break_glass", "asked", case=str(case_id), by=who.id)
    return asked


async def approve(
    database: Database, gate: Gate, reading: Reading, id: UUID, *, who: Principal, now: datetime
) -> BreakGlass:
    """Lets whoever asked look for four hours, and tells the owner by an event.

    Raises: NotFound, Forbidden for whoever asked, Conflict when it is too late or done already.
    """
    asked = await _find(database, id)
    if person_of(asked.asked_by) == person_of(who.id):
        raise Forbidden("a second person approves")
    await _must_oversee(database, reading, asked, who, now)
    if asked.approved_by is not None or now >= asked.asked_at + APPROVABLE_FOR:
        raise Conflict("it is approved already, or was asked for more than 24 hours ago")
    ends_at = now + LASTS
    # First on record, then allowed: a crash in between tells the owner of a look that was never possible.
    noted = NoteEmergencyAccess(asked.asked_by, asked.reason, ends_at)
    await gate.submit(Change(asked.case_id, noted, who.id))
    async with database.transaction() as connection:
        if not await store.approve(connection, id, who.id, now, ends_at):
            raise Conflict("it is approved already")
    return asked._replace(approved_by=who.id, approved_at=now, ends_at=ends_at)


async def look(
    database: Database, catalogue: Catalogue, id: UUID, who: Principal, now: datetime
) -> tuple[BreakGlass, Seen]:
    """The case, for whoever asked, while it lasts. Raises: NotFound, Conflict before and after."""
    asked = await _find(database, id)
    if asked.asked_by != who.id:
        raise NotFound
    if not asked.is_live(now):
        raise Conflict("it is not approved yet, or is over")
    case = await cases.get(database, catalogue, asked.case_id, EVERYTHING)
    return asked, Seen(case, Sight("break_glass", (), EMERGENCY))


async def find(database: Database, reading: Reading, id: UUID, who: Principal, now: datetime) -> BreakGlass:
    """One that this principal asked for, or that is about a case it oversees. Raises: NotFound."""
    asked = await _find(database, id)
    if asked.asked_by != who.id:
        if who.permissions.isdisjoint({"break-glass:approve", "break-glass:audit"}):
            raise NotFound
        await _must_oversee(database, reading, asked, who, now)
    return asked


async def page(
    database: Database, visible: Visible, after: tuple[datetime, UUID] | None, limit: int
) -> list[BreakGlass]:
    """Those about visible cases, newest first."""
    async with database.read() as connection:
        return await store.page(connection, visible, after, limit)


async def _must_oversee(
    database: Database, reading: Reading, asked: BreakGlass, who: Principal, now: datetime
) -> None:
    """Passes when the case is in the jurisdictions of who approves or audits. Raises: NotFound."""
    overseen = await reading.visible(who, now, of=Subject.DELIVERIES)
    async with database.read() as connection:
        if not await store_visibility.sees(connection, overseen, asked.case_id):
            raise NotFound


async def _find(database: Database, id: UUID) -> BreakGlass:
    async with database.read() as connection:
        found = await store.find(connection, id)
    if found is None:
        raise NotFound
    return found


def person_of(name: str) -> str:
    """Who somebody is, whatever the role: one person with two roles is still one."""
    return name.partition(":")[2]
