"""Connections to the database break while somebody waits for a case to move: onenet and he go on."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from tests.faults.scenario import Scene, conclude, scene, under_load

BREAKS = 4
PAUSE_S = 0.7
"""Longer than the pause between two looks at the cases that somebody waits for."""

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(240)]


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_the_server_outlives_the_loss_of_its_connections(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    async with scene(tmp_path, database_url, "apart") as made:
        worker = made.city.children["worker"]
        worker.kill()  # so that the case does not move, and nobody else uses the connections
        await under_load(made, lambda: made.applicants.acknowledged(1))
        moved = asyncio.create_task(made.applicants.next_change())
        broken = await _break_connections(made)
        worker.start()
        assert (await moved)["seq"] > 0
        report = await conclude(made, Counter())
    assert broken >= BREAKS
    assert report.violations == ()
    assert [name for name in report.evidence.ledger.errors if not name.isdecimal()] == []


async def _break_connections(made: Scene) -> int:
    broken = 0
    for _ in range(BREAKS):
        await asyncio.sleep(PAUSE_S)
        broken += await asyncio.to_thread(_break_all, made.city.database_url)
    return broken


def _break_all(url: str) -> int:
    """Ends every session but its own; gives how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid != pg_backend_pid()"
        )
        return len(ended.fetchall())
