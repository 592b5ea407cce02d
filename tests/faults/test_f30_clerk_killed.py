"""F30: a clerk's program, and the server it works at, are killed between a claim and its decision.

A simulated clerk works at the desk over HTTP with a key, and asks for a correction of every case. Whatever is
killed, each task is claimed once and decided once, no answer is refused, and every case is completed.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from onenet.clock import SystemClock
from onenet.services import endpoints, examination, keys, record
from onenet.services.catalogue import Catalogue
from onenet.services.endpoints import Wanted
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import city_bundle, publish, submission
from tests.faults import city
from tests.faults.children import Child, environment
from tests.faults.form import count
from tests.faults.ports import Ports
from tests.faults.scenario import begin
from tests.keys import key_ring

KILLS = count(2, 50)
EACH = 4
"""Cases that come before each kill."""

CASES = KILLS * EACH
SIDES = ("clerk", "server")
WITHIN_S = 60.0

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(120 + 20 * KILLS)]

_step, _event = tables.step.c, tables.event.c


@dataclass(frozen=True)
class Office:
    """What runs: a server, a clerk of the department `health`; and an applicant's system."""

    database: Database
    frontend: httpx2.AsyncClient
    ledger: Path
    children: dict[str, Child]

    async def apply(self, number: int) -> None:
        """A new case."""
        body = submission(answers={"local": False})
        body["form"] = {code: value for code, value in body["form"].items() if code != "address"}
        answer = await self._post("/v1/cases", body, f"case-{number}")
        assert answer is not None
        assert answer.status_code == 202, answer.text

    async def hand_in(self) -> None:
        """What is asked for, in every case that waits for it."""
        asked = select(_step.case_id).where(_step.state == "supplement_needed")
        async with self.database.read() as connection:
            cases = list((await connection.execute(asked)).scalars())
        body = {"step": "certificate", "materials": [{"code": "record", "reference": "again"}]}
        for case in cases:
            await self._post(f"/v1/cases/{case}/supplements", body, f"again-{case}")

    async def _post(self, path: str, body: dict[str, Any], key: str) -> httpx2.Response | None:
        try:
            return await self.frontend.post(path, json=body, headers={"Idempotency-Key": key})
        except httpx2.TransportError:
            return None  # the server is being started again

    async def number(self, of: Any) -> int:
        """A number out of the database."""
        async with self.database.read() as connection:
            return int((await connection.execute(of)).scalar_one())

    async def is_between(self) -> bool:
        """Whether a task is claimed and not answered yet."""
        claimed = select(func.count()).where(_step.claimed_by.is_not(None), _step.state == "dispatched")
        return await self.number(claimed) > 0

    async def is_over(self) -> bool:
        """Whether all cases are completed."""
        await self.hand_in()
        completed = select(func.count()).where(tables.cases.c.state == "completed")
        return await self.number(completed) == CASES

    async def until(self, fact: Callable[[], Awaitable[bool]]) -> None:
        """Waits until it is so. Raises: AssertionError."""
        deadline = time.monotonic() + WITHIN_S
        while not await fact():
            for child in self.children.values():
                child.check()
            tails = "\n".join(child.tail() for child in self.children.values())
            assert time.monotonic() < deadline, tails
            await asyncio.sleep(0.02)

    def noted(self, question: str) -> int:
        """A number out of the clerk's ledger."""
        connection = sqlite3.connect(self.ledger, timeout=10)
        try:
            return int(connection.execute(question).fetchone()[0])
        finally:
            connection.close()


@asynccontextmanager
async def office(folder: Path, database_url: str) -> AsyncIterator[Office]:
    """All of it, with the server reached."""
    database, now = Database(database_url, ring=key_ring()), SystemClock().now()
    await publish(database, city_bundle())
    await endpoints.register(database, Wanted("department", "health", adapter="desk"), now)
    officer = (await keys.create(database, kind="officer", client="health", now=now)).token
    frontend = (await keys.create(database, kind="frontend", client="app", now=now)).token
    with Ports() as ports:
        url = f"http://127.0.0.1:{ports.take()}"
        settings = environment(
            ONENET_DATABASE_URL=database_url, ONENET_DATA_DIR=str(folder), ONENET_TEST_MODE="1",
            ONENET_QUOTAS="all=off", ONENET_LEASE_S="1", PYTHONPATH=str(city.ROOT),
        )  # fmt: skip
        serve = city.onenet("serve", f"--port={url.rpartition(':')[2]}")
        work = (
            sys.executable, "-m", "onenet.simulator", "--department=health", "--habit=supplement",
            "--dialect=desk", f"--desk={url}/v1/desk/tasks", f"--key={officer}",
            f"--folder={folder}", "--delay-s=0.2",
        )  # fmt: skip
        children = {
            "server": Child("server", serve, folder, settings),
            "clerk": Child("clerk", work, folder, settings),
        }
        headers = {"Authorization": f"Bearer {frontend}", "Onenet-Subject": "citizen-1"}
        try:
            for child in children.values():
                child.start()
            async with httpx2.AsyncClient(base_url=url, headers=headers) as client:
                made = Office(database, client, folder / "health.sqlite3", children)
                await made.until(lambda: _answers(client))
                yield made
        finally:
            for child in children.values():
                child.end()
            await database.close()


async def _answers(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/health/ready")).status_code == 200
    except httpx2.TransportError:
        return False


async def test_a_claim_outlives_whoever_is_killed_and_each_task_is_decided_once(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F30", backend)
    async with office(tmp_path, database_url) as made:
        for kill in range(KILLS):
            await made.until(lambda: _answers(made.frontend))
            for number in range(EACH):
                await made.apply(kill * EACH + number)
            await made.until(made.is_between)
            child = made.children[SIDES[kill % 2]]
            child.kill()
            child.start()
        await made.until(made.is_over)
        for type, times in (("step.claimed", 1), ("step.supplement_needed", 1), ("step.completed", 1)):
            of_type = select(func.count()).where(_event.type == type)
            assert (type, await made.number(of_type)) == (type, CASES * times)
        assert made.noted("SELECT count(*) FROM task WHERE effects = 1") == 2 * CASES
        assert made.noted("SELECT count(*) FROM callback WHERE state = 'refused'") == 0
        assert (await record.verify(made.database)).tamperings == ()
        found = examination.examine(made.database, Catalogue(made.database).bundle)
        assert [finding async for finding in found] == []
