"""A load of HTTP requests that costs the machine much less than answering them does.

Raw sockets on the event loop, request bytes made by the caller, answers read just far enough to know their
status and their end. One client for both sides of every comparison.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import uvloop

from bench.measure import NotMeasured

Make = Callable[[int], bytes]
"""The bytes of the request of this number."""

T = TypeVar("T")


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """An HTTP/1.1 request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def closed(
    port: int, make: Make, *, status: int, connections: int, warm_up_s: float, seconds: float
) -> float:
    """Answers per second, each connection asking again as soon as it is answered. Raises: NotMeasured."""
    return _run(_closed(port, make, status, connections, warm_up_s, seconds))


def opened(port: int, make: Make, *, status: int, per_second: float, seconds: float) -> list[float]:
    """Milliseconds from the moment each request was due, busy or not, to its answer. Raises: NotMeasured."""
    return _run(_opened(port, make, status, per_second, seconds))


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, whole. `headers` by their names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


def once(port: int, sent: bytes) -> Answer:
    """The answer to one request."""

    async def ask() -> Answer:
        connection = await _connect(port)
        status = await connection.ask(sent)
        connection.close()
        lines = [line.partition(":") for line in connection.head.decode().split("\r\n")[1:]]
        return Answer(status, {name.lower(): value.strip() for name, _, value in lines}, connection.body)

    return _run(ask())


async def submit_and_look(port: int, sent: bytes, look: Callable[[str], bytes]) -> None:
    """Sends an application in, over a connection of its own, and looks at the case. Raises: NotMeasured."""
    connection = await _connect(port)
    _check(await connection.ask(sent), 202)
    _check(await connection.ask(look(json.loads(connection.body)["id"])), 200)
    connection.close()


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


class _Connection(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self) -> None:
        self.head = self.body = b""
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(NotMeasured("the server closed a connection"))

    def ask(self, sent: bytes) -> asyncio.Future[int]:
        """The status of the answer, once all of it is there."""
        assert self._transport
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(sent)
        return self._answer

    def close(self) -> None:
        assert self._transport
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        end = head_end + 4 + _length(self._buffer[:head_end])
        if len(self._buffer) < end:
            return
        status = int(self._buffer[9:12])
        self.head, self.body = self._buffer[:head_end], self._buffer[head_end + 4 : end]
        self._buffer = b""
        if self._answer and not self._answer.done():
            self._answer.set_result(status)


def _length(head: bytes) -> int:
    """The Content-Length; 0 for an answer without a body."""
    at = head.lower().find(b"\r\ncontent-length:")
    return 0 if at < 0 else int(head[at + 17 :].split(b"\r\n", 1)[0])


async def _connect(port: int) -> _Connection:
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", port)
    return connection


async def _closed(
    port: int, make: Make, status: int, connections: int, warm_up_s: float, seconds: float
) -> float:
    numbers = iter(range(1 << 40))
    counted_from = time.perf_counter() + warm_up_s
    until = counted_from + seconds
    answered = 0

    async def ask_on(connection: _Connection) -> None:
        nonlocal answered
        while (now := time.perf_counter()) < until:
            _check(await connection.ask(make(next(numbers))), status)
            answered += now >= counted_from
        connection.close()

    opened = [await _connect(port) for _ in range(connections)]
    async with asyncio.TaskGroup() as group:
        for connection in opened:
            group.create_task(ask_on(connection))
    return answered / (time.perf_counter() - counted_from)


async def _opened(port: int, make: Make, status: int, per_second: float, seconds: float) -> list[float]:
    free: deque[_Connection] = deque()
    took_ms: list[float] = []

    async def ask(number: int, due: float) -> None:
        connection = free.popleft() if free else await _connect(port)
        _check(await connection.ask(make(number)), status)
        took_ms.append((time.perf_counter() - due) * 1_000)
        free.append(connection)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(round(per_second * seconds)):
            due = began + number / per_second
            await asyncio.sleep(due - time.perf_counter())
            group.create_task(ask(number, due))
    for connection in free:
        connection.close()
    return took_ms


def _check(got: int, wanted: int) -> None:
    if got != wanted:
        raise NotMeasured(f"an answer had status {got} instead of {wanted}")
