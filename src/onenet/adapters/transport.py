"""The one owner of the HTTP client: hands requests to departments and subscribers, signed and within limits.

Each call is one attempt: one deadline around all of it, the body cut raw at 64 kB, no redirect, no cookie,
no proxy from the environment, HTTP/1.1. It uses the transport beneath httpx2's client, which knows none of
these in the first place. Whatever happens on the network becomes an outcome; nothing is retried here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import httpx2

from onenet import __version__, crashing
from onenet.adapters import failures, signing
from onenet.adapters.base import Endpoint, Talk
from onenet.adapters.jetstream import Streams
from onenet.adapters.masking import excerpt
from onenet.domain.outcome import FailureClass, Outcome, Received, TryLater

_KEEP_ALIVE_S = 4.0
"""Less than the 5 s after which common servers drop an idle connection, perhaps just as we write to it."""

_FIXED = {
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": f"onenet/{__version__}",
}
_RESERVED = frozenset(
    {
        *_FIXED,
        *("webhook-id", "webhook-timestamp", "webhook-signature", "idempotency-key"),
        *("host", "content-length", "content-encoding", "transfer-encoding", "connection", "cookie"),
    }
)
"""Headers of a request that no adapter sets."""

_HIDDEN = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
"""Headers of an answer that no longer describe the body as it is handed on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may cost. `total_s` is around all of it: a dripping body never meets a read timeout."""

    connect_s: float = 3.0
    total_s: float = 15.0
    request_bytes: int = 262_144
    answer_bytes: int = 65_536
    connections_per_host: int = 8


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call and what came of it, ready to be recorded.

    `status`: of the last answer, None when there was none. `failure`: None unless the outcome is TryLater.
    `excerpt`: the first 8 kB of the answer, masked. `bytes_read`: of the answer's body, at most the limit.
    """

    outcome: Outcome
    status: int | None
    started_at: datetime
    ended_at: datetime
    failure: FailureClass | None
    excerpt: str
    bytes_read: int


@dataclass(frozen=True, slots=True)
class _Identity:
    """Who speaks in a call: the id that is the same for all tries, the secrets that prove it, since when."""

    message_id: str
    secrets: Sequence[str]
    started_at: datetime
    started_s: float

    def now(self) -> datetime:
        return self.started_at + timedelta(seconds=time.monotonic() - self.started_s)


