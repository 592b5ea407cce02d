"""A department that is not called, and the processes around it: what it did, and what it came to."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from onenet.services.advance import Gate
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import city_bundle
from tests.factories import make_content, make_opening
from tests.faults.children import Child

WITHIN_S = 60.0


@dataclass(frozen=True)
class Uncalled:
    """What runs, and what it all came to for the department `health`, which is not called."""

    database: Database
    gate: Gate
    folder: Path
    children: dict[str, Child]

    def ledger(self, question: str) -> int:
        """A number out of the department's ledger."""
        connection = sqlite3.connect(self.folder / "health.sqlite3", timeout=10)
        try:
            return int(connection.execute(question).fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # it has not begun yet
        finally:
            connection.close()

    async def apply(self, count: int) -> None:
        """More cases, straight through the gate of another process."""
        content = make_content(answers={"local": False})
        opening = (make_opening(city_bundle(), content=content) for _ in range(count))
        await asyncio.gather(*map(self.gate.submit, opening))

    async def effects(self, at_least: int) -> bool:
        """Whether so many tasks have had their effect."""
        return self.ledger("SELECT count(*) FROM task WHERE effects = 1") >= at_least

    async def completed(self) -> int:
        """How many cases are."""
        done = select(func.count()).where(tables.cases.c.state == "completed")
        async with self.database.read() as connection:
            return int((await connection.execute(done)).scalar_one())

    async def overlapped(self) -> bool:
        """Whether two were at work on one task."""
        return self.ledger("SELECT count(*) FROM overlap") > 0

    async def all_completed(self, count: int) -> bool:
        """Whether so many are."""
        return await self.completed() == count

    async def until(self, fact: Callable[[], Awaitable[bool]]) -> None:
        """Waits until it is so. Raises: AssertionError, with what is so."""
        deadline = time.monotonic() + WITHIN_S
        while not await fact():
            for child in self.children.values():
                child.check()
            if time.monotonic() > deadline:
                tails = "\n".join(child.tail() for child in self.children.values())
                raise AssertionError(f"{await self.completed()} cases are completed\n{tails}")
            await asyncio.sleep(0.05)


async def applied_twice(database: Database) -> int:
    """Steps that more than one event says are completed."""
    e = tables.event.c
    twice = (
        select(e.case_id)
        .where(e.type == "step.completed")
        .group_by(e.lane, e.case_id, e.step)
        .having(func.count() > 1)
    )
    async with database.read() as connection:
        return len((await connection.execute(twice)).all())
