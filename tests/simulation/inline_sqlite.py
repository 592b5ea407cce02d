"""SQLite without threads: `aiosqlite`'s surface over `sqlite3`, each call done before it returns.

With threads the order of things would depend on the machine. SQL, transactions, cursors and the product's
Database stay as they are; only the hop to another thread is left out, so that one seed gives one history.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from onenet.store import visits


class _AtOnce:
    """The queue of a thread that is not there: what is put in is done."""

    def put_nowait(self, work: tuple[asyncio.Future[Any], Callable[[], Any]]) -> None:
        future, do = work
        future.set_result(do())


class _NoThread:
    daemon = True


class _Connection:
    """A connection as SQLAlchemy's aiosqlite dialect uses one."""

    def __init__(self, *words: Any, **named: Any) -> None:
        self._conn: sqlite3.Connection = sqlite3.connect(*words, cached_statements=512, **named)
        self._connection: sqlite3.Connection | None = self._conn
        self._tx = _AtOnce()
        self._thread = _NoThread()

    def __await__(self) -> Generator[Any, None, _Connection]:
        return self._self().__await__()

    async def _self(self) -> _Connection:
        return self

    @property
    def isolation_level(self) -> str | None:
        return self._conn.isolation_level

    def cursor(self) -> visits.Cursor:
        return visits.Cursor(self)

    async def visit(self, work: Callable[[sqlite3.Connection], None]) -> None:
        work(self._conn)

    async def create_function(self, *words: Any, **named: Any) -> None:
        self._conn.create_function(*words, **named)

    async def commit(self) -> None:
        self._conn.commit()

    async def rollback(self) -> None:
        self._conn.rollback()

    async def close(self) -> None:
        self._conn.close()
        self._connection = None

    def stop(self) -> None:
        self._conn.close()


@contextmanager
def without_threads() -> Iterator[None]:
    """While this is open, whoever connects gets a connection without a thread."""
    with mock.patch.object(visits, "Connection", _Connection):
        yield
