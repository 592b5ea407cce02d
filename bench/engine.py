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

NAMES = (*(f"engine.vs_{peer}" for peer in PEERS), "engine.two_workers_vs_one", "engine.alone")


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figures of these names."""
    peers = [peer for peer in PEERS if f"engine.vs_{peer}" in names]
    if peers:
        yield from _beside(ground, peers)
    if "engine.two_workers_vs_one" in names:
        yield from _two_workers(ground)
    if "engine.alone" in names:
        yield from beside("engine.alone", UNIT, {"onenet": lambda: _onenet(ground)}, ground.runs, tell)


def _beside(ground: Ground, peers: list[str]) -> Iterator[Figure]:
    ways = {
        (f"{peer} {mode}".strip(), peer): _peer(ground, peer, mode, workflows)
        for peer in peers
        for mode, workflows in PEERS[peer][1]
    }
    measures = {"onenet": lambda: _onenet(ground)} | {label: measure for (label, _), measure in ways.items()}
    given = interleave(ground.runs, measures, tell)
    for peer in peers:
        had = [label for label, of in ways if of == peer and label in given]
        if had and "onenet" in given:
            best = max(had, key=lambda label: statistics.median(given[label]))
            called = " ".join([PEERS[peer][0], *best.split()[1:]])
            yield figure(f"engine.vs_{peer}", UNIT, given["onenet"], called, given[best])


def _onenet(ground: Ground) -> float:
    words = ["--profile"] if ground.profile else []
    with ground.database() as url:
        measured = ground.own("cases", url, "--cases", ground.count(CASES, 20), "--hands", HANDS, *words)
    return float(measured["rate"])


def _peer(ground: Ground, peer: str, mode: str, workflows: int) -> Callable[[], float]:
    def measure() -> float:
        with ground.server.database() as url:
            count = ground.count(workflows, 20)
            return float(
                ground.peer(peer, url, "--workflows", count, "--hands", HANDS, "--mode", mode)["rate"]
            )

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
