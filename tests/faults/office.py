"""An office: onenet as one real process or several, over a database, with departments in the harness.

Smaller than the city of `city.py`: bundles of one step; a scenario says in one line what a department does.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from sqlalchemy import func, select

from onenet.adapters import signing
from onenet.catalogue.build import content_text
from onenet.clock import SystemClock
from onenet.domain.bundle import Bundle, Department, Jurisdiction
from onenet.services import endpoints, keys, record
from onenet.services.endpoints import Wanted
from onenet.store import catalogue as store_catalogue
from onenet.store import catalogue_tables, tables
from onenet.store import endpoints as store_endpoints
from onenet.store.catalogue import Version
from onenet.store.database import Database
from tests.factories import make_bundle, make_member, names
from tests.faults.children import Child, environment
from tests.faults.ports import Ports
from tests.keys import key_ring

START_LIMIT_S = 60.0
SUBJECT = "citizen-1"
APPLICANT = {
    "name": "示例一",
    "kind": "natural_person",
    "id_type": "resident_identity_card",
    "id_no": "320599199201010024",
}


def onenet(*words: str, altered: Sequence[str] = ()) -> tuple[str, ...]:
    """The command of an onenet process; `altered` names what is not as it is shipped (see `altered.py`)."""
    if altered:
        return (sys.executable, "-m", "tests.faults.altered", ",".join(altered), *words)
    return (sys.executable, "-m", "onenet", *words)


def application(code: str, **changes: Any) -> dict[str, Any]:
    """What an applicant of the department's one bundle sends in."""
    return {
        "bundle": code, "jurisdiction": "kunshan", "applicant": APPLICANT, "answers": {}, "form": {},
        "materials": [],
    } | changes  # fmt: skip


