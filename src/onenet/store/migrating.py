"""Migrations: runs Alembic's tree, shows progress, copies a SQLite file first (its DDL cannot be undone)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, make_url

from onenet.errors import MisconfiguredError
from onenet.store.database import CONNECT_TIMEOUT_S

LOCK_TIMEOUT_MS = 4_000
"""A migration that cannot get its lock in time fails, instead of making the service wait behind it."""


def sync_url(url: str) -> URL:
    """The URL with the driver that migrations use."""
    parsed = make_url(url)
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
    if parsed.get_backend_name() not in drivers:
        raise MisconfiguredError("ONENET_DATABASE_URL: expected sqlite:///… or postgresql://…")
    return parsed.set(drivername=drivers[parsed.get_backend_name()])


@contextmanager
def connect(url: URL) -> Iterator[Connection]:
    """A connection for migrations; makes a SQLite file and its folder, for this account alone to read."""
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        file = Path(url.database)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)  # what SQLite lays beside it gets the same mode
    is_postgres = url.get_backend_name() == "postgresql"
    limits = {"connect_timeout": CONNECT_TIMEOUT_S} if is_postgres else {}
    engine = create_engine(url, connect_args=limits)
    if is_postgres:
        event.listen(engine, "begin", _set_lock_timeout)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


class Migrator:
    """The migration tree in `script_folder`, over one database."""

    def __init__(self, url: str, script_folder: Path):
        """Loads the tree; connects only when asked to do something."""
        from alembic.config import Config  # here: loading it takes 0.4 s, and only this command needs it
        from alembic.script import ScriptDirectory

        self._config = Config()
        self._config.set_main_option("script_location", str(script_folder).replace("%", "%%"))
        self._scripts = ScriptDirectory.from_config(self._config)
        self._url = sync_url(url)

    @property
    def is_of_server(self) -> bool:
        """Whether the database is a server's, which comes and goes, and not a file."""
        return self._url.get_backend_name() != "sqlite"

    def head(self) -> str:
        """The newest revision of the tree."""
        return self._scripts.get_current_head() or ""

    def current(self) -> str | None:
        """The revision the database is at; None for an empty one."""
        from alembic.runtime.migration import MigrationContext

        with self._connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def upgrade(self, revision: str, tell: Callable[[str], None], copied_at: datetime) -> None:
        """Goes up to `revision`, telling each step; a SQLite file with rows is copied beside itself first."""
        if not self.is_current():
            self._copy(copied_at, tell)
        self._run("upgrade", revision, tell)

    def downgrade(self, revision: str, tell: Callable[[str], None], copied_at: datetime) -> None:
        """Goes down to `revision`, copied first likewise, unless a migration refuses: it would lose rows."""
        self._let_refuse(revision)
        self._copy(copied_at, tell)
        self._run("downgrade", revision, tell)

    def is_current(self) -> bool:
        """Whether the database is at the newest revision."""
        return self.current() == self.head()

    def _connect(self) -> AbstractContextManager[Connection]:
        return connect(self._url)

    def _copy(self, at: datetime, tell: Callable[[str], None]) -> None:
        if self._url.get_backend_name() != "sqlite" or not self._url.database:
            return
        file = Path(self._url.database)
        if not file.exists() or self.current() is None:
            return
        copy = file.with_suffix(f".at-{self.current()}-{at:%Y%m%dT%H%M%S}{file.suffix}")
        copy.touch(mode=file.stat().st_mode & 0o777, exist_ok=False)
        with self._connect() as connection:
            # The file alone would lack what still lies in the write-ahead log while others have it open.
            connection.exec_driver_sql("VACUUM INTO ?", (str(copy),))
        with copy.open("rb") as written:
            os.fsync(written.fileno())  # SQLite leaves this to us
        tell(f"copied {file.name} to {copy.name}")

    def _let_refuse(self, revision: str) -> None:
        """Asks every migration on the way down first: each is a transaction of its own, so that one which
        refused at its turn would leave the tables half way down, under a service that works on them.
        """
        current = self.current()
        with self._connect() as connection:
            for step in self._scripts.iterate_revisions(current, revision, select_for_downgrade=True):
                refuse = getattr(step.module, "refuse_downgrade", None)
                if refuse is not None:
                    refuse(connection)

    def _run(self, direction: str, revision: str, tell: Callable[[str], None]) -> None:
        from alembic import command

        def said(*, ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
            arrow = "up to" if step.is_upgrade else "down from"
            tell(f"{arrow} {step.up_revision_id}: {(step.up_revision.doc or '').strip()}")

        self._config.attributes["on_version_apply"] = said
        with self._connect() as connection:
            self._config.attributes["connection"] = connection
            getattr(command, direction)(self._config, revision)
            _check_foreign_keys(connection)


def _set_lock_timeout(connection: Connection) -> None:
    """For this transaction alone: behind a pooler the next one may run on another session."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")


def _check_foreign_keys(connection: Connection) -> None:
    broken = (
        connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    )
    if broken:
        raise MisconfiguredError(
            "the migration left rows whose parent is missing; restore the copy made before"
        )
