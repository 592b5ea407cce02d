"""Rows to begin with, written as the gate writes them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.case import Case
from onenet.domain.ratings import ratings_of
from onenet.ids import new_id
from onenet.store import bulk, cases, endpoints, events, ratings
from onenet.store.changes import Changed, rows_of, saved
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from tests.domain.walk import Walk, begin
from tests.factories import NOW, Shelf

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def save_new(database: Database, walks: Sequence[Walk]) -> None:
    """Writes cases that are new, with all their events; the walks go on from what was saved.

    Sealed where the database has keys, as the gate does it; as they were before encryption where it has none.
    """
    if database.ring.kids:
        for walk in walks:
            walk.case = walk.case._replace(data_key=database.ring.new_data_key()[1])
    async with database.transaction() as connection:
        rows = rows_of((Changed(None, walk.case) for walk in walks), database.ring)
        told = [events.row(event) for walk in walks for event in walk.events]
        private = [
            row
            for walk in walks
            for row in events.private_rows(walk.events, database.ring, walk.case.data_key)
        ]
        rated = [
            ratings.row(walk.case, each)
            for walk in walks
            for each in ratings_of(walk.case.content.procedures)
        ]
        further = {bulk.EVENTS: told, bulk.PRIVATE: private, bulk.RATINGS: rated}
        await bulk.write(connection, {**rows, **further})
    for walk in walks:
        walk.case = saved(None, walk.case)


async def save_open_cases(database: Database, count: int, *, lane: int | None = None) -> list[Case]:
    """That many cases of one step, whose task is due; in that lane, if one is named."""
    walks = [begin(lane=lane) for _ in range(count)]
    await save_new(database, walks)
    return [walk.case for walk in walks]


async def load_one(database: Database, shelf: Shelf, case_id: UUID) -> Case:
    """The case as it is in the database."""
    async with database.read() as connection:
        return (await cases.load(connection, [case_id], shelf.bundle_of))[case_id]


async def count(connection: AsyncConnection, table: Table) -> int:
    """How many rows the table has."""
    return len((await connection.execute(select(table))).all())


async def save_department(
    database: Database, department: str, url: str, *, adapter: str = "webhook"
) -> EndpointRow:
    """Registers where a department takes its tasks."""
    endpoint = EndpointRow(
        id=new_id(), kind="department", owner=department, adapter=adapter, url=url, secrets=(SECRET,),
        created_at=NOW,
    )  # fmt: skip
    async with database.transaction() as connection:
        await endpoints.append(connection, endpoint)
    return endpoint


async def save_subscriber(
    database: Database, url: str, *, owner: str = "app", events_wanted: tuple[str, ...] = ()
) -> EndpointRow:
    """Registers a front-end that wants to hear of its cases."""
    endpoint = EndpointRow(
        id=new_id(), kind="subscriber", owner=owner, adapter="webhook", url=url, secrets=(SECRET,),
        created_at=NOW, events=events_wanted,
    )  # fmt: skip
    async with database.transaction() as connection:
        await endpoints.append(connection, endpoint)
    return endpoint
