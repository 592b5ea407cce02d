"""What holds for every address of the service, whoever asks: a walk over all routes."""

from __future__ import annotations

import base64
import re

import httpx2
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import func, select
from starlette.routing import Route

from onenet.app import Application
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import submission

pytestmark = pytest.mark.anyio

WORKFLOW = ("cases", "step", "event", "task", "delivery", "endpoint", "api_key", "case_number")
"""What a change of anything shows in."""


@pytest.fixture
def backend() -> str:
    """One engine: nothing here depends on it."""
    return "sqlite"


@pytest.fixture
async def addresses(app: Application, frontend: httpx2.AsyncClient) -> list[str]:
    """Every address that is served by GET, with a case that is there; and each with a wrong query."""
    made = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "first"})
    filled = {
        "case_id": made.json()["id"],
        "code": "newborn",
        "step": "certificate",
        "number": made.json()["number"],
    }
    paths = [
        re.sub(r"\{(\w+)[^}]*\}", lambda place: filled.get(place[1], "1"), route.path)
        for route in app.routes
        if isinstance(route, APIRoute | Route) and "GET" in (route.methods or ())
    ]
    assert len(paths) > 20
    return [*paths, *(f"{path}?nothing=1" for path in paths)]


async def answers(
    addresses: list[str], *clients: httpx2.AsyncClient, **headers: str
) -> list[tuple[str, httpx2.Response]]:
    return [(path, await client.get(path, headers=headers)) for path in addresses for client in clients]


async def test_every_answer_says_what_it_is(
    addresses: list[str],
    anonymous: httpx2.AsyncClient,
    frontend: httpx2.AsyncClient,
    administrator: httpx2.AsyncClient,
) -> None:
    """Its type, texts with their charset, and that nobody shall guess another one."""
    said = await answers(addresses, anonymous, frontend, administrator)
    kinds = {(path, answer.headers.get("content-type", "")) for path, answer in said if answer.content}
    known = r"application/((problem\+)?json|x-ndjson)|text/(html|css|plain|event-stream);.* ?charset=utf-8"
    assert {(path, kind) for path, kind in kinds if not re.fullmatch(known, kind)} == set()
    assert {
        path for path, answer in said if answer.headers.get("x-content-type-options") != "nosniff"
    } == set()


async def test_no_page_can_be_framed(
    addresses: list[str], anonymous: httpx2.AsyncClient, administrator: httpx2.AsyncClient
) -> None:
    said = await answers(addresses, anonymous, administrator)
    assert {
        path
        for path, answer in said
        if "frame-ancestors 'none'" not in answer.headers.get("content-security-policy", "")
    } == set()


async def test_no_other_origin_is_let_in(
    addresses: list[str], anonymous: httpx2.AsyncClient, administrator: httpx2.AsyncClient
) -> None:
    said = await answers(addresses, anonymous, administrator, origin="https://elsewhere.example")
    said += [
        (path, await anonymous.options(path, headers={"Origin": "https://elsewhere.example"}))
        for path in addresses
    ]
    found = {
        (path, name) for path, answer in said for name in answer.headers if name.startswith("access-control-")
    }
    assert found == set()


async def test_a_get_changes_nothing(
    addresses: list[str], database: Database, frontend: httpx2.AsyncClient, administrator: httpx2.AsyncClient
) -> None:
    async def counts() -> dict[str, int]:
        known = tables.metadata.tables
        async with database.read() as connection:
            return {
                name: (await connection.execute(select(func.count()).select_from(known[name]))).scalar_one()
                for name in WORKFLOW
            }

    before = await counts()
    assert before["cases"] == 1
    await answers(addresses, frontend, administrator)
    assert await counts() == before


async def test_a_path_is_decoded_once(frontend: httpx2.AsyncClient) -> None:
    made = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "first"})
    case = made.json()["id"]
    once, twice = f"%{ord(case[0]):02x}{case[1:]}", f"%25{ord(case[0]):02x}{case[1:]}"
    assert (await frontend.get(f"/v1/cases/{once}")).status_code == 200
    assert (await frontend.get(f"/v1/cases/{twice}")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static",
        "/static/../app.py",
        "/static/%2e%2e/views.py",
        "/static/..%2fviews.py",
        "/.git/HEAD",
    ],
)
async def test_no_folder_is_listed(anonymous: httpx2.AsyncClient, path: str) -> None:
    assert (await anonymous.get(path)).status_code == 404


def test_nothing_runs_in_debug_mode(app: Application) -> None:
    assert not app.debug


async def test_the_secret_of_a_case_has_128_bits(frontend: httpx2.AsyncClient) -> None:
    made = [
        await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": key})
        for key in ("a", "b")
    ]
    secrets = {answer.json()["tracking_secret"] for answer in made}
    assert {len(base64.urlsafe_b64decode(secret + "==")) for secret in secrets} == {16}
    assert len(secrets) == 2
