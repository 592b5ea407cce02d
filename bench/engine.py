"""engine.*: five-step cases a second, from the first submission to the last completion, beside the peers."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping

from bench import backlog
from bench.ground import Ground, tell
from bench.measure import Figure, beside, figure, interleave

UNIT = "cases/s"
CASES = 3_000
HANDS = 256
"""Submissions under way at the same time."""

PEERS: Mapping[str, tuple[str, tuple[tuple[str, int], ...]]] = {
    "dbos": ("DBOS", (("queue", 300), ("direct", 300))),
    "pgqueuer": ("PGQueuer", (("", 1_500),)),
    "oban": ("Oban for Python", (("", 1_500),)),
    "procrastinate": ("Procrastinate", (("", 400),)),
}
"""What each is called, and its ways with as many workflows as take a few seconds; the better way counts."""

ALONE = {"engine.alone": ("rate", UNIT), "engine.cpu_ms_per_case": ("cpu_ms", "ms")}
"""What is told of onenet without a peer. Processor time is much the same on a busy machine, a rate is not."""

NAMES = (*(f"engine.vs_{peer}" for peer in PEERS), "engine.two_workers_vs_one", *ALONE)


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figures of these names."""
    peers = [peer for peer in PEERS if f"engine.vs_{peer}" in names]
    if peers:
        yield from _beside(ground, peers)
    if "engine.two_workers_vs_one" in names:
        yield from _two_workers(ground)
    if alone := [name for name in names if name in ALONE]:
        given = interleave(ground.runs, {"onenet": lambda: cases(ground)}, tell)
        for name in alone if given else ():
            key, unit = ALONE[name]
            yield figure(name, unit, [run[key] for run in given["onenet"]], None)


def _beside(ground: Ground, peers: list[str]) -> Iterator[Figure]:
    ways = {
        (f"{peer} {mode}".strip(), peer): _peer(ground, peer, mode, workflows)
        for peer in peers
        for mode, workflows in PEERS[peer][1]
    }
    measures = {"onenet": lambda: cases(ground)} | {label: measure for (label, _), measure in ways.items()}
    given = interleave(ground.runs, measures, tell)
    for peer in peers:
        had = [label for label, of in ways if of == peer and label in given]
        if had and "onenet" in given:
            rates = {label: [run["rate"] for run in given[label]] for label in ["onenet", *had]}
            best = max(had, key=lambda label: statistics.median(rates[label]))
            called = " ".join([PEERS[peer][0], *best.split()[1:]])
            yield figure(f"engine.vs_{peer}", UNIT, rates["onenet"], called, rates[best])


def cases(ground: Ground, without: str | None = None) -> dict[str, float]:
    """Cases a second in a process of its own, and the milliseconds of a processor that each took there."""
    words = ["--profile"] if ground.profile else []
    with ground.database() as url:
        count = ground.count(CASES, 20)
        measured = ground.own("cases", url, "--cases", count, "--hands", HANDS, *words, without=without)
    return {"rate": measured["rate"], "cpu_ms": measured["cpu_ms"]}


def _peer(ground: Ground, peer: str, mode: str, workflows: int) -> Callable[[], dict[str, float]]:
    def measure() -> dict[str, float]:
        with ground.server.database() as url:
            count = ground.count(workflows, 20)
            return ground.peer(peer, url, "--workflows", count, "--hands", HANDS, "--mode", mode)

    return measure


def _two_workers(ground: Ground) -> Iterator[Figure]:
    measures = {
        "two workers": lambda: _workers(ground, 2),
        "one worker": lambda: _workers(ground, 1),
    }
    return beside("engine.two_workers_vs_one", UNIT, measures, ground.runs, tell)


def _workers(ground: Ground, workers: int) -> float:
    with ground.database() as url:
        return backlog.rate(ground, url, workers, ground.count(CASES, 20))
