"""How a command gets at the database: opened for it, closed after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from onenet.errors import Unavailable
from onenet.settings import read_settings
from onenet.store.database import Database

T = TypeVar("T")


def with_database(use: Callable[[Database], Awaitable[T]]) -> T:
    """Runs `use` on the configured database. Raises: Unavailable, saying where to look."""

    async def run() -> T:
        settings = read_settings()
        database = Database(settings.resolved_database_url(), capabilities=settings.capabilities or "")
        try:
            return await use(database)
        except Unavailable as error:
            hint = "check ONENET_DATABASE_URL and ONENET_DATA_DIR, then `onenet db upgrade`"
            raise Unavailable(f"{error.detail}: {hint}") from error
        finally:
            await database.close()

    return asyncio.run(run())
