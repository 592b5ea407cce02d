"""The form on which a stage of a case is rated: by whom, once, and what of it is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx2
import pytest

from onenet.domain.case import Case
from onenet.domain.commands import Withdraw
from onenet.domain.ratings import Channel, Rating, ratings_of
from onenet.domain.visibility import EVERYTHING
from onenet.services import cases
from onenet.store.database import Database
from tests.e2e.conftest import HERE, Desk

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

OURS = {"Origin": HERE, "Sec-Fetch-Site": "same-origin", "Accept-Language": "en"}


async def withdrawn(desk: Desk) -> Case:
    """A closed case, whose page this browser may see."""
    case = await desk.do(await desk.open("newborn", 1), Withdraw())
    await desk.enter(case.number)
    return case


async def send(desk: Desk, case: Case, said: Mapping[str, str], origin: str = HERE) -> httpx2.Response:
    where = f"/track/{case.number}/ratings/closing"
    return await desk.browser.post(where, data=said, headers={**OURS, "Origin": origin})


async def kept(database: Database, desk: Desk, case: Case) -> list[Rating]:
    found = await cases.get(database, desk.catalogue, case.id, EVERYTHING)
    return ratings_of(found.content.procedures)


async def test_the_page_of_the_case_leads_to_the_form_and_then_says_thank_you(
    desk: Desk,
    database: Database,
) -> None:
    case = await withdrawn(desk)
    told = await desk.page(case)
    link = re.search(r'href="(/track/[^"]*/ratings/closing)"', told.text)
    assert link is not None
    form = await desk.browser.get(link[1], headers=OURS)
    assert (form.status_code, form.text.count('type="radio"'), form.text.count("checked")) == (200, 5, 1)
    assert '<meta http-equiv="refresh"' not in form.text
    said = {"level": "5", "tag:platform": "yes", "text": "页面\x00打不开 ", "named": "yes"}
    answer = await send(desk, case, said)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/track/{case.number}")
    (rating,) = await kept(database, desk, case)
    assert (rating.level, rating.tags, rating.text, rating.is_named) == (5, ("platform",), "页面打不开", True)
    assert rating.channel is Channel.PC
    again = await desk.page(case)
    assert ("Thank you" in again.text, "/ratings/closing" in again.text) == (True, False)
    assert "页面打不开" not in again.text


async def test_a_form_that_is_sent_twice_is_taken_once(desk: Desk, database: Database) -> None:
    case = await withdrawn(desk)
    answers = [await send(desk, case, {"level": level}) for level in ("1", "5")]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert [(each.level, each.is_named) for each in await kept(database, desk, case)] == [(1, False)]


async def test_without_a_level_it_asks_again_and_keeps_what_was_typed(
    desk: Desk,
    database: Database,
) -> None:
    case = await withdrawn(desk)
    levels: list[dict[str, str]] = [{}, {"level": "6"}, {"level": "五"}]
    for level in levels:
        answer = await send(desk, case, {"text": "<b>等</b>", **level})
        assert (answer.status_code, "&lt;b&gt;等&lt;/b&gt;" in answer.text) == (400, True)
        assert "<title>Error: " in answer.text
    assert await kept(database, desk, case) == []


async def test_nobody_rates_from_another_site_or_without_the_secret(
    desk: Desk,
    database: Database,
) -> None:
    case = await withdrawn(desk)
    foreign = await send(desk, case, {"level": "1"}, "https://evil.example")
    assert foreign.status_code == 403
    desk.browser.cookies.clear()
    assert (await send(desk, case, {"level": "1"})).status_code == 404
    assert (await desk.browser.get(f"/track/{case.number}/ratings/closing")).status_code == 404
    assert await kept(database, desk, case) == []


async def test_a_stage_that_is_not_there_or_not_reached_says_so(desk: Desk) -> None:
    case = await desk.open("newborn", 1)
    await desk.enter(case.number)
    assert "ratings" not in (await desk.page(case)).text
    for answer in (
        await desk.browser.get(f"/track/{case.number}/ratings/closing", headers=OURS),
        await send(desk, case, {"level": "1"}),
    ):
        assert (answer.status_code, "cannot be rated now" in answer.text) == (409, True)
    assert (await desk.browser.get(f"/track/{case.number}/ratings/moon")).status_code == 404
