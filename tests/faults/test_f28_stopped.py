"""F28: SIGTERM under load. What was begun is finished and answered, nothing is half done, the status is 0.

Somebody reads a stream and somebody waits with `wait=25` at every stop: both are answered, at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from onenet.store import tables
from tests.faults.city import Shape
from tests.faults.evidence import calls_cut
from tests.faults.form import count
from tests.faults.load import SUBJECT
from tests.faults.scenario import LIMIT_S, Scene, begin, conclude, lost, scene, under_load, until

STOPS = count(1, 200)
CASES_BETWEEN = 5
STOP_LIMIT_S = 30.0
SHAPES: dict[str, Shape] = {"sqlite": "together", "postgresql": "apart"}
"""As the documents advise: one process for a pilot, several for a city."""

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(240 + 30 * STOPS)]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """How readers were told to go. `waited`: the status of the long request; `streamed`: its end was one."""

    waited: int
    streamed: bool


async def test_a_stop_under_load_leaves_nothing_half_done_and_nobody_unanswered(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F28", backend)
    goodbyes: list[Goodbye] = []
    async with scene(tmp_path, database_url, SHAPES[backend]) as made:
        await under_load(made, lambda: _stop_and_start(made, goodbyes))
        report = await conclude(made, Counter(stops=STOPS))
    assert report.violations == ()
    assert [name for name in report.evidence.ledger.errors if name.isdecimal()] == []
    assert goodbyes == [Goodbye(200, streamed=True)] * STOPS


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_a_server_that_does_not_tell_who_waits_cuts_him_off(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F28 control", backend)
    async with scene(tmp_path, database_url, "apart", mutant="cuts_readers_off") as made:
        made.city.children["worker"].end()  # so that the case does not move
        await under_load(made, lambda: made.applicants.acknowledged(1))
        readers = await _readers(made)
        server = made.city.children["server"]
        server.ask_to_stop()
        await server.status(STOP_LIMIT_S)
        goodbye = await readers
    assert goodbye != Goodbye(200, streamed=True)


async def _stop_and_start(made: Scene, goodbyes: list[Goodbye]) -> None:
    """SIGTERM to all of onenet at once, a look at what it left, and a new start."""
    engine = [made.city.children[name] for name in made.city.engine]
    for _ in range(STOPS):
        await _at_work(made)
        readers = await _readers(made)
        asked = time.monotonic()
        for child in engine:
            child.ask_to_stop()
        assert {child.name: await child.status(STOP_LIMIT_S) for child in engine} == dict.fromkeys(
            made.city.engine, 0
        )
        print(f"faults: F28 stopped after {time.monotonic() - asked:.1f} s")
        goodbyes.append(await readers)
        await _whatever_is_stored_was_answered(made)
        assert await _half_done(made) == 0
        for child in engine:
            child.start()
        await made.city.ready()


async def _at_work(made: Scene) -> None:
    """Waits until cases come in and messages go out; a process that only starts has nothing to finish."""
    await made.applicants.acknowledged(len(made.ledger.acknowledged) + CASES_BETWEEN)
    before = len(made.city.subscriber.heard)

    async def heard_more() -> bool:
        return len(made.city.subscriber.heard) > before

    await until(made, heard_more, lambda: "nothing goes out")


async def _readers(made: Scene) -> asyncio.Task[Goodbye]:
    """Two who wait, for events that will not come before the stop; returns once the server has both."""
    begun = asyncio.Event()

    async def read() -> Goodbye:
        headers = {"Authorization": f"Bearer {made.city.token}", "Onenet-Subject": SUBJECT}
        async with httpx2.AsyncClient(base_url=made.city.url, headers=headers, timeout=60) as client:
            path = f"/v1/cases/{made.ledger.acknowledged[-1].case_id}/events"
            waiting = asyncio.create_task(_status(client, path))
            async with client.stream("GET", path, headers={"Accept": "text/event-stream"}) as stream:
                chunks = stream.aiter_bytes()
                await anext(chunks)
                begun.set()
                streamed = await _ends_well(chunks)
            return Goodbye(await waiting, streamed)

    task = asyncio.create_task(read())
    async with asyncio.timeout(LIMIT_S):
        await begun.wait()
    return task


async def _status(client: httpx2.AsyncClient, path: str) -> int:
    try:
        return (await client.get(path, params={"since": 900_000, "wait": 25})).status_code
    except httpx2.TransportError:
        return 0


async def _ends_well(chunks: Any) -> bool:
    """Reads a stream to its end; False when it was torn off."""
    try:
        async for _ in chunks:
            pass
    except httpx2.TransportError:
        return False
    return True


async def _whatever_is_stored_was_answered(made: Scene) -> None:
    """While nobody serves, no repeated request can make up for an answer that was not given."""
    assert await lost(made) == set()
    async with made.database.read() as connection:
        stored = {str(id) for id in (await connection.execute(select(tables.cases.c.id))).scalars()}
    deadline = time.monotonic() + LIMIT_S
    while unanswered := stored - {each.case_id for each in made.ledger.acknowledged}:
        assert time.monotonic() < deadline, f"stored and not answered: {unanswered}"
        await asyncio.sleep(0.02)


async def _half_done(made: Scene) -> int:
    """Leases nobody gave back, and calls nobody recorded."""
    async with made.database.read() as connection:
        number = await calls_cut(connection)
        for table in (tables.task, tables.delivery):
            leased = select(func.count()).select_from(table).where(table.c.lease_token.is_not(None))
            number += (await connection.execute(leased)).scalar_one()
    return number
