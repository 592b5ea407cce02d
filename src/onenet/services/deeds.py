"""Deeds: what an administrator does about an endpoint, from the command line or under an Idempotency-Key.

Each is one transaction; the security log hears of it when that is committed, and once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.services.change import Once
from onenet.services.once import do_once
from onenet.store.database import Database
from onenet.store.idempotency import StoredAnswer

Done = TypeVar("Done")


class Deed(Protocol[Done]):
    """One of them."""

    async def effect(self, connection: AsyncConnection) -> Done:
        """Does it. Raises: NotFound, Conflict."""

    def report(self, done: Done) -> None:
        """Tells the security log."""


async def do(database: Database, deed: Deed[Done]) -> Done:
    """Does it. Raises: as its effect."""
    async with database.transaction() as connection:
        done = await deed.effect(connection)
    deed.report(done)
    return done


async def do_under_key(
    database: Database, deed: Deed[Done], once: Once, now: datetime, render: Callable[[Done], StoredAnswer]
) -> tuple[StoredAnswer, bool]:
    """Does it once: the answer, and whether it is a repeated one. Raises: as its effect and `do_once`."""
    made: list[Done] = []

    async def effect(connection: AsyncConnection) -> StoredAnswer:
        made[:] = [await deed.effect(connection)]
        return render(made[0])

    answer, is_repeated = await do_once(database, once, now, effect)
    if not is_repeated:
        deed.report(made[0])
    return answer, is_repeated
