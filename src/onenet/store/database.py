"""Database: engines, capability flags, and the only commit.

SQLite: write-ahead log, `synchronous=FULL`, one writer connection in a process, `BEGIN IMMEDIATE` for what
writes (a read that turns into a write fails at once, whatever the timeout). PostgreSQL: READ COMMITTED with
explicit row locks. What an engine can do beside that is data (`Capabilities`), and nothing needs it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

import structlog
from sqlalchemy import URL, ExceptionContext, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from onenet.encryption import KeyRing
from onenet.encryption.ring import NO_KEYS
from onenet.errors import MisconfiguredError, Unavailable
from onenet.store import visits
from onenet.store.sealing import OPTION

BUSY_TIMEOUT_S = 5
POOL_TIMEOUT_S = 5.0
"""A caller that gets no connection for so long is told that the service is busy."""

WRITERS = 4
"""Connections that write, apart from those that read: a crowd of readers must not stop the gate. The gate
needs one for each round, claims, leases and settled deliveries share the others.
"""

STATEMENT_TIMEOUT_MS = 10_000
"""Also for a transaction that idles: its process was paused, and others wait for its locks."""

LOCK_TIMEOUT_MS = 4_000
"""No transaction of ours holds a lock for longer than moments: somebody else does, and callers wait."""

ALWAYS = {
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "lock_timeout": LOCK_TIMEOUT_MS,
    "idle_in_transaction_session_timeout": STATEMENT_TIMEOUT_MS,
    "jit": "off",
}
"""How the server is to treat our sessions. Compiling a statement costs 15 ms, more than any of ours takes."""

BY_KEY = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""Whoever writes finds rows by key, always. A plan that PostgreSQL made and kept while a table was small
would read the whole of it when it has grown, until the next ANALYZE.
"""

CONNECT_TIMEOUT_S = 5

POSTGRES_LIMITS = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}
"""What libpq is told, unless the URL says otherwise."""

RETRYABLE_SQLSTATES = frozenset({"40001", "40P01", "23505"})
"""Serialisation failure, deadlock, a unique key that another one wrote first: the transaction did nothing and
may be repeated. SQLite has but the last."""

