"""latency.*: submit to completed, five steps in a row, one case at a time, beside five raw commits."""

from __future__ import annotations

from collections.abc import Iterator

from bench.ground import Ground, tell
from bench.measure import Figure, figure, interleave

NAMES = ("latency.idle_p50_ms", "latency.idle_p99_ms")
CASES = 300


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figures of these names."""
    measures = {"onenet": lambda: _measured(ground, "cases"), "commits": lambda: _measured(ground, "raw")}
    given = interleave(ground.runs, measures, tell)
    if len(given) < len(measures):
        return
    for name in names:
        cut = "p99" if "p99" in name else "p50"
        own, raw = ([run[cut] for run in given[label]] for label in measures)
        yield figure(name, "ms", own, "five raw commits", raw)


def _measured(ground: Ground, what: str) -> dict[str, float]:
    with ground.database() as url:
        return ground.own("latency", what, url, "--count", ground.count(CASES, 5))
