"""How fast this database takes cases in, hands their first tasks out, and shows closed cases."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import text, update

from bench.own.city import City, at_once, city
from onenet import bootstrap
from onenet.clock import SystemClock
from onenet.domain.visibility import EVERYTHING
from onenet.services import cases, steps
from onenet.store import queue
from onenet.store.database import Database

HANDS = 64
CLAIMED_AT_ONCE = 64


async def run(url: str, count: int) -> dict[str, Any]:
    """The three rates; what was opened for them is out of the queues again afterwards."""
    async with city(url, working=False) as here:
        database = here.process.parts.database
        closed = await _closed(database, count)
        for warm_up in (1, HANDS):  # the first one reads the bundle, which is kept from then on
            await _read(here, closed[:warm_up])
        rates = {
            "submit": await _rate(lambda: at_once(count, HANDS, here.submit), count),
            "claim": await _rate(lambda: _claim(database, count), count),
            "read": await _rate(lambda: _read(here, closed), count),
        }
        await _clear(database)
    return rates


async def _rate(work: Callable[[], Awaitable[None]], count: int) -> float:
    began = time.perf_counter()
    await work()
    return count / (time.perf_counter() - began)


async def _closed(database: Database, count: int) -> list[Any]:
    """Ids of so many closed cases, taken anywhere; the same ones again where there are fewer."""
    statement = text("SELECT id FROM cases WHERE state = 'completed' ORDER BY random() LIMIT :count")
    async with database.read() as connection:
        found = list((await connection.execute(statement, {"count": count})).scalars())
    return random.choices(found, k=count)


async def _claim(database: Database, count: int) -> None:
    clock = SystemClock()
    while count > 0:
        claimed = await steps.claim(database, queue.TASKS, clock, min(count, CLAIMED_AT_ONCE))
        assert claimed, f"{count} due tasks were not claimed"
        count -= len(claimed)


async def _read(here: City, ids: list[Any]) -> None:
    parts, left = here.process.parts, iter(ids)

    async def one() -> None:
        await cases.get(parts.database, parts.catalogue, next(left), EVERYTHING)

    await at_once(len(ids), HANDS, one)


async def _clear(database: Database) -> None:
    async with database.transaction() as connection:
        for work in (queue.TASKS.work, queue.DELIVERIES.work):
            done = {"next_at": None, "lease_token": None, "state": "done"}
            await connection.execute(update(work).where(work.c.next_at.is_not(None)).values(done))


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--count", type=int, default=2_000)
    options = parser.parse_args(words)
    print(json.dumps(bootstrap.run(run(options.url, options.count))))


if __name__ == "__main__":
    main(sys.argv[1:])
