"""How long a caller is willing to wait: `Prefer: wait=5` (RFC 7240) and `?wait=25`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

LONGEST_WAIT_S = 25

_WAIT = re.compile(r"wait[ \t]*=[ \t]*\"?([0-9]{1,9})\"?")


def preferred_wait_s(lines: list[str]) -> int | None:
    """The seconds that Prefer headers ask for, cut at 25; None when they ask for no wait.

    What is not understood is ignored, as the standard says. Source: RFC 7240 section 4.3.
    """
    wishes = [wish.split(";")[0].strip().lower() for line in lines for wish in line.split(",")]
    if "respond-async" in wishes:
        return None
    found = next((match for wish in wishes if (match := _WAIT.fullmatch(wish))), None)
    return min(int(found.group(1)), LONGEST_WAIT_S) if found else None


def time_left(wait_s: float) -> Callable[[], float]:
    """Says how many of these seconds are left."""
    ends_at = time.monotonic() + wait_s
    return lambda: ends_at - time.monotonic()
