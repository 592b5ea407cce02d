"""The desk in a real browser, over HTTP: narrow as a telephone, and without scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import pytest
import uvicorn

from onenet.clock import FrozenClock, SystemClock
from onenet.store.database import Database
from tests.e2e import chromium
from tests.e2e.chromium import Browser, browsing
from tests.e2e.office import Office, opened
from tests.faults.ports import Ports
from tests.issuing import TestIssuer, issuing

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.parametrize("backend", ["sqlite"], indirect=True),
    pytest.mark.skipif(chromium.FOUND is None, reason="needs Chromium, which is not installed"),
]


@asynccontextmanager
async def serving(office: Office, port: int) -> AsyncIterator[None]:
    """The application of the office, on a port of this machine."""
    server = uvicorn.Server(uvicorn.Config(office.app, port=port, log_level="error", lifespan="off"))
    running = asyncio.create_task(server._serve())
    while not server.started:
        assert not running.done()
        await asyncio.sleep(0.01)
    yield
    server.should_exit = True
    await running


async def log_in(browser: Browser, url: str, issuer: TestIssuer) -> None:
    """By the link on our page, and the issuer, where the person is known."""
    await browser.go(f"{url}/console/desk?lang=en")
    await browser.click("main a")
    asked = dict(parse_qsl(urlsplit(await browser.url()).query))
    await browser.go(issuer.authorise(asked))


async def check(browser: Browser) -> None:
    """Nothing sticks out, everything has a name."""
    widths = await browser.value("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
    assert await browser.without_a_name() == []


async def test_a_clerk_decides_a_task_in_a_browser_without_scripts(database: Database) -> None:
    clock = FrozenClock(SystemClock().now())
    with issuing() as issuer, Ports() as ports:
        port = ports.take()
        url = f"http://127.0.0.1:{port}"
        issuer.person.update({"sub": "z-1", "roles": ["officer"], "dept": "health"})
        async with (
            opened(database, clock, issuer, here=url) as office,
            serving(office, port),
            browsing() as browser,
        ):
            case = await office.apply("k")
            await log_in(browser, url, issuer)
            browser.complaints.clear()  # the issuer of the tests has no pages
            await browser.go(f"{url}/console/desk?lang=en")
            assert "certificate" in await browser.text()
            await check(browser)
            await browser.click(".steps a")
            await check(browser)
            await browser.click("button[value=claim]")
            assert "Claimed by\nyou" in await browser.text()
            await browser.unfold("details:has(button[value=accepted])")
            await browser.click("button[value=accepted]")
            await browser.unfold("details:has(button[value=ask_opinion])")
            await browser.type("#ask_opinion-question", "Is it so?")
            await browser.value("document.querySelector('[name=\"field:child_name\"]').click()")
            await check(browser)
            await browser.click("button[value=ask_opinion]")
            await browser.unfold("details:has(button[value=withdraw_opinion])")
            await check(browser)
            await browser.type("details:has(button[value=withdraw_opinion]) textarea", "no need any more")
            await browser.click("button[value=withdraw_opinion]")
            assert "Is it so?\nwithdrawn" in await browser.text()
            await browser.unfold("details:has(button[value=rejected])")
            await browser.type("#rejected-reason", "材料与登记信息不一致")
            await check(browser)
            await browser.click("button[value=rejected]")
            told = await browser.text()
            assert "Rejected" in told
            assert "There is nothing that you can do with this task now." in told
            assert browser.complaints == []
            assert (await office.certificate(case))["reason"] == "材料与登记信息不一致"
