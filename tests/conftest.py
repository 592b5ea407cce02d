"""What every test may ask for.

`database_url` gives a fresh, migrated database, once for SQLite and once for PostgreSQL: a test that asks for
it (or for `database`, `gate`, ...) runs on both. `empty_database_url` is the same before any migration.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import structlog

from onenet import security_log
from onenet.clock import FrozenClock
from onenet.services.advance import Gate
from onenet.store.database import CAPABILITIES, Capabilities, Database
from tests.databases import migrate
from tests.factories import NOW, Shelf
from tests.keys import KEK, key_ring
from tests.outward import NETWORKS
from tests.postgres import PostgresServer, start_postgres
from tests.scheduling import pytest_xdist_make_scheduler  # noqa: F401  # a hook of pytest-xdist

TEMPLATE = "onenet_template"

os.environ["ONENET_KEK"] = KEK
os.environ["ONENET_INNER_NETWORKS"] = NETWORKS

# As structlog does it by itself, but without the coloured picture of every frame's variables: to draw these
# took more time than many a test that logs a fault, and nobody looks at them.
*_FIRST, _ = structlog.get_config()["processors"]
PLAIN = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure([*_FIRST, PLAIN])

if os.environ.get("FLAGS_OFF"):
    # `dev.py test --flags-off`: every engine does without what is optional; children read it as a setting.
    OFF = ",".join(f"-{field.name}" for field in fields(Capabilities))
    CAPABILITIES.update({name: each.less(OFF) for name, each in CAPABILITIES.items()})
    os.environ["ONENET_CAPABILITIES"] = OFF


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Half a million objects of modules and tests stay to the end: the collector need not look at them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


class Seen:
    """Takes security events in the place of a logger; who came in, apart from all the rest."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.arrivals: list[dict[str, Any]] = []

    def warning(self, kind: str, **said: Any) -> None:
        (self.arrivals if kind == "authenticated" else self.events).append({"event": kind, **said})


@pytest.fixture
def security_events(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """The security events from here on."""
    taken = Seen()
    monkeypatch.setattr(security_log, "_stream", security_log.Stream(taken))
    return taken


@pytest.fixture
def seen(security_events: Seen) -> list[dict[str, Any]]:
    """Those of them that tell of something wrong, or of something done."""
    return security_events.events


@pytest.fixture
def arrivals(security_events: Seen) -> list[dict[str, Any]]:
    """Those that tell who came in."""
    return security_events.arrivals


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """asyncio is the one event loop that onenet runs on."""
    return "asyncio"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest) -> str:
    """Each test that asks for a database runs on both engines."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for each process of the test run; skips, or fails where CI is set, without PostgreSQL."""
    with start_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """The name of a migrated database to clone."""
    migrate(postgres.create(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    file = tmp_path_factory.mktemp("template") / "onenet.sqlite3"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def empty_database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table, dropped afterwards."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as url:
        yield url


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of the test's own, dropped afterwards."""
    if backend == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        yield f"sqlite:///{shutil.copy(template, tmp_path / 'onenet.sqlite3')}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database(request.getfixturevalue("postgres_template")) as url:
        yield url


@pytest.fixture
async def database(database_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    """The database, open."""
    opened = Database(database_url, pool_size=5, ring=key_ring())
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> FrozenClock:
    """The time of law and machine alike; it stands at `factories.NOW` until it is moved."""
    return FrozenClock(NOW)


@pytest.fixture
def shelf() -> Shelf:
    """The published bundles; put there what the test needs."""
    return Shelf()


@pytest.fixture
def gate(database: Database, shelf: Shelf, clock: FrozenClock) -> Gate:
    """The gate over the database."""
    return Gate(database, shelf.bundle_of, clock, clock)
