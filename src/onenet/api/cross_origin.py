"""Cross-origin requests of browsers: none, unless an origin is on the list, exactly as it is written there.

No credentials: a caller's token stands in a header of the request, never in a cookie, so a page of a listed
origin can do nothing for a person that its own token could not.
Source: the Fetch standard, section "HTTP extensions"; ASVS 5.0 section 3.4.2.
"""

from __future__ import annotations

from starlette.datastructures import Headers

from onenet import security_log

MAX_AGE_S = 600

REQUEST_HEADERS = (
    "Authorization", "Content-Type", "DPoP", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID",
    "Onenet-Delegation", "Onenet-Filename", "Onenet-Subject", "Onenet-Tracking-Secret", "Prefer",
    "X-Request-Id", "traceparent",
)  # fmt: skip
RESPONSE_HEADERS = (
    "API-Version", "ETag", "Idempotency-Replayed", "Link", "Location", "Preference-Applied", "RateLimit",
    "RateLimit-Policy", "Retry-After", "X-Request-Id",
)  # fmt: skip

RawHeaders = list[tuple[bytes, bytes]]


class CrossOrigin:
    """What browsers are told about pages of other origins."""

    def __init__(self, allowed: frozenset[str]):
        """`allowed`: the list."""
        self._allowed = allowed

    def headers(self, asked: Headers) -> RawHeaders:
        """The headers of an answer to this request."""
        if not self._allowed:
            return []
        said: RawHeaders = [(b"vary", b"Origin")]
        origin = asked.get("origin")
        if origin is None:
            return said
        if origin not in self._allowed:
            security_log.report("origin_refused", "not_listed")
            return said
        exposed = ", ".join(RESPONSE_HEADERS).encode()
        return [
            *said,
            (b"access-control-allow-origin", origin.encode()),
            (b"access-control-expose-headers", exposed),
        ]

    def preflight(self, asked: Headers, allow: bytes) -> RawHeaders:
        """What is added when a browser asks first; `allow`: the methods that are served there."""
        if asked.get("origin") not in self._allowed or "access-control-request-method" not in asked:
            return []
        return [
            (b"access-control-allow-methods", allow),
            (b"access-control-allow-headers", ", ".join(REQUEST_HEADERS).encode()),
            (b"access-control-max-age", str(MAX_AGE_S).encode()),
        ]
