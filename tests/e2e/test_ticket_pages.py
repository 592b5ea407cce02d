"""The pages of hotline tickets: units see those that they have a part in, return, give their part, answer."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from onenet.clock import FrozenClock, SystemClock
from onenet.domain.principal import OF_THE_HOTLINE
from onenet.services import keys
from onenet.store.database import Database
from tests.e2e import chromium
from tests.e2e.chromium import browsing
from tests.e2e.office import Clerk, Office, fields_of, opened
from tests.e2e.test_desk_in_chromium import check, log_in, serving
from tests.faults.ports import Ports
from tests.issuing import TestIssuer, issuing

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

HOME = "/console/tickets"
SAID: dict[str, Any] = {
    "reference": "SZ20261123000017",
    "jurisdiction": "kunshan",
    "about": "complaint",
    "text": "示例路 1 号门前路灯已不亮三天<b>",
    "caller": {"name": "示例一", "phone": "10000000001"},
}
DISPATCH = {"act": "dispatch", "lead": "health", "co_units": ["police"]}


@pytest.fixture(scope="module")
def issuer() -> Iterator[TestIssuer]:
    with issuing() as made:
        yield made


@pytest.fixture
def clock() -> FrozenClock:
    """Now: the issuer has a clock of its own."""
    return FrozenClock(SystemClock().now())


@pytest.fixture
async def office(database: Database, clock: FrozenClock, issuer: TestIssuer) -> AsyncIterator[Office]:
    async with opened(database, clock, issuer) as made:
        yield made


class Hotline:
    """The system of the hotline, with one ticket."""

    def __init__(self, office: Office, key: str):
        self.client = office.client
        self.headers = {"Authorization": f"Bearer {key}", "Onenet-Subject": "caller-1"}
        self.page = self.api = ""
        self.acts = 0

    async def file(self) -> None:
        made = await self.client.post("/v1/tickets", json=SAID, headers=self.headers)
        assert made.status_code == 201, made.text
        self.page = f"{HOME}/{made.json()['id']}"
        self.api = f"/v1/tickets/{made.json()['id']}"
        await self.act(DISPATCH)

    async def act(self, said: dict[str, Any]) -> dict[str, Any]:
        self.acts += 1
        headers = {**self.headers, "Idempotency-Key": f"h-{self.acts}"}
        done = await self.client.post(f"{self.api}/actions", json=said, headers=headers)
        assert done.status_code == 200, done.text
        found: dict[str, Any] = done.json()
        return found


@pytest.fixture
async def hotline(office: Office) -> Hotline:
    """A ticket that the health department leads, and the police have a part in."""
    return await dispatched(office)


async def dispatched(office: Office) -> Hotline:
    made = await keys.create(
        office.parts.database,
        kind="frontend",
        client="hotline",
        now=office.clock.now(),
        scopes=OF_THE_HOTLINE,
    )
    hotline = Hotline(office, made.token)
    await hotline.file()
    return hotline


async def listed(clerk: Clerk, query: str = "") -> list[str]:
    return re.findall(rf'href="({HOME}/[0-9a-f-]+)', await clerk.page(HOME + query))


async def told(clerk: Clerk, path: str) -> str:
    """What a reader sees, in one line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", await clerk.page(path))))


def forms(page: str) -> set[str]:
    """What can be done there."""
    return set(re.findall(r'name="act" value="(\w+)"', page))


async def test_a_co_unit_gives_its_part_and_the_lead_answers_by_forms(
    office: Office, hotline: Hotline
) -> None:
    zhang, wang = await office.sit_down("z-1", dept="health"), await office.sit_down("w-1", dept="police")
    assert (await listed(zhang), await listed(wang)) == ([hotline.page], [hotline.page])
    for shown in (SAID["text"], SAID["reference"], "示例一 10000000001", "Complaint"):
        assert shown in await told(wang, hotline.page)
    assert forms(await wang.page(hotline.page)) == {"give_part", "return"}
    due = (await hotline.client.get(hotline.api, headers=hotline.headers)).json()["due_at"]
    last = datetime.fromisoformat(due) + timedelta(hours=8, microseconds=-1)  # in China
    assert f"Last day to answer {last.day} {last:%B %Y}" in await told(wang, hotline.page)
    assert forms(await zhang.page(hotline.page)) == {"answer", "return"}
    assert (await wang.press(hotline.page, "give_part", words=" ")).status_code == 400
    assert (await wang.press(hotline.page, "give_part", words="the lamp is theirs")).status_code == 303
    assert "the lamp is theirs" in await told(zhang, hotline.page)
    assert (await zhang.press(hotline.page, "answer", words="a new lamp was set")).status_code == 303
    assert "a new lamp was set" in await told(wang, hotline.page)
    assert (await listed(zhang), await listed(zhang, "?which=all")) == ([], [hotline.page])
    assert forms(await zhang.page(hotline.page)) == set()
    assert (await hotline.act({"act": "close"}))["rounds"][0]["units"][0]["words"] == "a new lamp was set"


