"""The work-list is found by its own index; and of all who claim at two processes, one has the task."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import event, func, select, text

from onenet.clock import FrozenClock
from onenet.domain.commands import Clerk, TakeUp, WorkAtDesk
from onenet.domain.outcome import AtDesk
from onenet.domain.principal import PERMISSIONS, Principal, Role
from onenet.domain.visibility import visible
from onenet.errors import MoveRefused
from onenet.services.advance import Gate
from onenet.services.change import Change
from onenet.store import desk, tables
from onenet.store.database import Database
from onenet.store.desk import Wanted
from tests.domain.walk import begin
from tests.factories import Shelf, make_bundle
from tests.keys import key_ring
from tests.store.seeding import save_new

pytestmark = pytest.mark.anyio

OFFICER = Principal(
    Role.OFFICER, "city-id", PERMISSIONS[Role.OFFICER], "z-1", department="police",
    jurisdictions=frozenset({"suzhou"}),
)  # fmt: skip
CLERKS = 20


async def test_the_work_list_is_found_by_its_index(database: Database, shelf: Shelf) -> None:
    """Five tasks at the desk among hundreds that are with the department's system."""
    shelf.put(make_bundle())
    walks = [begin() for _ in range(300)]
    for walk in walks[:5]:
        walk.attempt("household", AtDesk())
    await save_new(database, walks)
    seen = visible(OFFICER, within=frozenset({"suzhou"}))
    ran = []
    async with database.transaction() as connection:
        if database.backend == "postgresql":
            await connection.execute(text("ANALYZE"))
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        event.listen(connection.sync_connection, "before_cursor_execute", lambda *told: ran.append(told[2:4]))
        found = await desk.page(connection, seen, Wanted("police"), None, 50)
        (statement, parameters), *_ = ran
        word = "EXPLAIN QUERY PLAN " if database.backend == "sqlite" else "EXPLAIN "
        rows = await connection.exec_driver_sql(word + statement, parameters)
        plan = "\n".join(str(row[-1]) for row in rows)
    assert {place.case_id for place, _ in found} == {walk.case.id for walk in walks[:5]}
    assert "ix_step_at_desk" in plan
    assert "SCAN " not in plan
    assert "Seq Scan" not in plan


async def test_of_all_who_claim_at_two_processes_one_has_the_task(
    database: Database, database_url: str, shelf: Shelf, clock: FrozenClock
) -> None:
    """Each process decides by what it has read; whoever saves second finds that out, and is refused."""
    shelf.put(make_bundle())
    walk = begin()
    walk.attempt("household", AtDesk())
    await save_new(database, [walk])
    other = Database(database_url, pool_size=2, ring=key_ring())
    gates = [Gate(each, shelf.bundle_of, clock, clock) for each in (database, other)]

    def claim(number: int) -> Change:
        clerk = Clerk(f"officer:city-id/z-{number}")
        return Change(walk.case.id, WorkAtDesk(walk.task("household").id, clerk, TakeUp()), clerk.name)

    ended = await asyncio.gather(
        *(gates[number % 2].submit(claim(number)) for number in range(CLERKS)), return_exceptions=True
    )
    await other.close()
    assert sum(isinstance(each, MoveRefused) for each in ended) == CLERKS - 1
    claimed = select(func.count()).where(tables.event.c.type == "step.claimed")
    async with database.read() as connection:
        assert (await connection.execute(claimed)).scalar_one() == 1
