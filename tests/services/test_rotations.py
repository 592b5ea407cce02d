"""Rotations: both keys in the grace, the new one alone from its end on, whoever runs by then."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from onenet.adapters import signing
from onenet.clock import FrozenClock
from onenet.domain.sheet import TASK_PREFIX
from onenet.errors import Conflict, NotFound, Unauthenticated
from onenet.ids import new_id, to_text
from onenet.services import callbacks, deeds, endpoints, rotations
from onenet.services.advance import Gate
from onenet.services.rotations import MOST_RETIRED, Rotation, Wanted
from onenet.store import endpoints as store
from onenet.store import tables
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.worker import Worker
from tests.adapters.loopback import answer, loopback
from tests.factories import NOW, Shelf, make_bundle, make_opening
from tests.outward import HERE
from tests.services.test_worker import at_work, until
from tests.store.seeding import SECRET, save_department

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
JUST = timedelta(milliseconds=1)


async def the_one(database: Database) -> EndpointRow:
    (found,) = await endpoints.list_endpoints(database)
    return found


async def test_what_is_sent_in_the_grace_is_signed_by_both_keys_and_afterwards_by_the_new_one(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    """Also while no worker is there that could delete the old one."""
    bundle = shelf.put(make_bundle())
    async with loopback(answer(202)) as department:
        made = await save_department(database, "police", department.url)
        done = await deeds.do(database, Rotation(made.id, Wanted(), clock.now()))
        assert done.secret is not None

        async def called(times: int) -> None:
            await gate.submit(make_opening(bundle))

            async def heard() -> bool:
                return len(department.heard) == times

            async with at_work(Worker(database, gate, clock, clock, destinations=HERE)):
                await until(heard)

        await called(1)
        clock.advance(DAY)
        await called(2)
    believed = [
        [
            signing.verify(heard.headers, heard.body, [key], now=now) is None
            for key in (done.secret, SECRET)
        ]
        for heard, now in zip(department.heard, (NOW, NOW + DAY), strict=True)
    ]  # fmt: skip
    assert believed == [[True, True], [True, False]]
    first = department.heard[0].headers["webhook-signature"].split(" ")
    alone = signing.sign(
        department.heard[0].body, [done.secret], message_id=department.heard[0].headers["webhook-id"], at=NOW
    )
    assert first[0] == alone["webhook-signature"]  # the new one first


async def test_a_callback_is_believed_by_either_key_until_the_grace_ends(
    database: Database, gate: Gate, clock: FrozenClock, shelf: Shelf
) -> None:
    await gate.submit(make_opening(shelf.put(make_bundle())))
    made = await save_department(database, "police", "https://police.example.org/")
    done = await deeds.do(database, Rotation(made.id, Wanted(), clock.now()))
    assert done.secret is not None
    async with database.read() as connection:
        task = to_text(TASK_PREFIX, (await connection.scalars(select(tables.task.c.id))).one())

    async def say(key: str, outcome: str, message_id: str) -> None:
        said = {
            "type": "task.outcome",
            "timestamp": NOW.isoformat(),
            "data": {"task": task, "outcome": outcome},
        }
        body = json.dumps(said).encode()
        headers = signing.sign(body, [key], message_id=message_id, at=clock.now())
        await callbacks.receive(
            database, gate, clock, department="police", url="https://x", headers=headers, body=body
        )

    clock.advance(DAY - JUST)
    await say(SECRET, "accepted", "m-1")
    clock.advance(JUST)
    with pytest.raises(Unauthenticated):
        await say(SECRET, "completed", "m-2")
    await say(done.secret, "completed", "m-2")


async def test_no_old_key_outlives_the_grace_that_was_given_last(
    database: Database, clock: FrozenClock
) -> None:
    """After a leak one rotation without grace has to end all that there was."""
    made = await save_department(database, "police", "https://police.example.org/")
    for _ in range(3):
        await deeds.do(database, Rotation(made.id, Wanted(), clock.now()))
    assert len((await the_one(database)).keys_at(clock.now())) == 4
    hour = await deeds.do(database, Rotation(made.id, Wanted(grace_s=3_600), clock.now()))
    assert {old.until for old in hour.endpoint.retired} == {NOW + timedelta(hours=1)}
    none = await deeds.do(database, Rotation(made.id, Wanted(grace_s=0), clock.now()))
    assert none.endpoint.keys_at(clock.now()) == (none.secret,)


async def test_ten_old_keys_count_at_most(database: Database, clock: FrozenClock) -> None:
    made = await save_department(database, "police", "https://police.example.org/")
    for _ in range(MOST_RETIRED):
        await deeds.do(database, Rotation(made.id, Wanted(), clock.now()))
    with pytest.raises(Conflict, match="10 old keys count at most"):
        await deeds.do(database, Rotation(made.id, Wanted(), clock.now()))
    clock.advance(DAY)
    await deeds.do(database, Rotation(made.id, Wanted(), clock.now()))
    assert len((await the_one(database)).retired) == 1


async def test_an_old_key_is_deleted_when_its_grace_is_over(database: Database, clock: FrozenClock) -> None:
    made = await save_department(database, "police", "https://police.example.org/")
    await deeds.do(database, Rotation(made.id, Wanted(), clock.now()))
    clock.advance(DAY - JUST)
    assert await rotations.forget(database, clock.now()) == 0
    clock.advance(JUST)
    assert await rotations.forget(database, clock.now()) == 1
    kept = await the_one(database)
    assert (kept.retired, len(kept.secrets)) == ((), 1)


async def test_each_kind_of_key_that_signs_is_replaced_and_a_department_s_own_is_not(
    database: Database, clock: FrozenClock
) -> None:
    wanted = endpoints.Wanted("department", "police", "https://police.example.org/", signs="both")
    before = (await endpoints.register(database, wanted, NOW)).endpoint
    trusted = "whpk_" + "A" * 43 + "="
    await endpoints.trust(database, "police", trusted)
    done = (await deeds.do(database, Rotation(before.id, Wanted(), clock.now()))).endpoint
    assert [key[:6] for key in done.secrets] == ["whsec_", "whsk_" + done.secrets[1][5], "whpk_A"]
    assert not set(done.secrets) & set(before.secrets)
    assert tuple(old.key for old in done.retired) == before.secrets
    again = (await endpoints.register(database, wanted, NOW)).endpoint  # the old keys go on counting
    assert (again.secrets, again.retired) == (done.secrets, done.retired)


async def test_a_secret_that_the_other_side_chose_is_taken_if_it_is_new(
    database: Database, clock: FrozenClock
) -> None:
    made = await save_department(database, "police", "https://police.example.org/")
    with pytest.raises(Conflict, match="in use"):
        await deeds.do(database, Rotation(made.id, Wanted(key=SECRET), clock.now()))
    chosen = signing.new_secret()
    await deeds.do(database, Rotation(made.id, Wanted(key=chosen), clock.now()))
    with pytest.raises(Conflict, match="in use"):  # nor one that still counts
        await deeds.do(database, Rotation(made.id, Wanted(key=SECRET), clock.now()))
    assert (await the_one(database)).secrets == (chosen,)


async def test_where_nothing_is_signed_nothing_is_replaced(database: Database, clock: FrozenClock) -> None:
    wanted = endpoints.Wanted("department", "police", adapter="pull")
    made = (await endpoints.register(database, wanted, NOW)).endpoint
    with pytest.raises(Conflict, match="no key to replace"):
        await deeds.do(database, Rotation(made.id, Wanted(), clock.now()))
    with pytest.raises(NotFound):
        await deeds.do(database, Rotation(new_id(), Wanted(), clock.now()))


async def test_old_keys_are_sealed_like_new_ones(database: Database, clock: FrozenClock) -> None:
    made = await save_department(database, "police", "https://police.example.org/")
    await deeds.do(database, Rotation(made.id, Wanted(), clock.now()))
    async with database.read() as connection:
        stored: str = (await connection.scalars(select(tables.endpoint.c.secrets))).one()
        assert "whsec_" not in stored
        assert (await store.every(connection))[0].retired[0].key == SECRET
