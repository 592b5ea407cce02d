"""A real HTTP server on the loopback, as rude as a test wants it to be."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it came over the wire; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Conduct = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""What the server does once it has heard a request; a server that speaks HTTP writes `answer(...)`."""


@dataclass
class Loopback:
    """The running server: its address and what it heard so far."""

    url: str
    heard: list[Heard] = field(default_factory=list)


def answer(status: int, body: object = b"", **headers: str) -> bytes:
    """An HTTP answer. A body that is not bytes goes as JSON, unless the headers name another content type."""
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    lines = {"content-length": str(len(content))}
    if not isinstance(body, bytes):
        lines["content-type"] = "application/json"
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} -\r\n{head}\r\n".encode() + content


@asynccontextmanager
async def loopback(*conducts: bytes | Conduct, tls: ssl.SSLContext | None = None) -> AsyncIterator[Loopback]:
    """A server that meets the first request with the first conduct, and so on; the last one stays."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            try:
                while await meet(await hear(reader), writer):
                    pass
            finally:
                writer.close()
                await writer.wait_closed()

    async def meet(place: int, writer: asyncio.StreamWriter) -> bool:
        conduct = conducts[min(place, len(conducts)) - 1]
        if not isinstance(conduct, bytes):
            await conduct(writer)
            return False
        writer.write(conduct)
        await writer.drain()
        return True

    async def hear(reader: asyncio.StreamReader) -> int:
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        method, path, _ = head.split(" ")
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        running.heard.append(Heard(method, path, headers, body))
        return len(running.heard)

    serving: set[asyncio.Task[None]] = set()
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port: Any = server.sockets[0].getsockname()[1]
    running = Loopback(f"{'https' if tls else 'http'}://127.0.0.1:{port}")
    try:
        yield running
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
