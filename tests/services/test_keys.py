"""API keys: hashed, told by kind, two live ones, ended by expiry, revocation and rotation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from onenet.clock import FrozenClock
from onenet.domain.principal import OF_THE_HOTLINE, Role, usual
from onenet.errors import Conflict, NotFound, Unauthenticated, Unavailable
from onenet.services import keys
from onenet.services.keys import CACHE_FOR, TOKEN, Keyring, NewKey
from onenet.store import tables
from onenet.store.database import Database

pytestmark = pytest.mark.anyio


async def make(database: Database, clock: FrozenClock, **changes: object) -> NewKey:
    given = {"kind": "frontend", "client": "app", "now": clock.now()} | changes
    return await keys.create(database, **given)  # type: ignore[arg-type]  # a test's own keywords


async def test_a_key_tells_who_calls_and_what_they_may(database: Database, clock: FrozenClock) -> None:
    made = await make(database, clock)
    assert TOKEN.fullmatch(made.token)
    who = await Keyring(database, clock).principal(made.token)
    assert (who.role, who.client, who.permissions) == ("frontend", "app", usual(Role.FRONTEND))
    assert who.acting_for("s-1").id == "frontend:app/s-1"


async def test_a_front_end_is_the_hotline_only_where_that_is_said(
    database: Database, clock: FrozenClock
) -> None:
    usual_key, hotline = await make(database, clock), await make(database, clock, scopes=OF_THE_HOTLINE)
    ring = Keyring(database, clock)
    assert not (await ring.principal(usual_key.token)).permissions & OF_THE_HOTLINE
    assert (await ring.principal(hotline.token)).permissions == OF_THE_HOTLINE


async def test_no_row_holds_the_token(database: Database, clock: FrozenClock) -> None:
    made = await make(database, clock)
    async with database.read() as connection:
        row = (await connection.execute(tables.api_key.select())).one()
    secret = made.token.rpartition("_")[2]
    assert all(
        secret not in str(value) and secret.encode() not in bytes(str(value), "utf-8") for value in row
    )


async def test_a_token_with_one_other_character_is_refused(database: Database, clock: FrozenClock) -> None:
    token = (await make(database, clock)).token
    wrong = token[:-1] + ("a" if token[-1] != "a" else "b")
    for refused in (wrong, token + "a", token[:-1], "", "onk_", token.upper()):
        with pytest.raises(Unauthenticated):
            await Keyring(database, clock).principal(refused)


async def test_a_key_opens_only_from_its_networks(database: Database, clock: FrozenClock) -> None:
    made = await make(database, clock, networks=("10.1.0.0/16", "2001:db8::/32"))
    ring = Keyring(database, clock)
    for address in ("10.1.255.3", "2001:db8::7", "::ffff:10.1.0.1"):
        await ring.principal(made.token, address)
    for address in ("10.2.0.1", "2001:db9::7", "", "somewhere"):
        with pytest.raises(Unauthenticated):
            await ring.principal(made.token, address)


async def test_a_network_of_ipv4_written_as_ipv6_is_the_one_of_ipv4(
    database: Database, clock: FrozenClock
) -> None:
    made = await make(database, clock, networks=("::ffff:10.0.0.0/104",))
    await Keyring(database, clock).principal(made.token, "10.1.255.3")
    with pytest.raises(Unauthenticated):
        await Keyring(database, clock).principal(made.token, "11.0.0.1")


async def test_a_right_key_from_elsewhere_is_told_by_its_name(
    database: Database, clock: FrozenClock, seen: list[dict[str, Any]]
) -> None:
    """Somebody has it who should not."""
    made = await make(database, clock, networks=("10.1.0.0/16",))
    with pytest.raises(Unauthenticated):
        await Keyring(database, clock).principal(made.token, "10.2.0.1")
    told = [(event["event"], event["reason"], event["key"]) for event in seen]
    assert told[-1] == ("authentication_failed", "address", made.key.public)


async def test_a_rotated_key_keeps_its_networks(database: Database, clock: FrozenClock) -> None:
    old = await make(database, clock, networks=("10.1.0.0/16",))
    new = await keys.rotate(database, old.key.public, now=clock.now(), overlap=timedelta(0))
    with pytest.raises(Unauthenticated):
        await Keyring(database, clock).principal(new.token, "10.2.0.1")


async def test_the_last_use_is_written_once_for_all_uses(database: Database, clock: FrozenClock) -> None:
    made, ring, began_at = await make(database, clock), Keyring(database, clock), clock.now()
    for _ in range(3):
        await ring.principal(made.token)
        clock.advance(timedelta(seconds=1))
    assert [key.last_used_at for key in await keys.list_keys(database)] == [None]
    await ring.note()
    assert [key.last_used_at for key in await keys.list_keys(database)] == [began_at + timedelta(seconds=2)]


async def test_the_last_use_never_goes_back(database: Database, clock: FrozenClock) -> None:
    """Two processes write; the one that saw the earlier use may come later."""
    made, early, late = await make(database, clock), Keyring(database, clock), Keyring(database, clock)
    await early.principal(made.token)
    clock.advance(timedelta(seconds=9))
    await late.principal(made.token)
    await late.note()
    await early.note()
    assert [key.last_used_at for key in await keys.list_keys(database)] == [clock.now()]


async def test_a_use_that_could_not_be_written_is_kept(database: Database, clock: FrozenClock) -> None:
    made, ring = await make(database, clock), Keyring(database, clock)
    await ring.principal(made.token)
    for old, new in (("last_used_at", "elsewhere"), ("elsewhere", "last_used_at")):
        async with database.transaction() as connection:
            await connection.execute(text(f"ALTER TABLE api_key RENAME COLUMN {old} TO {new}"))
        if new == "elsewhere":
            with pytest.raises((DBAPIError, Unavailable)):
                await ring.note()
    await ring.note()
    assert [key.last_used_at for key in await keys.list_keys(database)] == [clock.now()]


async def test_an_expired_key_opens_nothing(database: Database, clock: FrozenClock) -> None:
    made = await make(database, clock, lives_for=timedelta(days=1))
    ring = Keyring(database, clock)
    await ring.principal(made.token)
    clock.advance(timedelta(days=1))
    with pytest.raises(Unauthenticated):
        await ring.principal(made.token)


async def test_a_revoked_key_is_refused_within_five_seconds(database: Database, clock: FrozenClock) -> None:
    made, ring = await make(database, clock), Keyring(database, clock)
    await ring.principal(made.token)
    await keys.revoke(database, made.key.public, now=clock.now())
    clock.advance(CACHE_FOR)
    with pytest.raises(Unauthenticated):
        await ring.principal(made.token)
    with pytest.raises(NotFound):
        await keys.revoke(database, made.key.public, now=clock.now())


async def test_a_rotation_leaves_both_keys_for_the_overlap(database: Database, clock: FrozenClock) -> None:
    old = await make(database, clock)
    new = await keys.rotate(database, old.key.public, now=clock.now(), overlap=timedelta(hours=24))
    ring = Keyring(database, clock)
    for made in (old, new):
        await ring.principal(made.token)
    with pytest.raises(Conflict):
        await keys.rotate(database, new.key.public, now=clock.now(), overlap=timedelta(hours=24))
    clock.advance(timedelta(hours=24))
    await ring.principal(new.token)
    with pytest.raises(Unauthenticated):
        await ring.principal(old.token)


async def test_a_client_has_at_most_two_live_keys(database: Database, clock: FrozenClock) -> None:
    first, _ = await make(database, clock), await make(database, clock)
    with pytest.raises(Conflict):
        await make(database, clock)
    await keys.revoke(database, first.key.public, now=clock.now())
    await make(database, clock)


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": frozenset({"steps:decide"})},
        {"client": "a/b"},
        {"client": "a:b"},
        {"client": ""},
        {"lives_for": timedelta(days=367)},
        {"lives_for": timedelta(0)},
        {"networks": ("10.1.0.1/16",)},
        {"networks": ("everywhere",)},
    ],
)
async def test_a_key_that_should_not_be_is_not_made(
    database: Database, clock: FrozenClock, changes: dict[str, object]
) -> None:
    with pytest.raises(Conflict):
        await make(database, clock, **changes)


async def test_a_key_can_have_less_than_its_kind(database: Database, clock: FrozenClock) -> None:
    made = await make(database, clock, scopes=frozenset({"catalogue:read"}))
    assert (await Keyring(database, clock).principal(made.token)).permissions == {"catalogue:read"}
