"""Headers: one line of the rules, one assertion, over every kind of answer; and what browsers are told."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.app import create_app
from onenet.errors import MisconfiguredError
from onenet.settings import read_settings
from tests.api.conftest import PUBLIC_URL, Tokens, submission

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

APP = "https://app.example"


@pytest.fixture
async def answers(frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient) -> dict[str, httpx2.Response]:
    """An answer of every kind."""
    opened = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    path, secret = f"/v1/cases/{opened.json()['id']}", opened.json()["tracking_secret"]
    shown = await frontend.get(path)
    number = opened.json()["number"]
    return {
        "json": shown,
        "accepted": opened,
        "not modified": await frontend.get(path, headers={"If-None-Match": shown.headers["etag"]}),
        "head": await frontend.head(path),
        "options": await frontend.options(path),
        "400": await frontend.post("/v1/cases", content=b"{", headers={"Content-Type": "application/json"}),
        "401": await anonymous.get(path),
        "404": await frontend.get("/v1/cases/00000000-0000-7000-8000-000000000000"),
        "404 below routing": await anonymous.get("/no/such/path"),
        "405": await frontend.delete(path),
        "405 trace": await frontend.request("TRACE", path),
        "query": await frontend.get(f"/v1/cases?{'x' * 9_000}"),
        "page": await anonymous.post("/track", data={"number": number, "secret": secret}),
        "page not found": await anonymous.post("/track", data={"number": "1", "secret": "x"}),
        "docs": await anonymous.get("/docs"),
        "problem page": await anonymous.get("/problems/not-found"),
        "contract": await anonymous.get("/v1/openapi.json"),
    }


async def test_every_answer_has_the_headers_of_the_house(answers: dict[str, httpx2.Response]) -> None:
    for kind, answer in answers.items():
        said = answer.headers
        assert said["strict-transport-security"] == "max-age=31536000; includeSubDomains", kind
        policy = said["content-security-policy"]
        assert "default-src 'none'" in policy, kind
        assert "base-uri 'none'" in policy, kind
        assert "frame-ancestors 'none'" in policy, kind
        assert "script-src" not in policy, kind
        assert said["x-content-type-options"] == "nosniff", kind
        assert said["referrer-policy"] == "same-origin", kind
        assert said["cross-origin-opener-policy"] == "same-origin", kind
        assert said["cross-origin-resource-policy"] == "same-origin", kind
        assert said["cache-control"], kind
        assert said["api-version"], kind
        assert said["x-request-id"], kind
        assert not {"server", "x-powered-by"} & set(said), kind
        assert not [name for name in said if name.startswith("access-control-")], kind


async def test_what_is_about_persons_is_not_stored_on_the_way(answers: dict[str, httpx2.Response]) -> None:
    for kind in ("json", "accepted", "not modified", "head", "400", "401", "404", "405", "page"):
        assert "no-store" in answers[kind].headers["cache-control"], kind


async def test_every_error_is_a_problem_that_names_its_request(answers: dict[str, httpx2.Response]) -> None:
    for kind, answer in answers.items():
        if answer.status_code >= 400 and "page" not in kind:
            assert answer.headers["content-type"] == "application/problem+json", kind
            assert answer.json()["instance"] == f"urn:onenet:request:{answer.headers['x-request-id']}", kind


async def test_trace_is_405(answers: dict[str, httpx2.Response]) -> None:
    assert answers["405 trace"].status_code == 405
    assert "TRACE" not in answers["405 trace"].headers["allow"]


async def test_docs_can_be_switched_off(parts: Parts) -> None:
    client = client_of(parts, docs_enabled=False)
    assert (await client.get("/docs")).status_code == 404


def client_of(parts: Parts, **more: object) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(create_app(parts, **more))  # type: ignore[arg-type]  # of any kind
    return httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL)


def asking(origin: str, **more: str) -> dict[str, str]:
    return {"Origin": origin} | {name.replace("_", "-"): value for name, value in more.items()}


async def test_a_page_of_a_listed_origin_may_read_answers_and_problems(parts: Parts, tokens: Tokens) -> None:
    client = client_of(parts, origins=frozenset({APP}))
    headers = asking(APP) | {"Authorization": f"Bearer {tokens.frontend}", "Onenet-Subject": "a"}
    for answer in (
        await client.get("/v1/cases", headers=headers),
        await client.get("/v1/x", headers=headers),
    ):
        assert answer.headers["access-control-allow-origin"] == APP
        assert "access-control-allow-credentials" not in answer.headers
        assert "RateLimit" in answer.headers["access-control-expose-headers"]
        assert "Origin" in answer.headers.get_list("vary", split_commas=True)


async def test_a_preflight_says_what_may_be_asked(parts: Parts) -> None:
    client = client_of(parts, origins=frozenset({APP}))
    asked = asking(
        APP, Access_Control_Request_Method="POST", Access_Control_Request_Headers="idempotency-key"
    )
    answer = await client.options("/v1/cases", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["access-control-allow-methods"] == answer.headers["allow"]
    assert {"Idempotency-Key", "DPoP"} <= set(answer.headers["access-control-allow-headers"].split(", "))
    assert "*" not in str(answer.headers)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "https://app.example.evil.example", "http://app.example", "https://APP.example",
        "https://app.example:443", "https://app.example/", "null", "", "https://xapp.example",
    ],
)  # fmt: skip
async def test_a_page_of_any_other_origin_may_not(parts: Parts, origin: str) -> None:
    client = client_of(parts, origins=frozenset({APP}))
    asked = asking(origin, Access_Control_Request_Method="POST")
    for answer in (
        await client.get("/health/live", headers=asked),
        await client.options("/v1/cases", headers=asked),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "Origin" in answer.headers.get_list("vary", split_commas=True)


@pytest.mark.parametrize("wrong", ["*", "https://*.example", "app.example", "https://app.example/", "null"])
def test_an_origin_that_is_none_stops_the_start(
    wrong: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONENET_CORS_ORIGINS", f"https://good.example,{wrong}")
    with pytest.raises(MisconfiguredError, match=r"ONENET_CORS_ORIGINS: .*expected origins"):
        read_settings()


async def test_what_takes_too_long_is_given_up_with_a_problem(parts: Parts, tokens: Tokens) -> None:
    client = client_of(parts, handler_s=0.05)

    async def stuck(*_: object) -> None:
        await asyncio.Event().wait()

    object.__setattr__(parts.catalogue, "bundles", stuck)
    headers = {"Authorization": f"Bearer {tokens.frontend}", "Onenet-Subject": "a"}
    answer = await client.get("/v1/bundles", headers=headers)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["instance"].endswith(answer.headers["x-request-id"])


async def test_who_waits_and_who_streams_is_not_given_up(parts: Parts, frontend: httpx2.AsyncClient) -> None:
    opened = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    client = client_of(parts, handler_s=0.05)
    path, seq = f"/v1/cases/{opened.json()['id']}", opened.json()["seq"]
    waited = await client.get(f"{path}?wait=1&since={seq}", headers=dict(frontend.headers))
    assert waited.status_code == 200
