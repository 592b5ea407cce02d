"""What the demo does to its database before the service starts: tables, catalogue, keys, addresses."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import datetime
from typing import Any

from onenet.adapters import desk, exchange_table, exchange_tables, pull
from onenet.clock import SystemClock
from onenet.demo.city import CITY, CLIENT
from onenet.demo.folder import Folder
from onenet.demo.processes import ChildFailed
from onenet.domain.principal import OF_THE_HOTLINE
from onenet.ids import to_text
from onenet.resources import example_catalogue_dir, migrations_dir
from onenet.services import catalogue, encryption, endpoints, keys
from onenet.services.endpoints import Wanted
from onenet.store import endpoints as store_endpoints
from onenet.store import events as store_events
from onenet.store.callers import KeyKind
from onenet.store.database import Database
from onenet.store.endpoints import EndpointRow
from onenet.store.migrating import Migrator

KEY_KINDS: Mapping[str, KeyKind] = {pull.NAME: "department", desk.NAME: "officer"}
"""The keys of those who ask for their tasks."""

KEYS: Mapping[str, Mapping[str, Any]] = {
    "frontend_key": {"kind": "frontend", "client": CLIENT},
    "hotline_key": {
        "kind": "frontend",
        "client": CLIENT,
        "scopes": OF_THE_HOTLINE | {"cases:read", "cases:write"},
    },
    "administrator_key": {"kind": "administrator", "client": "demo_administrator"},
    "supervisor_key": {"kind": "supervisor", "client": "demo_supervisor"},
    "auditor_key": {"kind": "auditor", "client": "demo_auditor"},
}
"""The other keys, by the name under which they are kept. The hotline's client is the front-end's, so that
tickets can be about that one's cases.
"""

Tell = Callable[[str], None]
"""Tells the user one line."""


def url_of(folder: Folder) -> str:
    """The URL of the database; the service finds the same file by its data folder."""
    return f"sqlite:///{folder.database.absolute()}"


@asynccontextmanager
async def opened(folder: Folder) -> AsyncIterator[Database]:
    """The demo's database, closed at the end."""
    database = Database(url_of(folder), ring=folder.key_ring())
    try:
        yield database
    finally:
        await database.close()


async def prepare(folder: Folder, tell: Tell) -> None:
    """Brings the tables up, publishes the catalogue, makes the keys where there are none yet.

    Raises: ChildFailed when the catalogue has errors.
    """
    clock = SystemClock()
    Migrator(url_of(folder), migrations_dir()).upgrade("head", lambda line: tell(f"  {line}"), clock.now())
    tell("✓ the tables are up to date")
    async with opened(folder) as database:
        await encryption.check(database, clock.now())
        made = await catalogue.publish(database, example_catalogue_dir(), clock)
        if made.report.errors:
            raise ChildFailed(
                f"the catalogue has {len(made.report.errors)} errors: see `onenet catalogue lint`"
            )
        bundles = ", ".join(version.code for version in (*made.added, *made.unchanged))
        tell(f"✓ the catalogue is published: {bundles}")
        await _make_keys(folder, database)


async def register_uncalled(folder: Folder) -> Mapping[str, str]:
    """Registers the departments that come by themselves; gives where each asks, by code."""
    now, asks = SystemClock().now(), {}
    async with opened(folder) as database:
        for department in CITY:
            if department.is_called:
                continue
            url = _exchange(folder, department.code) if department.adapter == exchange_table.NAME else None
            credentials = {exchange_table.CREDENTIAL: url} if url else {}
            wanted = Wanted(
                "department", department.code, adapter=department.adapter, credentials=credentials
            )
            made = await endpoints.register(database, wanted, now)
            asks[department.code] = url or _path(made.endpoint)
    return asks


def _exchange(folder: Folder, code: str) -> str:
    """The URL of a department's database for exchange, which is made when there is none."""
    file = folder.exchange / f"{code}.sqlite3"
    if not file.exists():
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(exchange_tables.ddl("sqlite"))
    return f"sqlite:///{file.absolute()}"


def _path(endpoint: EndpointRow) -> str:
    if endpoint.adapter == desk.NAME:
        return "/v1/desk/tasks"
    return f"/v1/endpoints/{to_text(endpoints.ENDPOINT_PREFIX, endpoint.id)}/queue"


async def register(folder: Folder, addresses: Mapping[str, str], subscriber_url: str) -> None:
    """Tells where departments (by code) and subscriber are now: their ports differ from run to run."""
    credentials, now = folder.credentials(), SystemClock().now()
    async with opened(folder) as database:
        for department in CITY:
            if not department.is_called:
                continue
            secret = credentials.department_secrets[department.code]
            url = addresses[department.code]
            wanted = Wanted("department", department.code, url, department.adapter, secret)
            await endpoints.register(database, wanted, now)
        for old in await endpoints.list_endpoints(database, "subscriber"):
            if old.owner == CLIENT:
                async with database.transaction() as connection:
                    await store_endpoints.replace(connection, replace(old, url=subscriber_url))
                return
        subscriber = Wanted("subscriber", CLIENT, subscriber_url, secret=credentials.subscriber_secret)
        await endpoints.register(database, subscriber, now)


async def newest_event_at(folder: Folder) -> datetime | None:
    """Where legal time has come to: the time of the newest event. It never runs backwards."""
    async with opened(folder) as database, database.read() as connection:
        return await store_events.newest_at(connection)


async def _make_keys(folder: Folder, database: Database) -> None:
    """Each key is kept as soon as it is made: the database cannot tell it again."""
    credentials, now = folder.credentials(), SystemClock().now()
    for department in CITY:
        if department.code not in credentials.department_keys and department.adapter in KEY_KINDS:
            kind = KEY_KINDS[department.adapter]
            made = await keys.create(database, kind=kind, client=department.code, now=now)
            department_keys = credentials.department_keys | {department.code: made.token}
            credentials = replace(credentials, department_keys=department_keys)
            folder.save(credentials)
    for name, wanted in KEYS.items():
        if not getattr(credentials, name):
            made = await keys.create(database, now=now, **wanted)
            named: dict[str, Any] = {name: made.token}
            credentials = replace(credentials, **named)
            folder.save(credentials)
