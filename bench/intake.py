"""intake.*: applications over HTTP, each validated whole and on the disk before it is answered."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from bench import http, load
from bench.ground import Ground, tell
from bench.http import Service
from bench.measure import Figure, beside

NAMES = ("intake.vs_echo", "intake.sqlite_vs_postgres", "intake.p99_ms_at_100")
PER_SECOND, SECONDS = 100, 20.0
ACCEPTED = 202


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figures of these names."""
    with http.on_postgres(ground) as postgres:
        if "intake.vs_echo" in names:
            with http.bare(postgres) as echo:
                measures = {"onenet": lambda: _rate(ground, postgres), "echo": lambda: _rate(ground, echo)}
                yield from beside("intake.vs_echo", "requests/s", measures, ground.runs, tell)
        if "intake.sqlite_vs_postgres" in names:
            with http.on_sqlite() as sqlite:
                measures = {
                    "SQLite": lambda: _rate(ground, sqlite),
                    "PostgreSQL": lambda: _rate(ground, postgres),
                }
                yield from beside("intake.sqlite_vs_postgres", "requests/s", measures, ground.runs, tell)
        if "intake.p99_ms_at_100" in names:
            with http.bare(postgres) as echo:
                measures = {"onenet": lambda: _p99(ground, postgres), "echo": lambda: _p99(ground, echo)}
                yield from beside("intake.p99_ms_at_100", "ms", measures, ground.runs, tell)


def _rate(ground: Ground, service: Service) -> float:
    return http.rate(ground, service.port, service.post, ACCEPTED)


def _p99(ground: Ground, service: Service) -> float:
    seconds = max(1.0, SECONDS * ground.size)
    took_ms = load.opened(service.port, service.post, status=ACCEPTED, per_second=PER_SECOND, seconds=seconds)
    return statistics.quantiles(took_ms, n=100)[98]
