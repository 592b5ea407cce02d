"""A backlog of cases: `fill` opens them, `work` works on them as one of perhaps several workers.

A worker prints `ready`, waits for a line, and from then on prints how many cases its commits have completed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from bench.own.city import at_once, city
from onenet import bootstrap
from onenet.domain.case import Case

HANDS = 256


async def fill(url: str, bundle: str, cases: int) -> None:
    async with city(url, bundle, working=False) as here:
        await at_once(cases, HANDS, here.submit)
    print(json.dumps({"cases": cases}))


async def work(url: str) -> None:
    """Until the other end of the line is closed."""
    async with city(url, working=False) as here:

        def on_commit(cases: Sequence[Case]) -> None:
            print(len(here.completed), flush=True)

        here.process.parts.gate.listen(on_commit)
        worker = here.process.worker()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            await asyncio.to_thread(sys.stdin.readline)
            worker.stop()


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("fill", "work"))
    parser.add_argument("url")
    parser.add_argument("--bundle", default="five")
    parser.add_argument("--cases", type=int, default=0)
    options = parser.parse_args(words)
    if options.verb == "fill":
        bootstrap.run(fill(options.url, options.bundle, options.cases))
    else:
        bootstrap.run(work(options.url))


if __name__ == "__main__":
    main(sys.argv[1:])
