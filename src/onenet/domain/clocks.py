"""The clock of a step: when it began to run, when it stood still, when it ended. Told by the events alone.

A limit runs from acceptance; a special procedure and a supplement stop it (LIC 42, 45; domain.md section 5).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from onenet.domain.events import EventType

_STOPS = {EventType.STEP_SUSPENDED: "special_procedure", EventType.STEP_SUPPLEMENT_NEEDED: "supplement"}
_ENDS = frozenset(
    {EventType.STEP_COMPLETED, EventType.STEP_REJECTED, EventType.STEP_SKIPPED, EventType.STEP_CANCELLED}
)
_GOES_ON = frozenset({EventType.STEP_ACCEPTED, EventType.STEP_RESUMED, EventType.STEP_SUPPLEMENTED, *_ENDS})

MARKS = frozenset({*_STOPS, *_GOES_ON})
"""Events that a clock hears of."""


class Mark(NamedTuple):
    """One of those events of a step."""

    type: EventType
    at: datetime


class Pause(NamedTuple):
    """While the clock stands still, and why: `special_procedure` or `supplement`. `until` None: still."""

    since: datetime
    until: datetime | None
    reason: str


class Clock(NamedTuple):
    """A clock that began to run; `ended_at` None: the step is not closed."""

    started_at: datetime
    pauses: tuple[Pause, ...] = ()
    ended_at: datetime | None = None


def clock_of(marks: Iterable[Mark]) -> Clock | None:
    """The clock of a step; None while it has not been accepted. `marks` in order."""
    clock: Clock | None = None
    for mark in marks:
        if clock is None:
            clock = Clock(mark.at) if mark.type is EventType.STEP_ACCEPTED else None
        elif mark.type in _STOPS:
            clock = clock._replace(pauses=(*clock.pauses, Pause(mark.at, None, _STOPS[mark.type])))
        elif mark.type in _GOES_ON:
            clock = _going_on(clock, mark)
    return clock


def _going_on(clock: Clock, mark: Mark) -> Clock:
    pauses = tuple(each if each.until else each._replace(until=mark.at) for each in clock.pauses)
    return Clock(clock.started_at, pauses, mark.at if mark.type in _ENDS else None)
