"""read.*: a case with its steps over HTTP, one of many in turn, beside a constant model from FastAPI."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench import http, load
from bench.ground import Ground, tell
from bench.http import Service
from bench.measure import Figure, beside

NAMES = ("read.vs_echo", "read.304_vs_echo", "read.sqlite_vs_postgres")
CASES = 1_000
UNIT = "requests/s"


@dataclass(frozen=True)
class Shelf:
    """A service with cases to look at: the requests that show each, and that show that each is unchanged."""

    port: int
    whole: list[bytes]
    unchanged: list[bytes]


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figures of these names."""
    with http.on_postgres(ground) as service, http.bare(service) as bare:
        postgres, constant = _shelf(ground, service), bare.get("any")

        def echo() -> float:
            return http.rate(ground, bare.port, lambda number: constant, 200)

        if "read.vs_echo" in names:
            measures = {"onenet": lambda: _whole(ground, postgres), "echo": echo}
            yield from beside("read.vs_echo", UNIT, measures, ground.runs, tell)
        if "read.304_vs_echo" in names:
            measures = {"onenet": lambda: _unchanged(ground, postgres), "echo": echo}
            yield from beside("read.304_vs_echo", UNIT, measures, ground.runs, tell)
        if "read.sqlite_vs_postgres" in names:
            with http.on_sqlite() as other:
                sqlite = _shelf(ground, other)
                measures = {
                    "SQLite": lambda: _whole(ground, sqlite),
                    "PostgreSQL": lambda: _whole(ground, postgres),
                }
                yield from beside("read.sqlite_vs_postgres", UNIT, measures, ground.runs, tell)


def _shelf(ground: Ground, service: Service) -> Shelf:
    whole, unchanged = [], []
    for _ in range(ground.count(CASES, 5)):
        case_id = service.submit()["id"]
        whole.append(service.get(case_id))
        unchanged.append(service.get(case_id, _tag(service, case_id)))
    return Shelf(service.port, whole, unchanged)


def _tag(service: Service, case_id: str) -> str:
    return load.once(service.port, service.get(case_id)).headers["etag"]


def _whole(ground: Ground, shelf: Shelf) -> float:
    return http.rate(ground, shelf.port, lambda number: shelf.whole[number % len(shelf.whole)], 200)


def _unchanged(ground: Ground, shelf: Shelf) -> float:
    return http.rate(ground, shelf.port, lambda number: shelf.unchanged[number % len(shelf.unchanged)], 304)
