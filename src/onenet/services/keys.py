"""API keys: whose they are, where they may be used, how they are made, changed and ended.

A token is `onk_<public, 8>_<secret, 43>`, 256 random bits in base 62. Only its SHA-256 is stored, which is
enough for a secret of that strength (ASVS 6.5.2); the token itself is shown once, when it is made.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

import structlog

from onenet import security_log
from onenet.addresses import Networks
from onenet.clock import Clock
from onenet.domain.principal import PERMISSIONS, Principal, Role, usual
from onenet.errors import Conflict, NotFound, Unauthenticated, Unavailable
from onenet.ids import new_id
from onenet.store import callers
from onenet.store.callers import ApiKey, KeyKind
from onenet.store.database import Database

log = structlog.get_logger()

TOKEN = re.compile(r"onk_([0-9A-Za-z]{8})_[0-9A-Za-z]{43}")
LONGEST_LIFE = timedelta(days=366)
MAX_LIVE_KEYS = 2
"""Two, so that a client can change over without a pause; a third would be one that nobody watches."""

CACHE_FOR = timedelta(seconds=5)
MAX_CACHED = 10_000

USED_EVERY_S = 60
"""How often it is written which keys were used: once for each key, however often it was."""

# Without ":" and "/", which join it to the kind and the subject: no two callers have the same id.
_CLIENT = re.compile("[a-z0-9][a-z0-9_-]{0,63}")
_networks = lru_cache(maxsize=1_000)(Networks)
_BASE62 = string.digits + string.ascii_letters


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; `token` can never be shown again."""

    token: str
    key: ApiKey


class Keyring:
    """Tells principals by their tokens.

    Live keys are remembered for five seconds, so a request costs no query of its own; a revoked key may
    still work for that long.
    """

    def __init__(self, database: Database, clock: Clock):
        """Reads nothing yet."""
        self._database = database
        self._clock = clock
        self._known: dict[str, tuple[datetime, ApiKey]] = {}
        self._used: dict[str, datetime] = {}

    async def principal(self, token: str, address: str = "") -> Principal:
        """Whose token this is, sent from that address. Raises: Unauthenticated, the same for every reason."""
        found = TOKEN.fullmatch(token)
        if found is None:
            raise _refused("api_key")
        now = self._clock.now()
        key = await self._key(found.group(1), now)
        # Hashing is done and compared even where no key was found: the answer takes as long either way.
        right = hmac.compare_digest(_hash(token), key.hash if key else bytes(32))
        if key is None or not right or not key.is_live(now):
            raise _refused("api_key")
        if key.networks and not _networks(key.networks).contain(address):
            raise _refused("address", key=key.public)
        self._used[key.public] = now
        return _principal(key)

    async def run(self) -> None:
        """Writes which keys were used, every minute and when it is told to stop."""
        try:
            while True:
                await asyncio.sleep(USED_EVERY_S)
                await self._note_if_possible()
        finally:
            await self._note_if_possible()

    async def note(self) -> None:
        """Writes which keys were used since it was last written. Raises: Unavailable, and then it is kept."""
        if self._used:
            used, self._used = self._used, {}
            try:
                async with self._database.transaction() as connection:
                    await callers.note_used(connection, used)
            except BaseException:
                self._used = used | self._used
                raise

    async def _note_if_possible(self) -> None:
        try:
            await self.note()
        except Unavailable:
            return  # kept for the next minute; the database has told the log
        except Exception:
            log.exception("use_of_keys_not_written")

    async def _key(self, public: str, now: datetime) -> ApiKey | None:
        read_at, key = self._known.get(public, (None, None))
        if read_at is not None and now - CACHE_FOR < read_at <= now:
            return key
        async with self._database.read() as connection:
            key = await callers.find(connection, public)
        if key is not None:
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            self._known[public] = (now, key)
        return key


