"""Log-ins of people to the console: by authorisation code with PKCE at an issuer, kept on the server.

What a log-in under way needs lies in the browser that began it, in one cookie: a secret from which `state`,
`nonce` and the proof for the code are made. So nobody fills a table by asking for the page, and the answer to
another browser's question fits nothing. Sources: security.md section 2; RFC 6749, 7636, 9207, 9700.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

import structlog

from onenet import security_log
from onenet.adapters import jose, tokens
from onenet.adapters.asking import NotFetched
from onenet.adapters.issuers import Metadata
from onenet.adapters.jose import Refused
from onenet.adapters.tokens import Claims
from onenet.clock import Clock
from onenet.domain.principal import Principal, Role
from onenet.errors import MisconfiguredError, NotFound, Unauthenticated, Unavailable
from onenet.issuers import Issuer, is_loopback
from onenet.services.tokens import AccessTokens, principal_of
from onenet.store import logins
from onenet.store.database import Database
from onenet.store.logins import LoginRow

IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=12)
BEGUN_FOR = timedelta(minutes=10)
NOTED_EVERY = timedelta(minutes=1)
"""How exact the time of the last use is: not every page that is looked at writes a row."""

CALLBACK = "/console/callback"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """A log-in under way. `location`: of the issuer, for the browser. `ticket`: what it has to keep."""

    location: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Done:
    """A log-in that was made. `id` is told to the browser alone; `target`: where it wanted to go."""

    id: str
    target: str


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who is logged in, until `ends_at` at the latest."""

    principal: Principal
    since: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody logs in: the address, and what the browser is called."""

    address: str | None
    browser: str | None


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A log-in under way. Its texts are made of the secret and of all else that is in it."""

    secret: str
    begun_s: str
    issuer: str
    target: str

    def __str__(self) -> str:
        return ".".join((self.secret, self.begun_s, self.issuer, _b64(self.target.encode())))

    def text(self, use: str) -> str:
        """43 characters that only who has the secret can make; another text for each use."""
        said = f"{use} {self.begun_s} {self.issuer} {self.target}"
        return _b64(hmac.digest(self.secret.encode(), said.encode(), "sha256"))


