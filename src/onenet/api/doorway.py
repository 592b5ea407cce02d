"""The outermost layer: what holds for every request and every answer, whatever the route.

It marks the request, serves HEAD wherever GET is served, puts the house's headers on each answer, and records
an error nobody foresaw: its class and where it happened, not its message, which may hold a person's data.
"""

from __future__ import annotations

import re
import secrets

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onenet.api import negotiation, problems
from onenet.api.problems import RequestMark
from onenet.errors import Fault, InvalidInput, places
from onenet.ids import new_id, to_text

MAX_QUERY_BYTES = 8_192

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

RawHeaders = list[tuple[bytes, bytes]]
"""As ASGI has them: names in small letters."""

log = structlog.get_logger(__name__)


class Doorway:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, *, version: str, public_url: str):
        """`version` is told in every answer; problems have their addresses below `public_url`."""
        self._app = app
        self._said_version = (b"api-version", version.encode())
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        mark, span = read_mark(headers)
        inner = {**scope, "state": {**scope.get("state", {}), "mark": mark}}
        is_head = scope["method"] == "HEAD"
        if is_head:
            inner["method"] = "GET"
        answer = _Answer(send, self._headers(mark, span), without_body=is_head)
        try:
            if len(scope["query_string"]) > MAX_QUERY_BYTES:
                await self._refuse(_query_too_long(), headers, mark)(inner, receive, answer.send)
                return
            await self._app(inner, receive, answer.send)
        except Exception as error:  # noqa: BLE001  # the last one who can record it
            _record(error, mark)
            if not answer.has_ended:
                # The server closes the connection then, so that nobody takes the piece for the whole.
                raise RuntimeError("an answer was cut short; see request.failed") from None

    def _refuse(self, error: InvalidInput, headers: Headers, mark: RequestMark) -> ASGIApp:
        language = negotiation.language(headers.get("accept-language"))
        return problems.response(error, public_url=self._public_url, language=language, mark=mark)

    def _headers(self, mark: RequestMark, span: str | None) -> RawHeaders:
        said = [*_HOUSE, self._said_version, (b"x-request-id", mark.request_id.encode())]
        if mark.trace_id and span:
            said.append((b"traceparent", f"00-{mark.trace_id}-{span}".encode()))
        return said


class _Answer:
    """Sends an answer on with the house's headers; for HEAD, ends it after its head."""

    def __init__(self, send: Send, headers: RawHeaders, *, without_body: bool):
        self._send = send
        self._headers = headers
        self._without_body = without_body
        self.has_ended = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            said = list(message.get("headers", ()))
            names = {name for name, _ in said}
            said += [header for header in self._headers if header[0] not in names]
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


def _record(error: Exception, mark: RequestMark) -> None:
    at = places(error.__traceback__)
    log.error("request.failed", request_id=mark.request_id, error=type(error).__name__, at=at)


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
