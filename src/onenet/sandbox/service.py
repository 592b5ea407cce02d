"""The onenet of the sandbox: real parts over a SQLite file, with one bundle and one department.

Nothing of the environment's `ONENET_*` settings gets in, so that it never touches a city's database; and
nobody but the department is called at an inner address.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from onenet import bootstrap
from onenet.adapters import signing
from onenet.app import create_app
from onenet.bootstrap import Process
from onenet.clock import SystemClock
from onenet.destinations import Allowed, NotAllowed, place_of
from onenet.encryption import FileKeys, kek
from onenet.encryption.kek import new_kek
from onenet.encryption.suites import STD
from onenet.errors import MisconfiguredError
from onenet.resources import migrations_dir
from onenet.sandbox.door import Door
from onenet.sandbox.evidence import Record
from onenet.services import catalogue, encryption, endpoints, keys
from onenet.services.endpoints import Signs, Wanted
from onenet.settings import Settings
from onenet.store import endpoints as store_endpoints
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.migrating import Migrator

DEPARTMENT = "sandbox"
"""The code of the one department, and the last part of the address that it calls back at."""

CATALOGUE = Path(__file__).resolve().parent / "catalogue"


@dataclass(frozen=True, slots=True)
class Department:
    """How the developer's system is reached, and by which keys it and onenet know each other.

    `secret`: `whsec_…`, which both sides know, or `whsk_…`, which is onenet's alone; None makes one.
    `trusted`: public keys with which the system signs callbacks.
    """

    url: str
    adapter: str = "webhook"
    secret: str | None = None
    signs: Signs | None = None
    trusted: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


class _Settings(Settings):
    """Settings that are given here and nowhere else."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments alone."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Service:
    """The running onenet. `endpoint`: the department's, with its keys."""

    process: Process
    endpoint: EndpointRow
    record: Record

    @property
    def callback_url(self) -> str:
        """Where the department calls back."""
        return f"{self.process.parts.public_url}/v1/callbacks/{DEPARTMENT}"

    async def new_key(self) -> str:
        """A new API key of the department. Raises: Conflict when it has two."""
        parts = self.process.parts
        now = parts.machine_clock.now()
        made = await keys.create(parts.database, kind="department", client=DEPARTMENT, now=now)
        return made.token


@asynccontextmanager
async def running(
    department: Department, folder: Path, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Service]:
    """A onenet over this folder that answers while the block lasts; port 0: any.

    Raises: MisconfiguredError, Conflict when the department's address or keys are wrong.
    """
    with _listening(host, port) as listener:
        settings = _settings(department, folder, host, listener.getsockname()[1])
        endpoint = await _prepare(department, settings)
        record = Record(endpoint)
        async with bootstrap.process(settings) as process, _answering(process, record, listener):
            yield Service(process, endpoint, record)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise MisconfiguredError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    with listener:
        yield listener


def _settings(department: Department, folder: Path, host: str, port: int) -> Settings:
    file = folder / "kek"
    if not file.exists():
        kek.write(file, FileKeys({}).text(new_kek(1, STD)))
    return _Settings(
        data_dir=folder,
        kek=SecretStr(file.read_text(encoding="ascii")),
        host=host,
        port=port,
        inner_networks=",".join(_addresses(department.url)) or None,
    )


def _addresses(url: str) -> list[str]:
    """Where the address on the command line leads, as networks that may be called; nothing else may be.

    Raises: MisconfiguredError.
    """
    if not url:
        return []
    try:
        place = place_of(url)
    except NotAllowed:
        raise MisconfiguredError("expected an address as http://127.0.0.1:9000/tasks") from None
    try:
        found = socket.getaddrinfo(place.host.strip("[]"), place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise MisconfiguredError(f"nobody knows the host {place.host}") from None
    hosts = sorted({str(each[4][0]) for each in found})
    networks = [f"[{each}]:{place.port}" if ":" in each else f"{each}:{place.port}" for each in hosts]
    try:
        for network in networks:
            Allowed.read(network)
    except ValueError as error:
        raise MisconfiguredError(str(error)) from None
    return networks


async def _prepare(department: Department, settings: Settings) -> EndpointRow:
    """Tables, bundle and the department's endpoint; what is there from an earlier run stays."""
    clock, url = SystemClock(), settings.resolved_database_url()
    migrator = Migrator(url, migrations_dir())
    migrator.upgrade("head", lambda line: None, clock.now())
    database = Database(url, ring=settings.key_ring())
    try:
        await encryption.check(database, clock.now())
        await catalogue.publish(database, CATALOGUE, clock)
        return await _register(database, department)
    finally:
        await database.close()


async def _register(database: Database, department: Department) -> EndpointRow:
    is_own = (department.secret or "").startswith("whsk_")
    if is_own:
        signing.public_half(department.secret or "")
    wanted = Wanted(
        "department", DEPARTMENT, department.url, department.adapter,
        secret=None if is_own else department.secret,
        signs="v1a" if is_own else department.signs,
        options=department.options, credentials=department.credentials,
    )  # fmt: skip
    made = await endpoints.register(database, wanted, SystemClock().now())
    endpoint = made.endpoint
    if is_own:
        endpoint = replace(
            endpoint, secrets=(department.secret or "", *signing.public_keys(endpoint.secrets))
        )
        async with database.transaction() as connection:
            await store_endpoints.replace(connection, endpoint)
    for key in department.trusted:
        endpoint = await endpoints.trust(database, DEPARTMENT, key)
    return endpoint


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the sandbox."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


@asynccontextmanager
async def _answering(process: Process, record: Record, listener: socket.socket) -> AsyncIterator[None]:
    """The API, with the door before its callbacks."""
    app = Door(create_app(process.parts), record, process.parts)
    config = uvicorn.Config(app, ws="none", lifespan="off", log_level="error", access_log=False)
    server = _Server(config)
    parts = process.parts
    beside = [parts.watch.run(), parts.reading.accesses.run(), parts.identity.keyring.run()]
    going_on = [asyncio.create_task(each) for each in beside]
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        parts.watch.end()
        await serving
        for each in going_on:
            each.cancel()
        await asyncio.gather(*going_on, return_exceptions=True)
