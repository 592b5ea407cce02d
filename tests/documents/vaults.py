"""Vaults for tests: with keys of their own, over any place for objects."""

from __future__ import annotations

import tempfile
from pathlib import Path

from obstore.store import MemoryStore

from onenet.clock import Clock
from onenet.services.documents import Vault
from onenet.store.database import Database
from onenet.store.objects import Objects
from onenet.store.objects_s3 import Bucket
from tests.keys import key_ring

RING = key_ring()
"""The keys of every test's database."""


def make_vault(
    database: Database, objects: Objects, clock: Clock, *, folder: Path, is_scanned: bool = False
) -> Vault:
    """A vault; spools are files of the folder."""
    return Vault.over(database, objects, RING, clock, folder=folder, is_scanned=is_scanned)


def bare_vault(database: Database, clock: Clock) -> Vault:
    """A vault for those who have no documents."""
    folder = Path(tempfile.gettempdir())
    return make_vault(database, Bucket(MemoryStore()), clock, folder=folder)
