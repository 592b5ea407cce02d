"""The clock of a step: when it began to run, when it stood still, when it ended. Told by the events alone.

A limit runs from acceptance; a special procedure and a supplement stop it (LIC 42, 45; domain.md section 5).
The step carries its clock, which heard of each of its events, so that deciding needs none of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from onenet.domain.events import EventType

_STOPS = {EventType.STEP_SUSPENDED: "special_procedure", EventType.STEP_SUPPLEMENT_NEEDED: "supplement"}
_ENDS = frozenset(
    {EventType.STEP_COMPLETED, EventType.STEP_REJECTED, EventType.STEP_SKIPPED, EventType.STEP_CANCELLED}
)
_GOES_ON = frozenset({EventType.STEP_ACCEPTED, EventType.STEP_RESUMED, EventType.STEP_SUPPLEMENTED, *_ENDS})


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


def heard(clock: Clock | None, mark: Mark) -> Clock | None:
    """The clock after it heard of this event; the same one where the event says nothing to it."""
    if clock is None:
        return Clock(mark.at) if mark.type is EventType.STEP_ACCEPTED else None
    if mark.type in _STOPS:
        return clock._replace(pauses=(*clock.pauses, Pause(mark.at, None, _STOPS[mark.type])))
    return _going_on(clock, mark) if mark.type in _GOES_ON else clock


def _going_on(clock: Clock, mark: Mark) -> Clock:
    pauses = tuple(each if each.until else each._replace(until=mark.at) for each in clock.pauses)
    return Clock(clock.started_at, pauses, mark.at if mark.type in _ENDS else None)
