"""The key-encryption key of the tests: for databases opened here, and for processes that are started."""

from __future__ import annotations

from base64 import b64encode

from onenet.encryption import FileKeys, KeyRing

KEK = f"1:std:{b64encode(b'the tests have no secrets of own').decode()}"
"""A line as in a file of keys; `ONENET_KEK` in the environment of every test."""


def key_ring(*further: str) -> KeyRing:
    """A ring of it, and of further lines, as each process has its own."""
    return KeyRing(FileKeys.read("\n".join([KEK, *further])))
