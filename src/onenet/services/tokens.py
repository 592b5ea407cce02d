"""Access tokens: from what somebody shows to who it is, and how tokens are taken back.

Why a token is refused is told to the log alone. Source: security.md section 2.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from onenet import clock as clocks
from onenet.adapters import dpop, jose, tokens
from onenet.adapters.dpop import Shown
from onenet.adapters.issuers import Fetcher, Published
from onenet.adapters.jose import Refused
from onenet.adapters.tokens import Claims
from onenet.clock import Clock
from onenet.destinations import Destinations
from onenet.domain.principal import PERMISSIONS, Principal, Role, Strength
from onenet.errors import Conflict, MisconfiguredError, NotFound
from onenet.issuers import Issuer
from onenet.store import callers, logins, revocations
from onenet.store.database import Database
from onenet.store.revocations import Revocation

KNOWN_FOR = timedelta(seconds=5)
"""How long what was taken back is known before it is read again; so long may a token still work."""

KEPT_FOR = tokens.MAX_LIFE + 4 * timedelta(seconds=tokens.LEEWAY_S)
"""No token that was there when it was taken back lives longer."""


WEIGHTY = (":decide", ":reveal", ":find", ":ask", ":approve")
"""Permissions for which it matters how and how lately somebody was authenticated: decisions, what is masked,
look-ups of people, and emergency access."""


class Revocations:
    """What was taken back, read at most every five seconds: a request costs no query of its own."""

    def __init__(self, database: Database, clock: Clock):
        """Reads nothing yet."""
        self._database = database
        self._clock = clock
        self._read_at: datetime | None = None
        self._before: Mapping[tuple[str, str, bytes], datetime] = {}
        self._reading: asyncio.Task[None] | None = None

    async def check(self, claims: Claims) -> None:
        """Passes when the token was not taken back. Raises: Refused, Unavailable."""
        await self._read()
        if (claims.issuer, "token", _hash(claims.token_id or "")) in self._before:
            raise Refused("revoked")
        before = self._before.get((claims.issuer, "subject", _hash(claims.subject)))
        if before is not None and claims.issued_at < before:
            raise Refused("revoked")

    async def _read(self) -> None:
        now = self._clock.now()
        if self._read_at is not None and now - KNOWN_FOR < self._read_at <= now:
            return
        if self._reading is None:
            self._reading = asyncio.create_task(self._take(now))
        # One read for all who wait: where the database is away, they hear of it together, not in a row.
        await asyncio.shield(self._reading)

    async def _take(self, now: datetime) -> None:
        try:
            async with self._database.read() as connection:
                found = await revocations.live(connection, now)
            self._before = {(each.issuer, each.kind, each.value_hash): each.before for each in found}
            self._read_at = now
        finally:
            self._reading = None


class Proofs:
    """The proofs that this process took, for as long as each is right: none is taken twice."""

    def __init__(self, steady_s: Callable[[], float]):
        """Has taken none."""
        self._steady_s = steady_s
        self._since = steady_s()
        self._new: set[bytes] = set()
        self._old: set[bytes] = set()

    def is_new(self, name: bytes) -> bool:
        """Whether it was not taken before; from now on it was."""
        if (now := self._steady_s()) - self._since > dpop.KEPT_S:
            self._since, self._old, self._new = now, self._new, set()
        if name in self._new or name in self._old:
            return False
        self._new.add(name)
        return True


class AccessTokens:
    """Tells principals by the access tokens of the issuers that are configured."""

    def __init__(
        self,
        issuers: Sequence[Issuer],
        database: Database,
        clock: Clock,
        *,
        steady_s: Callable[[], float] = clocks.steady_s,
        destinations: Destinations | None = None,
    ):
        """Asks nobody yet. `steady_s`: by which the keys of issuers grow old.

        `destinations`: what may be called; nothing inner without it.
        """
        self.fetcher = Fetcher(destinations or Destinations())
        self.issuers = {issuer.code: issuer for issuer in issuers}
        self.published = {
            code: Published(each, self.fetcher, steady_s) for code, each in self.issuers.items()
        }
        self._by_url = {issuer.url: issuer for issuer in issuers}
        self._clock = clock
        self.revocations = Revocations(database, clock)
        self._proofs = Proofs(steady_s)

    async def aclose(self) -> None:
        """Ends what is under way."""
        for each in self.published.values():
            await each.aclose()
        await self.fetcher.aclose()

    async def principal(self, text: str, shown: Shown | None = None) -> Principal:
        """Who shows this access token, with proofs of a key or as a bearer. Raises: Refused, Unavailable."""
        token = jose.read(text)
        issuer = tokens.issuer_of(token, self._by_url)
        try:
            await self.check_signature(token, issuer, is_access=True)
            claims = tokens.of_access_token(token, issuer, self._clock.now())
            await self.revocations.check(claims)
            self._check_key(text, claims, shown)
        except Refused as refused:
            raise Refused(refused.reason, issuer.code) from None
        return principal_of(claims, issuer, self._clock.now())

    def _check_key(self, text: str, claims: Claims, shown: Shown | None) -> None:
        """Passes when whoever shows the token has the key that it is bound to, or it is bound to none.

        Raises: Refused; also for a bound token that comes as a bearer's, and for one that is bound to none
        and comes with proofs: neither may pass for the other.
        """
        if claims.bound_to is None and shown is None:
            return
        if claims.bound_to is None:
            raise Refused("not_bound")
        if shown is None:
            raise Refused("proof_missing")
        name = dpop.check(shown, text, claims.bound_to, self._clock.now())
        if not shown.is_again and not self._proofs.is_new(name):
            raise Refused("proof_again")

    async def check_signature(self, token: jose.Unverified, issuer: Issuer, *, is_access: bool) -> None:
        """Passes when it is of this issuer and of this kind. Raises: Refused."""
        algorithm, kid = tokens.signed_with(token, issuer, is_access=is_access)
        key = await self.published[issuer.code].key(kid)
        if key is None:
            raise Refused("key_unknown")
        jose.check_signature(token, key, algorithm)


def principal_of(claims: Claims, issuer: Issuer, now: datetime) -> Principal:
    """Who somebody is of whom that is believed.

    Who was not authenticated strongly or lately enough for a decision may do all the rest.
    """
    strength = Strength(claims.acr, claims.authenticated_at)
    permissions = PERMISSIONS[claims.role]
    if not _may_decide(strength, issuer, now):
        permissions = frozenset(name for name in permissions if not name.endswith(WEIGHTY))
    if claims.role is Role.DEPARTMENT:
        # A system: in records it is its department, whichever of its clients speaks.
        return Principal(
            claims.role,
            claims.department or "",
            permissions,
            department=claims.department,
            jurisdictions=claims.jurisdictions,
        )
    return Principal(
        claims.role,
        claims.issuer,
        permissions,
        subject=claims.subject,
        department=claims.department,
        jurisdictions=claims.jurisdictions,
        strength=strength,
    )


def _may_decide(strength: Strength, issuer: Issuer, now: datetime) -> bool:
    """Whether the issuer's rules for decisions are met. Source: ASVS 10.3.4."""
    if issuer.decision_acr and strength.acr not in issuer.decision_acr:
        return False
    if issuer.decision_max_age_s is None:
        return True
    at = strength.authenticated_at
    return at is not None and now - at <= timedelta(seconds=issuer.decision_max_age_s + tokens.LEEWAY_S)


