"""Oban: a chain of five jobs, each enqueueing the next, up to 100 at once."""

from __future__ import annotations

from typing import Any

import uvloop
from oban import Oban, worker
from oban.schema import install_sql
from psycopg_pool import AsyncConnectionPool

from bench.peers import race

AT_ONCE = 100
finish = race.Finish()


@worker(queue="bench")
class Step:
    async def process(self, job: Any) -> None:
        number = job.args["step"] + 1
        if number < race.STEPS:
            await Step.enqueue({"step": number})
        else:
            finish.cross()


async def main() -> None:
    options = race.options()
    async with AsyncConnectionPool(options.url, min_size=10, max_size=10) as pool:
        async with pool.connection() as connection:
            await connection.execute(install_sql().encode())
        async with Oban(pool=pool, queues={"bench": AT_ONCE}):

            async def submit(number: int) -> None:
                await Step.enqueue({"step": 0})

            measured = await race.run(finish, submit, options.workflows, options.hands)
        race.tell(measured)


if __name__ == "__main__":
    uvloop.run(main())
