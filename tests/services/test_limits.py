"""What is due happens once, within one look, whoever looks; a calendar that is published moves deadlines."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from onenet.clock import FrozenClock
from onenet.domain.bundle import Limit, Member
from onenet.domain.case import Case
from onenet.domain.commands import LetTimePass, RecordAnswer
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Outcome,
    ResultGiven,
    SupplementNeeded,
    SupplementRequest,
)
from onenet.domain.rules import KNOWN_EVERYWHERE
from onenet.domain.states import CaseState
from onenet.resources import example_catalogue_dir
from onenet.services import dues
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue, publish
from onenet.services.change import Change
from onenet.store import events as store_events
from onenet.store.database import Database
from onenet.worker import Worker
from tests.factories import Shelf, make_bundle, make_content, make_member, make_opening
from tests.outward import HERE
from tests.services.test_worker import at_work, until
from tests.store.seeding import load_one

pytestmark = pytest.mark.anyio

ASKED = SupplementNeeded((SupplementRequest("field", "name", "unreadable"),), date(2026, 11, 30))


def end_of(on: date) -> datetime:
    """The midnight that ends the day there: 16:00 in UTC."""
    return datetime(on.year, on.month, on.day, 16, 0, tzinfo=UTC)


def item(**changes: object) -> Member:
    """An item that asks for a name and the day on which a certificate expires."""
    member = make_member(fields=["name", "valid_until"], results=["licence"])
    return replace(member, **changes)  # type: ignore[arg-type]  # fields of it


class Row(NamedTuple):
    """A kind of what is due: to which item, after which answer, when, and what it leaves on record."""

    member: Member
    answer: Outcome | None
    at: datetime
    event: str


KINDS = {
    # Everything begins on Monday 23 November 2026, before any holiday.
    "notice: LIC 32, Tue 24 to Mon 30 are five": Row(
        item(item_type="01"), None, end_of(date(2026, 11, 30)), "step.accepted"
    ),
    "reminder: Thu 26, Fri 27, Mon 30 are left": Row(
        item(), ASKED, end_of(date(2026, 11, 25)), "step.supplement_due"
    ),
    "supplement: ANY 36": Row(item(), ASKED, end_of(date(2026, 11, 30)), "step.cancelled"),
    "renewal: LIC 50": Row(item(renews="valid_until"), None, end_of(date(2027, 1, 8)), "step.completed"),
    "light: one of five is left": Row(
        item(promised=Limit(5, "workdays")), Accepted(), end_of(date(2026, 11, 27)), "step.light"
    ),
}


async def opened(gate: Gate, shelf: Shelf, member: Member, statutory: Limit | None = None) -> Case:
    """A case of that item; `statutory`: the limit of the whole."""
    form = {"name": "x", "valid_until": "2027-01-08"}
    bundle = shelf.put(replace(make_bundle(member), statutory=statutory))
    opening = make_opening(bundle, content=make_content(form=form))
    result = await gate.submit(opening)
    assert result.case is not None
    return result.case


async def said(gate: Gate, case: Case, outcome: Outcome) -> None:
    """The department's answer."""
    (task,) = case.tasks
    await gate.submit(Change(case.id, RecordAnswer(task, outcome), "department:police"))


async def told(database: Database, case: Case, type: str) -> list[store_events.Event]:
    """What is on record of one type."""
    async with database.read() as connection:
        found = await store_events.after(connection, case.id, 0, 1_000)
    return [event for event in found if event.type == type]


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_happens_once_at_its_time_however_many_look(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock, kind: str
) -> None:
    row = KINDS[kind]
    case = await opened(gate, shelf, row.member)
    if row.answer is not None:
        await said(gate, case, row.answer)
    gates = [Gate(database, shelf.bundle_of, clock, clock) for _ in range(2)]

    async def look() -> None:
        await asyncio.gather(*(dues.let_pass(database, each, clock, 10) for each in gates))

    clock.advance(row.at - timedelta(seconds=1) - clock.now())
    await look()
    assert await told(database, case, row.event) == []
    clock.advance(timedelta(seconds=1))
    await look()
    assert len(await told(database, case, row.event)) == 1
    await look()
    assert len(await told(database, case, row.event)) == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped catalogue."""
    return Path(shutil.copytree(example_catalogue_dir(), tmp_path / "catalogue"))


YEAR_2027 = """calendar_years:
  - code: china_2027
    calendar: china
    year: 2027
    source: a notice
    holidays:
      - {from: "2027-01-01", to: "2027-01-04", names: {zh: 元旦, en: New Year}}
    make_up: ["2027-01-09"]
