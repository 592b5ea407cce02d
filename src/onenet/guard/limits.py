"""Limits of connections, and the crowd: who is connected just now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from onenet.addresses import Networks, counted_as


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, how much, how many. Source: security.md section 10.

    A body has `body_s`, and one second more for each `least_rate` bytes that came: a body that trickles has
    30 s, the largest JSON body two and a half minutes, an upload of 20 MB over a line of 64 kbit/s its 43.
    An answer must be taken at that rate too. `spill_s`, `spill_bytes`: how long and how much is still read
    of what was answered already, so that the answer is seen and the connection can go on.
    """

    head_s: float = 10.0
    body_s: float = 30.0
    idle_s: float = 30.0
    taking_s: float = 30.0
    spill_s: float = 5.0
    least_rate: int = 8_192
    head_bytes: int = 65_536
    fields: int = 100
    spill_bytes: int = 1_000_000
    pipelined: int = 32
    connections: int = 10_000
    connections_per_address: int = 200


@dataclass
class Crowd:
    """Who is connected. Proxies of our own stand for many, and count for none."""

    limits: Limits
    proxies: Networks = field(default_factory=lambda: Networks(()))
    _count: Counter[str] = field(default_factory=Counter)
    _all: int = 0

    def enters(self, address: str) -> bool:
        """Counts one more connection, if there is room for it."""
        key = self._key(address)
        if self._all >= self.limits.connections or self._count[key] >= self.limits.connections_per_address:
            return False
        self._all += 1
        if key:
            self._count[key] += 1
        return True

    def leaves(self, address: str) -> None:
        """Counts one less."""
        key = self._key(address)
        self._all -= 1
        if key:
            self._count[key] -= 1
            if not self._count[key]:
                del self._count[key]

    def _key(self, address: str) -> str:
        return "" if self.proxies.contain(address) else counted_as(address)
