"""SQLite without threads: `aiosqlite`'s surface over `sqlite3`, each call done before it returns.

With threads the order of things would depend on the machine. SQL, transactions and the product's Database
stay as they are; only the hop to another thread is left out, so that one seed gives one history.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import aiosqlite


class _Cursor:
    """A cursor whose awaitables are never waited for."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._cursor = connection.cursor()
        self.arraysize = 1

    async def __aenter__(self) -> _Cursor:
        return self

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid

    async def execute(self, statement: str, parameters: Any = ()) -> _Cursor:
        self._cursor.execute(statement, parameters)
        return self

    async def executemany(self, statement: str, parameters: Any) -> _Cursor:
        self._cursor.executemany(statement, parameters)
        return self

    async def fetchone(self) -> Any:
        return self._cursor.fetchone()

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        return self._cursor.fetchmany(size or self.arraysize)

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def close(self) -> None:
        self._cursor.close()


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

    def cursor(self) -> _Cursor:
        return _Cursor(self._conn)

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
    """While this is open, whoever connects through aiosqlite gets a connection without a thread."""
    with mock.patch.object(aiosqlite, "connect", _Connection):
        yield
