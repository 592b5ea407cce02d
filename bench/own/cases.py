"""Five-step cases through the gate and the worker in one process: first submission to last completion."""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sys
import time
from typing import Any

from sqlalchemy import text

from bench.own.city import at_once, city
from onenet import bootstrap
from onenet.store.database import Database

WARM_UP = 100


async def run(url: str, cases: int, hands: int, profile: cProfile.Profile | None) -> dict[str, Any]:
    """Cases per second. Raises: AssertionError when the record of one is not whole."""
    async with city(url) as here:
        before = await _completed(here.process.parts.database)
        await at_once(WARM_UP, hands, here.submit)
        await here.until_completed(WARM_UP)
        if profile:
            profile.enable()
        began, used = time.perf_counter(), time.process_time()
        await at_once(cases, hands, here.submit)
        submitted_s = time.perf_counter() - began
        await here.until_completed(WARM_UP + cases)
        took_s, used_s = time.perf_counter() - began, time.process_time() - used
        if profile:
            profile.disable()
        await _check(here.process.parts.database, before + WARM_UP + cases)
    return {
        "rate": cases / took_s,
        "cpu_ms": used_s / cases * 1_000,
        "seconds": took_s,
        "submitted_s": submitted_s,
        "cases": cases,
        "warm_up": WARM_UP,
    }


async def _completed(database: Database) -> int:
    async with database.read() as connection:
        found = await connection.execute(text("SELECT count(*) FROM cases WHERE state = 'completed'"))
        return int(found.scalar_one())


async def _check(database: Database, cases: int) -> None:
    """Every case is completed in the tables, with its five steps, five attempts and all its events."""
    wanted = {
        "SELECT count(*) FROM cases WHERE state = 'completed'": cases,
        "SELECT count(*) FROM step WHERE state = 'completed'": 5 * cases,
        "SELECT count(*) FROM attempt WHERE ended_at IS NOT NULL": 5 * cases,
        "SELECT count(*) FROM event WHERE type = 'step.completed'": 5 * cases,
    }
    async with database.read() as connection:
        for question, expected in wanted.items():
            found = (await connection.execute(text(question))).scalar()
            assert found == expected, f"{question}: {found}, expected {expected}"


def main(words: list[str]) -> None:
    """Prints the figure, and with `--profile` where the time went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--cases", type=int, default=3_000)
    parser.add_argument("--hands", type=int, default=256)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args(words)
    profile = cProfile.Profile() if options.profile else None
    measured = bootstrap.run(run(options.url, options.cases, options.hands, profile))
    if profile:
        for order in ("tottime", "cumtime"):
            pstats.Stats(profile, stream=sys.stderr).sort_stats(order).print_stats(45)
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
