"""Exchange: what is done in a department's own database, by any driver that SQLAlchemy knows.

No driver can be told to stop. So each piece of work has a thread and a connection of its own, under one
deadline; a database has so many threads and no more, and one that hangs fills its own. What a driver says may
hold anything: only its code is looked at, its words are never repeated.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Integer,
    NullPool,
    bindparam,
    case,
    create_engine,
    func,
    insert,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from onenet.adapters.base import Entry
from onenet.adapters.exchange_tables import ANSWERS, MOST_ANSWER, MOST_ID, TASKS
from onenet.destinations import Destinations
from onenet.errors import MisconfiguredError

CONNECT_S, STATEMENT_S, TOTAL_S = 3, 10, 15.0

LARGEST_CELL = 32 * 1024 * 1024
"""Of a SQLite file, whose cells this process reads itself: what is larger, nothing of it is read for."""

MOST_THREADS = 8
"""Of one database: as many as there are calls to one department at once."""

QUERY: Mapping[str, frozenset[str]] = {
    "postgresql": frozenset({"sslmode", "sslrootcert"}),
    "mysql": frozenset({"charset", "ssl_ca"}),
    "mariadb": frozenset({"charset", "ssl_ca"}),
    "oracle": frozenset({"service_name"}),
}
"""What a URL may say behind its `?`. Anything else could lead to another place than its host."""

DRIVERS: Mapping[str, Mapping[str, Any]] = {
    "psycopg": {
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": int(TOTAL_S * 1_000),
        "prepare_threshold": None,
        "options": f"-c statement_timeout={STATEMENT_S}s -c lock_timeout={STATEMENT_S}s",
    },
    "pymysql": {
        "connect_timeout": CONNECT_S,
        "read_timeout": STATEMENT_S,
        "write_timeout": STATEMENT_S,
    },
}
"""How drivers that we know are kept from hanging; a thread of another one comes back when it comes back."""

_LOGIN = "the login is refused"
_TABLE = "there is no table onenet_task or onenet_answer, or a column of it is missing"
_RIGHTS = "its login may not do this"

CODES: Mapping[object, str] = {
    **dict.fromkeys(("28P01", "28000", 1045), _LOGIN),
    **dict.fromkeys(("3D000", 1049), "there is no such database"),
    **dict.fromkeys(("42P01", "42703", 1146, 1054), _TABLE),
    **dict.fromkeys(("42501", 1142, 1143), _RIGHTS),
    **dict.fromkeys(("53300", 1040), "it has too many connections"),
    **dict.fromkeys(("25006", 1290, "SQLITE_READONLY"), "it is read-only"),
    **dict.fromkeys(("57014", "SQLITE_INTERRUPT"), "a statement took too long"),
    **dict.fromkeys(("55P03", 1205, "SQLITE_BUSY", "SQLITE_LOCKED"), "others hold a lock"),
    **dict.fromkeys(("53100", "SQLITE_FULL"), "its disk is full"),
    "SQLITE_CANTOPEN": "there is no such file",
}
"""What goes away when somebody mends it: SQLSTATEs, numbers of MySQL, names of SQLite."""

_SQLITE_LACKS = ("no such table", "no such column", "table onenet_task has no column")

_LASTING = frozenset({"DataError", "IntegrityError", "NotSupportedError", "ProgrammingError"})
"""Classes of the DB-API that the next try would meet again, when the code says nothing else (PEP 249)."""

Value = TypeVar("Value")


class Away(Exception):
    """The database does not do its part now; the message says what is wrong, in our words."""


class Unfit(Exception):
    """The database refused what it was given, and would again."""


class Unread(NamedTuple):
    """An answer as the department wrote it, whatever that is; None where it is too long or nothing."""

    id: int
    message_id: object
    task: object
    answer: object


class Mark(NamedTuple):
    """What became of an answer, for the department to see."""

    id: int
    outcome: str
    reason: str | None


class _Bytes(FunctionElement[int]):
    """How many bytes a cell has. SQLite counts the characters of a text before its first NUL."""

    type = Integer()
    inherit_cache = True


@compiles(_Bytes)
def _bytes(element: _Bytes, compiler: SQLCompiler, **how: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **how)})"


@compiles(_Bytes, "sqlite")
def _bytes_of_blob(element: _Bytes, compiler: SQLCompiler, **how: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **how)} AS BLOB))"


def _capped(column: Column[Any], most: int) -> Any:
    """Of a cell only what has a sensible length: no 10 MB come over because somebody wrote them."""
    return case((_Bytes(column) <= most, column))


_A = ANSWERS.c
_UNREAD = (
    select(_A.id, _capped(_A.message_id, MOST_ID), _capped(_A.task, 40), _capped(_A.answer, MOST_ANSWER))
    .where(_A.read_at.is_(None))
    .order_by(_A.id)
)
_MARK = (
    update(ANSWERS)
    .where(_A.id == bindparam("of"), _A.read_at.is_(None))
    .values(read_at=func.current_timestamp(), outcome=bindparam("said"), reason=bindparam("why"))
)
_ENTRY = insert(TASKS).values({name: bindparam(name) for name in ("task", "item", "case_number", "sheet")})
_IS_THERE = select(TASKS.c.task).where(TASKS.c.task == bindparam("task"))


class Exchange:
    """Does what is asked in the databases of departments. Used within one event loop."""

    def __init__(self, destinations: Destinations) -> None:
        """Connects when first asked. `destinations`: what may be called, and which files opened."""
        # The ports of databases are closed to everybody else; here, whoever runs onenet names each one.
        self._destinations = destinations.with_databases()
        self._room: dict[str, asyncio.Semaphore] = {}

    async def write(self, entry: Entry) -> None:
        """Writes a task, unless it is there: a second time changes nothing. Raises: as `_do`."""
        await self._do(entry.url, lambda connection: _write(connection, entry))

    async def unread(self, url: str, after: int | None, limit: int) -> list[Unread]:
        """Answers that are not marked, in the order of their ids, those behind `after`. Raises: as `_do`.

        Rows are told by their mark and not by the last id that was seen: ids are given out before a
        transaction commits, so that a smaller one may appear later.
        """
        wanted = _UNREAD.limit(limit) if after is None else _UNREAD.where(_A.id > after).limit(limit)
        return await self._do(url, lambda connection: [Unread(*row) for row in connection.execute(wanted)])

    async def count_unread(self, url: str, most: int) -> int:
        """How many answers wait to be read, counted up to `most`. Raises: as `_do`."""
        some = select(_A.id).where(_A.read_at.is_(None)).limit(most).subquery()
        counted = select(func.count()).select_from(some)
        return await self._do(url, lambda connection: int(connection.execute(counted).scalar_one()))

    async def mark(self, url: str, marks: Sequence[Mark]) -> None:
        """Says what became of answers that are not marked yet. Raises: as `_do`.

        One row that the database will not have marked keeps no other back.
        """
        try:
            await self._do(url, lambda connection: _mark(connection, marks))
        except Unfit:
            refused = [mark for mark in marks if not await self._is_marked(url, mark)]
            if len(refused) == len(marks):
                raise

    async def _is_marked(self, url: str, mark: Mark) -> bool:
        try:
            await self._do(url, lambda connection: _mark(connection, [mark]))
        except Unfit:
            return False
        return True

    async def _do(self, url: str, work: Callable[[Connection], Value]) -> Value:
        """What the work gives, in a transaction of its own.

        Raises: Away, Unfit, NotAllowed, MisconfiguredError, TimeoutError.
        """
        room = self._room.setdefault(url, asyncio.Semaphore(MOST_THREADS))
        async with asyncio.timeout(TOTAL_S):
            await room.acquire()
            return await _in_thread(lambda: self._work(url, work), room.release)

    def _work(self, url: str, work: Callable[[Connection], Value]) -> Value:
        engine = self._engine(read_url(url))
        try:
            connection = engine.connect()
        except DBAPIError as error:
            raise _told(error, "no connection, or the login is refused") from None
        try:
            with connection, connection.begin():
                return work(connection)
        except DBAPIError as error:
            raise _told(error, "it does not do its part") from None
        except SQLAlchemyError as error:
            raise Unfit(f"the tables are not as agreed ({type(error).__name__})") from None

    def _engine(self, url: URL) -> Engine:
        """An engine that leads to an address that was judged. Raises: NotAllowed, Away."""
        if url.get_backend_name() == "sqlite":
            return _of_file(str(self._destinations.check_file(url.database or "")))
        host = url.host or ""
        port = url.port or PORTS.get(url.get_backend_name(), 0)
        return _of_server(url.set(port=port), self._address(host, port))

    def _address(self, host: str, port: int) -> str:
        """An address of the host; all of them may be called. Raises: NotAllowed, Away."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Away("the name of its host is not found") from None
        for *_, (address, *_) in found:
            self._destinations.check(str(address), port)
        return str(found[0][-1][0])


PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "oracle": 1521, "mssql": 1433}
"""Where databases listen unless the URL says otherwise."""


@lru_cache(maxsize=256)
def read_url(text: str) -> URL:
    """The URL of a department's database. Raises: MisconfiguredError, which says nothing of what is in it."""
    try:
        url = make_url(text)
        url = url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url
        backend = url.get_backend_name()
        url.get_dialect().import_dbapi()
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        lacks = error.name if isinstance(error, ModuleNotFoundError) else "its dialect"
        raise MisconfiguredError(f"the credential url: {lacks} is not installed here") from None
    except (ArgumentError, ValueError):
        raise MisconfiguredError("the credential url: expected dialect://user:password@host/name") from None
    known = QUERY.get(backend, frozenset())
    if url.query.keys() - known:
        expected = f"nothing behind its ? but {', '.join(sorted(known))}" if known else "no ?"
        raise MisconfiguredError(f"the credential url: {expected}")
    if bool(url.host) is (backend == "sqlite") or not url.database:
        expected = "sqlite:////folder/file" if backend == "sqlite" else "a host and the name of a database"
        raise MisconfiguredError(f"the credential url: expected {expected}")
    return url


def place_of(text: str) -> tuple[str, str | None, int | None, str | None]:
    """Which database a URL leads to, whoever logs in. Raises: MisconfiguredError."""
    url = read_url(text)
    return url.get_backend_name(), url.host, url.port, url.database


