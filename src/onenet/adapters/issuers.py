"""What issuers publish, fetched and kept: their metadata and the keys that their tokens are signed with.

A good token never waits for an issuer whose keys are known: they are fetched anew beside it, at most every
five minutes, and what is known serves for a day while the issuer is away. A token that names a key nobody
knows waits for one fetch, if five minutes have passed since the last. Source: security.md section 2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import structlog

from onenet import clock
from onenet.adapters import jose, wire
from onenet.adapters.asking import NotFetched, ask
from onenet.adapters.jose import PublicKey
from onenet.adapters.json_reader import read_json
from onenet.destinations import Destinations
from onenet.errors import MalformedJson
from onenet.issuers import Issuer, is_safe

BETWEEN_FETCHES_S = 300.0
STALE_AFTER_S = 86_400.0
BETWEEN_FIRST_TRIES_S = 15.0
"""While no key was ever had or the last ones are a day old, there is nothing that could go on meanwhile."""

ANSWER_BYTES = 262_144
TIMEOUT_S, CONNECT_S = 5.0, 3.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where an issuer does what. Source: OpenID Connect Discovery 1.0 section 3."""

    jwks_uri: str
    authorization_endpoint: str | None
    token_endpoint: str | None
    end_session_endpoint: str | None


class Fetcher:
    """Asks issuers over the outbound wire: no redirect, no proxy of the environment, limits to all."""

    def __init__(self, destinations: Destinations) -> None:
        """Opens nothing yet."""
        self._destinations = destinations
        self._wire: wire.Wire | None = None

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._wire is not None:
            await self._wire.aclose()
            self._wire = None

    async def get(self, url: str) -> bytes:
        """The body of a good answer. Raises: NotFetched."""
        return await self._ask("GET", url, [("accept", "application/json")], b"")

    async def post_form(
        self, url: str, form: Mapping[str, str], authorization: str | None = None
    ) -> dict[str, Any]:
        """The JSON object that a form is answered with. Raises: NotFetched."""
        headers = [
            ("accept", "application/json"),
            ("content-type", "application/x-www-form-urlencoded"),
            *([("authorization", authorization)] if authorization else []),
        ]
        return _object(await self._ask("POST", url, headers, urlencode(form).encode()))

    async def _ask(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
        if not is_safe(url.partition("?")[0]):
            raise NotFetched("the address is neither https:// nor on the loopback")
        if self._wire is None:
            self._wire = wire.Wire(self._destinations, connect_s=CONNECT_S, connections_per_host=2)
        return await ask(
            self._wire, method, url, headers, body, within_s=TIMEOUT_S, answer_bytes=ANSWER_BYTES
        )


@dataclass
class Published:
    """What one issuer publishes, as far as it is known. Of one event loop."""

    issuer: Issuer
    fetcher: Fetcher
    steady_s: Callable[[], float] = clock.steady_s
    _metadata: Metadata | None = None
    _keys: Mapping[str, PublicKey] = field(default_factory=dict)
    _fetched_s: float | None = None
    _tried_s: float | None = None
    _fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str | None) -> PublicKey | None:
        """The issuer's key of that name; with None the only one, where it has no other."""
        known = self._find(kid)
        if self._is_due():
            self._fetching = asyncio.create_task(self._fetch())
        if known is None and self._fetching is not None:
            # Shielded: whoever asked first may go away, and others wait for the same answer.
            await asyncio.shield(self._fetching)
            known = self._find(kid)
        return known

    async def fetch_keys(self) -> Mapping[str, PublicKey]:
        """What it publishes now. Raises: NotFetched, ValueError."""
        url = self.issuer.jwks_uri or (await self.metadata()).jwks_uri
        return jose.read_keys(await self.fetcher.get(url))

    async def metadata(self) -> Metadata:
        """Where the issuer does what; asked once. Raises: NotFetched."""
        if self._metadata is None:
            url = self.issuer.url.removesuffix("/") + "/.well-known/openid-configuration"
            self._metadata = _metadata(_object(await self.fetcher.get(url)), self.issuer)
        return self._metadata

    async def aclose(self) -> None:
        """Ends a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _known(self) -> Mapping[str, PublicKey]:
        """The keys that may still be gone by."""
        if self._fetched_s is None or self.steady_s() - self._fetched_s >= STALE_AFTER_S:
            return {}
        return self._keys

    def _find(self, kid: str | None) -> PublicKey | None:
        known = self._known()
        if kid is not None:
            return known.get(kid)
        return next(iter(known.values())) if len(known) == 1 else None

    def _is_due(self) -> bool:
        if self._fetching is not None:
            return False
        pause_s = BETWEEN_FETCHES_S if self._known() else BETWEEN_FIRST_TRIES_S
        return self._tried_s is None or self.steady_s() - self._tried_s >= pause_s

    async def _fetch(self) -> None:
        """Takes what the issuer publishes now in place of what is known; a failure leaves that as it is."""
        self._tried_s = self.steady_s()
        try:
            self._keys = await self.fetch_keys()
            self._fetched_s = self.steady_s()
        except (NotFetched, ValueError) as error:
            self._metadata = None  # perhaps the address of the keys is what has moved
            log.warning("issuer.away", issuer=self.issuer.code, reason=str(error))
        finally:
            self._fetching = None


def _metadata(found: Mapping[str, Any], issuer: Issuer) -> Metadata:
    """Raises: NotFetched for metadata of somebody else, or with addresses that are not safe to ask."""
    if found.get("issuer") != issuer.url:
        raise NotFetched("the metadata are those of another issuer: compare `issuer` in them with the url")
    addresses = {name: found.get(name) for name in Metadata.__dataclass_fields__}
    for name, address in addresses.items():
        if address is not None and not (isinstance(address, str) and is_safe(address.partition("?")[0])):
            raise NotFetched(f"{name} in the metadata is neither https:// nor on the loopback")
    if addresses["jwks_uri"] is None:
        raise NotFetched("the metadata name no jwks_uri")
    return Metadata(**addresses)  # type: ignore[arg-type]


def _object(answer: bytes) -> dict[str, Any]:
    try:
        found = read_json(answer)
    except MalformedJson:
        raise NotFetched("the answer is no JSON") from None
    if not isinstance(found, dict):
        raise NotFetched("the answer is no JSON object")
    return found