async def create(
    database: Database,
    *,
    kind: KeyKind,
    client: str,
    now: datetime,
    scopes: frozenset[str] | None = None,
    lives_for: timedelta = LONGEST_LIFE,
    jurisdictions: frozenset[str] = frozenset(),
    networks: tuple[str, ...] = (),
) -> NewKey:
    """Makes a key. `scopes` may narrow what its kind allows; `jurisdictions`, where; `networks`, from where.

    Raises: Conflict when the client has two live keys already, or for what it cannot have.
    """
    allowed = PERMISSIONS[Role(kind)]
    wanted = usual(Role(kind)) if scopes is None else scopes
    if not wanted <= allowed:
        raise Conflict(f"a key of kind {kind} can have: {', '.join(sorted(allowed))}")
    if not _CLIENT.fullmatch(client):
        raise Conflict(
            "a client's code is small letters, digits, - and _, at most 64, a letter or digit first"
        )
    if not timedelta(0) < lives_for <= LONGEST_LIFE:
        raise Conflict(f"a key lives at most {LONGEST_LIFE.days} days")
    _check_networks(networks)
    new = _new_key(kind, client, wanted, now, lives_for)
    new = replace(new, key=replace(new.key, jurisdictions=jurisdictions, networks=networks))
    async with database.transaction() as connection:
        _leave_room(await callers.live_of_client(connection, kind, client, now))
        await callers.add(connection, new.key)
    security_log.report("key_created", kind, key=new.key.public, of=client)
    return new


async def rotate(database: Database, public: str, *, now: datetime, overlap: timedelta) -> NewKey:
    """Makes a key like this one and ends the old one after `overlap`.

    Raises: NotFound when no live key has that public part, Conflict when a rotation is under way.
    """
    async with database.transaction() as connection:
        old = await callers.find(connection, public)
        if old is None or not old.is_live(now):
            raise NotFound("no live key has this public part")
        _leave_room(await callers.live_of_client(connection, old.kind, old.client, now))
        new = _new_key(old.kind, old.client, old.scopes, now, LONGEST_LIFE)
        new = replace(new, key=replace(new.key, jurisdictions=old.jurisdictions, networks=old.networks))
        await callers.add(connection, new.key)
        await callers.revoke(connection, public, now + overlap)
    security_log.report("key_rotated", old.kind, key=public, by=new.key.public, of=old.client)
    return new


async def revoke(database: Database, public: str, *, now: datetime) -> None:
    """Ends a key now. Raises: NotFound when no live key has that public part."""
    async with database.transaction() as connection:
        if not await callers.revoke(connection, public, now):
            raise NotFound("no live key has this public part")
    security_log.report("key_revoked", key=public)


async def list_keys(database: Database) -> list[ApiKey]:
    """All keys, live or not, the oldest first."""
    async with database.read() as connection:
        return await callers.every(connection)


def _check_networks(networks: tuple[str, ...]) -> None:
    """Passes when all are networks. Raises: Conflict."""
    try:
        Networks(networks)
    except ValueError:
        raise Conflict("a network is an address, or a range as 10.1.0.0/16 that ends in zeros") from None


def _refused(reason: str, **ids: str) -> Unauthenticated:
    """The refusal, the same for every reason; the log alone is told which."""
    security_log.report("authentication_failed", reason, **ids)
    return Unauthenticated()


def _principal(key: ApiKey) -> Principal:
    role = Role(key.kind)
    # What a role may no longer do, no key of it may, whatever was written when it was made.
    permissions = key.scopes & PERMISSIONS[role]
    department = key.client if role in (Role.DEPARTMENT, Role.OFFICER) else None
    return Principal(role, key.client, permissions, department=department, jurisdictions=key.jurisdictions)


def _leave_room(live: Sequence[ApiKey]) -> None:
    """Passes when one more key may live. Raises: Conflict, naming those that do."""
    if len(live) >= MAX_LIVE_KEYS:
        names = ", ".join(f"onk_{key.public}" for key in live)
        raise Conflict(f"{live[0].client} has {len(live)} live keys ({names}); revoke one first")


def _new_key(
    kind: KeyKind, client: str, scopes: frozenset[str], now: datetime, lives_for: timedelta
) -> NewKey:
    public = _random(8)
    token = f"onk_{public}_{_random(43)}"
    key = ApiKey(
        id=new_id(),
        public=public,
        hash=_hash(token),
        kind=kind,
        client=client,
        scopes=scopes,
        created_at=now,
        expires_at=now + lives_for,
    )
    return NewKey(token, key)


def _random(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
