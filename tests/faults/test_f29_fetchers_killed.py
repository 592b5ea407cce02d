"""F29: a department that fetches, and the servers it fetches from, are killed again and again.

Two processes of the department share one ledger and fetch from two servers over one database. Each task has
its effect once, none is ever under two leases, and every case is completed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from onenet.clock import SystemClock
from onenet.ids import to_text
from onenet.services import endpoints, keys
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.endpoints import ENDPOINT_PREFIX, Wanted
from onenet.store.database import Database
from tests.api.conftest import city_bundle, publish
from tests.faults import city
from tests.faults.children import Child, environment
from tests.faults.form import count
from tests.faults.ports import Ports
from tests.faults.scenario import begin
from tests.faults.uncalled import Uncalled, applied_twice
from tests.keys import key_ring

KILLS = count(2, 50)
EACH = 8
"""Cases that come before each kill."""

CASES = KILLS * EACH
SIDES = ("fetcher", "server")
LEASE_S = 1
"""Of a worker; a department's lasts twice as long."""

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(120 + 20 * KILLS)]


@asynccontextmanager
async def pulling(
    folder: Path, database_url: str, *, habit: str = "slow", mutant: str | None = None
) -> AsyncIterator[Uncalled]:
    """All of it, and a gate to apply through."""
    database, clock = Database(database_url, ring=key_ring()), SystemClock()
    gate = Gate(database, Catalogue(database).bundle, clock, clock)
    queue, key = await _prepare(database)
    with Ports() as ports:
        settings = environment(
            ONENET_DATABASE_URL=database_url,
            ONENET_DATA_DIR=str(folder),
            ONENET_TEST_MODE="1",
            ONENET_QUOTAS="all=off",
            ONENET_LEASE_S=str(LEASE_S),
            PYTHONPATH=str(city.ROOT),
        )
        children = {}
        for name in ("first", "second"):
            port = ports.take()
            words = ("serve", f"--port={port}") + (() if name == "first" else ("--no-worker",))
            children[f"server_{name}"] = Child(
                f"server_{name}", city.onenet(*words, mutant=mutant), folder, settings
            )
            children[f"fetcher_{name}"] = Child(
                f"fetcher_{name}",
                (
                    sys.executable, "-m", "onenet.simulator", "--department=health", f"--habit={habit}",
                    "--dialect=pull", f"--queue=http://127.0.0.1:{port}{queue}", f"--key={key}",
                    f"--folder={folder}", "--delay-s=0.05",
                ),
                folder,
                settings,
            )  # fmt: skip
        try:
            for child in children.values():
                child.start()
            yield Uncalled(database, gate, folder, children)
        finally:
            for child in children.values():
                child.end()
            await database.close()


async def _prepare(database: Database) -> tuple[str, str]:
    """A city whose department fetches; gives the path of its queue, and a key."""
    clock = SystemClock()
    await publish(database, city_bundle())
    made = await endpoints.register(database, Wanted("department", "health", adapter="pull"), clock.now())
    key = await keys.create(database, kind="department", client="health", now=clock.now())
    return f"/v1/endpoints/{to_text(ENDPOINT_PREFIX, made.endpoint.id)}/queue", key.token


async def test_nothing_is_lost_or_doubled_when_either_side_is_killed(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    """New cases come before each kill, and most of those before them are fetched by then."""
    dice = begin("F29", backend)
    async with pulling(tmp_path, database_url) as made:
        for kill in range(KILLS):
            await made.apply(EACH)
            await made.until(partial(made.effects, (kill - 1) * EACH))
            await asyncio.sleep(dice.uniform(0, 0.5))
            name = dice.choice([n for n in made.children if n.startswith(SIDES[kill % 2])])
            made.children[name].kill()
            made.children[name].start()

        await made.until(partial(made.all_completed, CASES))
        assert made.ledger("SELECT count(*) FROM task") == CASES
        assert made.ledger("SELECT count(*) FROM task WHERE effects <> 1") == 0
        assert made.ledger("SELECT count(*) FROM clash") == 0
        assert not await made.overlapped()
        assert await applied_twice(made.database) == 0


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_without_a_lease_two_are_at_work_on_one_task(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    """A department that acknowledges nothing: what it holds would be its own for two seconds."""
    begin("F29 control", backend)
    async with pulling(tmp_path, database_url, habit="down", mutant="no_lease") as made:
        await made.apply(EACH)
        await made.until(made.overlapped)
