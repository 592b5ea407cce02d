"""growth.*: what many closed cases do to claiming, taking in and showing; and how much room they take."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator

import psycopg

from bench import copies, load, serving, town
from bench.ground import Ground, tell
from bench.http import Service
from bench.measure import Figure, NotMeasured, figure, interleave

RATES = {"growth.claim": "tasks/s", "growth.submit": "cases/s", "growth.read": "cases/s"}
NAMES = (*RATES, "growth.bytes_per_case", "growth.wal_bytes_per_case")
ORIGINALS = 64
COUNT = 2_000
WAL_CASES = 2_000
LIMIT_S = 120.0


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figures of these names."""
    if {*RATES, "growth.bytes_per_case"} & set(names):
        with _originals(ground) as (name, small), ground.server.database(name) as full:
            copies.fill(small, 0)
            copies.fill(full, ground.cases)
            if "growth.bytes_per_case" in names:
                grown = _bytes(full) - _bytes(small)
                yield figure("growth.bytes_per_case", "bytes", [grown / ground.cases], None)
            if rates := [name for name in names if name in RATES]:
                yield from _rates(ground, small, full, rates)
    if "growth.wal_bytes_per_case" in names:
        given = interleave(ground.runs, {"log of five-step cases": lambda: _wal(ground)}, tell)
        yield figure("growth.wal_bytes_per_case", "bytes", next(iter(given.values())), None)


def _rates(ground: Ground, small: str, full: str, names: list[str]) -> Iterator[Figure]:
    count = ground.count(COUNT, 10)
    few = f"{ORIGINALS} cases"
    measures = {
        f"{ground.cases:,} cases": lambda: ground.own("rates", full, "--count", count),
        few: lambda: ground.own("rates", small, "--count", count),
    }
    given = interleave(ground.runs, measures, tell)
    if len(given) < len(measures):
        return
    for name in names:
        key = name.removeprefix("growth.")
        beside_full, beside_few = ([run[key] for run in runs] for runs in given.values())
        yield figure(name, RATES[name], beside_full, few, beside_few)


@contextlib.contextmanager
def _originals(ground: Ground) -> Iterator[tuple[str, str]]:
    """Name and URL of a database with a few real cases, all completed, their subscriber told of it."""
    with ground.server.database() as url, serving.receivers(1) as (port,):
        key = town.prepare(url)
        town.subscribe(url, f"http://127.0.0.1:{port}/")
        with serving.onenet(url, worker=True) as served:
            service = Service(served, key)
            opened = [service.submit()["id"] for _ in range(ORIGINALS)]
            deadline = time.monotonic() + LIMIT_S
            while not (all(_is_completed(service, id) for id in opened) and _is_told(url)):
                if time.monotonic() > deadline:
                    raise NotMeasured("the cases to be copied did not come to their end")
                time.sleep(0.2)
        yield url.rsplit("/", 1)[1], url


def _is_completed(service: Service, case_id: str) -> bool:
    state: str = json.loads(load.once(service.port, service.get(case_id)).body)["state"]
    return state == "completed"


def _is_told(url: str) -> bool:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM delivery WHERE next_at IS NOT NULL").fetchone()
    return found == (0,)


def _bytes(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert found
    size: int = found[0]
    return size


def _wal(ground: Ground) -> float:
    """What one five-step case writes to the write-ahead log, without the page images after a checkpoint."""
    with ground.database() as url:
        cases = ground.count(WAL_CASES, 20)
        ground.own("cases", url, "--cases", cases)
        before = _written(url)
        done = ground.own("cases", url, "--cases", cases)
        return (_written(url) - before) / int(done["cases"] + done["warm_up"])


def _written(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
    assert found
    return int(found[0])
