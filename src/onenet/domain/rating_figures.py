"""Public figures of ratings: how many, and how many of them satisfied, with nothing that points at a person.

A month is the only length: of two that overlap, one could be taken from the other. A line of fewer than five
ratings is withheld, as official statistics do with small cells; where what is withheld is together fewer than
five, the smallest line that is left goes too, or the total would tell it. What has no value, as a rating of
no step has no item, is in no line and in the total: every list of the same ratings has the same one. A place
is counted with all below it, so whoever subtracts the districts from their city can still learn a count of
few; never what was said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from onenet.domain.ratings import LAST_SATISFIED

LEAST = 5
"""The fewest ratings that are told apart."""


class Line(NamedTuple):
    """The ratings of one department, item, bundle or jurisdiction; of None: never told."""

    of: str | None
    ratings: int
    satisfied: int


class Figures(NamedTuple):
    """What is told: the lines, their total (None where it is too small), and how many lines are not."""

    lines: tuple[Line, ...]
    total: Line | None
    withheld: int


def lines_of(counts: Iterable[tuple[str | None, int, int]]) -> list[Line]:
    """A line for each value, out of counts by value and level."""
    found: dict[str | None, list[int]] = defaultdict(lambda: [0, 0])
    for of, level, ratings in counts:
        found[of][0] += ratings
        found[of][1] += ratings if level <= LAST_SATISFIED else 0
    return [Line(of, *each) for of, each in found.items()]


def figures(lines: Iterable[Line]) -> Figures:
    """What may be told of them."""
    ordered = sorted(lines, key=lambda line: line.ratings)
    hidden = [line for line in ordered if line.of is None or line.ratings < LEAST]
    shown = [line for line in ordered if line not in hidden]
    if hidden and shown and sum(line.ratings for line in hidden) < LEAST:
        hidden.append(shown.pop(0))
    ratings, satisfied = sum(line.ratings for line in ordered), sum(line.satisfied for line in ordered)
    total = Line("total", ratings, satisfied) if ratings >= LEAST else None
    named = [line for line in hidden if line.of is not None]
    return Figures(tuple(sorted(shown)), total, len(named))
