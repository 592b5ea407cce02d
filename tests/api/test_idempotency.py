"""Idempotency-Key: its form, and what a second request under the same key gets."""

from __future__ import annotations

from dataclasses import replace

import anyio
import httpx2
import pytest
from sqlalchemy import func, select

from onenet.api.idempotency import fingerprint, key_value
from onenet.api.parts import Parts
from onenet.errors import IdempotencyKeyInvalid, IdempotencyKeyMissing
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import city_bundle, publish, submission

pytestmark = pytest.mark.anyio

UUID = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        (UUID, UUID),
        (f'"{UUID}"', UUID),
        (f'"{UUID}";a=1', UUID),
        (f'"{UUID}"; a; b="x y"', UUID),
        (f"  {UUID}\t", UUID),
        (r'"a\"b\\c"', r'a"b\c'),
        ('"a;b,c"', "a;b,c"),
        ("x" * 255, "x" * 255),
        ("tsk_01J/+=~!", "tsk_01J/+=~!"),
    ],
)
def test_the_bare_and_the_quoted_form_are_the_same_value(sent: str, value: str) -> None:
    assert key_value([sent]) == value


@pytest.mark.parametrize(
    "sent",
    [
        "", '""', '"', '"abc', 'abc"', "a b", '"a b"', "a,b", "a;b", "a\\b", "x" * 256, '"' + "x" * 256 + '"',
        '"a" b', '"a";', '"a";A=1', '"a\\n"', "密钥", '"密钥"', "a\x7f", "\x01",
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(sent: str) -> None:
    with pytest.raises(IdempotencyKeyInvalid):
        key_value([sent])


def test_two_lines_are_refused_and_none_is_missing() -> None:
    with pytest.raises(IdempotencyKeyInvalid):
        key_value(["a", "a"])
    with pytest.raises(IdempotencyKeyMissing):
        key_value([])


def test_the_fingerprint_keeps_its_parts_apart() -> None:
    one = fingerprint(path="/a", content_type="b", body=b"c")
    assert one != fingerprint(path="/ab", content_type="", body=b"c")
    assert one != fingerprint(path="/a", content_type="bc", body=b"")


async def send(client: httpx2.AsyncClient, key: str, **changes: object) -> httpx2.Response:
    return await client.post("/v1/cases", json=submission(**changes), headers={"Idempotency-Key": key})


async def test_without_a_key_nothing_is_done(frontend: httpx2.AsyncClient) -> None:
    answer = await frontend.post("/v1/cases", json=submission())
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/problems/idempotency-key-missing")
    assert answer.headers["link"].endswith('rel="describedby"')
    assert (await frontend.get("/v1/cases")).json()["items"] == []


async def test_a_repetition_gets_the_same_answer_and_does_nothing(frontend: httpx2.AsyncClient) -> None:
    first, second = await send(frontend, UUID), await send(frontend, f'"{UUID}"')
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    for name in ("location", "etag"):
        assert first.headers[name] == second.headers[name]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert len((await frontend.get("/v1/cases")).json()["items"]) == 1


async def test_the_same_key_with_another_body_is_422(frontend: httpx2.AsyncClient) -> None:
    await send(frontend, UUID)
    answer = await send(frontend, UUID, answers={"local": False})
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("/problems/idempotency-key-reused")


async def test_a_repetition_gets_its_answer_even_when_the_catalogue_has_moved_on(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    first = await send(frontend, UUID)
    bundle = city_bundle()
    needed = replace(
        bundle.members[0], fields={**bundle.members[0].fields, "address": True, "weight_g": True}
    )
    stricter = replace(bundle, version=2, members=(needed,), questions=())
    await publish(parts.database, stricter)
    parts.catalogue._snapshot = None
    assert (await send(frontend, "other")).status_code == 409
    again = await send(frontend, UUID)
    assert (again.status_code, again.content) == (202, first.content)
    assert (await send(frontend, UUID, answers={"local": False})).status_code == 422


async def test_equal_keys_of_two_people_never_meet(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    first, second = await send(frontend, UUID), await send(stranger, UUID)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] != second.json()["id"]


async def test_two_people_may_file_identical_bodies_under_different_keys(
    frontend: httpx2.AsyncClient,
) -> None:
    assert (await send(frontend, "k-1")).json()["id"] != (await send(frontend, "k-2")).json()["id"]


async def test_a_refused_application_leaves_its_key_free(frontend: httpx2.AsyncClient) -> None:
    """Not stored: what was refused before it was executed, so that a mended retry may succeed."""
    assert (await send(frontend, UUID, form={})).status_code == 409
    assert (await send(frontend, UUID)).status_code == 202


async def test_many_calls_at_once_under_one_key_have_one_effect(
    frontend: httpx2.AsyncClient, database: Database
) -> None:
    answers: list[httpx2.Response] = []

    async def call() -> None:
        answers.append(await send(frontend, UUID))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(call)
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.content for answer in answers if answer.status_code == 202}) == 1
    async with database.read() as connection:
        count = (await connection.execute(select(func.count()).select_from(tables.cases))).scalar_one()
    assert count == 1


async def test_a_withdrawal_is_replayed_before_if_match_is_looked_at(frontend: httpx2.AsyncClient) -> None:
    """The first try changed the ETag; its repetition must not be told that it did."""
    case = await send(frontend, UUID)
    headers = {"Idempotency-Key": "w-1", "If-Match": case.headers["etag"]}
    path = case.json()["links"]["withdrawal"]
    first = await frontend.post(path, json={}, headers=headers)
    second = await frontend.post(path, json={}, headers=headers)
    assert (first.status_code, second.status_code) == (200, 200), first.text + second.text
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json() == first.json()
