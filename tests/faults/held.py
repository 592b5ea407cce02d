"""Held calls: a frozen department keeps the calls to it under way for as long as a scenario needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from onenet.store import tables
from tests.faults.evidence import read_ledger
from tests.faults.scenario import Scene, until

DEPARTMENT = "health"
"""Every newborn begins there, and it decides in its answer: whoever reads that answer records the result."""


ESTABLISHED = "01"
MOST_CONNECTIONS = 8
"""Of a worker to one department."""


async def claimed(made: Scene) -> dict[UUID, tuple[str, int]]:
    """The department's tasks that somebody owns just now: id -> state and number of the attempt."""
    c = tables.task.c
    owned = select(c.id, c.state, c.attempt).where(c.department == DEPARTMENT, c.lease_token.is_not(None))
    async with made.database.read() as connection:
        return {id: (state, attempt) for id, state, attempt in await connection.execute(owned)}


async def hold(made: Scene) -> dict[UUID, tuple[str, int]]:
    """Freezes the department and waits until calls to it hang: with it, and not read by it."""
    made.city.children[DEPARTMENT].freeze()
    await made.applicants.send(3)

    async def hang() -> bool:
        wanted = min(len(await claimed(made)), MOST_CONNECTIONS)
        return 0 < wanted <= unread(made.city.ports[DEPARTMENT])

    await until(made, hang, lambda: "no call hangs")
    return await claimed(made)


def unread(port: int) -> int:
    """To how many connections of a port something was sent that its process has not read yet."""
    found = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        is_open = state == ESTABLISHED and int(local.partition(":")[2], 16) == port
        found += is_open and int(queues.partition(":")[2], 16) > 0
    return found


async def answered(made: Scene, calls: int) -> None:
    """Waits until the department has had so many effects."""

    async def enough() -> bool:
        return effects(made) >= calls

    await until(made, enough, lambda: f"{effects(made)} effects, not {calls}")


def effects(made: Scene) -> int:
    """How many tasks had their effect at the department."""
    return sum(read_ledger(made.city.folder / f"{DEPARTMENT}.sqlite3", DEPARTMENT).effects.values())


async def attempts_ended(made: Scene, attempts: Mapping[UUID, int]) -> bool:
    """Whether that attempt of each of these tasks is on record as ended."""
    c = tables.attempt.c
    ended = select(c.task_id, c.number).where(c.ended_at.is_not(None))
    async with made.database.read() as connection:
        return attempts.items() <= {(id, number) for id, number in await connection.execute(ended)}
