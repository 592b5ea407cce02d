"""The wire: one request and its answer. The only module that knows the HTTP client, which is aiohttp.

Adapters speak in httpx2's requests and responses, and so does this module to those above it. No redirect is
followed, no cookie kept, no proxy of the environment asked, no body unpacked, nothing sent a second time.
A connection is made to an address that was judged for it, and lives as long as the rules by which it was.
Source: docs/decisions/0020 and 0031.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache, partial
from typing import Any

import aiohttp
import httpx2
from aiohttp import StreamReader
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from yarl import URL

from onenet.destinations import Destinations, NotAllowed
from onenet.domain.outcome import FailureClass

KEEP_ALIVE_S = 4.0
"""Less than the 5 s after which common servers drop an idle connection, perhaps just as we write to it."""

_HEADER_BYTES = 65_536
"""Of one line; a head of more than 128 lines is no answer either."""

_MOST_RAW = 1_048_576
"""Bytes of an answer as they come, with heads, interim answers and frames of chunks. The body that is read is
far less; but frames without an end kept the loop busy for a third of the time of a call (measured)."""

_MOST_INTERIM = 16
"""Answers of the kind 1xx before the one that counts; the client would keep them all, however many come."""

_MOST_LOOK_UPS = 64
"""Names that are asked for at once; each is asked for once, however many calls wait for it."""

_AUTOMATIC = ("accept", "accept-encoding", "content-type", "user-agent")
"""Headers that the client would add by itself."""

_HIDDEN = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
"""Headers of an answer that no longer describe the body as it is handed on."""


class _NotFound(Exception):
    """The name of the host cannot even be asked for."""


class _BrokenOff(Exception):
    """The connection was lost between request and answer."""


_NO_ANSWER = "the answer broke off or is not valid HTTP"

ERRORS: tuple[tuple[tuple[type[Exception], ...], FailureClass, str | None], ...] = (
    ((NotAllowed,), "refused", None),
    ((aiohttp.InvalidURL,), "refused", "the address is not valid"),
    ((aiohttp.ConnectionTimeoutError,), "transient", "no connection within the time allowed"),
    ((TimeoutError,), "transient", "no whole answer within the time allowed"),
    ((aiohttp.ClientSSLError, ssl.SSLError), "transient", "no secure connection"),
    ((_NotFound, aiohttp.ClientConnectorError), "transient", "no connection"),
    ((aiohttp.ClientResponseError, aiohttp.ClientPayloadError), "transient", _NO_ANSWER),
    ((_BrokenOff, aiohttp.ClientError, OSError), "transient", "the connection broke off"),
)
"""What can go wrong on the wire: the first row that fits says what it means. None: the error's own words."""


class _Bounded(ResponseHandler):
    """A connection that hangs up on whoever says too much, or again and again that he is about to answer."""

    _interim = 0
    _raw = 0

    def set_response_params(self, **params: Any) -> None:
        """Begins to wait for an answer."""
        self._raw = 0
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Takes some bytes."""
        self._raw += len(data)
        if self._raw <= _MOST_RAW:
            super().data_received(data)
        else:
            self._hang_up("too large an answer")

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Takes one answer, interim or not."""
        self._interim = self._interim + 1 if data[0].code < 200 else 0
        if self._interim <= _MOST_INTERIM:
            super().feed_data(data, size)
        elif self._interim == _MOST_INTERIM + 1:
            self._hang_up("too many interim answers")

    def _hang_up(self, reason: str) -> None:
        if self.transport is not None:
            self.transport.abort()
        self.set_exception(aiohttp.ClientPayloadError(reason))


