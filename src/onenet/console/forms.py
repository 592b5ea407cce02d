"""Forms and cookies: how a page hears of somebody, and how it remembers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from onenet.errors import Forbidden, PayloadTooLarge

MAX_FORM_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Cookies:
    """Our cookies. With `__Host-` a browser takes none that another host or page has set."""

    is_secure: bool

    def named(self, use: str) -> str:
        """The name of the cookie for this use."""
        return f"{'__Host-' if self.is_secure else ''}onenet-{use}"

    def put(self, response: Response, name: str, value: str, *, lasts_s: int) -> None:
        """Sets one; 0 seconds take it away."""
        response.set_cookie(
            name, value, max_age=lasts_s, path="/", secure=self.is_secure, httponly=True, samesite="lax"
        )


@dataclass(frozen=True, slots=True)
class Written:
    """What was written and not taken, and why."""

    said: Mapping[str, str]
    problem: str
    status: int


def see(location: str) -> Response:
    """Sends the browser on, with GET."""
    return RedirectResponse(location, 303, {"Cache-Control": "no-store"})


def check_origin(request: Request, public_url: str) -> None:
    """Passes when a page of ours sent the form. Raises: Forbidden."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    if request.headers.get("origin") != public_url or site != "same-origin":
        raise Forbidden


async def read_form(request: Request, limit: int = MAX_FORM_BYTES) -> dict[str, str]:
    """The fields of a plain form, each of which comes once. Raises: Forbidden, PayloadTooLarge."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise Forbidden
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise PayloadTooLarge
    try:
        given = parse_qs(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=100
        )
    except ValueError:
        raise Forbidden from None
    if any(len(values) > 1 for values in given.values()):
        raise Forbidden
    return {name: values[0] for name, values in given.items()}
