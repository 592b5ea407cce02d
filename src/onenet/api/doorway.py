"""The outermost layer: what holds for every request and every answer, whatever the route.

It marks the request, serves HEAD wherever GET is served, puts the house's headers on each answer, ends what
takes too long, and records an error nobody foresaw: its class and where it happened, not its message, which
may hold a person's data.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onenet import occasion, security_log, tally
from onenet.api import negotiation, problems
from onenet.api.cross_origin import CrossOrigin
from onenet.api.patience import Patience, Waiting
from onenet.api.problems import RequestMark
from onenet.api.waiting import LONGEST_WAIT_S
from onenet.errors import Fault, InvalidInput, MalformedRequest, NotFound, OnenetError, Unavailable, places
from onenet.ids import new_id, to_text
from onenet.occasion import Occasion

MAX_QUERY_BYTES = 8_192
HANDLER_S = 30.0
"""From the request, whole, to the first byte of its answer; who asks to wait may wait besides."""

HOUSE_HEADERS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer, unless the route has set its own."""

_HOUSE = tuple((name.lower().encode(), value.encode()) for name, value in HOUSE_HEADERS.items())

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")

ErrorPage = Callable[[Request, OnenetError], Response | None]
"""The page for an error, where a person is to read it."""

RawHeaders = list[tuple[bytes, bytes]]
"""As ASGI has them: names in small letters."""

log = structlog.get_logger(__name__)


class Doorway:
    """Wraps the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        version: str,
        public_url: str,
        cross_origin: CrossOrigin,
        error_page: ErrorPage,
        handler_s: float = HANDLER_S,
    ):
        """`version` is told in every answer; problems have their addresses below `public_url`, and give way
        to what `error_page` makes of them.
        """
        self._app = app
        self._version = version
        self._public_url = public_url
        self._cross_origin = cross_origin
        self._error_page = error_page
        self._handler_s = handler_s
        self._patience = Patience(min(1.0, handler_s / 2))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        mark, span = read_mark(headers)
        is_head = scope["method"] == "HEAD"
        inner = {**scope, "state": {**scope.get("state", {}), "mark": mark, "is_head": is_head}}
        if is_head:
            inner["method"] = "GET"
        client = scope.get("client")
        now = Occasion(mark.request_id, client[0] if client else "")
        token = occasion.begin(now)
        try:
            said = house_headers(self._version, mark, span) + self._cross_origin.headers(headers)
            answer = _Answer(send, said, inner["state"], without_body=scope["method"] == "HEAD")
            if scope["method"] == "OPTIONS":
                answer.on_allowed = lambda allow: self._cross_origin.preflight(headers, allow)
            await self._serve(inner, receive, answer, headers)
            tally.REQUESTS[inner["method"] if now.route else "", now.route, f"{answer.status // 100}xx"] += 1
        finally:
            now.has_ended = True
            occasion.end(token)

    async def _serve(self, inner: Scope, receive: Receive, answer: _Answer, headers: Headers) -> None:
        mark: RequestMark = inner["state"]["mark"]
        waiting = answer.waiting = self._patience.begin(self._seconds(inner, headers))
        try:
            if (refusal := _refusal(inner, headers)) is not None:
                await self._refuse(refusal, inner)(inner, receive, answer.send)
                return
            await self._app(inner, self._reading(receive, waiting), answer.send)
        except (Exception, asyncio.CancelledError) as error:  # the last one who can record it
            if waiting.is_late:
                waiting.task.uncancel()
            elif isinstance(error, asyncio.CancelledError):
                raise
            if waiting.is_late and not answer.has_begun:
                log.warning("request.too_long", request_id=mark.request_id, route=_route(inner))
                late = Unavailable("this took too long and was given up", retry_after_s=5)
                await self._refuse(late, inner)(inner, receive, answer.send)
                return
            _record(error, mark)
            if not answer.has_ended:
                # The server closes the connection then, so that nobody takes the piece for the whole.
                raise RuntimeError("an answer was cut short; see request.failed") from None
        finally:
            self._patience.end(waiting)

    def _seconds(self, scope: Scope, headers: Headers) -> float:
        asks_to_wait = b"wait=" in scope["query_string"] or "prefer" in headers
        return self._handler_s + (LONGEST_WAIT_S if asks_to_wait else 0)

    def _reading(self, receive: Receive, waiting: Waiting) -> Receive:
        """Counts no time while a body is awaited: how long that may take is the guard's business."""

        async def read() -> Message:
            if (until := waiting.until) is None:
                return await receive()
            waiting.until = None
            message = await receive()
            waiting.until = max(until, waiting.task.get_loop().time() + self._handler_s)
            return message

        return read

    def _refuse(self, error: OnenetError, scope: Scope) -> ASGIApp:
        request = Request(scope)
        if (made := self._error_page(request, error)) is not None:
            return made
        language = negotiation.language(request.headers.get("accept-language"))
        return problems.response(
            error, public_url=self._public_url, language=language, mark=request.state.mark
        )