class _System(AbstractResolver):
    """The system's look-up, in threads of its own.

    The loop has so few that six names which nobody answers for would keep all other departments waiting.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_MOST_LOOK_UPS, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of the host. Raises: OSError."""
        kind, flags = socket.SOCK_STREAM, socket.AI_ADDRCONFIG
        ask = partial(socket.getaddrinfo, host, port, family, kind, flags=flags)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [
            ResolveResult(
                hostname=host, host=str(each[0]), port=port, family=version, proto=protocol, flags=0
            )
            for version, _, protocol, _, each in found
        ]

    async def close(self) -> None:
        """Waits for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Judged(AbstractResolver):
    """Looks names up and gives only addresses that may be called.

    All addresses of a name, or none: an answer that mixes them is how rebinding begins. What was judged is
    what is connected to; a host that is no name is judged as its socket is made.
    """

    def __init__(self, destinations: Destinations, names: AbstractResolver) -> None:
        self._destinations = destinations
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of the host. Raises: NotAllowed, OSError."""
        found = await self._names.resolve(host, port, family)
        for each in found:
            self._destinations.check(each["host"], port)
        return found

    async def close(self) -> None:
        """Closes what it asks."""
        await self._names.close()

    def socket_for(self, info: tuple[Any, ...]) -> socket.socket:
        """The socket by which this very address is called. Raises: NotAllowed."""
        family, kind, protocol, _, (address, port, *_) = info
        self._destinations.check(address, port)
        return socket.socket(family, kind, protocol)


@cache
def _tls() -> ssl.SSLContext:
    """Whom the whole process trusts: to read all the authorities takes 20 ms."""
    made = httpx2.create_ssl_context(trust_env=False)
    made.set_alpn_protocols(["http/1.1"])
    return made


class Wire:
    """Keeps the connections, a few for each host: one that hangs fills its own and nobody else's.

    Made and closed within one event loop. `connect_s`: for one try to connect, handshake included.
    `names`: who is asked for the addresses of a name, instead of the system.
    """

    def __init__(
        self,
        destinations: Destinations,
        *,
        connect_s: float,
        connections_per_host: int,
        names: AbstractResolver | None = None,
    ) -> None:
        self._address = lru_cache(maxsize=1_024)(partial(_address, destinations))
        judged = self._names = _Judged(destinations, names or _System())
        connector = aiohttp.TCPConnector(
            ssl=_tls(),
            limit=0,
            limit_per_host=connections_per_host,
            keepalive_timeout=KEEP_ALIVE_S,
            resolver=judged,
            socket_factory=judged.socket_for,
        )
        made = partial(_Bounded, loop=asyncio.get_running_loop())
        connector._factory = made  # type: ignore[assignment]  # noqa: SLF001  # there is no other way in
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # No total: the deadline of the caller covers reading, writing and waiting for a connection.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
            auto_decompress=False,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            trust_env=False,
            skip_auto_headers=_AUTOMATIC,
            middlewares=[_once],
        )

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._session.close()
        await self._names.close()

    async def send(
        self,
        method: str,
        url: httpx2.URL,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        answer_bytes: int,
        tls: ssl.SSLContext | None = None,
    ) -> httpx2.Response:
        """The answer, its body as it came, read to its end or to the limit. Raises: those of `ERRORS`.

        `tls`: for a host that is known by an authority of its own, or knows us by a certificate.
        """
        for _ in range(2):
            # Lets the loop notice which idle connections the other side has closed, before one is picked.
            await asyncio.sleep(0)
        async with self._session.request(
            method, self._address(str(url)), headers=headers, data=body or None, allow_redirects=False,
            ssl=tls or True,
        ) as answer:  # fmt: skip
            read = bytearray()
            async for chunk in answer.content.iter_any():
                read += chunk
                if len(read) >= answer_bytes:
                    break
        # Without the encoding: we asked for none, and unpacking is what a bomb waits for.
        # As bytes: a department may well write them in an encoding of its own.
        kept = [(name, value) for name, value in answer.raw_headers if name.lower() not in _HIDDEN]
        return httpx2.Response(answer.status, headers=kept, content=bytes(read[:answer_bytes]))


def _address(destinations: Destinations, url: str) -> URL:
    """The same address, letter by letter. Raises: NotAllowed."""
    destinations.check_url(url)
    return URL(url, encoded=True)


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Hides from the client the errors that it would answer by sending a GET or a PUT a second time."""
    try:
        return await handler(request)
    except UnicodeError as error:  # of the resolver, for `a..example`
        raise _NotFound from error
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _BrokenOff from error
