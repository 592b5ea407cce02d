"""Visits to the thread of SQLite's driver: one for each statement, instead of four.

Most of what SQLite costs beyond PostgreSQL is the way to that thread and back. The driver goes it to make a
cursor, to execute, to fetch and to close; here all of that is done while it is there once.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import aiosqlite

FIRST_ROWS = 256
"""Come with the statement. Whoever reads more than that goes for them, so that no result is in memory whole
unless it is asked for whole.
"""


AGAIN_AFTER_S = 0.01
"""How long a file is left alone that others have begun with."""

FREE_WITHIN_S = 1.0
"""How long somebody who was cancelled waits for the thread."""


def _nothing() -> None:
    """What is done when all before it is."""


class Connection(aiosqlite.Connection):
    """A connection to SQLite whose cursors cost one visit a statement."""

    def __init__(self, file: str, **settings: Any):
        """Opens nothing yet."""
        super().__init__(lambda: _open(file, **settings), iter_chunk_size=FIRST_ROWS)
        self._thread.daemon = True  # as SQLAlchemy has it: one that nobody closed must not hold the process

    def cursor(self) -> Cursor:  # type: ignore[override]  # the driver's own costs a visit
        """A cursor; nothing is done yet."""
        return Cursor(self)

    async def _connect(self) -> aiosqlite.Connection:
        """Opens it; whoever is cancelled meanwhile waits till it is open, and closes it again.

        The driver would leave it open, and tell of it to a loop that may have ended by then.
        """
        opening = asyncio.ensure_future(super()._connect())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            with contextlib.suppress(TimeoutError, sqlite3.Error):
                async with asyncio.timeout(FREE_WITHIN_S):
                    _ = await opening
                    await self.close()
            raise

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Does something in the driver's thread; whoever is cancelled waits till the thread is free again.

        It would tell its result to a loop that may have ended by then. Not for ever: a disk may hang.
        """
        try:
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]  # aiosqlite has no types here
        except asyncio.CancelledError:
            with contextlib.suppress(TimeoutError, ValueError):  # the latter: it is closed
                async with asyncio.timeout(FREE_WITHIN_S):
                    await super()._execute(_nothing)  # type: ignore[no-untyped-call]  # the same
            raise

    async def visit(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Does this in the driver's thread."""
        await self._execute(lambda: work(self._conn))


def _open(file: str, timeout: float = 5.0, **settings: Any) -> sqlite3.Connection:
    """Opens a file with its write-ahead log.

    Who opens a file first switches it, for good. SQLite refuses that at once, whatever the timeout, while
    somebody else does it or writes, as a server and a worker that are started together on a new file.
    """
    connection: sqlite3.Connection = sqlite3.connect(file, timeout=timeout, **settings)
    refused_from = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= refused_from:
                connection.close()
                raise
            time.sleep(AGAIN_AFTER_S)
        else:
            return connection


def connect(file: str, **settings: Any) -> Connection:
    """A connection, for SQLAlchemy's `async_creator_fn`; it is opened when it is awaited."""
    return Connection(file, **settings)


class Visited(Protocol):
    """What a cursor wants of its connection."""

    async def visit(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Does this where the connection lives."""


class Cursor:
    """One statement and its rows, as SQLAlchemy wants them of a driver's cursor."""

    arraysize = 1

    def __init__(self, connection: Visited):
        """Made by `Connection.cursor` only."""
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._connection = connection
        self._rows: deque[Any] = deque()
        self._unread: sqlite3.Cursor | None = None

    async def __aenter__(self) -> Cursor:
        """Itself: there is nothing to prepare."""
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Executes it and fetches its first rows."""
        await self._connection.visit(lambda driver: self._begin(driver.execute(statement, parameters)))

    async def executemany(self, statement: str, many: Sequence[Sequence[Any]]) -> None:
        """Executes it with each of these parameters."""
        await self._connection.visit(lambda driver: self._begin(driver.executemany(statement, many)))

    async def fetchone(self) -> Any:
        """The next row; None after the last."""
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next rows, at most so many."""
        wanted = size or self.arraysize
        if len(self._rows) < wanted and (unread := self._unread):
            await self._connection.visit(lambda _: self._fetch(unread, max(wanted, FIRST_ROWS)))
        return [self._rows.popleft() for _ in range(min(wanted, len(self._rows)))]

    async def fetchall(self) -> list[Any]:
        """All rows that are left."""
        if unread := self._unread:
            await self._connection.visit(lambda _: self._rows.extend(unread.fetchall()))
            self._unread = None
        rows = list(self._rows)
        self._rows.clear()
        return rows

    async def close(self) -> None:
        """Ends the statement, if rows of it were left unread."""
        if unread := self._unread:
            self._unread = None
            await self._connection.visit(lambda _: unread.close())

    # ---- in the driver's thread

    def _begin(self, cursor: sqlite3.Cursor) -> None:
        self.description, self.lastrowid = cursor.description, cursor.lastrowid
        if cursor.description:
            self._fetch(cursor, FIRST_ROWS)
        self.rowcount = cursor.rowcount  # of UPDATE ... RETURNING it is known after the last row

    def _fetch(self, cursor: sqlite3.Cursor, count: int) -> None:
        rows = cursor.fetchmany(count)
        self._rows.extend(rows)
        self._unread = cursor if len(rows) == count else None
