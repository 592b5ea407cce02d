"""Procrastinate: a chain of five jobs, each deferring the next, up to 100 at once."""

from __future__ import annotations

import asyncio
import contextlib

import procrastinate

from bench.peers import race

AT_ONCE = 100


async def main() -> None:
    options = race.options()
    connector = procrastinate.PsycopgConnector(conninfo=options.url, min_size=10, max_size=20)
    app = procrastinate.App(connector=connector)
    finish = race.Finish()

    @app.task
    async def step(number: int) -> None:
        if number + 1 < race.STEPS:
            await step.defer_async(number=number + 1)
        else:
            finish.cross()

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        worker = app.run_worker_async(concurrency=AT_ONCE, install_signal_handlers=False)
        working = asyncio.create_task(worker)

        async def submit(number: int) -> None:
            await step.defer_async(number=0)

        measured = await race.run(finish, submit, options.workflows, options.hands)
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        race.tell(measured)


if __name__ == "__main__":
    asyncio.run(main())
