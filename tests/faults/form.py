"""Which form of a scenario runs: the short one in every test run, the long one by `dev.py faults --long`.

The seed of a run is printed by the scenario before anything else, so that a hang can be repeated too.
"""

from __future__ import annotations

import os
import secrets

LONG = os.environ.get("FAULTS_LONG") == "1"
SEED = int(os.environ.get("FAULTS_SEED", "0")) or secrets.randbelow(2**31) + 1


def count(short: int, long: int) -> int:
    """How often: `short` in every test run, `long` on demand."""
    return long if LONG else short
