"""Departments on raw sockets, in the harness: each keeps a ledger and behaves as the scenario wants it to."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.adapters.loopback import answer

COMPLETED = answer(200, {"outcome": "completed"})
RECEIVED = answer(202)


@dataclass
class Ledger:
    """What a department saw. `visits`: how often each key came. `effects`: how often it had its effect.

    `first_at`: when each key came first, by time.monotonic(). `paths`: everything that was asked for.
    """

    visits: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    first_at: dict[str, float] = field(default_factory=dict)
    again_at: dict[str, float] = field(default_factory=dict)
    paths: Counter[str] = field(default_factory=Counter)
    honours_keys: bool = True

    def take(self, key: str) -> int:
        """Notes a visit; gives its number."""
        self.visits[key] += 1
        (self.first_at if self.visits[key] == 1 else self.again_at).setdefault(key, time.monotonic())
        return self.visits[key]

    def act(self, key: str) -> None:
        """The effect, once for each key where keys are honoured."""
        if not self.honours_keys or not self.effects[key]:
            self.effects[key] += 1


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: the key it came under, the how-manieth under that key, and the way to answer it."""

    ledger: Ledger
    key: str
    number: int
    writer: asyncio.StreamWriter


Conduct = Callable[[Visit], Awaitable[bool]]
"""What a department does with a request; gives whether the connection stays open."""


async def honest(visit: Visit) -> bool:
    """Completes at once."""
    visit.ledger.act(visit.key)
    visit.writer.write(COMPLETED)
    await visit.writer.drain()
    return True


async def receives(visit: Visit) -> bool:
    """Takes the task; whatever it decides comes as a callback."""
    visit.ledger.act(visit.key)
    visit.writer.write(RECEIVED)
    await visit.writer.drain()
    return True


async def silent(visit: Visit) -> bool:
    """Takes the request and never answers."""
    await asyncio.Event().wait()
    return False


@dataclass(frozen=True)
class Town:
    """The departments that listen: URL and ledger of each."""

    urls: Mapping[str, str]
    ledgers: dict[str, Ledger]


@asynccontextmanager
async def town(conducts: Mapping[str, Conduct]) -> AsyncIterator[Town]:
    """One server with a port of its own for each department."""
    async with AsyncExitStack() as stack:
        ledgers = {code: Ledger() for code in conducts}
        urls = {
            code: await stack.enter_async_context(_server(conduct, ledgers[code]))
            for code, conduct in conducts.items()
        }
        yield Town(urls, ledgers)


@asynccontextmanager
async def _server(conduct: Conduct, ledger: Ledger) -> AsyncIterator[str]:
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        task.add_done_callback(serving.discard)
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            try:
                while await conduct(await _hear(reader, writer, ledger)):
                    pass
            finally:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        left = list(serving)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ledger: Ledger) -> Visit:
    head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    await reader.readexactly(int(headers.get("content-length", "0")))
    ledger.paths[head.split(" ")[1]] += 1
    key = headers.get("webhook-id", "")
    return Visit(ledger, key, ledger.take(key), writer)


def as_json(value: object) -> bytes:
    """A body."""
    return json.dumps(value).encode()
