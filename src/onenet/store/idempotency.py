"""Idempotency keys and message ids of callbacks: one row for what was done, with the answer given to it.

The row is written in the transaction of its effect, so there is one of both or none of both. Its unique key
decides on every engine. The answer is sealed: one that opens a case holds the seed of its tracking secret.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.encryption import KeyRing
from onenet.ids import lane_of
from onenet.store import tables
from onenet.store.among import among
from onenet.store.sealing import ANSWER, opened_system, ring_of


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An HTTP answer: what the first call got and every repetition gets."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What was done under a key. `fingerprint` is the hash of the request that did it."""

    scope: str
    key: str
    fingerprint: bytes
    answer: StoredAnswer
    case_id: UUID | None
    created_at: datetime


_FIND = select(tables.idempotency_key)
_KEY = (tables.idempotency_key.c.scope, tables.idempotency_key.c.key)


async def find(connection: AsyncConnection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Done]:
    """What was done under these (scope, key) pairs."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    ring = ring_of(connection)
    found = (await connection.execute(*among(_FIND, _KEY, wanted))).mappings()
    return {(row["scope"], row["key"]): _read(dict(row), ring) for row in found}


def _read(row: dict[str, Any], ring: KeyRing) -> Done:
    answer = StoredAnswer(row["status"], opened_body(ring, row), json.loads(row["headers"]))
    return Done(row["scope"], row["key"], row["fingerprint"], answer, row["case_id"], row["created_at"])


def opened_body(ring: KeyRing, row: Mapping[str, Any]) -> str:
    """The body of the stored answer in a row. Raises: Unreadable."""
    return opened_system(ring, row["body"], ANSWER, f"{row['scope']}/{row['key']}")


def sealed_body(ring: KeyRing, scope: str, key: str, body: str) -> str:
    """The body of an answer as its row has it."""
    return ring.system().seal(body, place=ANSWER, row=f"{scope}/{key}")


def row(entry: Done, ring: KeyRing) -> dict[str, Any]:
    """The row to write; its key is unique, so of two transactions one is first and the other one fails."""
    return {
        "scope": entry.scope,
        "key": entry.key,
        "fingerprint": entry.fingerprint,
        "status": entry.answer.status,
        "headers": json.dumps(dict(entry.answer.headers)),
        "body": sealed_body(ring, entry.scope, entry.key, entry.answer.body),
        "lane": lane_of(entry.case_id) if entry.case_id else None,
        "case_id": entry.case_id,
        "created_at": entry.created_at,
    }
