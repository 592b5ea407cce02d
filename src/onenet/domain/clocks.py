"""The clock of a step: when it began to run, when it stood still, when it ended. Told by the events alone.

A limit runs from acceptance; a special procedure and a supplement stop it (LIC 42, 45; domain.md section 5).
The step carries its clock, which heard of each of its events, so that deciding needs none of them.
The case has a clock of its own, that of the limit of joint handling (LIC 42 par. 2), that its steps tell.
"""

from __future__ import annotations

from collections.abc import Collection
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
    """A clock that began to run; `ended_at` None: the step is not closed.

    `restarted_at`: when it last began anew, with a supplement, where the item says so; what ran before that
    counts no more.
    """

    started_at: datetime
    pauses: tuple[Pause, ...] = ()
    ended_at: datetime | None = None
    restarted_at: datetime | None = None

    @property
    def counts_from(self) -> datetime:
        """The moment its days are counted from."""
        return self.restarted_at or self.started_at

    @property
    def stopped(self) -> Pause | None:
        """Why it stands still, if it does."""
        return self.pauses[-1] if self.pauses and self.pauses[-1].until is None else None


def heard(clock: Clock | None, mark: Mark, *, restarts: bool = False) -> Clock | None:
    """The clock after it heard of this event; the same one where the event says nothing to it.

    `restarts`: a supplement that is handed in makes it begin anew (domain.md section 5.4).
    """
    if clock is None:
        return Clock(mark.at) if mark.type is EventType.STEP_ACCEPTED else None
    if mark.type in _STOPS:
        return stop(clock, mark.at, _STOPS[mark.type])
    if mark.type not in _GOES_ON:
        return clock
    clock = go_on(clock, mark.at)
    if restarts and mark.type is EventType.STEP_SUPPLEMENTED:
        clock = clock._replace(restarted_at=mark.at)
    ended_at = mark.at if mark.type in _ENDS else None
    return clock if clock.ended_at == ended_at else clock._replace(ended_at=ended_at)


def stop(clock: Clock, at: datetime, reason: str) -> Clock:
    """The clock standing still since then."""
    return clock._replace(pauses=(*clock.pauses, Pause(at, None, reason)))


def go_on(clock: Clock, at: datetime) -> Clock:
    """The clock running again since then; the same one where it runs."""
    if clock.stopped is None:
        return clock
    return clock._replace(
        pauses=tuple(each if each.until else each._replace(until=at) for each in clock.pauses)
    )


def joint(
    clock: Clock | None, steps: Collection[Clock], at: datetime, *, is_closed: bool, only_asked: bool = False
) -> Clock:
    """The clock of an accepted case, after one of its steps changed.

    It began with the first of theirs, or now where none had one. It stands still while one of them does and
    none runs: what LIC 45 does not count, a hearing, an inspection, is not counted here either; but while one
    office can work the whole goes on, and gains no time from what another one waits for. `only_asked`: where
    none of theirs has begun or all have ended, an applicant is asked to correct what is not accepted yet, and
    nobody else can act: LIC 42 counts an office's time, from acceptance, and not the applicant's.
    """
    began_at = min([each.started_at for each in steps] + [clock.started_at if clock else at])
    if clock is None or clock.started_at != began_at:
        clock = clock._replace(started_at=began_at) if clock else Clock(began_at)
    if is_closed:
        return go_on(clock, at)._replace(ended_at=clock.ended_at or at)
    reasons = {each.stopped and each.stopped.reason for each in steps if each.ended_at is None}
    if only_asked and not reasons:
        reasons = {"supplement"}
    if not reasons or None in reasons:
        return go_on(clock, at)
    reason = "special_procedure" if "special_procedure" in reasons else "supplement"
    if clock.stopped and clock.stopped.reason == reason:
        return clock
    return stop(go_on(clock, at), at, reason)
