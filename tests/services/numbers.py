"""What the processes of the numbering test run."""

from __future__ import annotations

import asyncio

from onenet.services.numbering import reserve
from onenet.store.database import Database
from tests.factories import NOW, TEMPLATE
from tests.keys import key_ring


def take_numbers(url: str, times: int) -> list[int]:
    """Takes serial numbers, one and two at a time, each in a transaction of its own."""
    return asyncio.run(_take_numbers(url, times))


async def _take_numbers(url: str, times: int) -> list[int]:
    database = Database(url, ring=key_ring())
    taken: list[int] = []
    for number in range(times):
        async with database.transaction() as connection:
            wanted = [TEMPLATE] * (1 + number % 2)
            taken += (await reserve(connection, wanted, NOW))[TEMPLATE]
    await database.close()
    return taken
