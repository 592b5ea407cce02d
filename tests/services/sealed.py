"""A log to look at: histories written as the gate writes them, and a sealer over them."""

from __future__ import annotations

from pathlib import Path

from onenet.clock import Clock
from onenet.encryption import FileKeys, KeyRing
from onenet.services.anchor import Anchor
from onenet.services.sealing import Sealing
from onenet.store.database import Database

RING = KeyRing(FileKeys.read("1:std:" + "A" * 43 + "="))


def sealing(database: Database, clock: Clock, anchor: Path | None = None) -> Sealing:
    """A sealer of its own, as one process has it."""
    return Sealing(database, RING, clock, Anchor(anchor) if anchor else None)
