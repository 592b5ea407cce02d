"""How a command gets at the database: opened for it, closed after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from onenet.clock import SystemClock
from onenet.errors import Unavailable
from onenet.services import encryption
from onenet.settings import read_settings
from onenet.store.database import Database

T = TypeVar("T")

OPERATOR = "operator:command_line"
"""Who did it, in the record: whoever may use the command line of the service."""


def with_database(use: Callable[[Database], Awaitable[T]]) -> T:
    """Runs `use` on the configured database.

    Without key-encryption keys only what is not encrypted can be read and written.
    Raises: Unavailable, saying where to look; MisconfiguredError when a key is a wrong one or is missing.
    """

    async def run() -> T:
        settings = read_settings()
        ring = settings.key_ring()
        database = Database(
            settings.resolved_database_url(), ring=ring, capabilities=settings.capabilities or ""
        )
        try:
            if ring.kids:
                await encryption.check(database, SystemClock().now())
            return await use(database)
        except Unavailable as error:
            hint = "check ONENET_DATABASE_URL and ONENET_DATA_DIR, then `onenet db upgrade`"
            raise Unavailable(f"{error.detail}: {hint}") from error
        finally:
            await database.close()

    return asyncio.run(run())
