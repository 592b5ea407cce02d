"""PGQueuer: a chain of five jobs, each enqueueing the next, fetched 200 at a time over ten connections."""

from __future__ import annotations

import asyncio

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.models import Job

from bench.peers import race

BATCH = 200


async def main() -> None:
    options = race.options()
    async with asyncpg.create_pool(options.url, min_size=10, max_size=10) as pool:
        queuer = PgQueuer.from_asyncpg_pool(pool)
        queries = queuer.qm.queries
        await queries.install()
        finish = race.Finish()

        def entrypoint(number: int) -> None:
            @queuer.entrypoint(f"step_{number}")
            async def step(job: Job) -> None:
                if number + 1 < race.STEPS:
                    await queries.enqueue(f"step_{number + 1}", job.payload)
                else:
                    finish.cross()

        for number in range(race.STEPS):
            entrypoint(number)

        async def submit(number: int) -> None:
            await queries.enqueue("step_0", str(number).encode())

        working = asyncio.create_task(queuer.qm.run(batch_size=BATCH))
        measured = await race.run(finish, submit, options.workflows, options.hands)
        queuer.qm.shutdown.set()
        await working
        race.tell(measured)


if __name__ == "__main__":
    uvloop.run(main())
