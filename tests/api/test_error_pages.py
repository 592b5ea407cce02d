"""Errors below the addresses of pages: a page for a browser, a problem for a program."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.app import create_app
from onenet.quotas import Policy, Quotas
from tests.api.conftest import PUBLIC_URL
from tests.store.unreachable import unreachable_database

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "en"}
CASE = "/track/32058320261123000001"
LOOKING = BROWSER | {"Cookie": "__Host-onenet-case-32058320261123000001=x"}


def browser_of(parts: Parts) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(create_app(parts))
    return httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers=BROWSER)


def check(answer: httpx2.Response, status: int, title: str) -> None:
    """It is a page with that title, which tells the request's id and may be kept by nobody."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<title>Error: {title}</title>" in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/console/nothing", 404, "There is no such page"),
        ("GET", "/track/a/b", 404, "There is no such page"),
        ("GET", "/track/a%2fb", 404, "There is no such page"),
        ("DELETE", CASE, 405, "There is no such page"),
        ("GET", f"{CASE}?{'x' * 9_000}", 400, "This could not be read"),
        ("POST", "/track", 403, "This was not accepted"),
    ],
)
async def test_a_browser_is_answered_with_a_page(
    parts: Parts, method: str, path: str, status: int, title: str
) -> None:
    check(await browser_of(parts).request(method, path), status, title)


async def test_who_asked_too_often_is_told_on_a_page_and_when_to_come_back(parts: Parts) -> None:
    browser = browser_of(replace(parts, quotas=Quotas({"lookup": Policy(1, 60, "")})))
    await browser.get("/track")
    answer = await browser.get("/track")
    check(answer, 429, "That was asked too often")
    assert 1 <= int(answer.headers["retry-after"]) <= 67


async def test_a_database_that_is_away_is_told_on_a_page(parts: Parts, tmp_path: Path) -> None:
    async with unreachable_database(tmp_path, "sqlite") as database:
        answer = await browser_of(replace(parts, database=database)).get(CASE, headers=LOOKING)
        check(answer, 503, "This does not work at the moment")
        assert int(answer.headers["retry-after"]) >= 1


async def test_an_error_that_nobody_foresaw_is_told_on_a_page_without_a_word_of_itself(parts: Parts) -> None:
    broken = replace(parts, database=None)  # type: ignore[arg-type]  # a fault nobody foresaw
    answer = await browser_of(broken).get(CASE, headers=LOOKING)
    check(answer, 500, "Something went wrong here")
    assert "NoneType" not in answer.text


async def test_the_page_is_in_the_readers_language_and_leads_back(parts: Parts) -> None:
    answer = await browser_of(parts).get("/track/a/b?lang=zh")
    assert "<title>错误：没有此页面</title>" in answer.text
    assert re.findall(r'<p><a href="([^"]+)">返回</a>', answer.text) == ["/track?lang=zh"]


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/console/nothing", "*/*"),
        ("/track/a/b", "application/json"),
        ("/v1/nothing", BROWSER["Accept"]),
        ("/tracking", BROWSER["Accept"]),
    ],
)
async def test_a_program_and_the_api_get_a_problem(parts: Parts, path: str, accept: str) -> None:
    answer = await browser_of(parts).get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
