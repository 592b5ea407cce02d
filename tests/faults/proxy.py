"""A proxy in front of a database that passes bytes on, until it is told to do otherwise.

`reset` drops every connection, `is_open` cleared swallows everything, `delay_s` slows it down, `cut_commits`
ends a connection at the COMMIT of a transaction that writes: before the server gets it, or after, so that the
answer is lost. Transactions that only read begin with their isolation level.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Cut = Literal["before", "after"]

CHUNK = 65_536
LINGER_NOT = struct.pack("ii", 1, 0)
"""Closing sends a reset, as a network that lost its memory does."""


class Proxy:
    """Listens on the loopback address; `upstream` opens a connection to whoever is behind it now."""

    def __init__(self, port: int, upstream: Callable[[], Awaitable[Streams]]):
        """Listens when entered."""
        self.port = port
        self.upstream = upstream
        self.delay_s = 0.0
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.cut_commits: Cut | None = None
        self.cuts = 0
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, reuse_address=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.is_open.set()
        self.reset()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> int:
        """Drops every connection; gives how many there were."""
        ends, self._ends = self._ends, set()
        for end in ends:
            _drop(end)
        return len(ends) // 2

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # also where it was cancelled before it began

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.is_open.wait()
        try:
            behind, to_it = await self.upstream()
        except OSError:
            _drop(writer)
            return
        self._ends |= {writer, to_it}
        pumps = [
            asyncio.create_task(self._pump(reader, to_it, writer)),
            asyncio.create_task(self._pump(behind, writer, None)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._ends -= {writer, to_it}
            for end in (writer, to_it):
                end.close()

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, client: asyncio.StreamWriter | None
    ) -> None:
        """Passes on until one side ends. `client`: where these bytes come from, if it may be cut off."""
        is_reading = False
        with suppress(OSError):
            while data := await source.read(CHUNK):
                await asyncio.sleep(self.delay_s)
                await self.is_open.wait()
                is_reading = is_reading or b"REPEATABLE READ" in data
                is_commit = client is not None and b"COMMIT" in data
                cut = self.cut_commits if is_commit and not is_reading else None
                is_reading = is_reading and not is_commit
                if cut != "before":
                    target.write(data)
                    await target.drain()
                if cut and client:
                    self.cut_commits = None
                    self.cuts += 1
                    _drop(client)
                    return


def to_address(host: str, port: int) -> Callable[[], Awaitable[Streams]]:
    """Opens connections over TCP."""
    return lambda: asyncio.open_connection(host, port)


def to_socket(path: str) -> Callable[[], Awaitable[Streams]]:
    """Opens connections to a Unix socket."""
    return lambda: asyncio.open_unix_connection(path)


def _drop(end: asyncio.StreamWriter) -> None:
    line = end.get_extra_info("socket")
    with suppress(OSError):
        if line.family != socket.AF_UNIX:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    end.transport.abort()
