"""Quotas: how many requests somebody may send in a while, and how many are left.

Each policy keeps a bucket for each of those it counts, in the form of one number: the moment at which the
bucket is full again (GCRA). Requests that are refused cost nothing. Kept in memory: each process counts for
itself, so several of them behind one address let through as many times as much.
Source: api.md section 6; draft-ietf-httpapi-ratelimit-headers of September 2025 for the two fields.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MOST_COUNTED = 50_000
"""Buckets of one policy, 8 MB of them. Full ones hold nothing and are dropped first."""

_ROUNDING = 1e-6
"""Of a request: sums of seconds are not exact."""

HeaderFields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """So many requests in so many seconds, of each `of`; all of them may come at once."""

    quota: int
    window_s: int
    of: str


POLICIES: Mapping[str, Policy] = {
    "client": Policy(10_000, 10, "client: all that comes with its key"),
    "subject": Policy(600, 60, "subject that a front-end acts for"),
    "uploads": Policy(120, 60, "subject, or client without one: files that are sent in"),
    "lookup": Policy(300, 60, "address: progress by number and secret"),
    "login": Policy(30, 60, "address: logging in to the pages"),
    "failures": Policy(60, 60, "address: keys, signatures and secrets that were not right"),
    "callbacks": Policy(10_000, 10, "address: departments' answers"),
    "health": Policy(600, 60, "address: health"),
    "public": Policy(600, 60, "address: what needs no key"),
}
"""What is counted, unless `ONENET_QUOTAS` says otherwise. A city's front-end sends hundreds a second, and
behind one address of a mobile network are thousands of people."""


class NoSuchPolicy(ValueError):
    """The text names none of the policies, or no number for it."""


def policies(changes: str) -> dict[str, Policy]:
    """The policies with these changes, as in `client=20000/10,subject=off`. Raises: NoSuchPolicy."""
    found = dict(POLICIES)
    for change in filter(None, (word.strip() for word in changes.split(","))):
        name, _, size = change.partition("=")
        quota, _, window = size.partition("/")
        if name == "all" and size == "off":
            found.clear()
        elif name not in POLICIES:
            raise NoSuchPolicy(f"expected one of {', '.join(POLICIES)}, or all=off")
        elif size == "off":
            found.pop(name, None)
        elif all(number.isascii() and number.isdigit() and int(number) for number in (quota, window)):
            found[name] = Policy(int(quota), int(window), POLICIES[name].of)
        else:
            raise NoSuchPolicy(f"expected {name}=<requests>/<seconds> or {name}=off")
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands after a request: the fields that tell, and which policies it went against."""

    fields: HeaderFields = ()
    violated: tuple[str, ...] = ()
    retry_after_s: int = 0


class Quotas:
    """Counts requests against policies."""

    def __init__(self, policies: Mapping[str, Policy] = POLICIES, now: Callable[[], float] = time.monotonic):
        """`now`: seconds that only go forward."""
        self._policies = policies
        self._now = now
        self._each_s = {name: policy.window_s / policy.quota for name, policy in policies.items()}
        self._full_at: dict[str, dict[str, float]] = {name: {} for name in policies}
        self._said: dict[tuple[str, ...], bytes] = {}

    def spend(self, *charges: tuple[str, str]) -> Standing:
        """Counts one request against each policy for its key: (policy, key). Against none, if one has nothing
        left; policies that are off count nothing.
        """
        now = self._now()
        counted = [(name, key) for name, key in charges if name in self._policies]
        if not counted:
            return Standing()
        before = {name: max(self._full_at[name].get(key, now), now) for name, key in counted}
        violated = tuple(name for name in before if self._left(name, before[name], now) < 1 - _ROUNDING)
        after = before
        if not violated:
            after = {name: moment + self._each_s[name] for name, moment in before.items()}
            for name, key in counted:
                self._keep(name, key, after[name], now)
        said = ", ".join(
            f'"{name}";r={max(0, int(self._left(name, moment, now) + _ROUNDING))};t={math.ceil(moment - now)}'
            for name, moment in after.items()
        )
        fields = ((b"ratelimit-policy", self._policy_field(tuple(after))), (b"ratelimit", said.encode()))
        wait_s = max((math.ceil(after[name] - now) for name in violated), default=0)
        return Standing(fields, violated, _spread(wait_s))

    def _left(self, name: str, full_at: float, now: float) -> float:
        return (now + self._policies[name].window_s - full_at) / self._each_s[name]

    def _keep(self, name: str, key: str, full_at: float, now: float) -> None:
        kept = self._full_at[name]
        if key not in kept and len(kept) >= MOST_COUNTED:
            kept = {other: moment for other, moment in kept.items() if moment > now}
            # Still too many: those that came first, as many as make the next such look rare.
            for other in list(kept)[: max(0, len(kept) - MOST_COUNTED * 9 // 10)]:
                del kept[other]
            self._full_at[name] = kept
        kept[key] = full_at

    def _policy_field(self, names: tuple[str, ...]) -> bytes:
        if (said := self._said.get(names)) is None:
            found = [(name, self._policies[name]) for name in names]
            said = ", ".join(f'"{name}";q={each.quota};w={each.window_s}' for name, each in found).encode()
            self._said[names] = said
        return said


def _spread(seconds: int) -> int:
    """Never earlier than that, and not the same for all: who was refused together comes back apart."""
    return seconds + random.randint(0, max(1, seconds // 10)) if seconds else 0  # noqa: S311  # no secret
