"""Hands requests to departments and subscribers, signed and within limits.

Each call is one attempt: one deadline around all of it, the body cut raw at 64 kB. Whatever happens on the
wire becomes an outcome; nothing is retried here.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import httpx2

from onenet import __version__, crashing
from onenet.adapters import failures, names, signing, tls
from onenet.adapters.base import APART, OUR_HEADERS, READS, SIGNED, TLS, Endpoint, Entry, Talk
from onenet.adapters.exchange import Exchange
from onenet.adapters.jetstream import Streams
from onenet.adapters.masking import excerpt, without
from onenet.adapters.wire import Wire
from onenet.destinations import Destinations, NotAllowed
from onenet.domain.outcome import FailureClass, Outcome, Received, TryLater

_FIXED = {"accept-encoding": "identity", "user-agent": f"onenet/{__version__}"}
_JSON = "application/json"
_DEFAULT_TYPE = ("content-type", _JSON)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
"""What a method or the name of a header may be, and the value of one that an adapter sets."""


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
    `proof`: the headers by which the last request was signed; empty where none was.
    """

    outcome: Outcome
    status: int | None
    started_at: datetime
    ended_at: datetime
    failure: FailureClass | None
    excerpt: str
    bytes_read: int
    proof: Mapping[str, str] = field(default_factory=dict)
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Identity:
    """Who speaks in a call: the id that is the same for all tries, the secrets that prove it, since when."""

    message_id: str
    secrets: Sequence[str]
    started_at: datetime
    started_s: float
    proof: dict[str, str] = field(default_factory=dict)

    def now(self) -> datetime:
        return self.started_at + timedelta(seconds=time.monotonic() - self.started_s)


class Transport:
    """Keeps the connections: a small pool for each host, `streams` for brokers, `exchange` for databases.

    Of one event loop.
    """

    def __init__(self, limits: Limits | None = None, destinations: Destinations | None = None) -> None:
        self._limits, outward = limits or Limits(), destinations or Destinations()
        self.streams, self.exchange = Streams(outward), Exchange(outward)
        self._wire = Wire(
            outward,
            connect_s=self._limits.connect_s,
            connections_per_host=self._limits.connections_per_host,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes every connection."""
        await self.streams.aclose()
        await self._wire.aclose()

    async def drive(self, talk: Talk, *, endpoint: Endpoint, key: str, now: datetime) -> Attempt:
        """One attempt to hand a task over: plays the adapter's talk against the endpoint.

        `key` is the task's, the same for all tries. `now` is machine time: it dates the attempt and signs it.
        Raises: only what the adapter's own code raises.
        """
        attempt = await self._attempt(talk, message_id=key, secrets=endpoint.secrets, now=now)
        return replace(attempt, excerpt=without(attempt.excerpt, endpoint.credentials.values()))

    async def post_signed(
        self,
        url: str,
        body: bytes,
        *,
        secrets: Sequence[str],
        message_id: str,
        now: datetime,
        media_type: str = _JSON,
    ) -> Attempt:
        """One attempt to tell a subscriber; the outcome is Received or TryLater."""
        talk = _push(url, body, media_type)
        return await self._attempt(talk, message_id=message_id, secrets=secrets, now=now)

    async def _attempt(
        self, talk: Talk, *, message_id: str, secrets: Sequence[str], now: datetime
    ) -> Attempt:
        crashing.point("before_call")
        identity = _Identity(message_id, secrets, now, time.monotonic())
        answer: httpx2.Response | None = None
        is_kept = True
        try:
            said = _advance(talk, None)
            if isinstance(said, httpx2.Request | Entry):
                async with asyncio.timeout(self._limits.total_s):
                    while isinstance(said, httpx2.Request | Entry):
                        if isinstance(said, Entry):
                            await self.exchange.write(said)
                            said = _advance(talk, None)
                            continue
                        answer = await self._call(said, identity)
                        is_kept, reads = APART not in said.extensions, said.extensions.get(READS, ())
                        failed = failures.of_response(answer, identity.now(), reads)
                        said = failed or _advance(talk, answer)
        except failures.ERROR_TYPES as error:
            if isinstance(error, NotAllowed):
                names.tell(error, message=message_id)
            said = failures.of_error(error)
        finally:
            talk.close()
        crashing.point("after_call")
        body = answer.content if answer is not None and is_kept else b""
        return Attempt(
            outcome=said,
            status=answer.status_code if answer is not None else None,
            started_at=now,
            ended_at=identity.now(),
            failure=said.failure if isinstance(said, TryLater) else None,
            excerpt=excerpt(body),
            bytes_read=len(body),
            proof=identity.proof,
            key_id=signing.key_id(signing.that_sign(secrets)[0]) if identity.proof else None,
        )

    async def _call(self, wanted: httpx2.Request, identity: _Identity) -> httpx2.Response:
        """The adapter's method, address and body under our headers; what was answered. Raises: NotCalled."""
        body = wanted.read()
        if len(body) > self._limits.request_bytes:
            raise failures.NotCalled(f"the body is larger than {self._limits.request_bytes} bytes")
        proof = {} if APART in wanted.extensions else _proof(body, identity)
        headers = [*_own_headers(wanted), *_FIXED.items(), *proof.items()]
        if SIGNED in wanted.extensions and proof:
            headers += _message_signature(wanted, headers, identity)
        return await self._wire.send(
            wanted.method,
            wanted.url,
            headers,
            body,
            answer_bytes=self._limits.answer_bytes,
            tls=tls.context(wanted.extensions[TLS]) if TLS in wanted.extensions else None,
        )


def _proof(body: bytes, identity: _Identity) -> dict[str, str]:
    """The key of what is sent, and the signature. Raises: NotCalled."""
    signed = signing.sign(body, identity.secrets, message_id=identity.message_id, at=identity.now())
    if not signed["webhook-signature"]:
        raise failures.NotCalled("the endpoint has no key to sign with")
    identity.proof.update(signed)
    return {"idempotency-key": f'"{identity.message_id}"'} | signed


def _message_signature(
    wanted: httpx2.Request, headers: Sequence[tuple[str, str]], identity: _Identity
) -> list[tuple[str, str]]:
    """The headers of a message signature over what goes out. Raises: MisconfiguredError."""
    from onenet.adapters import message_signatures  # here: few departments want it

    message = message_signatures.Message(wanted.method, str(wanted.url), dict(headers))
    proof = message_signatures.sign(message, wanted.read(), identity.secrets, now=identity.now())
    return list(proof.items())


def _own_headers(wanted: httpx2.Request) -> list[tuple[str, str]]:
    """What the adapter may say beside us. Raises: NotCalled when it would not be HTTP."""
    own = [(name, value) for name, value in wanted.headers.multi_items() if name not in OUR_HEADERS]
    tokens = [wanted.method, *(name for name, _ in own)]
    if not all(map(_TOKEN.fullmatch, tokens)) or not all(_VALUE.fullmatch(value) for _, value in own):
        raise failures.NotCalled("the request is not valid HTTP")
    is_plain = "content-type" in wanted.headers or not wanted.content
    return own if is_plain else [*own, _DEFAULT_TYPE]


def _advance(talk: Talk, answer: httpx2.Response | None) -> httpx2.Request | Entry | Outcome:
    """The adapter's next request, or the outcome with which its talk ends."""
    try:
        return next(talk) if answer is None else talk.send(answer)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


def _push(url: str, body: bytes, media_type: str) -> Talk:
    """The talk with a subscriber: any 2xx will do."""
    yield httpx2.Request("POST", url, content=body, headers={"content-type": media_type})
    return Received()
