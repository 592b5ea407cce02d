"""Access records: who looked at whose case, when, by which rule, and at what. Added to, and let go in time.

The purpose is in a person's words, and sealed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, insert, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.delegation import Owner
from onenet.ids import lane_of, new_id
from onenet.store import oldest
from onenet.store.access_tables import access_record
from onenet.store.sealing import opened_system, ring_of, sealed_system

PURPOSE = "access_record.purpose"

_c = access_record.c


class Access(NamedTuple):
    """One look, or `times` like ones within a second.

    `what`: case, events, application, attempts, document, lookup, reveal,
    reuse, certificate, evidence, export, rating, opinion. `rule`: the way in, as
    `domain.visibility` names it. `fields`: what was shown of what a person said. `case_id` None: what was
    looked at is of no one case.
    """

    case_id: UUID | None
    owner: Owner
    at: datetime
    who: str
    role: str
    rule: str
    what: str
    fields: tuple[str, ...] = ()
    purpose: str | None = None
    times: int = 1
    id: UUID | None = None


async def add(connection: AsyncConnection, accesses: Sequence[Access]) -> None:
    """Writes them."""
    ring = ring_of(connection)
    ids = [new_id(lane_of(each.case_id) if each.case_id else None) for each in accesses]
    rows = [
        {
            "lane": lane_of(id),
            "id": id,
            "case_id": each.case_id,
            "owner_client": each.owner.client,
            "owner_subject": each.owner.subject,
            "at": each.at,
            "who": each.who,
            "role": each.role,
            "rule": each.rule,
            "what": each.what,
            "fields": json.dumps(list(each.fields)),
            "purpose": sealed_system(ring, each.purpose, PURPOSE, _place(id)),
            "times": each.times,
        }
        for each, id in zip(accesses, ids, strict=True)
    ]
    await connection.execute(insert(access_record), rows)


async def page(
    connection: AsyncConnection, owner: Owner, after: tuple[datetime, UUID] | None, limit: int
) -> list[Access]:
    """Who looked at this owner's cases, newest first, after a position."""
    statement = select(access_record).where(
        _c.owner_subject == owner.subject, _c.owner_client == owner.client
    )
    if after is not None:
        at, id = after
        later = and_(_c.at == at, tuple_(_c.lane, _c.id) > (lane_of(id), id))
        statement = statement.where(or_(_c.at < at, later))
    statement = statement.order_by(_c.at.desc(), _c.lane, _c.id).limit(limit)
    ring = ring_of(connection)
    return [
        Access(
            case_id=row.case_id,
            owner=owner,
            at=row.at,
            who=row.who,
            role=row.role,
            rule=row.rule,
            what=row.what,
            fields=tuple(json.loads(row.fields)),
            purpose=row.purpose and opened_system(ring, row.purpose, PURPOSE, _place(row.id)),
            times=row.times,
            id=row.id,
        )
        for row in await connection.execute(statement)
    ]


async def forget(connection: AsyncConnection, lane: int, before: datetime, limit: int) -> int:
    """Takes the oldest of a lane away, if they are from before that moment; how many that were."""
    return await oldest.remove(connection, _c.at, lane, before, limit)


def _place(id: UUID) -> str:
    return f"{lane_of(id)}/{id}"
