"""Crashing: ends the process at a named point, at the n-th pass, as kill -9 would. For fault tests only.

Armed by `ONENET_CRASH=<point>:<n>`, which is refused outside test mode; unarmed, a point costs a look into an
empty dictionary.
"""

from __future__ import annotations

import os
import re

from onenet.errors import MisconfiguredError

POINTS = frozenset(
    {
        "before_claim_commit",
        "after_claim_commit",
        "before_call",
        "after_call",
        "before_commit",
        "after_commit",
        "before_callback_answer",
        "after_fetch_commit",
        "before_mark",
        "before_seal_commit",
        "after_seal_commit",
        "before_document_flush",
        "after_document_stored",
        "after_document_commit",
        "after_draft_marked",
        "after_draft_sent",
        "job_piece",
    }
)
"""`before_commit` and `after_commit` are of changes and results; claims and the sealer have their own."""

STATUS = 99
"""The exit status of a process that crashed at its point: no other way out has it."""

_passes_left: dict[str, int] = {}


def arm(where: str | None) -> None:
    """Makes the process crash at `where`, `<point>:<n>`; None disarms it. Raises: MisconfiguredError."""
    _passes_left.clear()
    if where is None:
        return
    found = re.fullmatch(r"([a-z_]+):([1-9][0-9]{0,5})", where)
    if found is None or found.group(1) not in POINTS:
        raise MisconfiguredError(
            f"ONENET_CRASH: expected <point>:<n>, a point of {', '.join(sorted(POINTS))}"
        )
    _passes_left[found.group(1)] = int(found.group(2))


def point(name: str) -> None:
    """Passes, unless the process is armed for this point and this is the pass it ends at."""
    left = _passes_left.get(name)
    if left is None:
        return
    if left == 1:
        os._exit(STATUS)
    _passes_left[name] = left - 1
