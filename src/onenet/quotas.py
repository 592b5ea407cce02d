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
    "sources": Policy(120, 3_600, "subject: asking sources of certificates"),
    "applicants": Policy(60, 3_600, "official: looking for people by identity number"),
    "export": Policy(12, 3_600, "subject: exports of all its own data"),
    "lookup": Policy(300, 60, "address: progress by number and secret, results by number and code"),
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


NOTHING_COUNTED = Standing()


class _Buckets:
    """The buckets of one policy: when each is full again."""

    def __init__(self, name: str, policy: Policy):
        self.name = name
        self.policy = policy
        self.each_s = policy.window_s / policy.quota
        self.full_at: dict[str, float] = {}
        self.state = f'"{name}";r=%d;t=%d'.encode()

    def left(self, full_at: float, now: float) -> int:
        """How many requests are left."""
        return max(0, int((now + self.policy.window_s - full_at) / self.each_s + _ROUNDING))

    def keep(self, key: str, full_at: float, now: float) -> None:
        """Remembers it; makes room first, when there are too many."""
        if key not in self.full_at and len(self.full_at) >= MOST_COUNTED:
            kept = {other: moment for other, moment in self.full_at.items() if moment > now}
            # Still too many: those that came first, as many as make the next such look rare.
            for other in list(kept)[: max(0, len(kept) - MOST_COUNTED * 9 // 10)]:
                del kept[other]
            self.full_at = kept
        self.full_at[key] = full_at


class Quotas:
    """Counts requests against policies."""

    def __init__(self, policies: Mapping[str, Policy] = POLICIES, now: Callable[[], float] = time.monotonic):
        """`now`: seconds that only go forward."""
        self._buckets = {name: _Buckets(name, policy) for name, policy in policies.items()}
        self._now = now
        self._said: dict[tuple[str, ...], bytes] = {}

    def spend(self, *charges: tuple[str, str]) -> Standing:
        """Counts one request against each policy for its key: (policy, key). Against none, if one has nothing
        left; policies that are off count nothing.
        """
        now = self._now()
        counted: list[tuple[_Buckets, str, float]] = []
        violated: tuple[str, ...] = ()
        for name, key in charges:
            if (buckets := self._buckets.get(name)) is not None:
                full_at = max(buckets.full_at.get(key, now), now)
                counted.append((buckets, key, full_at))
                if buckets.left(full_at, now) < 1:
                    violated += (name,)
        if not counted:
            return NOTHING_COUNTED
        if violated:
            wait_s = max(math.ceil(full_at - now) for each, _, full_at in counted if each.name in violated)
            return Standing(self._fields(counted, now), violated, _spread(wait_s))
        spent = [(each, key, full_at + each.each_s) for each, key, full_at in counted]
        for each, key, full_at in spent:
            each.keep(key, full_at, now)
        return Standing(self._fields(spent, now))

    def _fields(self, counted: list[tuple[_Buckets, str, float]], now: float) -> HeaderFields:
        names = tuple([each.name for each, _, _ in counted])
        if (said := self._said.get(names)) is None:
            found = [(name, self._buckets[name].policy) for name in names]
            said = ", ".join(f'"{name}";q={each.quota};w={each.window_s}' for name, each in found).encode()
            self._said[names] = said
        states = [each.state % (each.left(at, now), math.ceil(at - now)) for each, _, at in counted]
        return ((b"ratelimit-policy", said), (b"ratelimit", b", ".join(states)))


def _spread(seconds: int) -> int:
    """Never earlier than that, and not the same for all: who was refused together comes back apart."""
    return seconds + random.randint(0, max(1, seconds // 10)) if seconds else 0  # noqa: S311  # no secret
