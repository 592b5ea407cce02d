"""The key-encryption key of the benchmarks; processes get it from `ground.environment`."""

from __future__ import annotations

from base64 import b64encode

from onenet.encryption import FileKeys, KeyRing

KEK = f"1:std:{b64encode(bytes(32)).decode()}"


def key_ring() -> KeyRing:
    """A ring of it."""
    return KeyRing(FileKeys.read(KEK))