"""


async def test_a_year_that_is_published_moves_deadlines_and_tells_so_once(
    database: Database, shelf: Shelf, clock: FrozenClock, folder: Path
) -> None:
    """Thirty working days after Mon 23 November: 5 in November, 23 in December; of January the package knows
    only that the 1st is off, so Mon 4 and Tue 5. With Monday off as well: Tue 5 and Wed 6.
    """
    await publish(database, folder, clock)
    gate = Gate(database, shelf.bundle_of, clock, clock, Catalogue(database).rules)
    case = await opened(gate, shelf, item(statutory=Limit(30, "workdays")))
    await said(gate, case, Accepted())
    before = (await load_one(database, shelf, case.id)).steps["household"].timing
    assert (before.is_provisional, before.statutory_due_at) == (True, end_of(date(2027, 1, 5)))

    (folder / "year.yaml").write_text(YEAR_2027, encoding="utf-8")
    await publish(database, folder, clock)
    # A process that has not heard of it yet changes nothing of that it is to be looked at.
    await gate.submit(Change(case.id, LetTimePass(), "system:time"))
    later = Gate(database, shelf.bundle_of, clock, clock, Catalogue(database).rules)
    worker = Worker(database, later, clock, clock, destinations=HERE)
    clock.advance(KNOWN_EVERYWHERE)

    async def is_told() -> bool:
        return bool(await told(database, case, "step.deadline_moved"))

    async with at_work(worker):
        await until(is_told)
    (event,) = await told(database, case, "step.deadline_moved")
    assert event.content() == {
        "limit": "statutory",
        "from": end_of(date(2027, 1, 5)).isoformat(),
        "to": end_of(date(2027, 1, 6)).isoformat(),
        "is_provisional": False,
    }
    after = (await load_one(database, shelf, case.id)).steps["household"].timing
    assert (after.is_provisional, after.statutory_due_at) == (False, end_of(date(2027, 1, 6)))


async def test_a_year_that_is_published_moves_the_delivery_of_a_case_that_is_closed(
    database: Database, shelf: Shelf, clock: FrozenClock, folder: Path
) -> None:
    """LIC art. 44. Ten working days after Mon 21 December: Tue 22 to Thu 31 are 1 to 8, then Mon 4 and Tue 5
    January; with Monday off as well Tue 5 and Wed 6. What is decided is not told to move.
    """
    await publish(database, folder, clock)
    gate = Gate(database, shelf.bundle_of, clock, clock, Catalogue(database).rules)
    clock.advance(timedelta(days=28))
    limit = Limit(30, "workdays")
    case = await opened(gate, shelf, item(statutory=limit, delivery=("window",)), limit)
    for outcome in (Accepted(), Completed((ResultGiven("licence", "F-1"),))):
        await said(gate, case, outcome)
    closed = await load_one(database, shelf, case.id)
    assert (closed.state, closed.timing.next_due_at) == (CaseState.COMPLETED, end_of(date(2027, 1, 5)))

    (folder / "year.yaml").write_text(YEAR_2027, encoding="utf-8")
    await publish(database, folder, clock)
    clock.advance(KNOWN_EVERYWHERE)
    later = Gate(database, shelf.bundle_of, clock, clock, Catalogue(database).rules)
    await dues.let_pass(database, later, clock, 10)
    assert [event.content() for event in await told(database, case, "step.deadline_moved")] == [
        {
            "limit": "result_delivery",
            "from": end_of(date(2027, 1, 5)).isoformat(),
            "to": end_of(date(2027, 1, 6)).isoformat(),
            "is_provisional": False,
        }
    ]
    assert await told(database, case, "case.deadline_moved") == []
    moved = await load_one(database, shelf, case.id)
    assert moved.timing.next_due_at == end_of(date(2027, 1, 6))


async def test_who_remembers_a_case_does_not_write_over_that_it_is_to_be_looked_at(
    database: Database, shelf: Shelf, clock: FrozenClock, folder: Path
) -> None:
    await publish(database, folder, clock)
    gate = Gate(database, shelf.bundle_of, clock, clock, Catalogue(database).rules)
    case = await opened(gate, shelf, item(statutory=Limit(30, "workdays")))
    version = (await load_one(database, shelf, case.id)).version
    (folder / "year.yaml").write_text(YEAR_2027, encoding="utf-8")
    await publish(database, folder, clock)
    marked = await load_one(database, shelf, case.id)
    assert (marked.version, marked.timing.next_due_at) == (version + 1, clock.now() + KNOWN_EVERYWHERE)
    await said(gate, case, Accepted())
    changed = await load_one(database, shelf, case.id)
    assert changed.timing.next_due_at == clock.now() + KNOWN_EVERYWHERE


async def test_a_light_that_is_due_between_publication_and_look_loses_nobody_the_look(
    database: Database, shelf: Shelf, clock: FrozenClock, folder: Path
) -> None:
    """Of five days after Mon 23 November one is left after Fri 27; the thirty move as told above."""
    await publish(database, folder, clock)
    stale = Gate(database, shelf.bundle_of, clock, clock, Catalogue(database).rules)
    member = item(promised=Limit(5, "workdays"), statutory=Limit(30, "workdays"))
    case = await opened(stale, shelf, member)
    await said(stale, case, Accepted())
    yellow_at = end_of(date(2026, 11, 27))
    clock.advance(yellow_at - timedelta(seconds=25) - clock.now())
    (folder / "year.yaml").write_text(YEAR_2027, encoding="utf-8")
    await publish(database, folder, clock)
    await stale.submit(Change(case.id, LetTimePass(), "system:time"))
    clock.advance(timedelta(seconds=25))
    await dues.let_pass(database, stale, clock, 10)
    clock.advance(KNOWN_EVERYWHERE - timedelta(seconds=25))
    fresh = Gate(database, shelf.bundle_of, clock, clock, Catalogue(database).rules)
    await dues.let_pass(database, fresh, clock, 10)
    assert len(await told(database, case, "step.deadline_moved")) == 1
    (light,) = await told(database, case, "step.light")
    assert light.content()["due_at"] == yellow_at.isoformat()
    assert await dues.let_pass(database, fresh, clock, 10) == 0
