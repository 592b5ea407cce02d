"""When to try again: the schedule of delivery.md section 4, the same for tasks and deliveries.

| try | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 |
|---|---|---|---|---|---|---|---|---|---|---|
| after the try before | 0 | 5 s | 5 min | 30 min | 2 h | 5 h | 10 h | 14 h | 20 h | 24 h |

Each wait is multiplied by a factor between 0.8 and 1.2 that depends on the id and the try alone, so that a
department that comes back is not met by everybody at once and a history can be replayed exactly.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from onenet.domain.outcome import TryLater

SCHEDULE_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
PERMANENT_SCHEDULE_S = (0, 300)
"""A permanent failure is tried twice: departments do mend a wrong set-up within minutes."""

LONGEST_RETRY_AFTER_S = 86_400
LONGEST_LIFE = timedelta(days=7)
"""Waits that a department asked for spend no try; after this long the row is held all the same."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again at that moment; `tries` is the count of tries spent so far."""

    at: datetime
    tries: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Hold it. `reason` is endpoint, exhausted or needs_attention."""

    reason: str


def jitter(subject: UUID, number: int) -> float:
    """A factor in [0.8, 1.2), always the same for the same id and number."""
    digest = hashlib.blake2b(subject.bytes + number.to_bytes(4, "big"), digest_size=4).digest()
    return 0.8 + 0.4 * int.from_bytes(digest, "big") / 2**32


LEAST_POLL_S, MOST_POLL_S = 1, 86_400
SLOW_POLL_S = 3_600
"""So seldom a department is asked that has long said nothing new, or more seldom if it wants that."""

POLL_GROWTH = 1.1
"""Each wait in a row is a tenth longer: an answer is learned at most so much later than it took."""


def next_poll(every_s: int, subject: UUID, polls: int, now: datetime) -> datetime:
    """When to ask again after so many polls in a row that brought nothing; never sooner than wanted."""
    least_s = min(max(every_s, LEAST_POLL_S), MOST_POLL_S)
    wait_s = min(least_s * POLL_GROWTH ** min(polls, 200), max(least_s, SLOW_POLL_S))
    return now + timedelta(seconds=wait_s * (jitter(subject, polls) + 0.2))


def after_failed_poll(failure: TryLater, subject: UUID, tries: int, now: datetime) -> Retry | GiveUp:
    """What to do after so many polls in a row have failed; here a wait that was asked for spends a try."""
    verdict = after_failure(failure, subject, tries, first_at=now, now=now)
    return verdict if isinstance(verdict, GiveUp) else Retry(verdict.at, tries)


def after_giving_up(subject: UUID, tries: int, now: datetime) -> datetime:
    """When a department is asked again though a person has been told: once a day."""
    return now + timedelta(seconds=SCHEDULE_S[-1] * jitter(subject, tries))


def after_failure(
    failure: TryLater, subject: UUID, tries: int, *, first_at: datetime, now: datetime
) -> Retry | GiveUp:
    """What to do after a failed try, the `tries`-th one that counts (1 after the first).

    A wait that the department asked for spends no try, when it is longer than the schedule's own.
    """
    if failure.failure == "gone":
        return GiveUp("endpoint")
    if failure.failure == "refused":
        return GiveUp("needs_attention")
    if now - first_at >= LONGEST_LIFE:
        return GiveUp("exhausted")
    schedule = PERMANENT_SCHEDULE_S if failure.failure == "permanent" else SCHEDULE_S
    position = min(tries, len(schedule) - 1)
    wait_s = schedule[position] * jitter(subject, tries)
    asked_s = min(failure.retry_after_s or 0, LONGEST_RETRY_AFTER_S)
    if asked_s > wait_s:
        return Retry(now + timedelta(seconds=asked_s), tries - 1)
    if tries >= len(schedule):
        return GiveUp("needs_attention" if failure.failure == "permanent" else "exhausted")
    return Retry(now + timedelta(seconds=wait_s), tries)
