"""Events: chained, written with the change that they tell, read in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.chain import canonical, event_hash
from onenet.domain.events import NewEvent
from onenet.ids import lane_of
from onenet.store import tables


class Event(NamedTuple):
    """One line of a case's history, as stored. `at` and `data` are the texts that were hashed."""

    case_id: UUID
    seq: int
    type: str
    step: str | None
    actor: str
    at: str
    data: str
    prev_hash: bytes
    hash: bytes

    def content(self) -> dict[str, Any]:
        """The data, parsed."""
        parsed: dict[str, Any] = json.loads(self.data)
        return parsed

    def is_sound(self) -> bool:
        """Whether the hash is the one that the fields and the hash before them give."""
        true_hash = event_hash(
            self.prev_hash, case_id=self.case_id, seq=self.seq, type=self.type, step=self.step,
            actor=self.actor, at=self.at, data=self.data,
        )  # fmt: skip
        return self.hash == true_hash


def link(
    case_id: UUID, seq: int, head: bytes, new: Sequence[NewEvent], *, actor: str, at: str
) -> list[Event]:
    """The events with their places in the chain, after `seq` and `head`."""
    linked: list[Event] = []
    for type, step, content in new:
        seq += 1
        data = canonical(content)
        head_after = event_hash(
            head, case_id=case_id, seq=seq, type=type, step=step, actor=actor, at=at, data=data
        )
        linked.append(Event(case_id, seq, type, step, actor, at, data, head, head_after))
        head = head_after
    return linked


_NAMES = Event._fields


def row(event: Event) -> dict[str, Any]:
    """The row of an event."""
    case_id, seq, type, step, actor, at, data, prev_hash, own_hash = event
    return {
        "lane": lane_of(case_id), "case_id": case_id, "seq": seq, "type": type, "step": step, "actor": actor,
        "at": at, "data": data, "prev_hash": prev_hash, "hash": own_hash,
    }  # fmt: skip


async def after(connection: AsyncConnection, case_id: UUID, seq: int, limit: int) -> list[Event]:
    """The events of a case after `seq`, in order."""
    c = tables.event.c
    statement = (
        select(*(c[name] for name in _NAMES))
        .where(c.lane == lane_of(case_id), c.case_id == case_id, c.seq > seq)
        .order_by(c.seq)
        .limit(limit)
    )
    return [Event(**row) for row in (await connection.execute(statement)).mappings()]


async def newest_at(connection: AsyncConnection) -> datetime | None:
    """The time of the newest event of all; None while there is none. Walks the whole table."""
    newest = await connection.scalar(select(func.max(tables.event.c.at)))
    return datetime.fromisoformat(newest) if newest else None
