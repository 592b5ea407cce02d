"""Databases of departments, with the two tables, reached as onenet reaches them: over TCP, or as a file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from onenet.adapters import exchange_tables
from onenet.adapters.exchange import Exchange
from onenet.destinations import Destinations
from tests.faults.ports import Ports
from tests.faults.proxy import Proxy, to_socket
from tests.outward import HERE
from tests.postgres import PostgresServer

Connect = Callable[[], AbstractContextManager[Any]]

ANSWER = "INSERT INTO onenet_answer (message_id, task, answer) VALUES ({0}, {0}, {0})"


@dataclass(frozen=True, slots=True)
class Bureau:
    """A department's own database. `url`: what onenet is given; `connect`: the department's own way in."""

    dialect: exchange_tables.Dialect
    url: str
    connect: Connect
    destinations: Destinations
    proxy: Proxy | None = None

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """One statement of the department's, in a transaction of its own."""
        with self.connect() as connection, connection:
            done = connection.execute(statement, values)
            return list(done.fetchall()) if done.description else []

    def say(self, message_id: Any, task: Any, answer: Any) -> None:
        """Puts an answer into the table."""
        self.run(ANSWER.format("?" if self.dialect == "sqlite" else "%s"), message_id, task, answer)

    def marks(self) -> list[tuple[Any, ...]]:
        """Message, outcome and reason of each answer, in their order."""
        return self.run("SELECT message_id, outcome, reason FROM onenet_answer ORDER BY id")

    def exchange(self) -> Exchange:
        """Who reads and writes there."""
        return Exchange(self.destinations)


@asynccontextmanager
async def bureau(backend: str, request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Bureau]:
    """A department's database, dropped afterwards."""
    if backend == "sqlite":
        file = folder / "department.sqlite3"
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(f"PRAGMA journal_mode = WAL; {exchange_tables.ddl('sqlite')}")

        @contextmanager
        def connect() -> Iterator[Any]:
            with closing(sqlite3.connect(file, timeout=10)) as connection:
                yield connection

        outward = Destinations(HERE.allowed, folder=folder)
        yield Bureau("sqlite", f"sqlite:///{file}", connect, outward)
        return
    import psycopg  # here: where there is no PostgreSQL there is no psycopg either, and tests skip

    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as url, Ports() as ports:
        with psycopg.connect(url) as theirs:
            theirs.execute(exchange_tables.ddl("postgresql").encode())
        socket = f"{make_url(url).query['host']}/.s.PGSQL.5432"
        async with Proxy(ports.take(), to_socket(socket)) as proxy:
            name = make_url(url).database
            reached = f"postgresql://postgres:geheim@127.0.0.1:{proxy.port}/{name}?sslmode=disable"
            yield Bureau("postgresql", reached, lambda: psycopg.connect(url), HERE, proxy)
