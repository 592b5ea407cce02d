"""Tally: what this process did since it began, as plain numbers. One process has one, as it has one log.

Counted under words of our own: never an id, a number, an address, or what somebody typed. All of it runs on
one loop, so that to add costs an entry of a dictionary.
"""

from __future__ import annotations

from collections import Counter

ATTEMPTS: Counter[tuple[str, ...]] = Counter()
"""Calls that ended: by queue, and `answered` or the class of the failure."""

ANSWERS: Counter[str] = Counter()
"""What departments said of themselves (callbacks, pull, tables): by what became of it."""

COMMITS: Counter[str] = Counter()
"""Of the gate: `batches` committed, `changes` in them, `cases` opened."""

REQUESTS: Counter[tuple[str, ...]] = Counter()
"""Requests that were answered: method, template of the route, and the hundred of the status, as `2xx`."""
