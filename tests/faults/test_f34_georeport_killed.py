"""F34: a GeoReport server whose first answers are lost, and onenet that asks it, are killed again and again.

The standard knows no key: whatever is sent twice is filed twice. Each task is filed once, and every case is
completed.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from onenet.clock import SystemClock
from onenet.services import endpoints, record
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.endpoints import Wanted
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import city_bundle, publish
from tests.factories import make_content, make_opening
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
SIDES = ("onenet", "georeport")
WITHIN_S = 90.0
KEY = "key-of-the-city"

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(180 + 20 * KILLS)]


@dataclass(frozen=True)
class Asking:
    """What runs: onenet, the GeoReport server `health`; and what it all came to."""

    database: Database
    gate: Gate
    folder: Path
    children: dict[str, Child]

    def register(self, question: str) -> int:
        """A number out of the server's register."""
        connection = sqlite3.connect(self.folder / "health.sqlite3", timeout=10)
        try:
            return int(connection.execute(question).fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # it has not begun yet
        finally:
            connection.close()

    async def apply(self) -> None:
        """More cases, straight through the gate of another process."""
        content = make_content(answers={"local": False})
        opening = (make_opening(city_bundle(), content=content) for _ in range(EACH))
        await asyncio.gather(*map(self.gate.submit, opening))

    async def filed(self, at_least: int) -> bool:
        """Whether so many requests have been filed."""
        return self.register("SELECT count(*) FROM request") >= at_least

    async def filed_twice(self) -> bool:
        """Whether one of the tasks was."""
        return self.register("SELECT count(*) - count(DISTINCT key) FROM request") > 0

    async def completed(self) -> int:
        """How many cases are."""
        done = select(func.count()).where(tables.cases.c.state == "completed")
        async with self.database.read() as connection:
            return int((await connection.execute(done)).scalar_one())

    async def all_completed(self) -> bool:
        """Whether all are."""
        return await self.completed() == CASES

    async def until(self, fact: Callable[[], Awaitable[bool]]) -> None:
        """Waits until it is so. Raises: AssertionError, with what is so."""
        deadline = time.monotonic() + WITHIN_S
        while not await fact():
            for child in self.children.values():
                child.check()
            if time.monotonic() > deadline:
                tails = "\n".join(child.tail() for child in self.children.values())
                raise AssertionError(f"{await self.completed()} of {CASES} cases are completed\n{tails}")
            await asyncio.sleep(0.05)


@asynccontextmanager
async def asking(folder: Path, database_url: str, **options: Any) -> AsyncIterator[Asking]:
    """All of it, and a gate to apply through."""
    database, clock = Database(database_url, ring=key_ring()), SystemClock()
    gate = Gate(database, Catalogue(database).bundle, clock, clock)
    with Ports() as ports:
        port = ports.take()
        await _prepare(database, port, options)
        settings = environment(
            ONENET_DATABASE_URL=database_url,
            ONENET_DATA_DIR=str(folder),
            ONENET_TEST_MODE="1",
            ONENET_QUOTAS="all=off",
            ONENET_LEASE_S="1",
            PYTHONPATH=str(city.ROOT),
        )
        simulator = (
            sys.executable, "-m", "onenet.simulator", "--department=health", "--habit=lost", f"--port={port}",
            "--dialect=open311", f"--key={KEY}", f"--folder={folder}", "--delay-s=0.05",
        )  # fmt: skip
        children = {
            "georeport": Child("georeport", simulator, folder, settings),
            "onenet": Child("onenet", city.onenet("serve", f"--port={ports.take()}"), folder, settings),
        }
        try:
            for child in children.values():
                child.start()
            yield Asking(database, gate, folder, children)
        finally:
            for child in children.values():
                child.end()
            await database.close()


async def _prepare(database: Database, port: int, options: dict[str, Any]) -> None:
    """A city with a department that is a GeoReport server."""
    item = city_bundle().member("certificate").item
    told = {
        "services": {item: {"code": "001"}},
        "fields": {"address_string": "示例路 5 号", "description": "${/names/zh}"},
        "poll_after_s": 1,
    } | options
    wanted = Wanted(
        "department",
        "health",
        f"http://127.0.0.1:{port}",
        "open311",
        options=told,
        credentials={"api_key": KEY},
    )
    await publish(database, city_bundle())
    await endpoints.register(database, wanted, SystemClock().now())


async def test_each_task_is_filed_once_though_answers_are_lost_and_both_sides_are_killed(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    dice = begin("F34", backend)
    async with asking(tmp_path, database_url) as made:
        for kill in range(KILLS):
            await made.apply()
            await made.until(partial(made.filed, kill * EACH + 1))
            await asyncio.sleep(dice.uniform(0, 0.5))
            victim = made.children[SIDES[kill % 2]]
            victim.kill()
            victim.start()

        await made.until(made.all_completed)
        assert made.register("SELECT count(*) FROM request") == CASES
        assert not await made.filed_twice()
        assert (await record.verify(made.database)).tamperings == ()


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_without_the_search_a_task_is_filed_twice(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    """To a server that knows no keys, told to be one that does."""
    begin("F34 control", backend)
    async with asking(tmp_path, database_url, again="key") as made:
        await made.apply()
        await made.until(made.filed_twice)
