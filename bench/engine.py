"""engine.*: five-step cases a second, from the first submission to the last completion, beside the peers."""

from __future__ import annotations

from collections.abc import Iterator

from bench.ground import Ground, tell
from bench.measure import Figure, figure, interleave

NAMES = ("engine.alone",)
CASES = 3_000
UNIT = "cases/s"


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figures of these names."""
    if "engine.alone" in names:
        given, _ = interleave(ground.runs, {"onenet": lambda: _onenet(ground)}, tell)
        yield figure("engine.alone", UNIT, given["onenet"], None)


def _onenet(ground: Ground) -> float:
    words = ["--profile"] if ground.profile else []
    with ground.database() as url:
        measured = ground.own("cases", url, "--cases", ground.count(CASES, 20), *words)
    return float(measured["rate"])
