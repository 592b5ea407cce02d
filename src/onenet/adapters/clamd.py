"""clamd: ClamAV's daemon, asked whether a stream of bytes is infected. Its words become a finding or none.

Source: clamd(8), command INSTREAM: `zINSTREAM\\0`, chunks of `length (4) | bytes`, an empty one, an answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from onenet.errors import MisconfiguredError

DEADLINE_S = 60.0
CONNECT_S = 5.0
LONGEST_ANSWER = 4_096

_FOUND = re.compile(r"stream: (.+) FOUND")


class ScannerAway(Exception):
    """The scanner cannot be reached, or cannot say. Nothing is known of the file."""


class Clamd:
    """A scanner at `tcp://host:port` or `unix:///path`."""

    def __init__(self, url: str):
        """Opens nothing yet. Raises: MisconfiguredError for an address of another form."""
        parts = urlsplit(url)
        try:
            is_tcp = parts.scheme == "tcp" and bool(parts.hostname) and bool(parts.port)
        except ValueError:
            is_tcp = False
        if not is_tcp and not (parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc):
            raise MisconfiguredError("ONENET_CLAMD_URL: expected tcp://host:port or unix:///path")
        self._parts = parts

    async def scan(self, blocks: Iterator[bytes]) -> str | None:
        """The name of what was found, or None for a clean file. Raises: ScannerAway."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                return _read(await self._ask(blocks))
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            raise ScannerAway(type(error).__name__) from error

    async def _ask(self, blocks: Iterator[bytes]) -> str:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await self._connect()
        try:
            writer.write(b"zINSTREAM\0")
            while block := await asyncio.to_thread(next, blocks, b""):
                writer.write(len(block).to_bytes(4, "big") + block)
                await writer.drain()
            writer.write(bytes(4))
            await writer.drain()
            return (await reader.readuntil(b"\0")).rstrip(b"\0").decode(errors="replace")
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._parts.scheme == "unix":
            return await asyncio.open_unix_connection(self._parts.path, limit=LONGEST_ANSWER)
        return await asyncio.open_connection(self._parts.hostname, self._parts.port, limit=LONGEST_ANSWER)


def _read(answer: str) -> str | None:
    """What an answer means; anything but its two words means that it cannot say. Raises: ScannerAway."""
    if answer == "stream: OK":
        return None
    found = _FOUND.fullmatch(answer)
    if found is None:
        raise ScannerAway("the scanner gave no verdict")
    return found.group(1)[:200]
