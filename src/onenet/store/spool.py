"""Spool: a file on its way. On disk, so that it is never whole in memory; sealed with a key that never leaves
this process and is forgotten with it; without a name, so that a crash leaves nothing.

It is a `Source` of the checks: they read it anywhere, and no plain byte of it touches the disk.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from onenet.errors import Unavailable
from onenet.recent import Recent

CHUNK = 64 * 1024
_SEALED = CHUNK + 16
_MOST_OPEN = 8
"""Chunks that are kept opened: the checks go forward, and look back a little."""


class Spool:
    """Written from the beginning to the end, then read anywhere. For one thread at a time."""

    def __init__(self, folder: Path):
        """Opens a nameless file in the folder. Raises: Unavailable."""
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  # `__exit__` closes it
        except OSError as error:
            raise Unavailable(f"documents cannot be taken: {error.strerror}", retry_after_s=5) from error
        self._cipher = AESGCM(secrets.token_bytes(32))
        self._waiting = bytearray()
        self._chunks = 0
        self._hash = hashlib.sha256()
        self._open: Recent[int, bytes] = Recent(_MOST_OPEN)
        self.size = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, block: bytes) -> None:
        """Adds bytes. Raises: Unavailable when the disk is full."""
        self._hash.update(block)
        self._waiting += block
        self.size += len(block)
        while len(self._waiting) >= CHUNK:
            self._put(bytes(self._waiting[:CHUNK]))
            del self._waiting[:CHUNK]

    def end(self) -> str:
        """Ends the writing; gives the SHA-256 of all of it."""
        if self._waiting:
            self._put(bytes(self._waiting))
            self._waiting.clear()
        return self._hash.hexdigest()

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        first, last = offset // CHUNK, (offset + length - 1) // CHUNK
        if first == last:
            return self._chunk(first)[offset % CHUNK : offset % CHUNK + length]
        joined = b"".join(self._chunk(number) for number in range(first, last + 1))
        return joined[offset % CHUNK :][:length]

    def blocks(self) -> Iterator[bytes]:
        """All of it."""
        for number in range(self._chunks):
            yield self._chunk(number)

    def _put(self, chunk: bytes) -> None:
        # The key is this file's alone, so the number of the chunk is a nonce that never comes again.
        nonce = self._chunks.to_bytes(12, "big")
        try:
            self._file.write(self._cipher.encrypt(nonce, chunk, None))
        except OSError as error:
            raise Unavailable(f"documents cannot be taken: {error.strerror}", retry_after_s=5) from error
        self._chunks += 1

    def _chunk(self, number: int) -> bytes:
        found = self._open.get(number)
        if found is None:
            self._file.seek(number * _SEALED)
            found = self._cipher.decrypt(number.to_bytes(12, "big"), self._file.read(_SEALED), None)
            self._open.put(number, found)
        return found
