"""Figures of the month, told by the service and counted again from the record."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from onenet.domain.visibility import EVERYTHING
from onenet.store import rating_tables, ratings, supervision, tables, tickets
from onenet.store.database import Database
from tests.month.judging import told
from tests.month.kinds import ENDS, Fact, Story, local
from tests.month.month import BEGINS

MONTHS = ("2026-01", "2026-02", "2026-03")


async def facts(database: Database) -> list[Fact]:
    """Every event, in the order of its case."""
    e = tables.event.c
    columns = (e.case_id, e.step, e.type, e.actor, e.at, e.data)
    async with database.read() as connection:
        rows = (await connection.execute(select(*columns).order_by(e.case_id, e.seq))).all()
    return told(tuple(row) for row in rows)


async def left_due(database: Database, now: datetime) -> int:
    """In how many cases something is due that did not happen."""
    async with database.read() as connection:
        statement = select(func.count()).where(tables.cases.c.next_due_at <= now)
        return int((await connection.execute(statement)).scalar_one())


Lights = Counter[tuple[str, bool, str]]


async def lights(database: Database, until: datetime) -> Lights:
    """How many steps of each department are open or closed under which light, as supervision is told."""
    async with database.read() as connection:
        told = await supervision.counts(connection, EVERYTHING, BEGINS, until)
    return Counter({(each.department, each.is_open, each.light): each.steps for each in told})


async def lights_counted(database: Database, found: Sequence[Fact]) -> Lights:
    """The same, from the record."""
    lit: dict[tuple[UUID, str | None], str] = {}
    ended, skipped = set[tuple[UUID, str]](), set[tuple[UUID, str]]()
    for fact in found:
        if fact.type == "case.received":
            said = fact.data["steps"].items()
            skipped |= {(fact.case_id, code) for code, state in said if state == "skipped"}
        elif fact.type == "step.light":
            lit[fact.case_id, fact.step] = fact.data["light"]
        elif fact.step and fact.type in ENDS:
            (skipped if fact.type == "step.skipped" else ended).add((fact.case_id, fact.step))
    s = tables.step.c
    async with database.read() as connection:
        rows = (await connection.execute(select(s.case_id, s.code, s.department))).all()
    counted: Lights = Counter()
    for case_id, code, department in rows:
        if (case_id, code) not in skipped:
            counted[department, (case_id, code) not in ended, lit.get((case_id, code), "green")] += 1
    return counted


async def ratings_told(database: Database) -> Counter[tuple[str | None, int]]:
    """How many ratings of each level each department has, as the public figures count them."""
    async with database.read() as connection:
        found = [await ratings.counts(connection, "department", month, None) for month in MONTHS]
    counted: Counter[tuple[str | None, int]] = Counter()
    for each in itertools.chain.from_iterable(found):
        counted[each.of, each.level] += each.ratings
    return counted


def ratings_counted(found: Sequence[Fact]) -> Counter[tuple[str | None, int]]:
    """The same, from the record: what was given, without what was removed."""
    given = {fact.case_id: fact.data for fact in found if fact.type == "rating.given"}
    for fact in found:
        if fact.type == "rating.removed":
            del given[fact.case_id]
    return Counter((data["department"], data["level"]) for data in given.values())


async def rating_rows(database: Database) -> dict[UUID, tuple[str, datetime | None]]:
    """How the rows say that the ratings stand, and until when the next move is due; one a case."""
    r = rating_tables.rating.c
    async with database.read() as connection:
        rows = (await connection.execute(select(r.case_id, r.state, r.due_at))).all()
    return {case_id: (state, due_at) for case_id, state, due_at in rows}


_HANDLED = ("classified", "repairing", "repaired", "followed_up", "appealed")
"""After these five working days are left for the next move; to contact the rater, what the place says."""


def rating_rows_counted(
    found: Sequence[Fact], stories: Mapping[UUID, Story]
) -> dict[UUID, tuple[str, datetime | None]]:
    """The same, from the record, with the days counted anew."""
    stand: dict[UUID, tuple[str, datetime | None]] = {}
    for fact in found:
        if fact.type.startswith("rating."):
            story, state = stories[fact.case_id], fact.data["rating_state"]
            days = 5 if state in _HANDLED else 0
            if fact.type == "rating.given" and fact.data["level"] > 3:
                days = story.place.contact
            stand[fact.case_id] = (state, story.ends(local(fact.at), days) if days else None)
    return stand


async def parts(database: Database) -> Counter[tuple[str, str]]:
    """What units did with their parts of tickets, by department, as the figures of the hotline tell it."""
    async with database.read() as connection:
        found = [await tickets.counts(connection, EVERYTHING, month, None) for month in MONTHS]
    told: Counter[tuple[str, str]] = Counter()
    for each in itertools.chain.from_iterable(found):
        told.update(
            {(each.department, name): n for name, n in each._asdict().items() if name != "department"}
        )
    return +told


async def notices(database: Database) -> Counter[tuple[UUID, str, bool]]:
    """Notices of withdrawal, and whether the department is known to have undone what was to be."""
    t = tables.task.c
    statement = select(t.case_id, t.step, t.state).where(t.kind == "withdrawal")
    async with database.read() as connection:
        rows = (await connection.execute(statement)).all()
    return Counter((case_id, step, state == "done") for case_id, step, state in rows)


def notices_counted(found: Sequence[Fact]) -> Counter[tuple[UUID, str, bool]]:
    """The same, from the record."""
    tasks: dict[str, tuple[UUID, str, bool]] = {}
    for fact in found:
        if fact.type == "withdrawal.due":
            assert fact.data["task"] not in tasks, "told twice"
            tasks[fact.data["task"]] = (fact.case_id, str(fact.step), False)
        elif fact.type == "withdrawal.confirmed":
            assert not tasks[fact.data["task"]][2], "confirmed twice"
            tasks[fact.data["task"]] = (fact.case_id, str(fact.step), True)
    return Counter(tasks.values())
