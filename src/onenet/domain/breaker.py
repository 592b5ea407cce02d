"""Breaker: when nobody calls an endpoint any more, and how it comes back. Pure; moments are machine time.

| from | to | when |
|---|---|---|
| closed | open | 5 failures in a row, or 10 calls and more in 5 minutes of which half failed |
| open | half open | its time is over and the one call that was made then, the probe, was answered |
| open, half open | open, for twice as long | the probe failed |
| half open | closed | three probes in a row were answered |

While it is not closed nobody calls but the prober, one call at a time; probes never end. A failure is a call
that nobody answered, or that the endpoint could not deal with now (the class `transient`). A refusal is an
answer: who refuses is alive. Who says when to come again is left alone until then, which is neither.
Source: delivery.md section 6; the time it is open at first: decision 0042.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from onenet.domain.outcome import Offered, Outcome, TryLater
from onenet.domain.states import Word

FAILURES_IN_A_ROW = 5
LEAST_CALLS, MOST_FAILED = 10, 0.5
MINUTES = 5
FIRST_OPEN = timedelta(seconds=5)
LONGEST_OPEN = timedelta(minutes=10)
PROBES_ANSWERED = 3
BUSY_IN_A_ROW = 3
"""Answers with `Retry-After` after which it is the endpoint that wants to be left alone, and not one task."""

ALERTS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=24))
"""How long it does not answer when people are told."""


class BreakerState(Word):
    """closed: called as usual. open: called by nobody until `retry_at`. half_open: called by the prober."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Minute:
    """The calls that ended in one minute, which is counted from 1970."""

    number: int
    calls: int
    failed: int


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls that ended since somebody counted. `failed_last`: since the last one that was answered."""

    answered: int = 0
    failed: int = 0
    failed_last: int = 0

    def and_one(self, *, answered: bool) -> Calls:
        """With one more."""
        if answered:
            return Calls(self.answered + 1, self.failed)
        return Calls(self.answered, self.failed + 1, self.failed_last + 1)

    def and_then(self, later: Calls) -> Calls:
        """With those that ended after them."""
        before = 0 if later.answered else self.failed_last
        return Calls(self.answered + later.answered, self.failed + later.failed, before + later.failed_last)


@dataclass(frozen=True, slots=True)
class Breaker:
    """Where it stands. `opened_at`: since when it is not closed. `retry_at`: until when nobody calls.

    `openings`: how often it opened since it was closed. `answered`: probes in a row.
    """

    state: BreakerState = BreakerState.CLOSED
    in_a_row: int = 0
    recent: tuple[Minute, ...] = ()
    openings: int = 0
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    answered: int = 0

    @property
    def is_closed(self) -> bool:
        """Whether it is called as usual."""
        return self.state is BreakerState.CLOSED


CLOSED = Breaker()


def was_answered(outcome: Outcome) -> bool | None:
    """Whether the endpoint answered; None when nobody called, or it said when to come again."""
    match outcome:
        case Offered() | TryLater(failure="refused"):
            return None
        case TryLater(failure="transient", retry_after_s=asked):
            return False if asked is None else None
        case _:
            return True


def after_calls(breaker: Breaker, calls: Calls, now: datetime) -> Breaker:
    """What becomes of it by calls that ended; it opens by them and closes by probes alone."""
    in_a_row = calls.failed_last + (0 if calls.answered else breaker.in_a_row)
    recent = _counted(breaker.recent, calls, now)
    counted = replace(breaker, in_a_row=in_a_row, recent=recent)
    return _opened(counted, now) if breaker.is_closed and _is_failing(counted) else counted


def _counted(recent: tuple[Minute, ...], calls: Calls, now: datetime) -> tuple[Minute, ...]:
    number = int(now.timestamp()) // 60
    kept = {each.number: each for each in recent if number - MINUTES < each.number}
    before = kept.get(number, Minute(number, 0, 0))
    total = before.calls + calls.answered + calls.failed
    kept[number] = Minute(number, total, before.failed + calls.failed)
    return tuple(kept[key] for key in sorted(kept))


def _is_failing(breaker: Breaker) -> bool:
    calls = sum(minute.calls for minute in breaker.recent)
    failed = sum(minute.failed for minute in breaker.recent)
    return breaker.in_a_row >= FAILURES_IN_A_ROW or (calls >= LEAST_CALLS and failed >= MOST_FAILED * calls)


def _opened(breaker: Breaker, now: datetime) -> Breaker:
    """Open, for twice as long as the last time."""
    open_for = min(FIRST_OPEN * 2 ** min(breaker.openings, 16), LONGEST_OPEN)
    return replace(
        breaker,
        state=BreakerState.OPEN,
        openings=breaker.openings + 1,
        opened_at=breaker.opened_at or now,
        retry_at=now + open_for,
        answered=0,
    )


def asked_to_wait(outcome: Outcome) -> timedelta | None:
    """For how long the endpoint wants to be left alone, as far as that is believed."""
    match outcome:
        case TryLater(failure="transient", retry_after_s=int(asked)):
            return min(timedelta(seconds=asked), LONGEST_OPEN)
        case _:
            return None


def alerts_due(breaker: Breaker, now: datetime) -> int:
    """How many of the alerts people should have had by now."""
    return 0 if breaker.opened_at is None else sum(now - breaker.opened_at >= after for after in ALERTS)


def may_probe(breaker: Breaker, now: datetime) -> bool:
    """Whether it is time for the one call."""
    return not breaker.is_closed and (breaker.retry_at is None or breaker.retry_at <= now)


def after_probe(breaker: Breaker, now: datetime, *, answered: bool) -> Breaker:
    """What becomes of it by a probe; of one that is closed, nothing."""
    if breaker.is_closed:
        return breaker
    if not answered:
        return _opened(breaker, now)
    if breaker.answered + 1 >= PROBES_ANSWERED:
        return CLOSED
    return replace(breaker, state=BreakerState.HALF_OPEN, answered=breaker.answered + 1, retry_at=now)
