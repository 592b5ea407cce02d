"""Delegations 委托: given and taken back by the owner, read at each call of the delegate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.delegation import Delegation, Owner
from onenet.domain.principal import LONGEST_ACTOR, Principal, Role
from onenet.errors import Conflict, Fault, Forbidden, NotFound
from onenet.ids import new_id
from onenet.services.cases import find_bundle, unknown
from onenet.services.catalogue import Catalogue
from onenet.services.change import Once
from onenet.services.once import do_once
from onenet.services.reading import Reading
from onenet.store import delegations as store
from onenet.store.database import Database
from onenet.store.idempotency import StoredAnswer

LONGEST = timedelta(days=3 * 366)
MOST_LIVE = 100
LONGEST_ROLE = max(len(role.value) for role in Role)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an owner gives; `begins_at` None is now."""

    delegate: Owner
    ends_at: datetime
    begins_at: datetime | None = None
    bundles: tuple[str, ...] = ()
    case_id: UUID | None = None
    proof: str | None = None


def owner_of(who: Principal) -> Owner:
    """Whose cases this principal's own are. Raises: Forbidden for somebody without any."""
    if who.subject is None:
        raise Forbidden
    return Owner(who.client, who.subject)


async def give_once(
    database: Database,
    wanted: Wanted,
    owner: Owner,
    now: datetime,
    *,
    once: Once,
    render: Callable[[Delegation], StoredAnswer],
) -> tuple[StoredAnswer, bool]:
    """Gives it, under a key. Raises: Conflict when the owner has given too many."""
    given = Delegation(
        id=new_id(), owner=owner, delegate=wanted.delegate, begins_at=wanted.begins_at or now,
        ends_at=wanted.ends_at, bundles=frozenset(wanted.bundles), case_id=wanted.case_id,
        proof=wanted.proof, created_at=now,
    )  # fmt: skip

    async def effect(connection: AsyncConnection) -> StoredAnswer:
        if await store.count_live(connection, owner, now) >= MOST_LIVE:
            raise Conflict(f"at most {MOST_LIVE} delegations at a time: take one back first")
        await store.add(connection, given)
        return render(given)

    return await do_once(database, once, now, effect)


async def check(
    reading: Reading, catalogue: Catalogue, wanted: Wanted, who: Principal, now: datetime
) -> None:
    """Passes when this can be given. Raises: Conflict, UnknownReference."""
    owner, begins_at = owner_of(who), wanted.begins_at or now
    if wanted.delegate == owner:
        raise _wrong("/delegate", "不能委托给自己", "Expected somebody else")
    lasts = wanted.ends_at - begins_at
    if not timedelta(0) < lasts <= LONGEST or wanted.ends_at <= now:
        zh, en = (
            "应晚于开始时间和当前时间，且不超过三年",
            "Expected after its begin and now, within three years",
        )
        raise _wrong("/ends_at", zh, en)
    if LONGEST_ROLE + len(f":{wanted.delegate} for {owner}") > LONGEST_ACTOR:
        raise _wrong("/delegate", "名称过长，无法记录在案", "Too long a name to be put on record")
    for index, code in enumerate(wanted.bundles):
        try:
            await find_bundle(catalogue, code, None)
        except Conflict:
            raise unknown(f"/bundles/{index}", "没有此“一件事”", "no such bundle") from None
    if wanted.case_id is not None:
        await _own_case(reading, wanted.case_id, who, now)


async def _own_case(reading: Reading, case_id: UUID, who: Principal, now: datetime) -> None:
    """What was given to somebody, they cannot give on: by a delegation, or by a mandate (Civil Code 923)."""
    try:
        seen = await reading.case(case_id, who, now)
    except NotFound:
        seen = None
    if seen is None or seen.sight.rule != "own":
        raise unknown("/case", "没有此办件", "no such case of yours")
    if (agent := seen.case.content.agent) is not None and agent.mandate is not None:
        zh, en = "代办人不得转委托", "Expected a case of your own: you act in this one by a mandate"
        raise _wrong("/case", zh, en)


async def about(database: Database, person: Owner) -> list[Delegation]:
    """What this person gave and was given, newest first."""
    async with database.read() as connection:
        return await store.about(connection, person, MOST_LIVE)


async def revoke(database: Database, owner: Owner, id: UUID, now: datetime) -> Delegation:
    """Takes one back, from now on; a second time changes nothing. Raises: NotFound."""
    async with database.transaction() as connection:
        found = await store.revoke(connection, owner, id, now)
    if found is None:
        raise NotFound
    return found


def _wrong(pointer: str, zh: str, en: str) -> Conflict:
    """A conflict, as it depends on the caller and on the time: the contract alone does not tell."""
    return Conflict(en, faults=(Fault("delegation", zh, en, pointer=pointer),))
