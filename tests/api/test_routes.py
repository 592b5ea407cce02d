"""Every route: who may use it, which methods it serves, what every answer carries."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route

from onenet.api.operations import WITHOUT_KEY, Operation, operation_of, require_permissions
from onenet.api.parts import Parts
from onenet.app import Application, create_app
from onenet.console.rating_pages import RatingPages
from onenet.console.verify_pages import VerifyPages
from onenet.console.views import ProgressPages
from onenet.domain.principal import EVERY_PERMISSION, PERMISSIONS, Role
from onenet.errors import MisconfiguredError
from onenet.quotas import Quotas, policies
from onenet.store.callers import KeyKind
from tests.api.conftest import Tokens, submission

pytestmark = pytest.mark.anyio

FREE = {
    "/health/live": "public",
    "/v1/log/checkpoint": "public",
    "/health/ready": "public",
    "/v1/openapi.json": "public",
    "/openapi.json": "public",
    "/docs": "public",
    "/problems/{code}": "public",
    "/v1/progress/{number}": "secret",
    "/v1/progress/{number}/ratings": "secret",
    "/v1/rating-words": "public",
    "/v1/rating-figures": "public",
    "/v1/results/verifications": "secret",
    "/v1/document-links/{token}": "secret",
    "/v1/callbacks/{department}": "signature",
}
"""The routes that need no key. A new one is added here on purpose, or not at all."""


def a_path(route: APIRoute) -> str:
    return re.sub(r"\{[^}]*\}", "x1", route.path)


def routes(app: Application) -> list[APIRoute]:
    return [route for route in app.routes if isinstance(route, APIRoute)]


def test_every_route_has_a_permission(app: Application) -> None:
    stated = {route.path: operation_of(route) for route in routes(app)}
    assert len(stated) > 20
    assert [path for path, operation in stated.items() if operation is None] == []
    known = EVERY_PERMISSION | WITHOUT_KEY
    assert [
        path for path, operation in stated.items() if operation and operation.permission not in known
    ] == []


def test_only_these_routes_need_no_key(app: Application) -> None:
    stated = [(route.path, operation_of(route)) for route in routes(app)]
    assert {path: found.permission for path, found in stated if found and not found.needs_key} == FREE


def test_what_is_no_operation_is_a_page_of_the_console(app: Application) -> None:
    parts = app.state.parts
    others = {getattr(route, "path", "?") for route in app.routes if operation_of(route) is None}
    pages = ProgressPages(parts.database, parts.catalogue, parts.quotas, parts.public_url)
    rating = RatingPages(pages, parts.gate, parts.quotas, parts.public_url)
    results = VerifyPages(parts.database, parts.catalogue, parts.quotas, parts.gate.clock)
    assert others == {route.path for each in (pages, rating, results) for route in each.routes()}


def test_a_route_without_permission_is_not_started_with() -> None:
    async def forgotten() -> None: ...

    plain = Route("/v1/plain", forgotten)
    bare = APIRoute("/v1/bare", forgotten)
    unknown = FastAPI()
    Operation("GET", "/v1/odd", forgotten, "t", "no:such", {200: {}}).add_to(unknown.router)
    for route in (plain, bare, unknown.router.routes[-1]):
        with pytest.raises(MisconfiguredError, match=r"/v1/(plain|bare|odd)"):
            require_permissions([route])


async def test_without_a_key_every_protected_route_is_401(
    parts: Parts,
) -> None:
    """There are more of them than an address may fail in a minute: here it may."""
    app = create_app(replace(parts, quotas=Quotas(policies("failures=off"))))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=parts.public_url) as client:
        for route in routes(app):
            operation = operation_of(route)
            if operation is None or not operation.needs_key:
                continue
            answer = await client.request(operation.method, a_path(route))
            assert (answer.status_code, route.path) == (401, route.path)
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_each_kind_of_key_opens_what_its_table_says_and_nothing_else(
    app: Application, anonymous: httpx2.AsyncClient, tokens: Tokens
) -> None:
    """The truth table of kinds and routes. Behind an open door wait 404, 400 or 415, never 401 or 403."""
    for kind in get_args(KeyKind):
        headers = {"Authorization": f"Bearer {getattr(tokens, kind)}", "Onenet-Subject": "citizen-1"}
        for route in routes(app):
            operation = operation_of(route)
            if operation is None or not operation.needs_key:
                continue
            answer = await anonymous.request(operation.method, a_path(route), headers=headers)
            is_open = answer.status_code not in (401, 403)
            may = operation.permission in PERMISSIONS[Role(kind)]
            assert (kind, route.path, is_open) == (kind, route.path, may)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer onk_aaaaaaaa_" + "b" * 43,
        "Bearer onk_aaaaaaaa_" + "b" * 42,
        "Basic b25rOng=",
        "Bearer " + "x" * 9000,
        "Bearer \x00",
    ],
)
async def test_a_wrong_key_is_401(anonymous: httpx2.AsyncClient, authorization: str) -> None:
    answer = await anonymous.get("/v1/bundles", headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.json()["type"].endswith("/problems/unauthenticated")


async def test_two_authorization_headers_are_401(anonymous: httpx2.AsyncClient, tokens: Tokens) -> None:
    twice = [("Authorization", f"Bearer {tokens.frontend}")] * 2
    assert (await anonymous.get("/v1/bundles", headers=twice)).status_code == 401


async def test_a_front_end_must_say_for_whom_it_acts(anonymous: httpx2.AsyncClient, tokens: Tokens) -> None:
    wrong = [({}, 403, 403), ({"Onenet-Subject": "a b"}, 400, 400), ({"Onenet-Subject": "x" * 129}, 400, 400)]
    for subject, reading, writing in wrong:
        headers = {"Authorization": f"Bearer {tokens.frontend}"} | subject
        read = await anonymous.get("/v1/cases", headers=headers)
        write = await anonymous.post("/v1/cases", headers=headers)
        assert (read.status_code, write.status_code) == (reading, writing)
        assert read.json()["errors"][0]["header"] == write.json()["errors"][0]["header"] == "Onenet-Subject"


async def test_options_and_405_name_every_method_of_the_path(anonymous: httpx2.AsyncClient) -> None:
    options = await anonymous.options("/v1/cases")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    for method in ("DELETE", "PATCH", "PUT", "TRACE"):
        answer = await anonymous.request(method, "/v1/cases")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
        assert answer.headers["content-type"] == "application/problem+json"


async def test_head_works_wherever_get_does(
    app: Application, supervisor: httpx2.AsyncClient, frontend: httpx2.AsyncClient
) -> None:
    made = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    for path in ("/v1/bundles", "/health/live", made.headers["location"], "/docs", "/v1/openapi.json"):
        get, head = await supervisor.get(path), await supervisor.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]
    assert (await supervisor.head("/v1/bundles/newborn/guidance")).status_code == 405


@pytest.mark.parametrize("path", ["/v1/cases/", "/v1", "/", "/v1/nothing", "/v1/cases/x/", "//v1/cases"])
async def test_an_unknown_path_is_404_and_never_a_redirect(anonymous: httpx2.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 404
    assert answer.json()["type"] == "https://onenet.example/problems/not-found"


async def test_every_answer_carries_the_headers_of_the_house(anonymous: httpx2.AsyncClient) -> None:
    for path in ("/health/live", "/v1/cases", "/nowhere", "/docs", "/health/live?x=1"):
        headers = (await anonymous.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers
        assert headers["cache-control"]
        assert re.fullmatch(r"\d+\.\d+\.\d+\S*", headers["api-version"])
        assert headers["x-request-id"].startswith("req_")


async def test_a_request_id_and_a_trace_are_echoed_and_named_in_the_problem(
    anonymous: httpx2.AsyncClient,
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent = {"X-Request-Id": "abc-1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = await anonymous.get("/nowhere", headers=sent)
    assert answer.headers["x-request-id"] == "abc-1"
    assert answer.headers["traceparent"].startswith(f"00-{trace}-")
    assert answer.json()["instance"] == "urn:onenet:request:abc-1"
    assert answer.json()["trace_id"] == trace


async def test_an_ill_formed_request_id_is_replaced(anonymous: httpx2.AsyncClient) -> None:
    answer = await anonymous.get("/nowhere", headers={"X-Request-Id": "a b", "traceparent": "00-0-0-0"})
    assert answer.headers["x-request-id"].startswith("req_")
    assert "traceparent" not in answer.headers


@pytest.mark.parametrize(
    ("query", "type"),
    [
        ("nothing=1", "unknown-parameter"),
        ("limit=1&limit=2", "validation"),
        ("limit=0", "validation"),
        ("limit=1_0", "validation"),
        ("limit=1.0", "validation"),
        ("limit=%EF%BC%91", "validation"),
        ("limit=-1", "validation"),
        ("limit=", "validation"),
        ("cursor=abc", "bad-cursor"),
        ("cursor=W10", "bad-cursor"),
        ("cursor=!", "validation"),
        ("audience=child", "validation"),
        ("q=%00", "validation"),
        ("q=" + "x" * 9000, "validation"),
    ],
)
async def test_a_wrong_query_is_400(frontend: httpx2.AsyncClient, query: str, type: str) -> None:
    answer = await frontend.get(f"/v1/bundles?{query}")
    assert (answer.status_code, answer.json()["type"]) == (400, f"https://onenet.example/problems/{type}")


async def test_a_route_without_parameters_knows_none(frontend: httpx2.AsyncClient) -> None:
    answer = await frontend.get("/v1/bundles/newborn?x=1")
    assert answer.json()["type"].endswith("unknown-parameter")
    assert answer.json()["errors"][0]["parameter"] == "x"


async def test_a_limit_above_the_greatest_is_cut_and_not_refused(frontend: httpx2.AsyncClient) -> None:
    assert (await frontend.get("/v1/bundles?limit=1000000")).status_code == 200


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/json;q=0"])
async def test_what_is_not_served_is_406(frontend: httpx2.AsyncClient, accept: str) -> None:
    answer = await frontend.get("/v1/bundles", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")


async def test_the_pages_for_people_come_without_script_and_without_another_host(
    anonymous: httpx2.AsyncClient,
) -> None:
    for path in ("/docs", "/problems/validation"):
        page = await anonymous.get(path)
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "http://" not in page.text
        assert "https://" not in page.text


async def test_docs_can_be_switched_off(app: Application) -> None:
    without = create_app(app.state.parts, docs_enabled=False)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(without), base_url="http://x") as client:
        assert (await client.get("/docs")).status_code == 404


@pytest.mark.parametrize("path", ["/v1%2Fcases", "/v1/cases%2fx", "/v1%2f..%2fv1/cases"])
async def test_a_path_is_not_another_one_in_disguise(frontend: httpx2.AsyncClient, path: str) -> None:
    """A proxy in front that guards paths by their text would have let it through."""
    assert (await frontend.get(path)).status_code == 404


@pytest.mark.parametrize(("hosts", "status"), [(["a.example"], 200), (["a.example", "b.example"], 400)])
async def test_a_request_names_one_host(frontend: httpx2.AsyncClient, hosts: list[str], status: int) -> None:
    answer = await frontend.get("/v1/cases", headers=[("Host", host) for host in hosts])
    assert answer.status_code == status
