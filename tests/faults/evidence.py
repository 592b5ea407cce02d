"""Evidence: all that a run left behind, in the database, with the departments and with the subscriber."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.adapters.base import Endpoint, TaskSheet
from onenet.adapters.registry import adapter_for
from onenet.domain.sheet import TASK_PREFIX
from onenet.ids import to_text
from onenet.services import record
from onenet.services.catalogue import Catalogue
from onenet.services.examination import examine
from onenet.services.invariants import Finding
from onenet.services.outbox import DELIVERY_PREFIX
from onenet.services.record import Tampering
from onenet.services.steps import endpoint_of
from onenet.store import cases as store_cases
from onenet.store import endpoints, tables
from onenet.store import events as store_events
from onenet.store.database import Database
from onenet.store.events import Event
from tests.faults.city import HABITS
from tests.faults.load import Ledger
from tests.faults.subscriber import Heard

MOST_EVENTS = 10_000
"""Of one case."""


@dataclass(frozen=True, slots=True)
class StepFound:
    """A step. `after`: the steps before it. `results`: code -> number as recorded."""

    code: str
    state: str
    after: tuple[str, ...]
    results: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class CaseFound:
    """A case with its steps and its history."""

    id: str
    state: str
    steps: Mapping[str, StepFound]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class WorkFound:
    """A task (`of` a step's code, `owner` a department) or a delivery (of an event's number, owner its type).

    `digest`: SHA-256 of the body that goes out under the key. `is_open`: due at some time, or under a lease.
    """

    key: str
    case_id: str
    of: str
    owner: str
    state: str
    is_open: bool
    digest: str


@dataclass(frozen=True, slots=True)
class DepartmentLedger:
    """What a department remembers of each key: SHA-256 of its body, how often it had its effect.

    `clashes`: keys that came with two bodies. `results`: (key, code) -> number issued. `callbacks`: by state.
    """

    digests: Mapping[str, str]
    effects: Mapping[str, int]
    clashes: tuple[str, ...]
    results: Mapping[tuple[str, str], str]
    callbacks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it. `calls_cut`: calls whose worker died before it could record them."""

    ledger: Ledger
    heard: Heard
    cases: Mapping[str, CaseFound]
    tasks: tuple[WorkFound, ...]
    deliveries: tuple[WorkFound, ...]
    departments: Mapping[str, DepartmentLedger]
    tamperings: tuple[Tampering, ...]
    findings: tuple[Finding, ...]
    calls_cut: int


async def gather(database: Database, folder: Path, ledger: Ledger, heard: Heard) -> Evidence:
    """Reads everything once; nothing may be running that still changes it."""
    tamperings = (await record.verify(database)).tamperings
    findings = [finding async for finding in examine(database, Catalogue(database).bundle)]
    async with database.read() as connection:
        return Evidence(
            ledger=ledger,
            heard=heard,
            cases=await read_cases(connection, Catalogue(database)),
            tasks=await _tasks(connection, Catalogue(database)),
            deliveries=await _deliveries(connection),
            departments={code: read_ledger(folder / f"{code}.sqlite3", code) for code in HABITS},
            tamperings=tamperings,
            findings=tuple(findings),
            calls_cut=await calls_cut(connection),
        )


async def read_cases(connection: AsyncConnection, catalogue: Catalogue) -> dict[str, CaseFound]:
    """Every case with its steps and its history."""
    ids = list((await connection.execute(select(tables.cases.c.id))).scalars())
    found = {}
    for id, case in (await store_cases.load(connection, ids, catalogue.bundle)).items():
        steps = {
            member.code: StepFound(
                member.code,
                case.steps[member.code].state.value,
                tuple(member.after),
                {result.code: result.number for result in case.steps[member.code].results},
            )
            for member in case.bundle.members
        }
        events = await store_events.after(connection, id, 0, MOST_EVENTS)
        found[str(id)] = CaseFound(str(id), case.state.value, steps, tuple(events))
    return found


async def _tasks(connection: AsyncConnection, catalogue: Catalogue) -> tuple[WorkFound, ...]:
    """Every task. What it says is sealed in its row: it is read with its case."""
    known = {row.owner: endpoint_of(row) for row in await endpoints.every(connection, "department")}
    rows = (await connection.execute(select(tables.task))).mappings().all()
    loaded = await store_cases.load(connection, list({row["case_id"] for row in rows}), catalogue.bundle)
    said = {id: task.payload for case in loaded.values() for id, task in case.tasks.items()}
    return tuple(
        _work(row, TASK_PREFIX, row["step"], row["department"], _sent(known[row["department"]], row, said))
        for row in rows
    )


def _sent(endpoint: Endpoint, row: RowMapping, said: Mapping[UUID, str]) -> bytes:
    """The body that goes to the department, as its adapter writes it; nothing where its case is gone."""
    if row["id"] not in said:
        return b""
    sheet = TaskSheet(to_text(TASK_PREFIX, row["id"]), said[row["id"]], json.loads(said[row["id"]]))
    request = next(adapter_for(endpoint).submit(sheet))
    assert isinstance(request, httpx2.Request)
    return request.content


async def _deliveries(connection: AsyncConnection) -> tuple[WorkFound, ...]:
    rows = (await connection.execute(select(tables.delivery))).mappings()
    return tuple(
        _work(row, DELIVERY_PREFIX, str(row["seq"]), row["type"], row["payload"].encode()) for row in rows
    )


def _work(row: RowMapping, prefix: str, of: str, owner: str, body: bytes) -> WorkFound:
    is_open = row["next_at"] is not None or row["lease_token"] is not None
    digest = hashlib.sha256(body).hexdigest()
    return WorkFound(
        to_text(prefix, row["id"]), str(row["case_id"]), of, owner, row["state"], is_open, digest
    )


async def calls_cut(connection: AsyncConnection) -> int:
    """How many calls began and never ended."""
    count = 0
    for table in (tables.attempt, tables.delivery_attempt):
        cut = select(func.count()).select_from(table).where(table.c.ended_at.is_(None))
        count += (await connection.execute(cut)).scalar_one()
    return count


def read_ledger(file: Path, code: str) -> DepartmentLedger:
    """The ledger of one department."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        tasks = _rows(db, "SELECT key, digest, effects FROM task")
        results = _rows(db, "SELECT key, code, year, serial FROM result")
        return DepartmentLedger(
            digests={key: digest for key, digest, _ in tasks},
            effects={key: effects for key, _, effects in tasks},
            clashes=tuple(key for (key,) in _rows(db, "SELECT key FROM clash")),
            results={
                (key, what): f"{code.upper()}-{year}-{serial:06}" for key, what, year, serial in results
            },
            callbacks=dict(_rows(db, "SELECT state, count(*) FROM callback GROUP BY state")),
        )


def _rows(db: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    return db.execute(query).fetchall()


def by_case(works: Iterable[WorkFound]) -> dict[str, list[WorkFound]]:
    """The works of each case."""
    found: dict[str, list[WorkFound]] = {}
    for work in works:
        found.setdefault(work.case_id, []).append(work)
    return found
