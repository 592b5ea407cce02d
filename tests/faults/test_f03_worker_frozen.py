"""F3: a worker freezes in the middle of its calls, another one takes over, and the first one wakes up again.

What it then wants to write under its old lease is refused, while the call it made stays on record.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from onenet.clock import FrozenClock
from onenet.services import steps
from onenet.services.advance import Gate
from onenet.store import queue, tables
from onenet.store.database import Database
from tests.factories import Shelf, make_bundle, make_opening
from tests.faults import held
from tests.faults.form import count
from tests.faults.scenario import Scene, begin, conclude, scene, until
from tests.keys import key_ring

ROUNDS = count(1, 100)
RECOVERERS = 4
ABANDONED = count(20, 200)
WAIT_S = 20.0

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(240 + 60 * ROUNDS)]


async def test_a_worker_that_wakes_up_changes_nothing_of_what_another_one_took_over(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F3", backend)
    async with scene(tmp_path, database_url, "apart") as made:
        frozen = 0
        for _ in range(ROUNDS):
            tasks = await _wake_a_zombie(made)
            assert await _stolen(made, tasks) == set()
            frozen += len(tasks)
            await _go_on(made)
        refused = made.city.children["worker"].said("lease_lost")
        report = await conclude(made, Counter(frozen_calls=frozen))
    print(f"faults: F3 {refused} writes under an old lease refused")
    assert report.violations == ()
    assert refused >= frozen


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_without_fencing_the_old_lease_still_writes(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    begin("F3 control", backend)
    async with scene(tmp_path, database_url, "apart", mutant="no_fencing") as made:
        assert await _stolen(made, await _wake_a_zombie(made))


async def test_stale_recovery_cannot_run(
    database: Database, database_url: str, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    """Several recoverers read the same expired leases: each task runs again once, for one of them."""
    bundle = shelf.put(make_bundle())
    await asyncio.gather(*(gate.submit(make_opening(bundle)) for _ in range(ABANDONED)))
    dead = await steps.claim(database, queue.TASKS, clock, ABANDONED)
    clock.advance(queue.LEASE + timedelta(seconds=1))
    others = [Database(database_url, pool_size=2, ring=key_ring()) for _ in range(RECOVERERS)]
    recovered = await asyncio.gather(
        *(steps.claim(each, queue.TASKS, clock, ABANDONED) for each in others for _ in range(2))
    )
    for each in others:
        await each.close()
    ids = [claimed.row["id"] for batch in recovered for claimed in batch]
    assert len(dead) == ABANDONED
    assert Counter(ids) == Counter(claimed.row["id"] for claimed in dead)
    assert await _attempts(database) == {2}


async def _wake_a_zombie(made: Scene) -> dict[UUID, int]:
    """Freezes the worker in its calls, has another one claim them, wakes it; gives tasks and old attempts.

    Each department call of the first worker had its effect, and its answer waits to be read.
    """
    first, second = made.city.children["worker"], made.city.children["worker_b"]
    department = made.city.children[held.DEPARTMENT]
    before = held.effects(made)
    await held.hold(made)
    await _only_held_calls_left(made)
    old = {id: attempt for id, (_, attempt) in (await held.claimed(made)).items()}
    first.freeze()
    department.thaw()
    await held.answered(made, before + len(old))
    department.freeze()
    second.start()

    async def taken_over() -> bool:
        now = await held.claimed(made)
        return all(id in now and now[id][1] > attempt for id, attempt in old.items())

    await until(made, taken_over, lambda: "nobody took over")
    first.thaw()

    async def told() -> bool:
        return await held.attempts_ended(made, old)

    await until(made, told, lambda: "the first worker recorded nothing of its calls")
    return old


async def _stolen(made: Scene, tasks: dict[UUID, int]) -> set[UUID]:
    """Tasks that are no longer the second worker's, although no call of its was answered."""
    return tasks.keys() - (await held.claimed(made)).keys()


async def _go_on(made: Scene) -> None:
    """The department answers again, the second worker goes."""
    made.city.children[held.DEPARTMENT].thaw()
    second = made.city.children["worker_b"]
    second.ask_to_stop()
    assert await second.status(WAIT_S) == 0


async def _only_held_calls_left(made: Scene) -> None:
    """Waits until the worker has nothing in hand but the calls that hang: it is frozen in no transaction."""

    async def so() -> bool:
        c, d = tables.task.c, tables.delivery.c
        others = select(c.id).where(c.next_at.is_not(None), c.department != held.DEPARTMENT)
        deliveries = select(d.id).where(d.next_at.is_not(None))
        async with made.database.read() as connection:
            return not [*await connection.execute(others), *await connection.execute(deliveries)]

    await until(made, so, lambda: "more under way than the calls that hang")


async def _attempts(database: Database) -> set[int]:
    async with database.read() as connection:
        return set((await connection.execute(select(tables.task.c.attempt))).scalars())
