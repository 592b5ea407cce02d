"""Durability: whether the database keeps what it has confirmed. Source: reliability.md section 8.

A process that is killed proves nothing here, as the kernel keeps its pages; so the settings themselves are
read.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.errors import MisconfiguredError
from onenet.store.database import Database

SQLITE_FULL = 2
UNSAFE_JOURNALS = frozenset({"off", "memory"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Weakness:
    """A setting that promises do not rest on. `refused`: nothing is served over it."""

    code: str
    sentence: str
    refused: bool


async def check(database: Database) -> None:
    """Passes when what is confirmed is on disk; warns of what a test server may do without.

    Raises: MisconfiguredError, Unavailable.
    """
    for found in await weaknesses(database):
        if found.refused:
            raise MisconfiguredError(found.sentence)
        log.warning(found.code, detail=found.sentence)


async def weaknesses(database: Database) -> tuple[Weakness, ...]:
    """Everything that could lose what was confirmed. Raises: Unavailable."""
    async with database.transaction() as connection:  # the connection that writes
        return await (_of_sqlite if database.backend == "sqlite" else _of_postgresql)(connection)


async def _of_sqlite(connection: AsyncConnection) -> tuple[Weakness, ...]:
    synchronous = int(await _asked(connection, "PRAGMA synchronous"))
    journal = await _asked(connection, "PRAGMA journal_mode")
    if synchronous >= SQLITE_FULL and journal not in UNSAFE_JOURNALS:
        return ()
    sentence = (
        "the SQLite file does not keep what it confirms:"
        f" synchronous is {synchronous} and journal_mode {journal}; needed are 2 and wal"
    )
    return (Weakness("sqlite_not_durable", sentence, refused=True),)


async def _of_postgresql(connection: AsyncConnection) -> tuple[Weakness, ...]:
    """`synchronous_commit` is set for a role or a database, in passing; `fsync` by who runs the server."""
    found = []
    if await _asked(connection, "SHOW synchronous_commit") == "off":
        sentence = (
            "PostgreSQL confirms commits before they are on disk: synchronous_commit is off;"
            " set it to on, also for the role and the database"
        )
        found.append(Weakness("synchronous_commit_off", sentence, refused=True))
    if await _asked(connection, "SHOW fsync") == "off":
        sentence = "PostgreSQL loses confirmed commits when its machine fails: fsync is off; only for tests"
        found.append(Weakness("fsync_off", sentence, refused=False))
    return tuple(found)


async def _asked(connection: AsyncConnection, question: str) -> str:
    return str((await connection.execute(text(question))).scalar_one())
