"""How onenet proves itself to a department's own API, over real HTTP, and what is never told of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from onenet.adapters import grants
from onenet.adapters.rest import Rest
from onenet.adapters.transport import Attempt, Transport
from onenet.domain.outcome import Accepted, Received, TryLater
from onenet.errors import MisconfiguredError
from tests.adapters.factories import KEY, NOW, make_endpoint, make_task
from tests.adapters.loopback import Conduct, Loopback, answer, loopback
from tests.outward import HERE

pytestmark = pytest.mark.anyio

SECRET = "s3cret:/%&"
TOKEN = "tok-EN.1"


@pytest.fixture(autouse=True)
def _no_token_is_known() -> Iterator[None]:
    grants._kept.clear()
    yield
    grants._kept.clear()


def describe(auth: dict[str, Any], **answer: Any) -> dict[str, Any]:
    words = {"ok": {"outcome": "accepted"}}
    return {"request": {"body": {}}, "answer": {"word": "/state", "words": words, **answer}, "auth": auth}


def by_token(server: Loopback) -> dict[str, Any]:
    return {
        "oauth2": {
            "token_url": f"{server.url}/token", "client_id": "one net", "client_secret": "${/secret}",
            "scope": "tasks",
        }
    }  # fmt: skip


def granted(token: str = TOKEN, **more: Any) -> bytes:
    return answer(200, {"access_token": token, "token_type": "bearer", **more})


async def submit(server: Loopback, auth: dict[str, Any], count: int = 1, **answer: Any) -> list[Attempt]:
    endpoint = make_endpoint(
        f"{server.url}/tasks", "rest", options=describe(auth, **answer), credentials={"secret": SECRET}
    )
    async with Transport(destinations=HERE) as transport:
        return [
            await transport.drive(Rest(endpoint).submit(make_task()), endpoint=endpoint, key=KEY, now=NOW)
            for _ in range(count)
        ]


def paths(server: Loopback) -> list[str]:
    return [heard.path for heard in server.heard]


async def test_a_header_and_a_password_carry_the_secret() -> None:
    async with loopback(answer(202)) as server:
        await submit(server, {"header": {"name": "X-App-Key", "value": "k ${/secret}"}})
        await submit(server, {"basic": {"user": "onenet", "password": "${/secret}"}})
    first, second = server.heard
    assert first.headers["x-app-key"] == f"k {SECRET}"
    scheme, _, value = second.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(value).decode()) == ("Basic", f"onenet:{SECRET}")


async def test_a_body_carries_a_secret_where_a_system_wants_it_there() -> None:
    options = describe({"basic": {"user": "onenet", "password": "${/secret}"}})
    del options["auth"]
    options["request"]["body"] = {"token": "${/credentials/secret}", "id": "${/task}"}
    with pytest.raises(MisconfiguredError, match="expected the credentials secret as well"):
        Rest(make_endpoint("http://127.0.0.1:9", options=options))
    async with loopback(answer(202)) as server, Transport(destinations=HERE) as transport:
        endpoint = make_endpoint(server.url, "rest", options=options, credentials={"secret": SECRET})
        talk = Rest(endpoint).submit(make_task())
        await transport.drive(talk, endpoint=endpoint, key=KEY, now=NOW)
    assert json.loads(server.heard[0].body) == {"token": SECRET, "id": KEY}


async def test_a_token_is_asked_for_as_rfc_6749_says_and_borne() -> None:
    async with loopback(granted(), answer(200, {"state": "ok"})) as server:
        (attempt,) = await submit(server, by_token(server))
    asked, handed_over = server.heard
    assert (asked.path, asked.headers["content-type"]) == ("/token", "application/x-www-form-urlencoded")
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["tasks"]}
    client = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
    assert client == "one+net:s3cret%3A%2F%25%26"
    assert handed_over.headers["authorization"] == f"Bearer {TOKEN}"
    assert handed_over.headers["idempotency-key"] == f'"{KEY}"'
    assert attempt.outcome == Accepted()


async def test_the_request_for_a_token_has_neither_the_key_of_the_task_nor_a_signature() -> None:
    """A server that honours keys would take the task for the same request with another body."""
    async with loopback(granted(), answer(202)) as server:
        await submit(server, by_token(server))
    asked = server.heard[0].headers
    assert {"idempotency-key", "webhook-id", "webhook-signature"} & set(asked) == set()


async def test_a_token_is_kept_until_shortly_before_it_ends() -> None:
    async with loopback(granted(expires_in=3600), answer(202)) as server:
        await submit(server, by_token(server), 3)
    assert paths(server) == ["/token", "/tasks", "/tasks", "/tasks"]


@pytest.mark.parametrize("lasts", [None, 29, 0, -1, "3600", True])
async def test_a_token_that_soon_ends_or_does_not_say_when_is_used_once(lasts: object) -> None:
    said: dict[str, Any] = {} if lasts is None else {"expires_in": lasts}
    async with loopback(granted(**said), answer(202), granted(**said), answer(202)) as server:
        await submit(server, by_token(server), 2)
    assert paths(server) == ["/token", "/tasks", "/token", "/tasks"]


async def test_a_kept_token_that_is_refused_is_asked_for_anew_once() -> None:
    said = (granted(expires_in=3600), answer(202), answer(401), granted("new", expires_in=3600), answer(202))
    async with loopback(*said) as server:
        first, second = await submit(server, by_token(server), 2)
    assert paths(server) == ["/token", "/tasks", "/tasks", "/token", "/tasks"]
    assert server.heard[-1].headers["authorization"] == "Bearer new"
    assert [first.outcome, second.outcome] == [Received(), Received()]


async def test_a_new_token_that_is_refused_is_a_failed_try() -> None:
    async with loopback(granted(), answer(401)) as server:
        (attempt,) = await submit(server, by_token(server))
    assert (paths(server), attempt.outcome) == (["/token", "/tasks"], TryLater("transient", "answered 401"))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer(200, b"{", content_type="application/json"), id="broken"),
        pytest.param(answer(200, []), id="a list"),
        pytest.param(answer(200, {"access_token": TOKEN}), id="of no kind"),
        pytest.param(answer(200, {"access_token": TOKEN, "token_type": "mac"}), id="of another kind"),
        pytest.param(granted("a\r\nx-evil: 1"), id="with a line break"),
        pytest.param(granted("x" * 9_000), id="too long"),
        pytest.param(answer(200, b"[" * 60_000, content_type="application/json"), id="a bomb"),
    ],
)
async def test_what_is_no_token_is_a_failed_try_and_the_task_is_not_sent(said: bytes) -> None:
    async with loopback(said) as server:
        (attempt,) = await submit(server, by_token(server))
    assert attempt.outcome == TryLater("transient", "the token endpoint gave no bearer token")
    assert paths(server) == ["/token"]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param((granted("a b"),), id="in a token that is none"),
        pytest.param((answer(500, {"access_token": TOKEN}),), id="in a failed answer"),
    ],
)
async def test_nothing_that_a_token_endpoint_said_is_on_record(said: tuple[bytes | Conduct, ...]) -> None:
    async with loopback(*said) as server:
        (attempt,) = await submit(server, by_token(server))
    assert (attempt.excerpt, attempt.failure) == ("", "transient")


async def test_a_secret_that_a_department_sends_back_is_not_on_record() -> None:
    async with loopback(answer(200, {"echo": f"k {SECRET}"})) as server:
        (attempt,) = await submit(server, {"header": {"name": "x-key", "value": "${/secret}"}})
    assert json.loads(attempt.excerpt) == {"echo": "k ***"}


async def test_a_401_that_the_description_reads_is_not_asked_about_again() -> None:
    meaning = {"outcome": "unclear", "reason": "401"}
    async with loopback(granted(expires_in=3600), answer(202), answer(401)) as server:
        await submit(server, by_token(server), 2, statuses={"401": meaning})
    assert paths(server) == ["/token", "/tasks", "/tasks"]


def test_a_description_whose_credentials_are_missing_is_misconfigured() -> None:
    options = describe({"basic": {"user": "onenet", "password": "${/secret}"}})
    with pytest.raises(MisconfiguredError, match="expected the credentials secret as well"):
        Rest(make_endpoint("http://127.0.0.1:9", options=options))


def test_an_endpoint_does_not_show_its_credentials() -> None:
    assert SECRET not in repr(make_endpoint("http://127.0.0.1:9", credentials={"secret": SECRET}))
