"""The secret of a case: told to whoever submitted it, as often as they ask, and kept nowhere."""

from __future__ import annotations

import json

import httpx2
import pytest
from sqlalchemy import select

from onenet.api.parts import Parts
from onenet.domain import tracking
from onenet.store import idempotency, tables
from onenet.store.idempotency import StoredAnswer
from tests.api.conftest import submission

pytestmark = pytest.mark.anyio

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


async def stored_answer(parts: Parts) -> str:
    """The answer to the submission, opened with the key-encryption key."""
    async with parts.database.read() as connection:
        row = (await connection.execute(select(tables.idempotency_key))).mappings().one()
    return idempotency.opened_body(parts.database.ring, dict(row))


async def test_a_repetition_tells_the_same_secret(frontend: httpx2.AsyncClient) -> None:
    first = await frontend.post("/v1/cases", json=submission(), headers=KEY)
    again = await frontend.post("/v1/cases", json=submission(), headers=KEY)
    waiting = await frontend.post("/v1/cases", json=submission(), headers=KEY | {"Prefer": "wait=1"})
    quoted = {"Idempotency-Key": f'"{KEY["Idempotency-Key"]}"'}
    same = await frontend.post("/v1/cases", json=submission(), headers=quoted)
    assert first.text == again.text == waiting.text == same.text
    assert len(first.json()["tracking_secret"]) == 22


async def test_who_waited_is_told_the_secret_that_a_repetition_tells(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient
) -> None:
    waited = (await frontend.post("/v1/cases", json=submission(), headers=KEY | {"Prefer": "wait=0"})).json()
    again = (await frontend.post("/v1/cases", json=submission(), headers=KEY)).json()
    assert waited["tracking_secret"] == again["tracking_secret"]
    secret = {"Onenet-Tracking-Secret": again["tracking_secret"]}
    assert (await anonymous.get(again["links"]["progress"], headers=secret)).status_code == 200


async def test_what_is_stored_tells_no_secret_even_to_whoever_has_the_keys(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, parts: Parts
) -> None:
    opened = (await frontend.post("/v1/cases", json=submission(), headers=KEY)).json()
    kept = json.loads(await stored_answer(parts))
    async with parts.database.read() as connection:
        (row,) = await connection.execute(select(tables.cases))
    assert row.secret_hash == tracking.hash_of(opened["tracking_secret"])
    assert (row.tracking_secret, row.sealed_secret) == ("", None)
    assert opened["tracking_secret"] not in json.dumps(kept)
    for guess in (kept["tracking_seed"], row.secret_hash.hex()):
        asked = {"Onenet-Tracking-Secret": guess}
        assert (await anonymous.get(opened["links"]["progress"], headers=asked)).status_code == 404


async def test_an_answer_that_was_stored_with_the_secret_is_repeated_as_it_is(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    first = (await frontend.post("/v1/cases", json=submission(), headers=KEY)).json()
    body = json.dumps(first)
    async with parts.database.transaction() as connection:
        row = (await connection.execute(select(tables.idempotency_key))).mappings().one()
        done = idempotency.Done(
            row["scope"], row["key"], row["fingerprint"], StoredAnswer(202, body), row["case_id"],
            row["created_at"],
        )  # fmt: skip
        before = idempotency.row(done, parts.database.ring)
        await connection.execute(tables.idempotency_key.update().values(before))
    assert (await frontend.post("/v1/cases", json=submission(), headers=KEY)).text == body


def test_a_secret_is_made_of_seed_and_key_and_tells_neither() -> None:
    made = {tracking.secret_of(seed, key) for seed in ("a", "b") for key in ("a", "b")}
    assert {len(secret) for secret in made} == {22}
    assert len(made) == 4
