"""F21: the tables are migrated while the service works on them. Nothing is lost, nobody waits for long.

A way down that would lose a case is refused, also while cases come in.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psycopg
import pytest

from onenet.clock import SystemClock
from onenet.resources import migrations_dir
from onenet.store import tables
from onenet.store.migrating import Migrator
from tests.faults.departments import honest, town
from tests.faults.form import count
from tests.faults.office import Office, office, onenet

CASES = count(100, 5_000)
"""Applications before, and again after the migration."""

LONGEST_LOCK_S = 2.0
HANDS = 4

COLUMN = 'op.add_column("cases", sa.Column("later", sa.Integer))'
INDEX = 'op.create_index("ix_later", "cases", ["later"])'
LOSES_A_ROW = (
    'op.execute("DELETE FROM delivery"); op.execute("DELETE FROM event WHERE type = \'case.completed\'")'
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(count(180, 1_800))]


@dataclass(slots=True)
class Seen:
    """What applicants saw. `kept`: case of each 202. `locked_s`: how long the tables were locked at most."""

    kept: set[str] = field(default_factory=set)
    statuses: Counter[str] = field(default_factory=Counter)
    locked_s: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    whole: bool = False
    refused: str = ""


def violations(seen: Seen) -> list[str]:
    """Everything that is not as promised."""
    found = []
    if seen.lost:
        found.append(f"{seen.lost} acknowledged cases are lost")
    if wrong := set(seen.statuses) - {"202"}:
        found.append(f"answered {wrong}")
    if seen.locked_s > LONGEST_LOCK_S:
        found.append(f"a table was locked for {seen.locked_s:.1f} s")
    if set(seen.states) != {"completed"} or not seen.whole:
        found.append(f"cases are {dict(seen.states)}, the record is whole: {seen.whole}")
    if "lose" not in seen.refused:
        found.append("the way down that loses cases was not refused")
    return found


def tree(folder: Path, upgrade: str) -> Path:
    """The migrations with one more, which does this."""
    copied = folder / "migrations"
    shutil.copytree(migrations_dir(), copied, ignore=shutil.ignore_patterns("__pycache__"))
    head = Migrator("sqlite://", copied).head()
    (copied / "versions" / "9999_later.py").write_text(
        '"""Later."""\nimport time\nimport sqlalchemy as sa\nfrom alembic import op\n'
        f'revision = "9999"\ndown_revision = "{head}"\n'
        f"def upgrade() -> None:\n    {upgrade}\n"
        "def downgrade() -> None:\n    pass\n"
    )
    return copied


async def migrate_under_load(folder: Path, url: str, upgrade: str) -> Seen:
    """Cases come in, the tables go up, more cases come in, somebody tries to go all the way down."""
    seen, migrator = Seen(), Migrator(url, tree(folder, upgrade))

    async def change(made: Office) -> None:
        await _until(lambda: len(seen.kept) >= CASES)
        migrating = asyncio.to_thread(migrator.upgrade, "head", lambda line: None, SystemClock().now())
        seen.locked_s = await _watching(made, migrating)
        assert migrator.current() == "9999"
        goal = len(seen.kept) + CASES
        await _until(lambda: len(seen.kept) >= goal)
        try:
            await asyncio.to_thread(migrator.downgrade, "base", lambda line: None, SystemClock().now())
        except Exception as refusal:  # noqa: BLE001  # whatever it says is looked at
            seen.refused = str(refusal)
        assert migrator.current() == "9999"

    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(town({"police": honest}))
        engine = {"server": onenet("serve")}
        made = await stack.enter_async_context(office(folder, url, there.urls, engine))
        await under_load(made, seen, change)
        stored = await _at_rest(made)
        seen.states = Counter(stored.values())
        seen.lost = len(seen.kept - stored.keys())
        seen.whole = await made.whole()
    return seen


async def under_load(made: Office, seen: Seen, meanwhile: Callable[[Office], Awaitable[None]]) -> None:
    """Applications, until something else is done."""
    stop, numbers = asyncio.Event(), itertools.count()

    async def apply(client: httpx2.AsyncClient) -> None:
        while not stop.is_set():
            answer = await made.submit(client, "police", f"k-{next(numbers)}")
            seen.statuses[str(answer.status_code)] += 1
            if answer.status_code == 202:
                seen.kept.add(answer.json()["id"])

    async with made.client() as client, asyncio.TaskGroup() as group:
        for _ in range(HANDS):
            group.create_task(apply(client))
        try:
            await meanwhile(made)
        finally:
            stop.set()


async def _at_rest(made: Office) -> dict[str, str]:
    """The cases, when their tasks are done."""
    await made.until_none("open cases", tables.cases.c.state != "completed")
    return await made.stored()


async def _watching(made: Office, migrating: Awaitable[None]) -> float:
    """Migrates; gives for how long, at most, a table could not even be read: PostgreSQL's exclusive lock."""
    if made.database.backend == "sqlite":
        await migrating
        return 0.0
    exclusive = (
        "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND locktype = 'relation'"
    )
    longest, since = 0.0, None
    with psycopg.connect(made.database_url, autocommit=True) as connection:
        task = asyncio.ensure_future(migrating)
        while not task.done():
            locked = connection.execute(exclusive.encode()).fetchone()
            since = (since or time.monotonic()) if locked else None
            longest = max(longest, time.monotonic() - since if since else 0.0)
            await asyncio.sleep(0.002)
        await task
    return longest


async def _until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < deadline, "nothing happens any more"
        await asyncio.sleep(0.01)


async def test_a_migration_under_load_loses_nothing_and_a_lossy_way_down_is_refused(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    seen = await migrate_under_load(tmp_path, database_url, f"{COLUMN}; {INDEX}")
    print(
        f"\nfaults: F21 {backend}: {len(seen.kept)} cases, locked for {seen.locked_s * 1_000:.0f} ms at most"
    )
    assert len(seen.kept) >= 2 * CASES > 0
    assert violations(seen) == []


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_a_migration_that_loses_rows_is_seen(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    found = violations(await migrate_under_load(tmp_path, database_url, LOSES_A_ROW))
    assert any("the record is whole: False" in line for line in found)


@pytest.mark.parametrize("backend", [pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_control_a_migration_that_holds_its_lock_is_seen(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    found = violations(await migrate_under_load(tmp_path, database_url, f"{COLUMN}; time.sleep(3)"))
    assert any("was locked for" in line for line in found)
