"""A sealer as one process has it."""

from __future__ import annotations

from pathlib import Path

from onenet.clock import Clock
from onenet.services.anchor import Anchor
from onenet.services.sealing import Sealing
from onenet.store.database import Database
from tests.keys import key_ring

RING = key_ring()


def sealing(database: Database, clock: Clock, anchor: Path | None = None) -> Sealing:
    """A sealer of its own."""
    return Sealing(database, RING, clock, Anchor(anchor) if anchor else None)
