"""The scenarios: a city under load, something done to it, quiet again, and then the evidence."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import func, select

from onenet.clock import SystemClock
from onenet.domain.states import FINAL_CASE
from onenet.errors import Unavailable
from onenet.store import tables
from onenet.store.database import Database
from tests.faults.city import HABITS, City, Shape, running_city
from tests.faults.evidence import Evidence, gather, read_ledger
from tests.faults.form import SEED, count
from tests.faults.invariants import Violation, violations
from tests.faults.load import Applicants, Ledger
from tests.faults.samples import EXPECTED, samples
from tests.keys import key_ring

LIMIT_S = 90.0
"""How long a scenario waits for anything it is sure to see."""

APPLICANTS = count(4, 20)
CHINA = timezone(timedelta(hours=8))

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """What a run came to. `injected`: how often each fault was made."""

    injected: Counter[str]
    evidence: Evidence
    violations: tuple[Violation, ...]
    quiet_after_s: float

    def __str__(self) -> str:
        """The summary line."""
        ledger, cases = self.evidence.ledger, self.evidence.cases
        promised = {each.case_id for each in ledger.acknowledged}
        figures = {
            "acknowledged": len(ledger.acknowledged),
            "completed": sum(case.state == EXPECTED for case in cases.values()),
            "lost": len(promised - cases.keys()),
            "doubled": len(cases.keys() - promised) + len(ledger.acknowledged) - len(promised),
            "tasks": len(self.evidence.tasks),
            "effects": sum(sum(d.effects.values()) for d in self.evidence.departments.values()),
            "calls cut": self.evidence.calls_cut,
            "violations": len(self.violations),
        }
        told = ", ".join(f"{name} {count}" for name, count in figures.items())
        injected, errors = dict(self.injected), dict(ledger.errors)
        return f"injected {injected}; {told}; errors seen {errors}; quiet after {self.quiet_after_s:.0f} s"


@dataclass(frozen=True, slots=True)
class Scene:
    """A running city with applicants at its doors."""

    city: City
    database: Database
    applicants: Applicants
    ledger: Ledger


def begin(scenario: str, backend: str) -> random.Random:
    """Says the seed before anything can hang; gives the dice of this scenario on this database."""
    print(f"\nfaults: {scenario} {backend}: seed {SEED}", flush=True)
    return random.Random(f"{SEED} {scenario} {backend}")


@asynccontextmanager
async def scene(
    folder: Path, database_url: str, shape: Shape, *, fresh_keys: bool = False, **city_options: Any
) -> AsyncIterator[Scene]:
    """A city, and somebody who hands in whatever departments ask for."""
    loop, heard, ledger = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any]](), Ledger()

    def tell(message: dict[str, Any]) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, message)

    database = Database(database_url, pool_size=2, ring=key_ring())
    chosen = samples(SystemClock().now().astimezone(CHINA).date())
    try:
        async with (
            running_city(folder, database_url, shape, tell, **city_options) as city,
            asyncio.TaskGroup() as group,
        ):
            applicants = Applicants(city, chosen, ledger, fresh_keys=fresh_keys)
            listening = group.create_task(applicants.listen(heard))
            yield Scene(city, database, applicants, ledger)
            listening.cancel()
    finally:
        await database.close()


async def under_load(scene: Scene, meanwhile: Callable[[], Awaitable[T]]) -> T:
    """Lets cases come in while something is done, and until everybody who began has his answer."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(APPLICANTS):
            group.create_task(scene.applicants.submit_until(stop))
        try:
            return await meanwhile()
        finally:
            stop.set()


async def conclude(made: Scene, injected: Counter[str]) -> Report:
    """Waits until nothing moves any more, asks for every case again, and gathers the evidence.

    Raises: AssertionError when nothing was injected: such a run proves nothing.
    """
    assert injected.total() > 0, "no fault was injected"
    report = await look(made, injected)
    assert report.evidence.ledger.acknowledged, "no case was acknowledged"
    print(f"faults: {report}", flush=True)
    return report


async def look(made: Scene, injected: Counter[str]) -> Report:
    """The evidence once all is quiet."""
    started = time.monotonic()
    await quiet(made)
    quiet_after_s = time.monotonic() - started
    await made.applicants.ask_again()
    for child in made.city.children.values():
        child.check()
    assert made.city.subscriber.unsigned == 0
    evidence = await gather_now(made)
    return Report(injected, evidence, tuple(violations(evidence)), quiet_after_s)


async def gather_now(made: Scene) -> Evidence:
    """The evidence as it is; nothing may be running that still changes it."""
    return await gather(made.database, made.city.folder, made.ledger, made.city.subscriber.heard)


async def quiet(made: Scene) -> None:
    """Waits until every case is final and nothing is due. Raises: AssertionError, with what still moves."""

    async def moving() -> bool:
        last.clear()
        last.update(await still_moving(made))
        return not last

    last: Counter[str] = Counter()
    await until(made, moving, lambda: f"still moving: {last}")


async def until(
    made: Scene, fact: Callable[[], Awaitable[bool]], otherwise: Callable[[], str], within_s: float = LIMIT_S
) -> None:
    """Waits until it is so, also while the database is away. Raises: AssertionError, with what is so."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            if await fact():
                return
            known = otherwise()
        except Unavailable as error:
            known = str(error)
        if time.monotonic() > deadline:
            tails = "\n".join(made.city.children[name].tail() for name in made.city.engine)
            raise AssertionError(f"not so after {within_s} s: {known}\n{tails}")
        await asyncio.sleep(0.05)


async def lost(made: Scene) -> set[str]:
    """Cases that were promised and are not there."""
    async with made.database.read() as connection:
        stored = {str(id) for id in (await connection.execute(select(tables.cases.c.id))).scalars()}
    return {each.case_id for each in made.ledger.acknowledged} - stored


async def still_moving(made: Scene) -> Counter[str]:
    """What is not at its end yet, by kind and state."""
    moving: Counter[str] = Counter()
    final = [state.value for state in FINAL_CASE]
    c, step = tables.cases.c, tables.step.c
    open_steps = (
        select(step.department, step.state, step.wait_reason, func.count())
        .join(tables.cases, (c.lane == step.lane) & (c.id == step.case_id))
        .where(c.state.not_in(final), step.waits_for.is_not(None))
        .group_by(step.department, step.state, step.wait_reason)
    )
    async with made.database.read() as connection:
        for department, state, reason, number in await connection.execute(open_steps):
            moving[f"steps of {department} {state} ({reason})"] = number
        for table in (tables.task, tables.delivery):
            due = table.c.next_at.is_not(None)
            by_state = select(table.c.state, func.count()).where(due).group_by(table.c.state)
            for state, number in await connection.execute(by_state):
                moving[f"{table.name} {state}"] = number
    for code in HABITS:
        if pending := read_ledger(made.city.folder / f"{code}.sqlite3", code).callbacks.get("pending"):
            moving[f"callbacks of {code}"] = pending
    return moving
