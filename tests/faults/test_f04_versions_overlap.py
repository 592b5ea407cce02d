"""F4: a new worker starts before the old one is told to go. Nothing is stranded between the two.

A draining worker claims nothing more, neither what is new nor what the other one gave back.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from onenet.store import tables
from tests.faults import held
from tests.faults.children import Child
from tests.faults.form import count
from tests.faults.scenario import Scene, begin, conclude, scene, under_load, until
from tests.faults.test_f28_stopped import STOP_LIMIT_S

OVERLAPS = count(3, 200)
WATCHED_S = 3.0
"""Longer than an idle worker waits between two looks: one that still claims has claimed by then."""

AT_WORK = "onenet works"

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.parametrize("backend", ["postgresql"]),
    pytest.mark.timeout(240 + 60 * OVERLAPS),
]


async def test_workers_that_follow_one_another_strand_nothing(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F4", backend)
    # A lease that outlasts the start of a process on a busy machine: the frozen one keeps what it claimed.
    async with scene(tmp_path, database_url, "apart", lease_s=30) as made:
        await under_load(made, lambda: _follow_one_another(made))
        report = await conclude(made, Counter(overlaps=OVERLAPS))
    assert report.violations == ()
    assert report.evidence.calls_cut == 0
    assert set(report.evidence.ledger.errors) <= {"503"}, "a frozen worker held locks, or the server failed"


async def test_draining_process_does_not_reclaim(backend: str, database_url: str, tmp_path: Path) -> None:
    begin("F4 draining", backend)
    async with scene(tmp_path, database_url, "apart") as made:
        old, new = made.city.children["worker"], made.city.children["worker_b"]
        assert await _claimed_while_draining(made) == set()
        made.city.children[held.DEPARTMENT].thaw()
        assert await old.status(STOP_LIMIT_S) == 0
        new.start()
        report = await conclude(made, Counter(drains=1))
    assert report.violations == ()


async def test_control_a_worker_that_is_deaf_to_the_signal_claims_while_it_drains(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F4 control", backend)
    async with scene(tmp_path, database_url, "apart", mutant="deaf_to_stop") as made:
        assert await _claimed_while_draining(made)


async def _follow_one_another(made: Scene) -> None:
    """The one starts and works, the other one is told to go; then the other way round."""
    old, new = made.city.children["worker"], made.city.children["worker_b"]
    await until(made, _said_more(old, 0), lambda: "the old worker does not start")
    for _ in range(OVERLAPS):
        started = new.said(AT_WORK)
        new.start()
        old.freeze()  # whatever is heard from here on is the new one's work
        await until(made, _said_more(new, started), lambda: "the new worker does not start")
        await _heard_more(made)
        old.thaw()
        old.ask_to_stop()
        assert await old.status(STOP_LIMIT_S) == 0
        old, new = new, old


def _said_more(child: Child, before: int) -> Callable[[], Awaitable[bool]]:
    """What is heard may still be the old one's last word; and a process that starts has no drain yet."""

    async def so() -> bool:
        return child.said(AT_WORK) > before

    return so


async def _heard_more(made: Scene) -> None:
    before = len(made.city.subscriber.heard)

    async def so() -> bool:
        return len(made.city.subscriber.heard) > before

    await until(made, so, lambda: "the new worker tells nobody anything")


async def _claimed_while_draining(made: Scene) -> set[UUID]:
    """Tasks of cases that came in after the worker was told to go, and that it claimed all the same."""
    worker = made.city.children["worker"]
    await held.hold(made)  # so that it drains for as long as the call hangs
    worker.ask_to_stop()
    before = await _tasks(made)
    await made.applicants.send(3)
    claimed: set[UUID] = set()
    for _ in range(int(WATCHED_S / 0.1)):
        claimed = {id for id, attempt in (await _tasks(made)).items() if attempt and id not in before}
        if claimed:
            break
        await asyncio.sleep(0.1)
    assert worker.is_running, "it was gone before it could have claimed anything"
    return claimed


async def _tasks(made: Scene) -> dict[UUID, int]:
    c = tables.task.c
    async with made.database.read() as connection:
        return {row.id: row.attempt for row in await connection.execute(select(c.id, c.attempt))}