async def revoke_token(database: Database, issuer: Issuer, token_id: str, *, now: datetime) -> None:
    """Has the token with this `jti` refused from now on."""
    revocation = Revocation(issuer.code, "token", _hash(token_id), now, now + KEPT_FOR)
    async with database.transaction() as connection:
        await revocations.put(connection, revocation, now)


async def revoke_subject(
    database: Database, issuer: Issuer, subject: str, *, before: datetime, now: datetime
) -> int:
    """Has all tokens of the subject that were issued before that moment refused, and logs it out here.

    Gives the number of log-ins that ended. Raises: Conflict for a moment that is still to come.
    """
    if before > now:
        raise Conflict("expected a moment that has passed: tokens of the future cannot be told apart yet")
    revocation = Revocation(issuer.code, "subject", _hash(subject), before, before + KEPT_FOR)
    async with database.transaction() as connection:
        await revocations.put(connection, revocation, now)
        return await logins.end_of_subject(connection, issuer.code, subject)


async def check_worlds(database: Database, issuers: Sequence[Issuer], now: datetime) -> None:
    """Passes when no front-end's code is an issuer's as well. Raises: MisconfiguredError.

    Subjects are named in a front-end's world or an issuer's: in one of both, two people would be one.
    """
    for issuer in issuers:
        async with database.read() as connection:
            live = await callers.live_of_client(connection, "frontend", issuer.code, now)
        if live:
            raise MisconfiguredError(
                f"ONENET_ISSUERS: the code {issuer.code} is that of a front-end with a live key"
            )


def issuer_called(issuers: Sequence[Issuer], code: str) -> Issuer:
    """The issuer with that code. Raises: NotFound, naming those that are configured."""
    found = next((issuer for issuer in issuers if issuer.code == code), None)
    if found is None:
        known = ", ".join(issuer.code for issuer in issuers) or "none"
        raise NotFound(f"no issuer of that code is configured; there are: {known}")
    return found


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
