"""Rotations: new keys for an endpoint, and a while in which the old ones count beside them.

In its grace an old key signs what is sent, after the new one, and verifies what comes back. Its end is a
moment and no deed: from then on `EndpointRow.keys_at` leaves it out, whether or not a worker is there to
delete it. Source: Standard Webhooks 1.0.0 (a list of signatures); delivery.md section 9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet import security_log
from onenet.adapters import jetstream, signing
from onenet.errors import Conflict, NotFound
from onenet.store import endpoints as store
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow, Retired

GRACE_S = 86_400
LONGEST_GRACE_S = 604_800
MOST_RETIRED = 10
"""With the current keys that is what one signature header may hold (`signing.MAX_ENTRIES`)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`grace_s`: how long any old key still counts, those of earlier rotations too. `key`: the new secret,
    where it is not to be made here.
    """

    grace_s: int = GRACE_S
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Rotated:
    """The endpoint with its new keys; `secret`: the new one that both sides know, to be told this once."""

    endpoint: EndpointRow
    secret: str | None


@dataclass(frozen=True, slots=True)
class Rotation:
    """Give an endpoint new keys, of the kinds that it signs by."""

    endpoint_id: UUID
    wanted: Wanted
    at: datetime

    async def effect(self, connection: AsyncConnection) -> Rotated:
        """Does it. Raises: NotFound, Conflict, MisconfiguredError."""
        endpoint = await store.by_id(connection, self.endpoint_id, for_update=True)
        if endpoint is None:
            raise NotFound
        new = _new_keys(endpoint, self.wanted)
        ends_at = self.at + timedelta(seconds=self.wanted.grace_s)
        replaced = [Retired(key, ends_at) for key in signing.that_sign(endpoint.secrets)]
        retired = [*replaced, *(Retired(old.key, min(old.until, ends_at)) for old in endpoint.retired)]
        retired = [old for old in retired if old.until > self.at]
        if len(retired) > MOST_RETIRED:
            raise Conflict(f"{MOST_RETIRED} old keys count at most: wait for one to end, or give no grace")
        secrets = (*new, *signing.public_keys(endpoint.secrets))
        endpoint = replace(endpoint, secrets=secrets, retired=tuple(retired))
        await store.replace(connection, endpoint)
        return Rotated(endpoint, next(iter(signing.shared(new)), None))

    def report(self, done: Rotated) -> None:
        """Tells the security log."""
        security_log.report("secret_rotated", endpoint=str(done.endpoint.id), owner=done.endpoint.owner)


def _new_keys(endpoint: EndpointRow, wanted: Wanted) -> list[str]:
    """A key in the place of each that signs. Raises: Conflict, MisconfiguredError."""
    is_relay = endpoint.adapter == jetstream.ADAPTER
    shared, own = signing.shared(endpoint.secrets), signing.own_keys(endpoint.secrets)
    if is_relay or not (shared or own):
        raise Conflict("nothing that goes there is signed: there is no key to replace")
    if wanted.key is not None:
        signing.check_shared(wanted.key)
        if not shared:
            raise Conflict("a secret is for v1, and this endpoint signs by v1a: leave it out")
        if wanted.key in {*shared, *(old.key for old in endpoint.retired)}:
            raise Conflict("this secret is in use: expected a new one")
    return [wanted.key or signing.new_secret() for _ in shared] + [signing.new_own_key() for _ in own]


async def forget(database: Database, now: datetime) -> int:
    """Deletes the old keys whose grace is over; how many. They count no more since it was."""
    async with database.read() as connection:
        found = [each for each in await store.every(connection) if _has_ended(each, now)]
    number = 0
    for each in found:
        async with database.transaction() as connection:
            endpoint = await store.by_id(connection, each.id, for_update=True)
            if endpoint is not None and _has_ended(endpoint, now):
                kept = tuple(old for old in endpoint.retired if old.until > now)
                number += len(endpoint.retired) - len(kept)
                await store.replace(connection, replace(endpoint, retired=kept))
    return number


def _has_ended(endpoint: EndpointRow, now: datetime) -> bool:
    return any(old.until <= now for old in endpoint.retired)
