"""latency.*: how long a case takes with nothing else to do, and how long the next step waits under load."""

from __future__ import annotations

from collections.abc import Iterator

from bench import serving, town
from bench.ground import Ground, tell
from bench.measure import Figure, figure, interleave

IDLE = ("latency.idle_p50_ms", "latency.idle_p99_ms")
CALLBACK = "latency.callback_p99_ms"
NAMES = (*IDLE, CALLBACK)
CASES = 300
CASES_TOGETHER, SECONDS = 400, 10


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figures of these names."""
    if idle := [name for name in IDLE if name in names]:
        yield from _idle(ground, idle)
    if CALLBACK in names:
        given = interleave(ground.runs, {"callback to next task": lambda: _callback(ground)}, tell)
        for runs in given.values():
            yield figure(CALLBACK, "ms", [run["p99"] for run in runs], None)


def _idle(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """Submit to completed, five steps in a row, one case at a time, beside five raw commits."""
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


def _callback(ground: Ground) -> dict[str, float]:
    """A callback is sent until the task of the step after it arrives, at half of what the service can do."""
    cases, seconds = ground.count(CASES_TOGETHER, 8), ground.count(SECONDS)
    with ground.server.database() as url:
        key = town.prepare(url)
        with serving.onenet(url, worker=True) as port:
            return ground.own("callbacks", url, port, key, "--cases", cases, "--seconds", seconds)