@lru_cache(maxsize=64)
def _of_file(path: str) -> Engine:
    """A file is not made here, and nothing in it can keep a thread for longer than a statement may take."""

    def connect() -> sqlite3.Connection:
        found = sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, timeout=STATEMENT_S)
        ends = time.monotonic() + TOTAL_S
        found.set_progress_handler(lambda: time.monotonic() > ends, 100_000)
        found.text_factory = lambda text: text.decode(errors="replace")
        found.execute("PRAGMA trusted_schema = OFF")
        found.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_CELL)
        return found

    return create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)


@lru_cache(maxsize=64)
def _of_server(url: URL, address: str) -> Engine:
    """libpq is told the address and goes by the name for the certificate; other drivers know the address."""
    given = dict(DRIVERS.get(url.get_driver_name(), {}))
    if url.get_driver_name() in ("psycopg", "psycopg2"):
        given["hostaddr"] = address
    else:
        url = url.set(host=address)
    return create_engine(url, connect_args=given, poolclass=NullPool, hide_parameters=True)


def _mark(connection: Connection, marks: Sequence[Mark]) -> None:
    rows = [
        {"of": each.id, "said": each.outcome, "why": each.reason and each.reason[:1_000]} for each in marks
    ]
    connection.execute(_MARK, rows)


def _write(connection: Connection, entry: Entry) -> None:
    key = {"task": entry.key}
    row = {"item": entry.item, "case_number": entry.case_number, "sheet": entry.sheet}
    try:
        with connection.begin_nested():
            connection.execute(_ENTRY, key | row)
    except IntegrityError:
        if connection.execute(_IS_THERE, key).first() is None:
            raise


def _told(error: DBAPIError, otherwise: str) -> Away | Unfit:
    """What a driver's error means: by its code, and else by its class."""
    raw = error.orig
    names = (getattr(raw, name, None) for name in ("sqlstate", "sqlite_errorname"))
    for name in (*names, *getattr(raw, "args", ())):
        if isinstance(name, str | int) and name in CODES:
            return Away(CODES[name])
    if isinstance(raw, sqlite3.Error) and str(raw).startswith(_SQLITE_LACKS):
        return Away(_TABLE)
    if "authentication failed" in str(raw):  # PostgreSQL's, as its driver gives no code for it
        return Away(_LOGIN)
    if type(error).__name__ in _LASTING:
        return Unfit(f"the table does not take the row ({type(error).__name__})")
    return Away(otherwise)


async def _in_thread(work: Callable[[], Value], when_over: Callable[[], object]) -> Value:
    """What the work gives, in a thread that nobody waits for: a driver that hangs keeps no process alive.

    `when_over` is called when the thread has ended, which may be long after nobody waits any more.
    """
    loop = asyncio.get_running_loop()
    promised: asyncio.Future[Value] = loop.create_future()

    def end(value: Any, error: Exception | None) -> None:
        when_over()
        if promised.done():
            return
        if error is None:
            promised.set_result(value)
        else:
            promised.set_exception(error)

    def run() -> None:
        value, failed = None, None
        try:
            value = work()
        except Exception as error:  # noqa: BLE001  # it is raised where it was asked for
            failed = error
        with suppress(RuntimeError):  # the loop is closed: nobody is there any more
            loop.call_soon_threadsafe(end, value, failed)

    threading.Thread(target=run, daemon=True, name="exchange").start()
    return await promised
