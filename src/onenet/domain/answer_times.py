"""How long somebody takes to answer: counts by classes, of the last few hundred calls. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

CLASSES_MS = tuple(round(5 * 2 ** (place / 2)) for place in range(25))
"""Upper ends, each 1.4 times the one before: 5 ms to 20 s. A call ends after 15 s."""

MOST = 1_000
"""Beyond so many all counts are halved: what was counted long ago counts for less and less."""


def one(took_s: float) -> tuple[int, ...]:
    """The counts of one call."""
    place = min(bisect_left(CLASSES_MS, took_s * 1_000), len(CLASSES_MS) - 1)
    return (0,) * place + (1,)


def added(counts: Sequence[int], more: Sequence[int]) -> tuple[int, ...]:
    """Both together; either may be empty."""
    known = [0] * len(CLASSES_MS)
    for each in (counts, more):
        for place, count in enumerate(each):
            known[place] += count
    while sum(known) > MOST:
        known = [count // 2 for count in known]
    return tuple(known)


def percentile_ms(counts: Sequence[int], percent: int) -> int | None:
    """The upper end of the class that so many in a hundred do not exceed; None when nothing is known."""
    wanted, seen = sum(counts) * percent / 100, 0
    for upper_ms, count in zip(CLASSES_MS, counts, strict=False):
        seen += count
        if seen >= wanted and seen:
            return upper_ms
    return None
