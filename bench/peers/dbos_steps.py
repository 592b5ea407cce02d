"""DBOS: a workflow of five steps, started through a queue (`--mode queue`) or directly (`--mode direct`).

The queue is polled every 50 ms instead of every second, and up to 100 workflows run at once.
"""

from __future__ import annotations

import asyncio

from dbos import DBOS

from bench.peers import race

AT_ONCE = 100
QUEUE = "bench"


@DBOS.step()
async def step(number: int) -> int:
    return number


@DBOS.workflow()
async def workflow() -> None:
    for number in range(race.STEPS):
        await step(number)


async def main() -> None:
    options = race.options()
    DBOS(
        config={
            "name": "bench", "system_database_url": options.url, "log_level": "ERROR", "sys_db_pool_size": 20,
        }
    )  # fmt: skip
    DBOS.launch()
    finish = race.Finish()
    if options.mode == "queue":
        await DBOS.register_queue_async(QUEUE, worker_concurrency=AT_ONCE, polling_interval_sec=0.05)
        await asyncio.sleep(2)  # the queue's thread looks for new queues once a second

        async def wait(handle: object) -> None:
            await handle.get_result(polling_interval_sec=0.05)  # type: ignore[attr-defined]
            finish.cross()

        waiting = set()

        async def submit(number: int) -> None:
            handle = await DBOS.enqueue_workflow_async(QUEUE, workflow)
            waiting.add(asyncio.create_task(wait(handle)))
    else:

        async def submit(number: int) -> None:
            await workflow()
            finish.cross()

    hands = options.hands if options.mode == "queue" else AT_ONCE
    measured = await race.run(finish, submit, options.workflows, hands)
    DBOS.destroy()
    race.tell(measured)


if __name__ == "__main__":
    asyncio.run(main())