def house_headers(version: str, mark: RequestMark, span: str | None = None) -> RawHeaders:
    """The headers of every answer."""
    said = [*_HOUSE, (b"api-version", version.encode()), (b"x-request-id", mark.request_id.encode())]
    if mark.trace_id and span:
        said.append((b"traceparent", f"00-{mark.trace_id}-{span}".encode()))
    return said


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", ""))


class _Answer:
    """Sends an answer on with the house's headers; for HEAD, ends it after its head."""

    def __init__(self, send: Send, headers: RawHeaders, state: dict[str, Any], *, without_body: bool):
        self._send = send
        self._headers = headers
        self._state = state
        self._without_body = without_body
        self.on_allowed: Callable[[bytes], RawHeaders] | None = None
        self.waiting: Waiting | None = None
        self.has_begun = self.has_ended = False
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            self.status = message["status"]
            if self.waiting is not None:
                self.waiting.until = None  # a stream may last
            said = list(message.get("headers", ()))
            names = {name for name, _ in said}
            # `Vary` adds up: what the route varies by, and the origin.
            said += [header for header in self._headers if header[0] not in names or header[0] == b"vary"]
            said += self._state.get("quota_fields", ())
            if self.on_allowed is not None and b"allow" in names:
                said += self.on_allowed(dict(said)[b"allow"])
            await self._send({**message, "headers": said})
            if self._without_body:
                await self._send({"type": "http.response.body", "body": b""})
        elif not self._without_body:
            await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.has_ended = True


def read_mark(headers: Headers) -> tuple[RequestMark, str | None]:
    """The request's id, the caller's or else our own, with its trace; and the trace's span and flags."""
    given = headers.get("x-request-id", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else to_text("req", new_id())
    trace = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    if trace is None:
        return RequestMark(request_id), None
    return RequestMark(request_id, trace.group(1)), f"{secrets.token_hex(8)}-{trace.group(3)}"


def _record(error: BaseException, mark: RequestMark) -> None:
    at = places(error.__traceback__)
    log.error("request.failed", request_id=mark.request_id, error=type(error).__name__, at=at)


def _refusal(scope: Scope, headers: Headers) -> OnenetError | None:
    """Why no route is looked for: what a proxy in front may have read in another way than we would."""
    if len(scope["query_string"]) > MAX_QUERY_BYTES:
        security_log.report("oversized", "query")
        return _query_too_long()
    if scope.get("http_version") == "1.1" and len(headers.getlist("host")) != 1:
        return MalformedRequest("exactly one Host is expected")  # RFC 9112 section 3.2
    if b"%2f" in scope.get("raw_path", b"").lower():
        return (
            NotFound()
        )  # decoded, it would be one of our paths, and is none to who guards them by their text
    return None


def _query_too_long() -> InvalidInput:
    return InvalidInput(
        faults=(
            Fault(
                "too_long",
                f"查询串至多 {MAX_QUERY_BYTES} 字节",
                f"The query has at most {MAX_QUERY_BYTES} bytes",
                parameter="",
            ),
        )
    )
