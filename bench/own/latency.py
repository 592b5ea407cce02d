"""How long one five-step case takes on a system that has nothing else to do; or five raw commits (`raw`).

Between two there is a pause, so that each begins when everything has come to rest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

import psycopg

from bench.own.city import city
from onenet import bootstrap

PAUSE_S = 0.02
WARM_UP = 20
STEPS = 5


async def cases(url: str, count: int) -> list[float]:
    """Milliseconds from the submission to the commit that completes the case."""
    async with city(url) as here:

        async def one() -> None:
            before = len(here.completed)
            await here.submit()
            await here.until_completed(before + 1)

        return await _measured(one, count)


async def raw(url: str, count: int) -> list[float]:
    """Milliseconds for five transactions of one row each, one after the other."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("CREATE TABLE raw (id bigserial PRIMARY KEY, word text)")
        await connection.commit()

        async def one() -> None:
            for _ in range(STEPS):
                await connection.execute("INSERT INTO raw (word) VALUES ('done')", prepare=True)
                await connection.commit()

        return await _measured(one, count)


async def _measured(one: Callable[[], Awaitable[None]], count: int) -> list[float]:
    took_ms = []
    warm_up = min(WARM_UP, count)
    for number in range(warm_up + count):
        await asyncio.sleep(PAUSE_S)
        began = time.perf_counter()
        await one()
        if number >= warm_up:
            took_ms.append((time.perf_counter() - began) * 1_000)
    return took_ms


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("cases", "raw"))
    parser.add_argument("url")
    parser.add_argument("--count", type=int, default=300)
    options = parser.parse_args(words)
    took_ms = bootstrap.run((cases if options.what == "cases" else raw)(options.url, options.count))
    cut = statistics.quantiles(took_ms, n=100)
    print(json.dumps({"p50": cut[49], "p99": cut[98]}))


if __name__ == "__main__":
    main(sys.argv[1:])
