"""F12: one department is dead and has a backlog, nineteen are healthy and do not notice.

Three offices side by side at the same time, so that a busy machine is busy for all of them. In two of them a
department takes every call and never answers; one of these is the control, without bulkheads and breakers.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median

import pytest

from onenet.services.hands import MOST_FOR_ONE
from tests.faults.departments import Conduct, Town, honest, silent, town
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

MOST_WAIT_S = 60.0
MOST_TIMES = 1.25
SLACK_S = 0.1 if LONG else 0.75
"""What chance does to the slowest of a hundred. Behind a dead department they wait as long as its calls."""

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.timeout(count(180, 1_800)),
    pytest.mark.xdist_group("bulkhead"),
]

ILL, UNPROTECTED, WELL = "ill", "unprotected", "well"
OFFICES: dict[str, tuple[Conduct, tuple[str, ...]]] = {
    ILL: (silent, ()),
    UNPROTECTED: (silent, ("no_bulkhead", "no_breaker")),
    WELL: (honest, ()),
}
"""What the dead department does, and how the office is altered."""


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

    def __str__(self) -> str:
        """The summary."""
        p50_ms, p99_ms = median(self.waits_s) * 1_000, self.p99_s * 1_000
        return (
            f"p50 {p50_ms:.0f} ms, p99 {p99_ms:.0f} ms of {len(self.waits_s)} tasks, {self.dead} other calls"
        )


async def healthy_load(made: Office, there: Town, patience_s: float) -> Seen:
    """A backlog for one department, and applications for the others all the time.

    What has not come when patience ends has waited until then.
    """
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
    enough = time.monotonic() + patience_s
    while any(len(there.ledgers[code].visits) < len(sent[code]) for code in HEALTHY):
        if time.monotonic() > enough:
            break
        await asyncio.sleep(0.05)
    now = time.monotonic()
    waits = [
        came - went
        for code in HEALTHY
        for went, came in zip_longest(
            sent[code], sorted(there.ledgers[code].first_at.values()), fillvalue=now
        )
    ]
    states = Counter(task["state"] for task in await made.tasks() if task["department"] == DEAD)
    return Seen(waits, len(there.ledgers[DEAD].visits), BACKLOG - states["done"])


@pytest.fixture(scope="module")
async def seen(
    postgres: PostgresServer,
    postgres_template: str,
    tmp_path_factory: pytest.TempPathFactory,
    anyio_backend: str,
) -> dict[str, Seen]:
    """What came of the same load in each of the offices."""
    async with AsyncExitStack() as stack:
        measuring = []
        for name, (conduct, altered) in OFFICES.items():
            url = stack.enter_context(postgres.database(postgres_template))
            there = await stack.enter_async_context(town(dict.fromkeys(HEALTHY, honest) | {DEAD: conduct}))
            engine = {"server": onenet("serve", altered=[f"hurried={CALL_S}", *altered])}
            folder = tmp_path_factory.mktemp(name)
            made = await stack.enter_async_context(office(folder, url, there.urls, engine))
            measuring.append(healthy_load(made, there, 0 if name == UNPROTECTED else MOST_WAIT_S))
        found = dict(zip(OFFICES, await asyncio.gather(*measuring), strict=True))
    print(*(f"\nfaults: F12 {name}: {each}" for name, each in found.items()))
    for each in found.values():
        assert min(len(each.waits_s), each.dead) > 0
    assert found[ILL].unsent == found[UNPROTECTED].unsent == BACKLOG
    return found


def is_longer(wait_s: float, usual_s: float) -> bool:
    """Whether somebody would notice."""
    return wait_s > MOST_TIMES * usual_s + SLACK_S


def test_healthy_departments_do_not_notice_a_dead_one(seen: dict[str, Seen]) -> None:
    assert max(seen[ILL].waits_s) < MOST_WAIT_S, "they wait for ever"
    assert not is_longer(seen[ILL].p99_s, seen[WELL].p99_s)


def test_after_a_round_of_calls_the_breaker_leaves_the_dead_one_alone(seen: dict[str, Seen]) -> None:
    """Five have to fail, and by then others have their hands."""
    assert seen[ILL].dead < 5 + 2 * MOST_FOR_ONE <= seen[UNPROTECTED].dead


def test_control_without_bulkheads_they_do(seen: dict[str, Seen]) -> None:
    """Not one in a hundred, as chance would have it on a busy machine: every other task has to wait."""
    assert is_longer(median(seen[UNPROTECTED].waits_s), median(seen[WELL].waits_s))
