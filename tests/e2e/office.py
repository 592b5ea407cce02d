"""An office without a system: its desk in a whole application, clerks in browsers, and a front-end."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from onenet.adapters.transport import Transport
from onenet.api.parts import Parts
from onenet.app import Application, create_app
from onenet.clock import FrozenClock
from onenet.services import endpoints, keys, steps
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.endpoints import Wanted
from onenet.services.identity import Identity
from onenet.services.keys import Keyring
from onenet.services.logins import Logins
from onenet.services.reading import Reading
from onenet.services.tokens import AccessTokens
from onenet.services.watch import Watch
from onenet.store import queue
from onenet.store.database import Database
from tests import outward
from tests.api.conftest import city_bundle, publish, submission
from tests.documents.vaults import bare_vault
from tests.issuing import TestIssuer

HERE = "https://onenet.example"
LOGIN = {"client_id": "console", "client_secret": "s3"}


@dataclass
class Office:
    """A service whose health department has no system, and the issuer of its officers."""

    app: Application
    parts: Parts
    client: httpx2.AsyncClient
    issuer: TestIssuer
    clock: FrozenClock
    frontend: dict[str, str]

    async def apply(self, key: str, **changes: Any) -> str:
        """The path of a new case, whose certificate lies at the desk, a second later than the one before."""
        self.clock.advance(timedelta(seconds=1))
        headers = {**self.frontend, "Idempotency-Key": key}
        opened = await self.client.post("/v1/cases", json=submission(**changes), headers=headers)
        assert opened.status_code == 202, opened.text
        async with Transport() as transport:
            for claimed in await steps.claim(self.parts.database, queue.TASKS, self.parts.machine_clock, 9):
                await steps.dispatch(self.parts.gate, transport, self.parts.machine_clock, claimed)
        found: str = opened.json()["links"]["self"]
        return found

    async def certificate(self, case: str) -> dict[str, Any]:
        """The step, as its applicant sees it."""
        found: dict[str, Any] = (await self.client.get(case, headers=self.frontend)).json()["steps"][0]
        return found

    async def sit_down(self, subject: str, *roles: str, **claims: Any) -> Clerk:
        """Somebody in a browser of their own, logged in."""
        self.issuer.person.update({"sub": subject, "roles": list(roles or ("officer",)), **claims})
        transport = self.client._transport
        browser = httpx2.AsyncClient(
            transport=transport, base_url=HERE, headers={"Accept-Language": "en", "Accept": "text/html"}
        )
        begun = await browser.get("/console/login", params={"issuer": "city-id"})
        asked = dict(parse_qsl(urlsplit(begun.headers["location"]).query))
        await browser.get(self.issuer.authorise(asked))
        return Clerk(browser)


@dataclass
class Clerk:
    """A browser without scripts."""

    browser: httpx2.AsyncClient

    async def list(self, **query: str) -> list[str]:
        """The addresses of the tasks in the list."""
        page = await self.browser.get("/console/desk", params=query)
        assert page.status_code == 200, page.text
        return re.findall(r'href="(/console/desk/tsk_[0-9A-Z]+)', page.text)

    async def page(self, path: str) -> str:
        """A page, as it is written."""
        answer = await self.browser.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def press(self, path: str, act: str, page: str = "", **said: str) -> httpx2.Response:
        """Sends the form with that button, as it stands in the page, with these fields filled in."""
        return await self.send(path, fields_of(page or await self.page(path), act) | said)

    async def send(self, path: str, fields: dict[str, str], **headers: str) -> httpx2.Response:
        return await self.browser.post(path, data=fields, headers={"Origin": HERE, **headers})


def fields_of(page: str, act: str) -> dict[str, str]:
    """The hidden fields of the form that has this button, and the button."""
    (form,) = [each for each in page.split("<form")[1:] if f'name="act" value="{act}"' in each]
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found} | {"act": act}


@asynccontextmanager
async def opened(
    database: Database, clock: FrozenClock, issuer: TestIssuer, *, here: str = HERE
) -> AsyncIterator[Office]:
    """All of it, reached at `here`."""
    configured = issuer.settings(
        roles=["officer", "supervisor", "auditor"], role_claim="roles", department_claim="dept", login=LOGIN
    )
    access_tokens = AccessTokens([configured], database, clock, destinations=outward.HERE)
    await publish(database, city_bundle())
    await endpoints.register(database, Wanted("department", "health", adapter="desk"), clock.now())
    key = await keys.create(database, kind="frontend", client="app", now=clock.now())
    catalogue = Catalogue(database)
    gate = Gate(database, catalogue.bundle, clock, clock)
    parts = Parts(
        here, database, gate, Watch(database), catalogue, Reading(database, catalogue),
        Identity(Keyring(database, clock), access_tokens), clock, bare_vault(database, clock),
    )  # fmt: skip
    app = create_app(parts, logins=Logins(access_tokens, database, clock, public_url=here))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=here) as client:
        frontend = {"Authorization": f"Bearer {key.token}", "Onenet-Subject": "c-1"}
        yield Office(app, parts, client, issuer, clock, frontend)
    await access_tokens.aclose()
