"""How a department knows that it is onenet: a header, a password, or a token that it is asked for.

Secrets come from the endpoint's sealed credentials; a description names them and never holds them. A token
(OAuth 2 client credentials, RFC 6749 section 4.4) is fetched in the conversation that needs it and kept in
this process's memory until shortly before it ends. Source: RFC 6750, RFC 7617.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Generator, Mapping
from urllib.parse import quote_plus, urlencode

import httpx2

from onenet.adapters import template
from onenet.adapters.base import APART, READS, TLS, Endpoint
from onenet.adapters.description_parts import AuthPart, Basic, HeaderAuth, OAuth2
from onenet.adapters.failures import NotCalled
from onenet.adapters.json_reader import read_json
from onenet.adapters.template import Unfilled
from onenet.errors import MalformedJson

MARGIN_S = 30
"""A token that ends within this time is not used any more: the call takes up to fifteen seconds."""

LONGEST_S = 86_400
MOST_TOKENS = 1_024

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}=*")
_kept: dict[bytes, tuple[str, float]] = {}
"""Tokens and when they end, by endpoint and credentials."""


class NoToken(Exception):
    """The token endpoint gave no token that can be used."""


def answered(
    request: httpx2.Request, auth: AuthPart | None, endpoint: Endpoint
) -> Generator[httpx2.Request, httpx2.Response, httpx2.Response]:
    """The answer to a request that proves who asks. Raises: NotCalled, NoToken."""
    if auth is None:
        return (yield request)
    try:
        if auth.oauth2 is not None:
            return (yield from _with_token(request, auth.oauth2, endpoint))
        if auth.basic is not None:
            request.headers["authorization"] = _basic(auth.basic, endpoint.credentials)
        if auth.header is not None:
            request.headers[auth.header.name] = _value(auth.header, endpoint.credentials)
    except Unfilled as error:
        raise NotCalled(f"the credentials: {error}") from None
    return (yield request)


def _value(header: HeaderAuth, credentials: Mapping[str, str]) -> str:
    value = template.fill_text(header.value, credentials)
    if not value.isascii():
        raise Unfilled("letters of ASCII were expected in a header")
    return value


def _basic(basic: Basic, credentials: Mapping[str, str]) -> str:
    password = template.fill_text(basic.password, credentials)
    return "Basic " + base64.b64encode(f"{basic.user}:{password}".encode()).decode()


def _with_token(
    request: httpx2.Request, grant: OAuth2, endpoint: Endpoint
) -> Generator[httpx2.Request, httpx2.Response, httpx2.Response]:
    """A token that was kept and is refused is asked for anew, once: it may have been taken back."""
    secret = template.fill_text(grant.client_secret, endpoint.credentials)
    parts = (str(endpoint.id), grant.token_url, grant.client_id, grant.scope or "", secret)
    key = hashlib.sha256("\0".join(parts).encode()).digest()
    token, ends_s = _kept.get(key, ("", 0.0))
    if ends_s > time.monotonic():
        reads = frozenset({401, *request.extensions.get(READS, ())})
        response = yield _bearing(request, token, reads)
        if response.status_code != 401 or 401 in request.extensions.get(READS, ()):
            return response
    token, lasts_s = _granted((yield _asking(grant, secret, request)))
    if len(_kept) >= MOST_TOKENS:
        _kept.clear()
    _kept[key] = (token, time.monotonic() + lasts_s - MARGIN_S)
    return (yield _bearing(request, token, request.extensions.get(READS, frozenset())))


def _bearing(request: httpx2.Request, token: str, reads: frozenset[int]) -> httpx2.Request:
    headers = {**request.headers, "authorization": f"Bearer {token}"}
    more = {**request.extensions, READS: reads}
    return httpx2.Request(
        request.method, request.url, headers=headers, content=request.read(), extensions=more
    )


def _asking(grant: OAuth2, secret: str, request: httpx2.Request) -> httpx2.Request:
    """The request for a token, over TLS as the other's; client and secret as RFC 6749 section 2.3.1 says."""
    wanted = {"grant_type": "client_credentials"} | ({"scope": grant.scope} if grant.scope else {})
    client = f"{quote_plus(grant.client_id)}:{quote_plus(secret)}".encode()
    headers = {
        "authorization": "Basic " + base64.b64encode(client).decode(),
        "content-type": "application/x-www-form-urlencoded",
        "accept": "application/json",
    }
    content = urlencode(wanted).encode()
    more = {APART: True} | {name: value for name, value in request.extensions.items() if name == TLS}
    return httpx2.Request("POST", grant.token_url, headers=headers, content=content, extensions=more)


def _granted(response: httpx2.Response) -> tuple[str, int]:
    """The token in this answer, and for how many seconds it is good. Raises: NoToken."""
    try:
        said = read_json(response.content)
    except MalformedJson:
        said = None
    match said:
        case {"access_token": str(token), "token_type": str(kind)} if (
            kind.lower() == "bearer" and _TOKEN.fullmatch(token)
        ):
            lasts_s = said.get("expires_in")
            return token, min(lasts_s, LONGEST_S) if type(lasts_s) is int else 0
        case _:
            raise NoToken("the token endpoint gave no bearer token")
