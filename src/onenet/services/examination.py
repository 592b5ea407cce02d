"""Examination: walks a whole database and yields what breaks an invariant, one page of cases at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.encryption import KeyRing
from onenet.errors import NotFound
from onenet.ids import lane_of
from onenet.services.invariants import REPORT, RESTORE, Finding, Looked, check_case
from onenet.store import cases as store_cases
from onenet.store import idempotency, inspection, tables
from onenet.store.cases import BundleOf
from onenet.store.database import Database

PAGE = 100
"""Cases that are in memory at a time, with all their events."""

CALLBACK = "callback:"


async def examine(
    database: Database, bundle_of: BundleOf, passed: Callable[[int], None] = lambda count: None
) -> AsyncIterator[Finding]:
    """Everything that is not as it has to be; `passed` hears how many cases were done since it was last told.

    What happens meanwhile does not matter: each page is read at one moment.
    """
    after = inspection.FIRST
    while True:
        async with database.read() as connection:
            keys = await inspection.keys(connection, after, PAGE)
        if not keys:
            break
        for finding in await _page(database, bundle_of, keys):
            yield finding
        passed(len(keys))
        after = keys[-1]
    async for finding in _numbers(database):
        yield finding
    async for finding in _answers(database):
        yield finding
    async with database.read() as connection:
        async for case_id, actor in inspection.changed_unasked(connection):
            what = f"{actor} changed it, and no callback or request of its own is on record for that"
            yield Finding("I6", case_id, None, what, RESTORE)


async def _page(database: Database, bundle_of: BundleOf, keys: Sequence[inspection.Key]) -> list[Finding]:
    """The findings of these cases. One that cannot be read is a finding, and not the end of the walk."""
    try:
        async with database.read() as connection:
            looked = await _look(connection, bundle_of, keys)
        return [finding for each in looked for finding in check_case(each)]
    except (LookupError, ValueError, TypeError, NotFound) as error:
        if len(keys) > 1:
            return [finding for key in keys for finding in await _page(database, bundle_of, [key])]
        what = f"it cannot be read: {type(error).__name__}"
        return [Finding("I8", keys[0][1], None, what, RESTORE)]


async def _look(
    connection: AsyncConnection, bundle_of: BundleOf, keys: Sequence[inspection.Key]
) -> list[Looked]:
    if astray := [id for lane, id in keys if lane != lane_of(id)]:
        raise LookupError(f"{len(astray)} cases in another lane than their own")
    loaded = await store_cases.load(connection, [id for _, id in keys], bundle_of)
    events = await inspection.events_of(connection, keys)
    deliveries = await inspection.deliveries_of(connection, keys)
    rated = await inspection.ratings_of(connection, keys)
    numbered = await inspection.numbered(connection, [case.number for case in loaded.values()] or [""])
    return [
        Looked(case, events[id], deliveries[id], rated[id], (case.number, id) in numbered)
        for id, case in loaded.items()
    ]


async def _numbers(database: Database) -> AsyncIterator[Finding]:
    """I1: every number that was given out belongs to a case."""
    async for page in inspection.pages(database, tables.case_number, ("case_id", "lane")):
        for row in await _without_case(database, page):
            what = f"number {row['number']} was given out, and its case is gone"
            yield Finding("I1", row["case_id"], None, what, RESTORE)


async def _answers(database: Database) -> AsyncIterator[Finding]:
    """I1, I6: what was answered under a key is there: the case, and the event that a callback led to."""
    table = tables.idempotency_key
    columns = ("case_id", "lane", "status", "body")
    async for page in inspection.pages(database, table, columns, table.c.case_id.is_not(None)):
        gone = await _without_case(database, page)
        for row in gone:
            what = f"{row['scope']} was answered {row['status']} under a key, and the case is gone"
            yield Finding("I1", row["case_id"], None, what, RESTORE)
        lost = {id(row) for row in gone}
        callbacks = [row for row in page if row["scope"].startswith(CALLBACK) and id(row) not in lost]
        for finding in await _callbacks(database, callbacks):
            yield finding


async def _without_case(database: Database, rows: Sequence[RowMapping]) -> list[RowMapping]:
    async with database.read() as connection:
        known = await inspection.known(connection, [row["case_id"] for row in rows])
    return [row for row in rows if row["case_id"] not in known or row["lane"] != lane_of(row["case_id"])]


async def _callbacks(database: Database, rows: Sequence[RowMapping]) -> list[Finding]:
    """A callback that was told it changed something is the author of the event that it was told of."""
    applied: list[tuple[UUID, int, str]] = []
    found = []
    for row in rows:
        answer = _answer(database.ring, row)
        if answer is None:
            what = f"the stored answer to a callback of {row['scope']} cannot be read"
            found.append(Finding("I6", row["case_id"], None, what, RESTORE))
        elif answer["outcome"] != "unchanged" and "seq" in answer:
            actor = f"department:{row['scope'].removeprefix(CALLBACK)}"
            applied.append((row["case_id"], answer["seq"], actor))
    if applied:
        async with database.read() as connection:
            by = await inspection.actors(connection, [(case_id, seq) for case_id, seq, _ in applied])
        found += [
            Finding("I6", case_id, None, f"{actor} was told of event {seq}, which is not its own", REPORT)
            for case_id, seq, actor in applied
            if by.get((case_id, seq)) != actor
        ]
    return found


def _answer(ring: KeyRing, row: RowMapping) -> dict[str, Any] | None:
    """The stored answer, where it is one. Who was asked for an opinion is not told the number of an event."""
    try:
        answer = json.loads(idempotency.opened_body(ring, dict(row)))
    except ValueError:
        return None
    if not isinstance(answer, dict) or "outcome" not in answer:
        return None
    return answer if isinstance(answer.get("seq"), int) or "opinion" in answer else None
