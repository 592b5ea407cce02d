"""Pages over the shipped catalogue: a service, a browser, and the verbs that move a case."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.app import create_app
from onenet.clock import FrozenClock
from onenet.demo import samples
from onenet.domain.case import Applicant, Case, MaterialGiven
from onenet.domain.commands import Command, RecordAnswer
from onenet.resources import example_catalogue_dir
from onenet.services import cases
from onenet.services.advance import Gate
from onenet.services.cases import Replying, Submission
from onenet.services.catalogue import Catalogue, publish
from onenet.services.change import Change
from onenet.services.identity import Identity
from onenet.services.keys import Keyring
from onenet.services.reading import Reading
from onenet.services.tokens import AccessTokens
from onenet.services.watch import Watch
from onenet.store.database import Database
from tests.documents.vaults import bare_vault

TODAY = date(2026, 11, 23)
"""The day of `factories.NOW` in China."""

HERE = "https://onenet.example"
SECRET = "v6xB1oQm0n8Zk3yWc2aTtA"


@dataclass(frozen=True)
class Desk:
    """A service with the shipped catalogue, a browser, and the verbs that move a case."""

    gate: Gate
    catalogue: Catalogue
    browser: httpx2.AsyncClient

    async def open(self, bundle: str, place: int) -> Case:
        """A case of a sample."""
        body = samples.submission(samples.read(bundle)[place], TODAY)
        materials = tuple(MaterialGiven(**given) for given in body.pop("materials"))
        applicant = Applicant(**body.pop("applicant"))
        wanted = Submission(version=None, materials=materials, applicant=applicant, **body)
        result = await cases.submit(
            self.gate,
            self.catalogue,
            wanted,
            subject="s-1",
            client="app",
            secret=SECRET,
            replying=Replying("frontend:app/s-1"),
        )
        assert result.case is not None
        return result.case

    async def do(self, case: Case, command: Command) -> Case:
        """The case after a command."""
        result = await self.gate.submit(Change(case.id, command, "department:test"))
        assert result.case is not None
        return result.case

    async def answer(self, case: Case, step: str, outcome: object) -> Case:
        """The case after its department said this of a step."""
        task = case.live_task(step)
        assert task is not None
        return await self.do(case, RecordAnswer(task.id, outcome))  # type: ignore[arg-type]  # a member of the union

    async def page(self, case: Case, language: str = "en", **parameters: str) -> httpx2.Response:
        """The page as the applicant's browser gets it."""
        await self.enter(case.number)
        said = {"Accept-Language": language}
        return await self.browser.get(f"/track/{case.number}", params=parameters, headers=said)

    async def enter(self, number: str, secret: str = SECRET, **headers: str) -> httpx2.Response:
        """Sends the form; another site's may do so as well."""
        said = {"Origin": "https://portal.example", "Sec-Fetch-Site": "cross-site", **headers}
        return await self.browser.post("/track", data={"number": number, "secret": secret}, headers=said)


@pytest.fixture
async def published(database: Database, clock: FrozenClock) -> None:
    """The shipped catalogue is in the database; a quarter of a second."""
    await publish(database, example_catalogue_dir(), clock)


@pytest.fixture
async def desk(database: Database, clock: FrozenClock, published: None) -> AsyncIterator[Desk]:
    catalogue = Catalogue(database)
    gate = Gate(database, catalogue.bundle, clock, clock)
    parts = Parts(
        HERE, database, gate, Watch(database), catalogue, Reading(database, catalogue),
        Identity(Keyring(database, clock), AccessTokens((), database, clock)), clock,
        bare_vault(database, clock),
    )  # fmt: skip
    transport = httpx2.ASGITransport(create_app(parts))
    async with httpx2.AsyncClient(transport=transport, base_url=HERE) as browser:
        yield Desk(gate, catalogue, browser)
