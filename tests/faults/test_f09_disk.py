"""F9: the disk is full, or fails to sync. 503, nothing acknowledged is lost, and it heals by itself."""

from __future__ import annotations

import asyncio
import errno
import itertools
import random
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx2
import psycopg
import pytest

from onenet.errors import MisconfiguredError
from onenet.store import durability
from onenet.store.database import Database
from tests.databases import migrate, sqlite_file
from tests.faults.departments import receives, town
from tests.faults.disk import SYNCS, Disk, Rule, healthy
from tests.faults.form import SEED, count
from tests.faults.office import Office, office, onenet
from tests.faults.own_postgres import own_postgres

CASES = count(150, 20_000)
"""Applications for each kind of fault."""

HANDS = 8
HEAL_LIMIT_S = 5.0
GIVE_UP_S = 60.0

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(count(180, 1_800))]

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "backend", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@dataclass(slots=True)
class Seen:
    """What applicants saw. `kept`: key -> case of each 202. `healed_after_s`: from the end of the fault."""

    kept: dict[str, str] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    untold: int = 0
    healed_after_s: float = GIVE_UP_S

    def note(self, key: str, answer: httpx2.Response) -> None:
        self.statuses[str(answer.status_code)] += 1
        if answer.status_code == 202:
            self.kept[key] = answer.json()["id"]
        elif answer.status_code == 503:
            self.untold += "retry-after" not in answer.headers


@dataclass(frozen=True, slots=True)
class Fault:
    """`begin` makes a new rule. It comes `times` times, and goes after so many `errors`."""

    begin: Callable[[], Rule]
    times: int = 10
    errors: int = 3


def full() -> Rule:
    """No file of the database grows by another byte; what is there already may be written over."""
    return lambda asked: errno.ENOSPC if asked.grows and _of_database(asked.path) else 0


def torn() -> Rule:
    """Every third sync fails, at random."""
    dice = random.Random(SEED)
    return lambda asked: (
        errno.EIO if asked.call in SYNCS and _of_database(asked.path) and dice.random() < 0.34 else 0
    )


def torn_once() -> Rule:
    """One sync of the write-ahead log fails. PostgreSQL panics, as it must, and recovers."""
    budget = itertools.repeat(errno.EIO, 1)
    return lambda asked: next(budget, 0) if asked.call in SYNCS and "/pg_wal/" in asked.path else 0


ON_SQLITE = {"full": Fault(full), "torn": Fault(torn)}
ON_POSTGRESQL = {"full": Fault(full), "torn": Fault(torn_once, times=count(3, 20), errors=1)}


def _of_database(path: str) -> bool:
    return "onenet.sqlite3" in path or "/base/" in path


async def under_fault(made: Office, disk: Disk, fault: Fault) -> Seen:
    """Applications come in all the time; the fault comes and goes, and then it is gone."""
    seen, numbers, stop, started = Seen(), itertools.count(), asyncio.Event(), time.monotonic()

    async def apply(client: httpx2.AsyncClient) -> None:
        while not stop.is_set():
            key = f"{started}-{next(numbers)}"
            try:
                answer = await made.submit(client, "police", key)
            except httpx2.TransportError as error:
                seen.statuses[type(error).__name__] += 1
                continue
            seen.note(key, answer)
            if answer.status_code != 202:
                await asyncio.sleep(0.05)

    async def come_and_go() -> None:
        for part in range(1, fault.times + 1):
            await _until(partial(_enough, seen, CASES * part / fault.times))
            disk.rule = fault.begin()
            await _until(partial(_struck, disk, disk.injected.total() + fault.errors))
            disk.rule = healthy
        stop.set()

    async with made.client() as client:
        async with asyncio.TaskGroup() as group:
            for _ in range(HANDS):
                group.create_task(apply(client))
            group.create_task(come_and_go())
        began, answer = time.monotonic(), None
        while answer is None or answer.status_code != 202:
            assert time.monotonic() - began < GIVE_UP_S, made.log()
            answer = await made.submit(client, "police", f"{started}-healed")
            await asyncio.sleep(0.05)
        seen.healed_after_s = time.monotonic() - began
        seen.note(f"{started}-healed", answer)
    return seen


def _enough(seen: Seen, cases: float) -> bool:
    return len(seen.kept) >= cases


def _struck(disk: Disk, errors: int) -> bool:
    return disk.injected.total() >= errors


async def _until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    while not fact():
        assert time.monotonic() < deadline, "nothing happens any more"
        await asyncio.sleep(0.005)


