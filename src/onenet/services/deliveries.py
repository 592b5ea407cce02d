"""Deliveries and attempts: what was sent, to whom, how often, and what came of it. Reading only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from onenet.domain.case import Case, Task
from onenet.domain.visibility import Visible
from onenet.errors import NotFound
from onenet.store import deliveries as store
from onenet.store import queue
from onenet.store.database import Database


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one subscriber; `held_reason` is endpoint, exhausted or needs_attention."""

    id: UUID
    endpoint_id: UUID
    case_id: UUID
    seq: int
    type: str
    state: str
    attempt: int
    created_at: datetime
    next_at: datetime | None
    held_reason: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP call. `ended_at` None: under way, or its worker died. `excerpt`: the answer's masked head."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    status: int | None
    failure: str | None
    reason: str | None
    excerpt: str | None
    trigger: str | None
    key_id: str | None


async def list_deliveries(
    database: Database,
    visible: Visible,
    *,
    after: tuple[datetime, UUID] | None,
    state: str | None,
    limit: int,
) -> list[Delivery]:
    """A page of deliveries about visible cases, newest first; ask for one more than you show."""
    async with database.read() as connection:
        rows = await store.page(connection, visible, after=after, state=state, limit=limit)
    return [_read(Delivery, dict(row)) for row in rows]


async def delivery_attempts(database: Database, delivery_id: UUID, visible: Visible) -> list[Attempt]:
    """The calls made for a delivery, in order. Raises: NotFound when there is no such delivery."""
    async with database.read() as connection:
        if not await store.exists(connection, visible, delivery_id):
            raise NotFound
        rows = await store.attempts(connection, queue.DELIVERIES, delivery_id)
    return [_read(Attempt, row) for row in rows]


async def step_attempts(database: Database, case: Case, step: str) -> list[tuple[Task, Attempt]]:
    """The calls made for a step's tasks, each with its task, in order. Raises: NotFound."""
    if step not in case.steps:
        raise NotFound
    tasks = [task for task in case.tasks.values() if task.step == step]
    async with database.read() as connection:
        return [
            (task, _read(Attempt, row))
            for task in tasks
            for row in await store.attempts(connection, queue.TASKS, task.id)
        ]


def _read(shape: Any, row: Mapping[str, Any]) -> Any:
    return shape(**{name: row[name] for name in shape.__dataclass_fields__})
