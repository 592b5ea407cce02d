"""The demonstration city: which department has which habit and dialect; and how fast it all runs.

The habits are those of `onenet.simulator.habits`. Every bundle reaches an end: the department that rejects
has a leaf of one bundle only, so restaurants with a signboard are partly completed and nothing waits on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Department:
    """One simulated department. `habit`: what it does with a task. `adapter`: how it is reached, and in which
    words. One of `pull` or `desk` comes by itself with a key, one of `exchange_table` swaps rows. `consults`:
    whose opinion its clerk asks before deciding.
    """

    code: str
    habit: str
    adapter: Literal["webhook", "simulated", "pull", "desk", "exchange_table"]
    consults: str | None = None

    @property
    def is_called(self) -> bool:
        """Whether onenet calls it."""
        return self.adapter in ("webhook", "simulated")


CITY = (
    Department("health", "fast", "webhook"),
    Department("police", "supplement", "simulated"),
    Department("hrss", "late", "webhook"),
    Department("medins", "twice", "simulated"),
    Department("market", "slow", "pull"),
    Department("urban", "rejects", "simulated"),
    Department("fire", "inspects", "webhook"),
    Department("tobacco", "fast", "desk", consults="market"),
    Department("tax", "twice", "webhook"),
    Department("customs", "slow", "exchange_table"),
    Department("hpf", "overdue", "simulated"),
    Department("bank", "late", "webhook"),
    Department("civil", "fast", "webhook"),
    Department("justice", "slow", "simulated"),
    Department("natres", "flaky", "simulated"),
    Department("edu", "slow", "webhook"),
)
"""Every department that has an item in one of the shipped bundles."""

LEAD, CO_UNIT = "market", "tobacco"
"""The units that tickets of the hotline are given to: both come by themselves, with keys."""

REGISTERS = ("population_register", "market_register")
"""Sources of certificates that are connected, by their codes in the catalogue. Of others papers go in."""

CLIENT = "demo_portal"
SUBJECT = "demo-citizen"
"""The front-end of the demo, and the one person for whom it acts."""

ZONE = timedelta(hours=8)
"""The local time of every jurisdiction in the shipped catalogue."""

WAITING_PERIOD = timedelta(days=20)

BACKDATED = timedelta(days=45)
BACKDATED_CASES = 20
BACKDATED_WITHIN_S = 12.0
BACKDATED_SPEED = BACKDATED.total_seconds() / BACKDATED_WITHIN_S
"""On the first run so many cases of so many days pass by in so many seconds."""

LIVE_SPEED = WAITING_PERIOD / timedelta(seconds=90)
CHECK_SPEED = WAITING_PERIOD / timedelta(seconds=3)
"""Legal seconds in a real one: twenty days pass in a minute and a half; in the check, in three seconds."""

LIVE_DELAY_S = 2.0
CHECK_DELAY_S = 0.4
"""How long a department takes for its first word, in real seconds."""

NEW_CASE_EVERY_S = 5.0
CALL_EVERY_S = 40.0
"""Real seconds between two new cases, and between two calls of the hotline."""
