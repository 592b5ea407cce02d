"""A database that cannot be reached."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from onenet.store.database import Database
from tests.keys import key_ring


@asynccontextmanager
async def unreachable_database(folder: Path, backend: str) -> AsyncIterator[Database]:
    """A database whose file or socket is not there.

    A connection to SQLite that failed still tells its thread to stop; that must be over before the event
    loop is, or the thread has nobody to answer to.
    """
    threads = threading.active_count()
    missing = {
        "sqlite": f"sqlite:///{folder}/missing/onenet.sqlite3",
        "postgresql": f"postgresql://nobody@/nothing?host={folder}",
    }
    database = Database(missing[backend], ring=key_ring())
    yield database
    await database.close()
    async with asyncio.timeout(10):
        while threading.active_count() > threads:  # noqa: ASYNC110  # a thread sets no event
            await asyncio.sleep(0.01)