class Logins:
    """Who is logged in, and how one comes to be."""

    def __init__(self, access_tokens: AccessTokens, database: Database, clock: Clock, *, public_url: str):
        """Asks nobody yet. Raises: MisconfiguredError where a cookie would travel in the clear."""
        self.issuers = {code: each for code, each in access_tokens.issuers.items() if each.login}
        self.public_url = public_url
        where = urlsplit(public_url)
        self.is_secure = where.scheme == "https"
        if self.issuers and not self.is_secure and not is_loopback(where.hostname or ""):
            raise MisconfiguredError(
                "ONENET_PUBLIC_URL: expected https://, as people log in to the console (issuers with login)"
            )
        self._tokens = access_tokens
        self._database = database
        self._clock = clock

    async def begin(self, code: str, target: str) -> Begun:
        """Raises: NotFound for an issuer without log-in, Unavailable when it does not answer."""
        issuer, metadata = await self._asked(code)
        begun_s = str(int(self._clock.now().timestamp()))
        ticket = _Ticket(secrets.token_urlsafe(32), begun_s, code, target)
        challenge = _b64(hashlib.sha256(ticket.text("verifier").encode()).digest())
        login = issuer.login
        said = {
            "response_type": "code",
            "client_id": login.client_id if login else "",
            "redirect_uri": self.public_url + CALLBACK,
            "scope": login.scopes if login else "",
            "state": ticket.text("state"),
            "nonce": ticket.text("nonce"),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if issuer.decision_acr:
            said["acr_values"] = " ".join(issuer.decision_acr)
        endpoint = metadata.authorization_endpoint or ""
        return Begun(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(said)}", str(ticket))

    async def finish(
        self, ticket: str, answer: Mapping[str, str], *, replaces: str | None, place: Place
    ) -> Done:
        """What comes of the issuer's answer; the log-in that the browser had until now ends.

        Raises: Unauthenticated, the same for every reason; Unavailable.
        """
        try:
            found, issuer = self._read_ticket(ticket)
            claims = await self._claims(issuer, found, answer)
        except Refused as refused:
            security_log.report("authentication_failed", refused.reason, issuer=refused.issuer)
            raise Unauthenticated from None
        made = await self._save(claims, replaces, place)
        security_log.report("session_opened", issuer=issuer.code, role=str(claims.role))
        return Done(made, found.target)

    async def find(self, id: str | None) -> Login | None:
        """Who has this log-in, if it is not over; its use is noted."""
        if not id:
            return None
        now = self._clock.now()
        async with self._database.read() as connection:
            row = await logins.find(connection, _hash(id))
        issuer = self.issuers.get(row.issuer) if row else None
        if row is None or issuer is None or row.role not in issuer.roles:
            return None  # perhaps what the issuer may give was narrowed meanwhile
        if _is_over(row, now):
            return None
        if now - row.seen_at >= NOTED_EVERY:
            async with self._database.transaction() as connection:
                await logins.seen(connection, row.id_hash, now)
        return Login(principal_of(_claims_of(row), issuer, now), row.created_at, row.created_at + LONGEST)

    async def leave(self, id: str) -> None:
        """Ends the log-in."""
        async with self._database.transaction() as connection:
            await logins.end(connection, _hash(id))
        security_log.report("session_ended", "left")

    async def elsewhere(self, id: str, who: Principal) -> list[LoginRow]:
        """The other log-ins of whoever has this one, the newest first."""
        now = self._clock.now()
        async with self._database.read() as connection:
            rows = await logins.of_subject(connection, who.client, who.subject or "")
        return [row for row in reversed(rows) if row.id_hash != _hash(id) and not _is_over(row, now)]

    async def end_elsewhere(self, id: str, mark: str) -> None:
        """Ends one of those, by its hash, or `all`; what is not theirs stays as it is."""
        found = await self.find(id)
        others = await self.elsewhere(id, found.principal) if found else []
        ended = [row.id_hash for row in others if mark in ("all", row.id_hash.hex())]
        async with self._database.transaction() as connection:
            for id_hash in ended:
                await logins.end(connection, id_hash)
        for _ in ended:
            security_log.report("session_ended", "left_from_elsewhere")

    async def farewell(self, code: str) -> str | None:
        """Where to log out at the issuer as well, if it says so."""
        try:
            _, metadata = await self._asked(code)
        except (NotFound, Unavailable):
            return None
        return metadata.end_session_endpoint

    async def _asked(self, code: str) -> tuple[Issuer, Metadata]:
        """An issuer at which one can log in, and where. Raises: NotFound, Unavailable."""
        issuer = self.issuers.get(code)
        if issuer is None:
            raise NotFound
        try:
            metadata = await self._tokens.published[code].metadata()
        except NotFetched as error:
            log.warning("issuer.away", issuer=code, reason=str(error))
            raise Unavailable("the issuer does not answer") from None
        if metadata.authorization_endpoint is None or metadata.token_endpoint is None:
            log.warning("issuer.away", issuer=code, reason="the metadata name no endpoints for a log-in")
            raise Unavailable("the issuer does not answer")
        return issuer, metadata

    def _read_ticket(self, text: str) -> tuple[_Ticket, Issuer]:
        """The ticket, and at whom it is used. Raises: Refused for what is none or too old."""
        try:
            secret, begun_s, code, target = text.split(".")
            ticket = _Ticket(secret, begun_s, code, _unb64(target).decode())
            age_s = self._clock.now().timestamp() - int(begun_s)
        except (ValueError, OverflowError):  # a number of 400 digits is none that a time can be taken from
            raise Refused("login_ticket") from None
        issuer = self.issuers.get(code)
        if issuer is None or len(secret) != 43 or not -1 <= age_s <= BEGUN_FOR.total_seconds():
            raise Refused("login_ticket")
        return ticket, issuer

    async def _claims(self, issuer: Issuer, ticket: _Ticket, answer: Mapping[str, str]) -> Claims:
        """What the issuer says of who logged in. Raises: Refused, Unavailable."""
        try:
            return await self._believed(issuer, ticket, answer)
        except Refused as refused:
            raise Refused(refused.reason, issuer.code) from None

    async def _believed(self, issuer: Issuer, ticket: _Ticket, answer: Mapping[str, str]) -> Claims:
        if not hmac.compare_digest(answer.get("state", "").encode(), ticket.text("state").encode()):
            raise Refused("state")
        if answer.get("iss", issuer.url) != issuer.url:
            raise Refused("issuer")
        if "error" in answer or not answer.get("code"):
            raise Refused("login_refused")
        token = jose.read(await self._exchange(issuer, ticket, answer["code"]))
        if token.claims.get("iss") != issuer.url:
            raise Refused("issuer")
        await self._tokens.check_signature(token, issuer, is_access=False)
        claims = tokens.of_id_token(token, issuer, self._clock.now(), nonce=ticket.text("nonce"))
        await self._tokens.revocations.check(claims)
        if claims.role is Role.DEPARTMENT:
            raise Refused("role_not_allowed")
        return claims

    async def _exchange(self, issuer: Issuer, ticket: _Ticket, code: str) -> str:
        """The ID token for the code. Raises: Refused, Unavailable."""
        _, metadata = await self._asked(issuer.code)
        login = issuer.login
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.public_url + CALLBACK,
            "code_verifier": ticket.text("verifier"),
        }
        authorization, client = None, login.client_id if login else ""
        if login is not None and (secret := login.secret()) is not None:
            pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"  # RFC 6749 section 2.3.1
            authorization = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = client
        try:
            said = await self._tokens.fetcher.post_form(metadata.token_endpoint or "", form, authorization)
        except NotFetched as error:
            log.warning("issuer.refused", issuer=issuer.code, reason=str(error))
            raise Refused("code") from None
        found = said.get("id_token")
        if not isinstance(found, str):
            raise Refused("code")
        return found

    async def _save(self, claims: Claims, replaces: str | None, place: Place) -> str:
        """Writes the log-in under an id of its own; gives the id."""
        id, now = secrets.token_urlsafe(32), self._clock.now()
        acr = claims.acr if claims.acr is None or len(claims.acr) <= 255 else None
        row = LoginRow(
            id_hash=_hash(id),
            issuer=claims.issuer,
            subject=claims.subject,
            role=claims.role,
            department=claims.department,
            jurisdictions=claims.jurisdictions,
            acr=acr,
            authenticated_at=claims.authenticated_at,
            created_at=now,
            seen_at=now,
            address=place.address,
            browser=place.browser,
        )
        async with self._database.transaction() as connection:
            await logins.end_old(connection, seen_before=now - IDLE, made_before=now - LONGEST)
            if replaces:
                await logins.end(connection, _hash(replaces))
            await logins.add(connection, row)
        return id


def _is_over(row: LoginRow, now: datetime) -> bool:
    return now - row.seen_at >= IDLE or now - row.created_at >= LONGEST


def form_token(id: str) -> str:
    """What each form of somebody logged in must bring: no other site can know it."""
    return _b64(hmac.digest(id.encode(), b"form", "sha256"))


def is_form_token(id: str, given: str) -> bool:
    """Whether the form was ours."""
    return hmac.compare_digest(form_token(id).encode(), given.encode())


def _claims_of(row: LoginRow) -> Claims:
    return Claims(
        issuer=row.issuer,
        subject=row.subject,
        role=row.role,
        department=row.department,
        jurisdictions=row.jurisdictions,
        token_id=None,
        issued_at=row.created_at,
        expires_at=row.created_at + LONGEST,
        acr=row.acr,
        authenticated_at=row.authenticated_at,
    )


def _hash(id: str) -> bytes:
    return hashlib.sha256(id.encode()).digest()


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