RETRYABLE_SQLITE = frozenset({"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})

NO_ANSWER = (OperationalError, InterfaceError, NoFreeConnection)
"""The database cannot be reached, is full, or has no connection to spare."""

REFUSING_SQLSTATES = frozenset({"25006", "25P03"})
"""It is read-only (a standby, or before a fail-over); it ended a transaction that idled. The connection is of
no use any more: one that began read-only stays so, whatever the server has become meanwhile."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do beyond the common ground; each is a speed-up, none is needed.

    Row locks are no capability: every engine locks rows, or, as SQLite, all of them.
    skip_locked: a claim may pass over rows that others have locked. at_once: one statement writes rows of
    many tables and is a transaction by itself. session: a connection is one session of
    the server from transaction to transaction, on which prepared statements and settings may live; it is not
    behind a pooler in transaction mode.
    """

    skip_locked: bool
    at_once: bool
    session: bool

    def less(self, taken: str) -> Capabilities:
        """Without those that are taken away, as in `-skip_locked,-session`. Raises: MisconfiguredError."""
        known = {f"-{field.name}": field.name for field in fields(self)}
        named = [word.strip() for word in taken.split(",") if word.strip()]
        if not known.keys() >= set(named):
            raise MisconfiguredError(f"ONENET_CAPABILITIES: expected some of {', '.join(known)}")
        return replace(self, **{known[word]: False for word in named})


CAPABILITIES = {
    "sqlite": Capabilities(skip_locked=False, at_once=False, session=True),
    "postgresql": Capabilities(skip_locked=True, at_once=True, session=True),
}

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}


def async_url(url: str) -> URL:
    """The URL with the driver onenet uses; `+asyncpg` is left as it is. Raises: MisconfiguredError."""
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend not in DRIVERS:
        raise MisconfiguredError(f"ONENET_DATABASE_URL: expected sqlite or postgresql, not {backend}")
    if parsed.drivername == "postgresql+asyncpg":
        return parsed
    return parsed.set(drivername=DRIVERS[backend])


class Presence:
    """Whether the database does its part in one way, reading or writing: the log tells when that changes.

    Apart, as a full or read-only one still reads.
    """

    def __init__(self, to: str):
        """It is there until it is not."""
        self._to = to
        self._is_away = False

    def note(self, error: DBAPIError | NoFreeConnection | None) -> None:
        """What came of the last use. That every connection was taken is no absence."""
        if isinstance(error, NoFreeConnection) or self._is_away is (error is not None):
            return
        self._is_away = error is not None
        if error is None:
            log.warning("database_back", to=self._to)
        else:
            log.warning("database_away", to=self._to, reason=str(error.orig).strip().partition("\n")[0])


class Database:
    """A database that transactions and reads are opened on."""

    def __init__(self, url: str, *, ring: KeyRing = NO_KEYS, pool_size: int = 10, capabilities: str = ""):
        """Opens nothing yet. `ring`: the keys of what is sealed; every connection knows them.

        `capabilities`: those that are taken away, as `Capabilities.less` has them.

        Raises: MisconfiguredError when the driver's extra is not installed.
        """
        self.url = async_url(url)
        self.ring = ring
        self.backend = self.url.get_backend_name()
        self.capabilities = CAPABILITIES[self.backend].less(capabilities)
        is_sqlite = self.backend == "sqlite"
        self._writer = self._engine(1 if is_sqlite else WRITERS, writes=True)
        self._reader = self._engine(4 if is_sqlite else pool_size, writes=False)
        self._reading, self._writing = Presence("read"), Presence("write")
        self._instant = self._engine(1 if is_sqlite else WRITERS, writes=not is_sqlite, instant=True)

    def _engine(self, pool_size: int, *, writes: bool, instant: bool = False) -> AsyncEngine:
        settings: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": POOL_TIMEOUT_S}
        settings["hide_parameters"] = True  # errors are written to logs, which hold no personal data
        settings["execution_options"] = {OPTION: self.ring}
        if self.url.get_driver_name() == "psycopg":
            # Statements go as they are: psycopg would read a long one through for its own marks each time.
            settings["paramstyle"] = "numeric_dollar"
        if self.backend == "postgresql" and not writes:
            # A case's row, its steps and its events are read at one moment, on every engine.
            settings["isolation_level"] = "REPEATABLE READ"
        if instant:
            # A statement is a transaction; there is nothing to roll back when a connection is given back.
            settings |= {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
            settings["skip_autocommit_rollback"] = True  # would be a visit to the thread of SQLite's driver
        try:
            settings["connect_args"] = self._connect_args(writes=writes)
            engine = create_async_engine(self.url, **settings)
        except ModuleNotFoundError as error:
            raise MisconfiguredError("PostgreSQL needs onenet with the extra postgres") from error
        if self.backend == "sqlite":
            _prepare_sqlite(engine, None if instant else "BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")
        else:
            event.listen(engine.sync_engine, "handle_error", _drop_refused)
        return engine

    def _connect_args(self, *, writes: bool) -> dict[str, Any]:
        """How the driver is to connect. Raises: ModuleNotFoundError."""
        if self.backend == "sqlite":
            return {"timeout": BUSY_TIMEOUT_S, "async_creator_fn": visits.connect}
        if self.url.get_driver_name() != "psycopg":
            return {}
        from psycopg import AsyncRawCursor

        from onenet.store.patience import PatientConnection

        limits = {name: value for name, value in POSTGRES_LIMITS.items() if name not in self.url.query}
        raw = {"cursor_factory": AsyncRawCursor, "async_creator_fn": PatientConnection.connect, **limits}
        if not self.capabilities.session:
            # A pooler refuses `options`, and what is prepared in one of its sessions is not in the next.
            return {**raw, "prepare_threshold": None}
        options = ALWAYS | (BY_KEY if writes else {})
        return {**raw, "options": " ".join(f"-c {name}={value}" for name, value in options.items())}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits at the end of the block and rolls back on an error.

        Raises: Unavailable when the database cannot be reached, is full or read-only. Nothing was stored
        then, except that a commit whose answer was lost is unknown: who retries does so under the same key.
        """
        try:
            async with self._writer.connect() as connection, connection.begin() as transaction:
                yield connection
                await transaction.commit()
        except (DBAPIError, NoFreeConnection) as error:
            if not _is_away(error) or (isinstance(error, DBAPIError) and is_retryable(error)):
                raise
            self._writing.note(error)
            raise Unavailable("the database does not answer", retry_after_s=1) from error
        self._writing.note(None)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading at one moment, without a lock that others would wait for."""
        try:
            # Ended by a commit: with a rollback the driver would forget what it has prepared.
            async with self._reader.connect() as connection, connection.begin():
                yield connection
        except (DBAPIError, NoFreeConnection) as error:
            if not _is_away(error):
                raise
            self._reading.note(error)
            raise Unavailable("the database does not answer", retry_after_s=1) from error
        self._reading.note(None)

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[AsyncConnection]:
        """A connection for one statement that reads, or where `at_once` is a capability one that also writes:
        no transaction is begun and ended around it, which costs two more round trips.

        Raises: as `transaction`.
        """
        try:
            async with self._instant.connect() as connection:
                yield connection
        except (DBAPIError, NoFreeConnection) as error:
            if not _is_away(error) or (isinstance(error, DBAPIError) and is_retryable(error)):
                raise
            raise Unavailable("the database does not answer", retry_after_s=1) from error

    async def ping(self) -> None:
        """Passes when the database answers. Raises: Unavailable."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Closes every connection."""
        await self._writer.dispose()
        await self._reader.dispose()
        await self._instant.dispose()


def _drop_refused(context: ExceptionContext) -> None:
    """Has the pool connect anew after an error that ends a connection's usefulness, if not the connection."""
    if getattr(context.original_exception, "sqlstate", None) in REFUSING_SQLSTATES:
        context.is_disconnect = True


def _is_away(error: Exception) -> bool:
    """Whether it is the database that cannot do its part just now, and not the statement that is wrong."""
    return isinstance(error, NO_ANSWER) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def is_retryable(error: DBAPIError) -> bool:
    """Whether the transaction lost a race that it may simply run again."""
    if getattr(error.orig, "sqlite_errorname", None) in RETRYABLE_SQLITE:
        return True
    return getattr(error.orig, "sqlstate", None) in RETRYABLE_SQLSTATES


def _prepare_sqlite(engine: AsyncEngine, begin: str | None) -> None:
    """Sets each connection up, and takes BEGIN away from the driver, which would begin too late.

    `begin` None: each statement is a transaction by itself.
    """

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    if begin is None:
        return

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)
