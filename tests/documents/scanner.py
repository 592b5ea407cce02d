"""A daemon that speaks clamd's words over a real socket: it finds the EICAR test file, and can be ill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
"""In two pieces, so that this file is not taken for one."""


class Scanner:
    """What it was asked, and how it answers: `well`, `error`, `silent`, `cut`."""

    def __init__(self) -> None:
        self.mood = "well"
        self.seen: list[bytes] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
            content = b""
            while length := int.from_bytes(await reader.readexactly(4), "big"):
                content += await reader.readexactly(length)
            self.seen.append(content)
            answer = b"stream: Eicar-Test-Signature FOUND\0" if EICAR in content else b"stream: OK\0"
            if self.mood == "error":
                answer = b"INSTREAM size limit exceeded. ERROR\0"
            if self.mood != "cut":
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(scanner: Scanner) -> AsyncIterator[Scanner]:
    server = await asyncio.start_server(scanner.serve, "127.0.0.1", scanner.port)
    scanner.port = server.sockets[0].getsockname()[1]
    try:
        yield scanner
    finally:
        server.close()
        await server.wait_closed()
