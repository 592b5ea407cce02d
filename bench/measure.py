"""Measuring: one after the other in turn, again and again; the median, and how far the runs lie apart."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

Given = TypeVar("Given")


class NotMeasured(Exception):
    """A figure that cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: the medians of it and of its yardstick in the same run.

    `ratio` is value / yardstick_value. `spread`: the least and the greatest of `runs` values.
    """

    name: str
    value: float
    unit: str
    yardstick: str | None
    yardstick_value: float | None
    ratio: float | None
    runs: int
    spread: tuple[float, float]

    def as_json(self) -> dict[str, Any]:
        """The members by name."""
        return asdict(self)


def interleave(
    runs: int, measures: Mapping[str, Callable[[], Given]], tell: Callable[[str], None]
) -> dict[str, list[Given]]:
    """What each gave, measured once in every round, A B C A B C; without those that could not be measured."""
    given: dict[str, list[Given]] = {label: [] for label in measures}
    failed: set[str] = set()
    for number in range(1, runs + 1):
        for label, measure in measures.items():
            if label in failed:
                continue
            try:
                given[label].append(measure())
            except NotMeasured as reason:
                failed.add(label)
                tell(f"not measured: {label}: {reason}")
            else:
                tell(f"round {number} of {runs}: {label}: {_words(given[label][-1])}")
    return {label: values for label, values in given.items() if label not in failed}


def _words(given: object) -> str:
    if isinstance(given, dict):
        return ", ".join(f"{name} {_words(value)}" for name, value in given.items())
    return f"{given:,.2f}"


def beside(
    name: str, unit: str, measures: Mapping[str, Callable[[], float]], runs: int, tell: Callable[[str], None]
) -> Iterator[Figure]:
    """The figure of the first measure beside the second, if there is one; nothing when one cannot be had."""
    given = interleave(runs, measures, tell)
    if len(given) == len(measures):
        (_, values), *others = given.items()
        yardstick, measured = others[0] if others else (None, [])
        yield figure(name, unit, values, yardstick, measured)


def figure(
    name: str, unit: str, values: Sequence[float], yardstick: str | None, measured: Sequence[float] = ()
) -> Figure:
    """The figure of these values beside a yardstick that was measured in turn with them."""
    value = statistics.median(values)
    beside = statistics.median(measured) if measured else None
    return Figure(
        name=name,
        value=value,
        unit=unit,
        yardstick=yardstick,
        yardstick_value=beside,
        ratio=value / beside if beside else None,
        runs=len(values),
        spread=(min(values), max(values)),
    )