class Transport:
    """Keeps the connections: a small pool for each host, `streams` for brokers. Of one event loop."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.streams = Streams()
        self._limits = limits or Limits()
        # One for all pools: loading the system's certificates takes 60 ms.
        self._tls = httpx2.create_ssl_context(trust_env=False)
        self._pools: dict[tuple[str, str, int | None], httpx2.AsyncHTTPTransport] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes every connection."""
        await self.streams.aclose()
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()

    async def drive(self, talk: Talk, *, endpoint: Endpoint, key: str, now: datetime) -> Attempt:
        """One attempt to hand a task over: plays the adapter's talk against the endpoint.

        `key` is the task's, the same for all tries. `now` is machine time: it dates the attempt and signs it.
        Raises: only what the adapter's own code raises.
        """
        return await self._attempt(talk, message_id=key, secrets=endpoint.secrets, now=now)

    async def post_signed(
        self, url: str, body: bytes, *, secrets: Sequence[str], message_id: str, now: datetime
    ) -> Attempt:
        """One attempt to tell a subscriber; the outcome is Received or TryLater."""
        return await self._attempt(_push(url, body), message_id=message_id, secrets=secrets, now=now)

    async def _attempt(
        self, talk: Talk, *, message_id: str, secrets: Sequence[str], now: datetime
    ) -> Attempt:
        crashing.point("before_call")
        identity = _Identity(message_id, secrets, now, time.monotonic())
        answer: httpx2.Response | None = None
        try:
            said = _advance(talk, None)
            if isinstance(said, httpx2.Request):
                async with asyncio.timeout(self._limits.total_s):
                    while isinstance(said, httpx2.Request):
                        answer = await self._call(said, identity)
                        said = failures.of_response(answer, identity.now()) or _advance(talk, answer)
        except failures.ERROR_TYPES as error:
            said = failures.of_error(error)
        finally:
            talk.close()
        crashing.point("after_call")
        body = answer.content if answer is not None else b""
        return Attempt(
            outcome=said,
            status=answer.status_code if answer is not None else None,
            started_at=now,
            ended_at=identity.now(),
            failure=said.failure if isinstance(said, TryLater) else None,
            excerpt=excerpt(body),
            bytes_read=len(body),
        )

    async def _call(self, wanted: httpx2.Request, identity: _Identity) -> httpx2.Response:
        """One request and its answer, the body read to its end or to the limit."""
        request = self._sealed(wanted, identity)
        answer = await self._pool(request.url).handle_async_request(request)
        body = bytearray()
        async with aclosing(answer.aiter_raw()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= self._limits.answer_bytes:
                    break
        # Without the encoding: we asked for none, and unpacking is what a bomb waits for.
        # As bytes: a department may well write them in an encoding of its own.
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in _HIDDEN]
        return httpx2.Response(
            answer.status_code, headers=headers, content=bytes(body[: self._limits.answer_bytes])
        )

    def _sealed(self, wanted: httpx2.Request, identity: _Identity) -> httpx2.Request:
        """The adapter's method, address and body under our headers. Raises: NotCalled."""
        body = wanted.read()
        _check_address(wanted.url)
        if len(body) > self._limits.request_bytes:
            raise failures.NotCalled(f"the body is larger than {self._limits.request_bytes} bytes")
        if not identity.secrets:
            raise failures.NotCalled("the endpoint has no signing secret")
        own = [(name, value) for name, value in wanted.headers.multi_items() if name not in _RESERVED]
        proof = signing.sign(body, identity.secrets, message_id=identity.message_id, at=identity.now())
        key = {"idempotency-key": f'"{identity.message_id}"'}
        return httpx2.Request(
            wanted.method,
            wanted.url,
            headers=[*own, *_FIXED.items(), *key.items(), *proof.items()],
            content=body,
            # No others: the deadline around the whole call covers reading, writing and waiting for the pool.
            extensions={"timeout": {"connect": self._limits.connect_s}},
        )

    def _pool(self, url: httpx2.URL) -> httpx2.AsyncHTTPTransport:
        """The connections to that host: one that hangs fills its own pool and nobody else's."""
        host = (url.scheme, url.host, url.port)
        if host not in self._pools:
            limit = self._limits.connections_per_host
            self._pools[host] = httpx2.AsyncHTTPTransport(
                verify=self._tls,
                trust_env=False,
                limits=httpx2.Limits(
                    max_connections=limit, max_keepalive_connections=limit, keepalive_expiry=_KEEP_ALIVE_S
                ),
            )
        return self._pools[host]


def _check_address(url: httpx2.URL) -> None:
    """Before every call: an address that was right when it was saved need not be now. Raises: NotCalled."""
    if url.scheme not in ("http", "https"):
        raise failures.NotCalled("the address does not begin with http:// or https://")
    if not url.host or url.userinfo:
        raise failures.NotCalled("the address needs a host, and no name or password before it")
    if url.port is not None and not 1 <= url.port <= 65_535:
        raise failures.NotCalled("the port of the address is not between 1 and 65535")


def _advance(talk: Talk, answer: httpx2.Response | None) -> httpx2.Request | Outcome:
    """The adapter's next request, or the outcome with which its talk ends."""
    try:
        return next(talk) if answer is None else talk.send(answer)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


def _push(url: str, body: bytes) -> Talk:
    """The talk with a subscriber: any 2xx will do."""
    yield httpx2.Request("POST", url, content=body)
    return Received()
