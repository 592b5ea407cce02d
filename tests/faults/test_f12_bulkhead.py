"""F12: one department is dead and has a backlog, nineteen are healthy and do not notice.

Two offices side by side at the same time, so that a busy machine is busy for both; in one of them a
department takes every call and never answers.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.departments import Town, honest, silent, town
from tests.faults.form import LONG, count
from tests.faults.office import Office, office, onenet
from tests.postgres import PostgresServer

HEALTHY = [f"d{number:02}" for number in range(19)]
DEAD = "dead"
BACKLOG = 200
PERIOD_S = count(10, 600)
EVERY_S = 0.1
CALL_S = 4
"""How long a call may take; shorter than the shipped 15 s, so that a short run sees several of them."""

MOST_TIMES = 1.25
SLACK_S = 0.1 if LONG else 0.75
"""What chance does to the slowest of a hundred. Behind a dead department they wait as long as its calls."""

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.timeout(count(180, 1_800)),
]


@dataclass(frozen=True, slots=True)
class Seen:
    """How long healthy tasks took to their department. `dead`: calls that hang. `unsent`: tasks that wait."""

    waits_s: list[float]
    dead: int
    unsent: int

    @property
    def p99_s(self) -> float:
        """The wait that one in a hundred exceeds."""
        return sorted(self.waits_s)[int(len(self.waits_s) * 0.99)]


async def healthy_load(made: Office, there: Town) -> Seen:
    """A backlog for one department, and applications for the others all the time."""
    sent: dict[str, list[float]] = {code: [] for code in HEALTHY}
    async with made.client() as client, asyncio.TaskGroup() as group:
        async with asyncio.TaskGroup() as backlog:
            for number in range(BACKLOG):
                backlog.create_task(made.submit(client, DEAD, f"dead-{number}"))
        began = time.monotonic()
        number = 0
        while time.monotonic() < began + PERIOD_S:
            code = HEALTHY[number % len(HEALTHY)]
            sent[code].append(time.monotonic())
            group.create_task(made.submit(client, code, f"{code}-{number}"))
            number += 1
            await asyncio.sleep(EVERY_S)
    deadline = time.monotonic() + 60
    while any(len(there.ledgers[code].visits) < len(sent[code]) for code in HEALTHY):
        assert time.monotonic() < deadline, "healthy departments wait for ever"
        await asyncio.sleep(0.05)
    waits = [
        came - went
        for code in HEALTHY
        for went, came in zip(sent[code], sorted(there.ledgers[code].first_at.values()), strict=True)
    ]
    states = Counter(task["state"] for task in await made.tasks() if task["department"] == DEAD)
    return Seen(waits, len(there.ledgers[DEAD].visits), BACKLOG - states["done"])


async def side_by_side(folder: Path, urls: Sequence[str], altered: Sequence[str]) -> tuple[Seen, Seen]:
    """The same load on an office with a dead department and on one without."""
    engine = {"server": onenet("serve", altered=[f"hurried={CALL_S}", *altered])}
    async with AsyncExitStack() as stack:
        offices = []
        for name, url, conduct in (("ill", urls[0], silent), ("well", urls[1], honest)):
            (folder / name).mkdir()
            there = await stack.enter_async_context(town(dict.fromkeys(HEALTHY, honest) | {DEAD: conduct}))
            made = await stack.enter_async_context(office(folder / name, url, there.urls, engine))
            offices.append((made, there))
        ill, well = await asyncio.gather(*(healthy_load(*each) for each in offices))
    return ill, well


async def measured(
    postgres: PostgresServer, template: str, folder: Path, altered: Sequence[str] = ()
) -> tuple[Seen, Seen]:
    with postgres.database(template) as one, postgres.database(template) as other:
        ill, well = await side_by_side(folder, [one, other], altered)
    print(
        f"\nfaults: F12 {altered}: p99 {ill.p99_s * 1_000:.0f} ms beside a dead department,"
        f" {well.p99_s * 1_000:.0f} ms without; {len(ill.waits_s)} tasks, {ill.dead} calls hung"
    )
    assert min(len(ill.waits_s), ill.dead) > 0
    assert ill.unsent == BACKLOG
    return ill, well


def is_noticed(ill: Seen, well: Seen) -> bool:
    """Whether the healthy departments have to wait for the dead one."""
    return ill.p99_s > MOST_TIMES * well.p99_s + SLACK_S


async def test_healthy_departments_do_not_notice_a_dead_one(
    postgres: PostgresServer, postgres_template: str, tmp_path: Path
) -> None:
    assert not is_noticed(*await measured(postgres, postgres_template, tmp_path))


async def test_control_without_bulkheads_they_do(
    postgres: PostgresServer, postgres_template: str, tmp_path: Path
) -> None:
    assert is_noticed(*await measured(postgres, postgres_template, tmp_path, ["no_bulkhead"]))