async def violations(made: Office, seen: Seen, disk: Disk) -> list[str]:
    """Everything that is not as promised."""
    found = []
    await made.database.close()  # connections that broke with the database
    stored = await made.stored()
    if lost := set(seen.kept.values()) - set(stored):
        found.append(f"{len(lost)} acknowledged cases are lost")
    if wrong := set(seen.statuses) - {"202", "503"}:
        found.append(f"answered {wrong}")
    if seen.untold:
        found.append(f"{seen.untold} answers do not say when to come back")
    if seen.healed_after_s > HEAL_LIMIT_S:
        found.append(f"healed after {seen.healed_after_s:.1f} s")
    if not await made.whole():
        found.append("the record is broken")
    if not disk.injected.total():
        found.append("no fault was injected")
    if not seen.statuses["503"]:
        found.append("nobody noticed")
    return found


@asynccontextmanager
async def on_sqlite_file(
    folder: Path, url: str, altered: Sequence[str] = ()
) -> AsyncIterator[tuple[Office, Disk]]:
    """An office whose SQLite file lies on the disk that fails."""
    with Disk(folder) as disk:
        engine = {"server": disk.behind(onenet("serve", "--no-worker", altered=altered))}
        async with town({"police": receives}) as there, office(folder, url, there.urls, engine) as made:
            yield made, disk


@on_sqlite
@pytest.mark.parametrize("fault", ON_SQLITE)
async def test_sqlite_on_a_disk_that_fails_keeps_what_it_confirmed(
    fault: str, backend: str, database_url: str, tmp_path: Path
) -> None:
    print(f"\nfaults: F9 {backend} {fault}: seed {SEED}", flush=True)
    async with on_sqlite_file(tmp_path, database_url) as (made, disk):
        seen = await under_fault(made, disk, ON_SQLITE[fault])
        print(f"faults: F9 {backend} {fault}: injected {dict(disk.injected)}, {_told(seen)}")
        assert await violations(made, seen, disk) == []
    with closing(sqlite3.connect(sqlite_file(database_url))) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.postgres
async def test_postgresql_on_a_disk_that_fails_keeps_what_it_confirmed(tmp_path: Path) -> None:
    with Disk(tmp_path) as disk:
        async with own_postgres(disk) as server, town({"police": receives}) as there:
            await asyncio.to_thread(migrate, server.url)
            engine = {"server": onenet("serve", "--no-worker")}
            async with office(tmp_path, server.url, there.urls, engine) as made:
                for name, fault in ON_POSTGRESQL.items():
                    disk.injected.clear()
                    seen = await under_fault(made, disk, fault)
                    print(f"faults: F9 postgresql {name}: injected {dict(disk.injected)}, {_told(seen)}")
                    assert await violations(made, seen, disk) == []
                assert "fsync_off" not in made.log()


def _told(seen: Seen) -> str:
    return f"answers {dict(seen.statuses)}, healed after {seen.healed_after_s:.2f} s"


@on_sqlite
async def test_control_a_database_that_does_not_sync_notices_nothing(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    async with on_sqlite_file(tmp_path, database_url, altered=["no_sync"]) as (made, disk):
        disk.rule = torn()
        seen = Seen()
        async with made.client() as client:
            for number in range(50):
                seen.note(f"k-{number}", await made.submit(client, "police", f"k-{number}"))
        seen.healed_after_s = 0.0
        assert await violations(made, seen, disk) == ["no fault was injected", "nobody noticed"]


async def test_a_database_that_keeps_what_it_confirms_is_served(database: Database) -> None:
    assert [found for found in await durability.weaknesses(database) if found.refused] == []


@on_sqlite
@pytest.mark.parametrize("pragma", ["synchronous=NORMAL", "synchronous=OFF", "journal_mode=MEMORY"])
async def test_a_sqlite_file_that_does_not_keep_what_it_confirms_is_refused(
    pragma: str, backend: str, database: Database
) -> None:
    async with database._writer.connect() as connection:
        await connection.exec_driver_sql("COMMIT")
        await connection.exec_driver_sql(f"PRAGMA {pragma}")
    with pytest.raises(MisconfiguredError, match="does not keep what it confirms"):
        await durability.check(database)


@on_postgresql
async def test_a_postgresql_that_confirms_too_early_is_not_served(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        (name,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
    async with office(tmp_path, database_url, {}, {"worker": onenet("worker")}) as made:
        assert await made.children["worker"].status(30) == 2
        assert "confirms commits before they are on disk" in made.log("worker")