async def test_what_is_returned_is_seen_no_more_and_a_second_click_does_nothing(
    office: Office, hotline: Hotline
) -> None:
    zhang = await office.sit_down("z-1", dept="health")
    page = await zhang.page(hotline.page)
    for _ in range(2):
        returned = await zhang.press(hotline.page, "return", page, words="not ours")
        assert (returned.status_code, returned.headers["location"]) == (303, HOME)
    assert (await zhang.browser.get(hotline.page)).status_code == 404
    assert await listed(zhang, "?which=all") == []
    assert (await zhang.press(hotline.page, "return", page, words="something else")).status_code == 404


async def test_a_ticket_is_returned_within_twenty_four_hours(office: Office) -> None:
    office.clock.advance(-timedelta(hours=24))
    hotline = await dispatched(office)
    office.clock.advance(timedelta(hours=24))
    zhang = await office.sit_down("z-1", dept="health")
    page = await zhang.page(hotline.page)
    assert forms(page) == {"answer", "return"}
    office.clock.advance(timedelta(seconds=1))
    assert forms(await zhang.page(hotline.page)) == {"answer"}
    refused = await zhang.press(hotline.page, "return", page, words="not ours")
    assert (refused.status_code, "too late" in refused.text) == (409, True)


async def test_a_unit_that_was_named_cannot_return_the_ticket_and_nobody_reads_why_it_did(
    office: Office, hotline: Hotline
) -> None:
    zhang, wang = await office.sit_down("z-1", dept="health"), await office.sit_down("w-1", dept="police")
    await wang.press(hotline.page, "return", words="not ours")
    await hotline.act({**DISPATCH, "act": "name", "reason": "it is theirs"})
    for clerk, act in ((zhang, "answer"), (wang, "give_part")):
        page = await clerk.page(hotline.page)
        assert (forms(page), "returned it" in page, "not ours" in page) == ({act}, True, False)
        forged = fields_of(page, act) | {"act": "return", "words": "not ours"}
        assert (await clerk.send(hotline.page, forged)).status_code == 409


async def test_what_was_written_on_an_old_page_is_not_done_and_still_there(
    office: Office, hotline: Hotline
) -> None:
    zhang, wang = await office.sit_down("z-1", dept="health"), await office.sit_down("w-1", dept="police")
    page = await zhang.page(hotline.page)
    await wang.press(hotline.page, "give_part", words="a part")
    refused = await zhang.press(hotline.page, "answer", page, words="an answer")
    assert (refused.status_code, "an answer" in refused.text, "a part" in refused.text) == (412, True, True)
    assert (await zhang.press(hotline.page, "answer", refused.text, words="an answer")).status_code == 303


async def test_tickets_of_others_are_not_there_and_no_other_site_acts(
    office: Office, hotline: Hotline
) -> None:
    zhang, bank = await office.sit_down("z-1", dept="health"), await office.sit_down("b-1", dept="bank")
    form = fields_of(await zhang.page(hotline.page), "answer") | {"words": "theirs"}
    assert await listed(bank, "?which=all") == []
    for path in (hotline.page, f"{HOME}/nothing", f"{HOME}/00000000-0000-4000-8000-000000000000"):
        assert (await bank.browser.get(path)).status_code == 404
    assert (await bank.send(hotline.page, form)).status_code == 403
    assert (await zhang.send(hotline.page, form, Origin="https://elsewhere.example")).status_code == 403
    supervisor = await office.sit_down("s-1", "supervisor")
    assert (await supervisor.browser.get(HOME)).status_code == 403
    assert (await zhang.browser.get(f"{HOME}?after=x")).status_code == 400
    assert "answer" in forms(await zhang.page(hotline.page))


@pytest.mark.slow
@pytest.mark.skipif(chromium.FOUND is None, reason="needs Chromium, which is not installed")
async def test_a_ticket_is_answered_in_a_browser_without_scripts(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    with Ports() as ports:
        port = ports.take()
        url = f"http://127.0.0.1:{port}"
        issuer.person.update({"sub": "z-1", "roles": ["officer"], "dept": "health"})
        async with (
            opened(database, clock, issuer, here=url) as office,
            serving(office, port),
            browsing() as browser,
        ):
            await dispatched(office)
            await log_in(browser, url, issuer)
            browser.complaints.clear()  # the issuer of the tests has no pages
            for language in ("zh", "en"):
                await browser.go(f"{url}{HOME}?lang={language}")
                await check(browser)
            await browser.click(".steps a")
            await browser.unfold("details:has(button[value=answer])")
            await browser.unfold("details:has(button[value=return])")
            await check(browser)
            await browser.type("#answer-words", "灯已更换")
            await browser.click("button[value=answer]")
            told = await browser.text()
            assert "灯已更换" in told
            assert "There is nothing to do with it now." in told
            assert browser.complaints == []