@dataclass(frozen=True, slots=True)
class Office:
    """A running office. `secrets`: of each department. `database`: the harness's own way in."""

    folder: Path
    database_url: str
    database: Database
    url: str
    token: str
    secrets: Mapping[str, str]
    children: Mapping[str, Child]

    def client(self, **settings: Any) -> httpx2.AsyncClient:
        """An applicant's client."""
        headers = {"Authorization": f"Bearer {self.token}", "Onenet-Subject": SUBJECT}
        # Less than the 5 s after which the server ends an idle connection, perhaps just as we write to it.
        limits = httpx2.Limits(max_connections=200, max_keepalive_connections=200, keepalive_expiry=2)
        return httpx2.AsyncClient(
            base_url=self.url, headers=headers, limits=limits, **{"timeout": 60} | settings
        )

    async def ready(self) -> float:
        """Waits until the server is ready; gives the seconds that took. Raises: AssertionError."""
        began = time.monotonic()
        server = self.children["server"]
        async with httpx2.AsyncClient() as client:
            while True:
                server.check()
                try:
                    if (await client.get(f"{self.url}/health/ready")).status_code == 200:
                        return time.monotonic() - began
                except httpx2.TransportError:
                    pass  # nobody listens yet
                assert time.monotonic() < began + START_LIMIT_S, f"not ready in time\n{server.tail()}"
                await asyncio.sleep(0.05)

    def log(self, name: str = "server") -> str:
        """All that a child wrote."""
        return self.children[name].log.read_text(errors="replace")

    async def stop(self) -> None:
        """Ends the server as an administrator does."""
        self.children["server"].ask_to_stop()
        assert await self.children["server"].status(START_LIMIT_S) == 0

    async def stored(self) -> dict[str, str]:
        """Case id -> state, of every case."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(tables.cases.c.id, tables.cases.c.state))
            return {str(id): state for id, state in rows}

    async def count(self, *conditions: Any) -> int:
        """How many rows match."""
        async with self.database.read() as connection:
            found = await connection.execute(select(func.count()).where(*conditions))
            return found.scalar_one()

    async def tasks(self) -> Sequence[Any]:
        """Every task, as it is."""
        async with self.database.read() as connection:
            return (await connection.execute(select(tables.task))).mappings().all()

    async def whole(self) -> bool:
        """Whether the record of every case is gap-free, chained and tells the states that the rows have."""
        return (await record.verify(self.database)).tamperings == ()

    async def until_none(self, what: str, *conditions: Any, within_s: float = 60.0) -> None:
        """Waits until no row matches. Raises: AssertionError."""
        deadline = time.monotonic() + within_s
        while left := await self.count(*conditions):
            if time.monotonic() > deadline:
                tails = "\n".join(child.tail() for child in self.children.values())
                raise AssertionError(f"{what}: still {left} after {within_s} s\n{tails}")
            await asyncio.sleep(0.05)

    async def submit(self, client: httpx2.AsyncClient, code: str, key: str) -> httpx2.Response:
        """One application; its answer, whatever it is."""
        return await client.post("/v1/cases", json=application(code), headers={"Idempotency-Key": key})


@asynccontextmanager
async def office(
    folder: Path,
    database_url: str,
    departments: Mapping[str, str],
    engine: Mapping[str, tuple[str, ...]] | None = None,
    **settings: str,
) -> AsyncIterator[Office]:
    """An office over a migrated, empty database: a bundle of one step for each department (code -> URL).

    `engine`: the processes, one of them the "server"; by default one that is all. Each ends with it.
    """
    database = Database(database_url, pool_size=3, ring=key_ring())
    try:
        secrets = await furnish(database, departments)
        now = SystemClock().now()
        token = (await keys.create(database, kind="frontend", client="app", now=now)).token
        with Ports() as ports:
            port = ports.take()
            variables = {"ONENET_DATABASE_URL": database_url, "ONENET_DATA_DIR": str(folder)}
            # One subject sends what many would.
            variables |= {"ONENET_PORT": str(port), "ONENET_QUOTAS": "all=off"} | settings
            commands = engine or {"server": onenet("serve")}
            children = {
                name: Child(name, command, folder, environment(**variables))
                for name, command in commands.items()
            }
            url = f"http://127.0.0.1:{port}"
            made = Office(folder, database_url, database, url, token, secrets, children)
            try:
                for child in children.values():
                    child.start()
                if "server" in children:
                    await made.ready()
                yield made
            finally:
                for child in children.values():
                    child.end()
    finally:
        await database.close()


async def furnish(database: Database, departments: Mapping[str, str]) -> dict[str, str]:
    """Publishes one bundle of one step for each department and registers where it takes its tasks.

    Gives the secrets; those of an office that was furnished before are kept.
    """
    now = SystemClock().now()
    city = Jurisdiction(
        "suzhou", names("苏州"), "city", "320500", case_number="{area_code}{date:%Y%m%d}{serial:06d}"
    )
    county = Jurisdiction("kunshan", names("昆山"), "county_city", "320583", parent="suzhou")
    async with database.transaction() as connection:
        if await connection.scalar(select(func.count()).select_from(catalogue_tables.bundle_version)):
            known = await store_endpoints.every(connection, "department")
            return {row.owner: row.secrets[0] for row in known}
        await store_catalogue.save_jurisdictions(connection, [city, county], now)
        rows = [Department(code, names(code)) for code in departments]
        await store_catalogue.save_departments(connection, rows, now)
        for code in departments:
            made = bundle(code)
            version = Version(made.code, made.version, "0" * 64, now)
            await store_catalogue.add(connection, version, content_text(made))
    secrets = {code: signing.new_secret() for code in departments}
    for code, url in departments.items():
        await endpoints.register(
            database, Wanted("department", code, url, secret=secrets[code], rate_per_s=0), now
        )
    return secrets


def bundle(department: str) -> Bundle:
    """The one thing that this department alone decides."""
    return make_bundle(make_member("decision", department=department), code=department)


async def post_callback(
    client: httpx2.AsyncClient, department: str, secret: str, data: Mapping[str, Any], message_id: str
) -> httpx2.Response:
    """A department's signed answer; the answer to it, whatever it is."""
    now = SystemClock().now()
    body = signing_body(data)
    headers = signing.sign(body, [secret], message_id=message_id, at=now)
    path = f"/v1/callbacks/{department}"
    return await client.post(path, content=body, headers={**headers, "Content-Type": "application/json"})


def signing_body(data: Mapping[str, Any]) -> bytes:
    """The message, always the same bytes for the same data."""
    said = {"type": "task.outcome", "timestamp": "2026-01-01T00:00:00Z", "data": dict(data)}
    return httpx2.Request("POST", "http://x", json=said).read()


def case_id_of(answer: httpx2.Response) -> UUID:
    """The case that a 202 names."""
    return UUID(answer.json()["id"])
