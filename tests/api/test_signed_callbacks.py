"""Callbacks signed as RFC 9421 says, over HTTP: believed for what they are, refused when anything is not."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from onenet.adapters import signing
from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain.sheet import TASK_PREFIX
from onenet.errors import Conflict
from onenet.ids import to_text
from onenet.services import endpoints
from onenet.services.endpoints import Wanted
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import PUBLIC_URL, submission
from tests.factories import NOW
from tests.signatures import KEY, OTHER_KEY, REASONS, TAMPERINGS, Callback, public
from tests.store.seeding import count

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

URL = f"{PUBLIC_URL}/v1/callbacks/health"


@pytest.fixture
async def task(frontend: httpx2.AsyncClient, database: Database, clock: FrozenClock, parts: Parts) -> str:
    """A new case's task at the health department, whose key is registered."""
    wanted = Wanted("department", "health", "https://health.example.org/tasks")
    await endpoints.register(database, wanted, clock.now())
    await endpoints.trust(database, "health", public(KEY))
    await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    async with database.read() as connection:
        return to_text(TASK_PREFIX, (await connection.execute(tables.task.select())).mappings().one()["id"])


async def send(client: httpx2.AsyncClient, call: Callback, **headers: str) -> httpx2.Response:
    """Sends it to the health department's address, whatever address it was signed for."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(
        "/v1/callbacks/health", headers={**(call.headers or {}), **named}, content=call.body
    )


def answer_of(task: str, clock: FrozenClock, outcome: str = "accepted") -> Callback:
    data = {"task": task, "outcome": outcome}
    said = {"type": "task.outcome", "timestamp": NOW.isoformat(), "data": data}
    return Callback(URL, json.dumps(said).encode(), clock.now())


async def test_a_callback_signed_with_the_department_s_key_is_applied_and_its_retry_is_not(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, task: str
) -> None:
    first = await send(anonymous, answer_of(task, clock).signed())
    assert (first.status_code, first.json()["outcome"]) == (200, "applied"), first.text
    clock.advance(timedelta(seconds=90))
    again = await send(anonymous, answer_of(task, clock).signed(nonce="another nonce"))
    assert (again.status_code, again.content, again.headers["x-duplicate"]) == (200, first.content, "true")


async def test_a_right_signature_is_told(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, task: str, arrivals: list[dict[str, Any]]
) -> None:
    await send(anonymous, answer_of(task, clock).signed(key=OTHER_KEY))
    await send(anonymous, answer_of(task, clock).signed())
    assert [(each["reason"], each["who"]) for each in arrivals] == [("signature", "department:health")]


async def test_what_was_overheard_has_no_effect_when_it_is_sent_again(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, task: str, database: Database
) -> None:
    """Neither as it is, nor under another name, nor as Standard Webhooks say, nor once it is old."""
    call = answer_of(task, clock).signed()
    assert (await send(anonymous, call)).status_code == 200
    before = await stored(database)
    assert (await send(anonymous, call)).headers["x-duplicate"] == "true"
    for changes in ({"idempotency_key": '"m-2"'}, {"webhook_signature": "v1,AAAA", "webhook_id": "m-2"}):
        assert (await send(anonymous, call, **changes)).status_code == 401
    clock.advance(timedelta(seconds=301))
    assert (await send(anonymous, call)).status_code == 401
    assert await stored(database) == before


async def test_a_standard_webhook_by_the_department_s_own_key_is_applied_and_by_another_is_not(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, task: str
) -> None:
    call = answer_of(task, clock)
    for key, status in ((OTHER_KEY, 401), (KEY, 200)):
        own = "whsk_" + b64encode(key.private_bytes_raw()).decode()
        proof = signing.sign(call.body, [own], message_id="m-1", at=clock.now())
        sent = replace(call, headers={**proof, "content-type": "application/json"})
        assert (await send(anonymous, sent)).status_code == status


async def test_one_message_id_with_two_bodies_is_a_conflict(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, task: str
) -> None:
    assert (await send(anonymous, answer_of(task, clock).signed())).status_code == 200
    other = await send(anonymous, answer_of(task, clock, "completed").signed())
    assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (409, "callback-conflict")


async def test_the_address_that_counts_is_the_public_one_whatever_host_is_named(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, task: str
) -> None:
    right = answer_of(task, clock).signed()
    inner = await send(anonymous, right, host="10.0.0.7:8000", x_forwarded_host="evil.example")
    assert inner.status_code == 200
    evil = answer_of(task, clock).signed(url="https://evil.example/v1/callbacks/health")
    for host in ("evil.example", "onenet.example"):
        assert (await send(anonymous, evil, host=host)).status_code == 401


async def test_two_keys_are_believed_and_one_that_was_taken_away_is_not(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, task: str, database: Database
) -> None:
    await endpoints.trust(database, "health", public(OTHER_KEY))
    for name, key in (("m-1", KEY), ("m-2", OTHER_KEY)):
        call = answer_of(task, clock).signed(message_id=name, key=key)
        assert (await send(anonymous, call)).status_code == 200
    await endpoints.distrust(database, "health", public(KEY))
    assert (await send(anonymous, answer_of(task, clock).signed(message_id="m-3"))).status_code == 401


async def test_a_third_key_is_refused_and_a_new_address_keeps_the_two(
    database: Database, clock: FrozenClock, task: str
) -> None:
    await endpoints.trust(database, "health", public(OTHER_KEY))
    with pytest.raises(Conflict):
        await endpoints.trust(database, "health", "whpk_" + "A" * 43 + "=")
    wanted = Wanted("department", "health", "https://new.example.org/tasks", secret=signing.new_secret())
    moved = await endpoints.register(database, wanted, clock.now())
    assert signing.public_keys(moved.endpoint.secrets) == [public(KEY), public(OTHER_KEY)]


async def test_each_tampered_callback_is_401_in_the_same_words_one_security_event_and_nothing_stored(
    anonymous: httpx2.AsyncClient,
    clock: FrozenClock,
    task: str,
    database: Database,
    seen: list[dict[str, Any]],
) -> None:
    before = await stored(database)
    answers = {}
    seen.clear()
    for name, tampered in TAMPERINGS.items():
        sent = tampered(answer_of(task, clock))
        answer = await send(anonymous, sent)
        told = [(event["event"], event["department"], event["reason"]) for event in seen]
        assert (answer.status_code, told) == (401, [("signature_refused", "health", REASONS[name])]), name
        answers[answer.json()["detail"]] = name
        seen.clear()
    assert list(answers) == ["the signature is missing, wrong or more than five minutes off"]
    assert await stored(database) == before


async def stored(database: Database) -> tuple[int, list[Any]]:
    """How many messages were taken, and all events."""
    async with database.read() as connection:
        events = list((await connection.execute(select(tables.event.c.seq, tables.event.c.type))).all())
        return await count(connection, tables.idempotency_key), events
