"""F35: the server is killed while a draft is sent in. Then the draft is there, or its case is, never two, and
whoever sends it in again, at once, has the case.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import func, select

from onenet import crashing
from onenet.clock import SystemClock
from onenet.services import keys
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import city_bundle, publish, submission
from tests.faults import city
from tests.faults.children import Child, environment
from tests.faults.ports import Ports
from tests.faults.scenario import begin
from tests.keys import key_ring

WITHIN_S = 60.0
POINTS = ("after_draft_marked", "before_commit", "after_commit", "after_draft_sent")

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Sending:
    """A server that can be killed, and an applicant's system."""

    database: Database
    frontend: httpx2.AsyncClient
    server: Child

    async def start(self, **settings: str) -> None:
        """Starts it, and returns when it answers."""
        self.server.start(**settings)
        async with asyncio.timeout(WITHIN_S):
            while not await self._answers():
                self.server.check()
                await asyncio.sleep(0.05)

    async def _answers(self) -> bool:
        try:
            return (await self.frontend.get("/health/ready")).status_code == 200
        except httpx2.TransportError:
            return False

    async def draft(self, key: str) -> str:
        """The address of a new draft that is complete."""
        headers = {"Idempotency-Key": key}
        answer = await self.frontend.post("/v1/drafts", json=submission(), headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"])

    async def send(self, draft: str, key: str) -> httpx2.Response | None:
        """Sends it in; None where the server died meanwhile."""
        headers = {"Idempotency-Key": key}
        try:
            return await self.frontend.post(f"{draft}/submission", json={}, headers=headers)
        except httpx2.TransportError:
            return None

    async def cases(self) -> int:
        """How many there are."""
        async with self.database.read() as connection:
            found = await connection.execute(select(func.count()).select_from(tables.cases))
            return int(found.scalar_one())


@asynccontextmanager
async def sending(folder: Path, database_url: str, *, mutant: str | None = None) -> AsyncIterator[Sending]:
    """The server, not started yet."""
    database, now = Database(database_url, ring=key_ring()), SystemClock().now()
    await publish(database, city_bundle())
    token = (await keys.create(database, kind="frontend", client="app", now=now)).token
    with Ports() as ports:
        url = f"http://127.0.0.1:{ports.take()}"
        settings = environment(
            ONENET_DATABASE_URL=database_url, ONENET_DATA_DIR=str(folder), ONENET_TEST_MODE="1",
            ONENET_QUOTAS="all=off", PYTHONPATH=str(city.ROOT),
        )  # fmt: skip
        words = ("serve", "--no-worker", f"--port={url.rpartition(':')[2]}")
        server = Child("server", city.onenet(*words, mutant=mutant), folder, settings)
        headers = {"Authorization": f"Bearer {token}", "Onenet-Subject": "citizen-1"}
        try:
            async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
                yield Sending(database, client, server)
        finally:
            server.end()
            await database.close()


async def test_a_draft_that_is_killed_while_it_is_sent_in_is_one_case_at_once(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F35", backend)
    async with sending(tmp_path, database_url) as made:
        for number, where in enumerate(POINTS, 1):
            await made.start()
            draft = await made.draft(f"d-{where}")
            made.server.kill()
            await made.start(ONENET_CRASH=f"{where}:1")
            assert await made.send(draft, f"s-{where}") is None
            assert await made.server.status(WITHIN_S) == crashing.STATUS
            made.server.is_wanted = False
            await made.start()
            answer = await made.send(draft, f"s-{where}")
            assert answer is not None
            assert (where, answer.status_code) == (where, 202), answer.text
            case = await made.frontend.get(f"/v1/cases/{answer.json()['id']}")
            assert case.status_code == 200
            assert (await made.frontend.get(draft)).status_code == 404
            assert await made.cases() == number
            made.server.kill()


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_a_draft_that_goes_before_its_case_is_there_is_lost(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F35 control", backend)
    async with sending(tmp_path, database_url, mutant="draft_goes_first") as made:
        await made.start()
        draft = await made.draft("d-1")
        made.server.kill()
        await made.start(ONENET_CRASH="after_draft_marked:1")
        assert await made.send(draft, "s-1") is None
        assert await made.server.status(WITHIN_S) == crashing.STATUS
        made.server.is_wanted = False
        await made.start()
        assert (await made.frontend.get(draft)).status_code == 404
        assert await made.cases() == 0
