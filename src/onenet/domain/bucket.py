"""Token bucket: how often somebody may be called. Pure; moments are machine time.

Source: delivery.md section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

DEFAULT_RATE_PER_S = 20
BURST_S = 2
"""A bucket that is full holds what flows into it in so many seconds: 40 calls at 20 a second."""

BLOCKS_A_SECOND = 2
"""A worker takes so many blocks a second ahead, so that a call costs no statement."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was in it, and when somebody looked."""

    tokens: float
    at: datetime


def take(bucket: Bucket | None, rate_per_s: int, now: datetime) -> tuple[Bucket, int]:
    """The bucket after a block was taken, and how many tokens that is; 0 when there is none yet.

    A new bucket is full. One that was looked at later than `now`, by another's clock, gives nothing for that.
    """
    full = float(rate_per_s * BURST_S)
    if bucket is None:
        bucket = Bucket(full, now)
    flowed = rate_per_s * max(0.0, (now - bucket.at).total_seconds())
    tokens = min(full, bucket.tokens + flowed)
    taken = min(int(tokens), max(1, rate_per_s // BLOCKS_A_SECOND))
    return Bucket(tokens - taken, max(now, bucket.at)), taken


def wait_s(bucket: Bucket, rate_per_s: int) -> float:
    """How long until there is one."""
    return max(0.0, 1 - bucket.tokens) / rate_per_s
