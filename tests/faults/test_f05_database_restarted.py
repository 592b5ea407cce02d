"""F5: the database restarts in a row under load, without a good-bye, also while a worker recovers.

onenet answers 503 with Retry-After meanwhile, acknowledges nothing, and goes on by itself.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from tests.databases import migrate
from tests.faults.cluster import Cluster, clusters
from tests.faults.form import LONG, count
from tests.faults.ports import Ports
from tests.faults.scenario import Scene, begin, conclude, lost, scene, under_load, until

RESTARTS = count(2, 200)
LONGEST_DOWN_S = 2.0
PAUSE_S = (5.0, 40.0) if LONG else (0.5, 1.5)
HEALED_LIMIT_S = 30.0
"""Five on an idle machine; the report says what it was."""

BACKEND = "postgresql"

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.timeout(300 + 60 * RESTARTS),
]


async def test_recovery_survives_database_restart(tmp_path: Path) -> None:
    """Each restart falls into the recovery of what a worker left that was killed with its hands full."""
    dice = begin("F5", BACKEND)
    async with _city(tmp_path) as (made, cluster):
        healed_s = await under_load(made, lambda: _restart_in_recovery(made, cluster, dice))
        report = await conclude(made, Counter(restarts=RESTARTS, workers_killed=RESTARTS))
    print(f"faults: F5 healthy again after {max(healed_s):.1f} s at most")
    assert report.violations == ()
    assert "503" in report.evidence.ledger.errors, "no request met a database that was away"
    assert set(report.evidence.ledger.errors) <= {"503"}


async def test_a_database_that_is_away_or_read_only_is_a_503_with_retry_after_and_nothing_acknowledged(
    tmp_path: Path,
) -> None:
    begin("F5 away, read-only", BACKEND)
    async with _city(tmp_path) as (made, cluster):
        await made.applicants.send(1)
        cluster.stop_at_once()
        away = await made.applicants.try_once()
        cluster.start()
        await _healed(made)
        cluster.set("default_transaction_read_only", "on")
        refused = await _refused(made)
        cluster.set("default_transaction_read_only", "off")
        await made.applicants.send(1)
        report = await conclude(made, Counter(away=1, read_only=1))
        server = made.city.children["server"]
        gone, back = server.said("database_away"), server.said("database_back")
    assert [(answer.status_code, answer.headers.get("retry-after")) for answer in (away, refused)] == [
        (503, "1"),
        (503, "1"),
    ]
    assert gone == back > 0, "who reads the log does not know whether it is back"
    assert report.violations == ()


async def test_processes_that_start_without_a_database_wait_for_it(tmp_path: Path) -> None:
    begin("F5 start", BACKEND)
    async with _city(tmp_path) as (made, cluster):
        engine = [made.city.children[name] for name in made.city.engine]
        for child in engine:
            child.kill()
        cluster.stop_at_once()
        for child in engine:
            child.start()

        async def wait() -> bool:
            return all(child.said("database_away") for child in engine)

        await until(made, wait, lambda: "nobody says that the database is away")
        cluster.start()
        await made.city.ready()
        await made.applicants.send(1)
        report = await conclude(made, Counter(starts_without_database=len(engine)))
    assert report.violations == ()


async def test_control_a_server_that_answers_before_it_commits_loses_cases(tmp_path: Path) -> None:
    begin("F5 control", BACKEND)
    async with _city(tmp_path, mutant="answer_before_commit") as (made, cluster):
        made.city.children["worker"].end()
        await under_load(made, lambda: _restart_after_answers(made, cluster))
        assert await lost(made)


@asynccontextmanager
async def _city(folder: Path, mutant: str | None = None) -> AsyncIterator[tuple[Scene, Cluster]]:
    """A city on a PostgreSQL of its own."""
    with Ports() as ports, clusters(ports.take()) as (cluster,):
        cluster.initialise()
        cluster.start()
        migrate(cluster.url)
        async with scene(folder, cluster.url, "apart", mutant=mutant) as made:
            yield made, cluster


async def _restart_in_recovery(made: Scene, cluster: Cluster, dice: random.Random) -> list[float]:
    """Kills the worker at work and has the database restart while its successor recovers, again and again."""
    healed_s = []
    for _ in range(RESTARTS):
        await made.applicants.acknowledged(len(made.ledger.acknowledged) + 2)
        worker = made.city.children["worker"]
        worker.kill()
        worker.start()
        await asyncio.sleep(dice.uniform(*PAUSE_S))
        await asyncio.to_thread(cluster.stop_at_once)
        await asyncio.sleep(dice.uniform(0, LONGEST_DOWN_S))
        await asyncio.to_thread(cluster.start)
        healed_s.append(await _healed(made))
    return healed_s


async def _healed(made: Scene) -> float:
    """Waits until a request is answered as if nothing had been; gives the seconds."""
    started = time.monotonic()
    await made.city.ready()
    took_s = time.monotonic() - started
    assert took_s < HEALED_LIMIT_S
    return took_s


async def _refused(made: Scene) -> httpx2.Response:
    """The answer to a new case once the setting has reached the server's connections."""
    answers: list[httpx2.Response] = []

    async def so() -> bool:
        answers.append(await made.applicants.try_once())
        return not answers[-1].is_success

    await until(made, so, lambda: "it still writes")
    return answers[-1]


async def _restart_after_answers(made: Scene, cluster: Cluster) -> None:
    for _ in range(2):
        await made.applicants.acknowledged(len(made.ledger.acknowledged) + 1)
        await asyncio.to_thread(cluster.stop_at_once)
        await asyncio.to_thread(cluster.start)
