"""The key-encryption key of the benchmarks, for this process and those that it starts."""

from __future__ import annotations

import os
from base64 import b64encode

from onenet.encryption import FileKeys, KeyRing

KEK = f"1:std:{b64encode(bytes(32)).decode()}"
os.environ["ONENET_KEK"] = KEK


def key_ring() -> KeyRing:
    """A ring of it."""
    return KeyRing(FileKeys.read(KEK))
