"""A guarded server in this process, in front of a small application, and calls to it byte by byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from onenet.addresses import Networks
from onenet.guard import Crowd, Guard, Limits, guarded, refusal
from onenet.guard.protocols import Reader

PLAIN: dict[Reader, type[asyncio.Protocol]] = {"httptools": HttpToolsProtocol, "h11": H11Protocol}
DEADLINE_S = 20.0
MOST_BODY = 100_000


@dataclass
class Application:
    """Answers `GET` with ok, `/large` with 8 MB, and reads other bodies up to a limit, as ours does."""

    heads: list[list[tuple[bytes, bytes]]] = field(default_factory=list)
    read_bytes: int = 0
    gone: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.heads.append(scope["headers"])
        if scope["path"] == "/large":
            await self._answer(send, 200, b"x" * 8_000_000)
            return
        size, more = 0, scope["method"] != "GET"
        declared = int(dict(scope["headers"]).get(b"content-length", b"0"))
        while more and size <= MOST_BODY and declared <= MOST_BODY:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return
            size += len(message["body"])
            self.read_bytes += len(message["body"])
            more = message["more_body"]
        await self._answer(send, 413 if max(size, declared) > MOST_BODY else 200, b"ok")

    async def _answer(self, send: Any, status: int, body: bytes) -> None:
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(
    app: Any,
    reader: Reader,
    *,
    limits: Limits | None = None,
    proxies: tuple[str, ...] = (),
    plain: bool = False,
) -> AsyncIterator[int]:
    """The port of a server that reads with this reader under these limits; `plain`: under none."""
    found = limits or Limits()
    guard = Guard(found, Crowd(found, Networks(proxies)), refusal("https://onenet.example", "1"))
    http = PLAIN[reader] if plain else guarded(guard, reader)
    config = uvicorn.Config(
        app, port=0, http=http, ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, timeout_keep_alive=int(found.idle_s), timeout_graceful_shutdown=0,
    )  # fmt: skip
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    try:
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        for each in _CALLS:
            each.close()
        _CALLS.clear()
        for left in list(server.server_state.connections):
            left.transport.abort()
        await asyncio.sleep(0.01)  # transports are closed by the loop's next round
        server.should_exit = server.force_exit = True
        await running


@dataclass
class Call:
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Sends it, or as much of it as the server takes before it hangs up."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def answer(self) -> Answer:
        """One answer. Raises: EOFError or ConnectionError when the server hangs up instead."""
        async with asyncio.timeout(DEADLINE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(first.split()[1]), headers, body)

    async def end(self) -> bytes:
        """What still comes until the server hangs up."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    def close(self) -> None:
        """Hangs up."""
        self.writer.close()


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The last part of the problem's type."""
        assert self.headers["content-type"] == "application/problem+json"
        kind: str = json.loads(self.body)["type"]
        return kind.rpartition("/")[2]


_CALLS: list[Call] = []
"""All that were made, to be closed with the server."""


async def call(port: int, data: bytes = b"") -> Call:
    """A connection on which this was sent."""
    made = Call(*await asyncio.open_connection("127.0.0.1", port))
    _CALLS.append(made)
    await made.send(data)
    return made
