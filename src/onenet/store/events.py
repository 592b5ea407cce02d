"""Events: chained, written with the change that they tell, read in order."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.chain import COMMITMENT, canonical, commitment, event_hash
from onenet.domain.events import NewEvent, split
from onenet.encryption import DataKey, KeyRing
from onenet.ids import lane_of
from onenet.store import log_tables, sealing, tables

SALT_DIGITS = 32


class Private(NamedTuple):
    """What somebody wrote that an event tells: canonical JSON, and the salt of the event's commitment to it.

    The salt is 128 bits in hexadecimal digits, and sealed with the text: with it, and the commitment on
    record, a short text could be guessed.
    """

    salt: str
    text: str

    def is_committed_to(self, said: str | None) -> bool:
        """Whether that is the commitment to it. Raises: ValueError when the salt is none."""
        return commitment(bytes.fromhex(self.salt), self.text) == said


class Event(NamedTuple):
    """One line of a case's history, as stored. `at` and `data` are the texts that were hashed.

    `private`: what `data` only commits to; None where there is nothing such, or it was not read, or erased.
    """

    case_id: UUID
    seq: int
    type: str
    step: str | None
    actor: str
    at: str
    data: str
    prev_hash: bytes
    hash: bytes
    private: Private | None = None

    def content(self) -> dict[str, Any]:
        """The data, parsed, with the private part."""
        parsed: dict[str, Any] = json.loads(self.data)
        if self.private is not None:
            parsed |= json.loads(self.private.text)
        parsed.pop(COMMITMENT, None)
        return parsed

    def is_sound(self) -> bool:
        """Whether the hash is the one that the fields and the hash before them give."""
        true_hash = event_hash(
            self.prev_hash, case_id=self.case_id, seq=self.seq, type=self.type, step=self.step,
            actor=self.actor, at=self.at, data=self.data,
        )  # fmt: skip
        return self.hash == true_hash


def _fresh_salt() -> str:
    return secrets.token_hex(SALT_DIGITS // 2)


def link(
    case_id: UUID,
    seq: int,
    head: bytes,
    new: Sequence[NewEvent],
    *,
    actor: str,
    at: str,
    new_salt: Callable[[], str] = _fresh_salt,
) -> list[Event]:
    """The events with their places in the chain, after `seq` and `head`."""
    linked: list[Event] = []
    for type, step, content in new:
        seq += 1
        plain, words = split(content)
        private = Private(new_salt(), canonical(words)) if words else None
        if private is not None:
            plain = {**plain, COMMITMENT: commitment(bytes.fromhex(private.salt), private.text)}
        data = canonical(plain)
        head_after = event_hash(
            head, case_id=case_id, seq=seq, type=type, step=step, actor=actor, at=at, data=data
        )
        linked.append(Event(case_id, seq, type, step, actor, at, data, head, head_after, private))
        head = head_after
    return linked


NAMES = Event._fields[:-1]
"""The columns of an event's row."""


def row(event: Event) -> dict[str, Any]:
    """The row of an event."""
    case_id, seq, type, step, actor, at, data, prev_hash, own_hash, _ = event
    return {
        "lane": lane_of(case_id), "case_id": case_id, "seq": seq, "type": type, "step": step, "actor": actor,
        "at": at, "data": data, "prev_hash": prev_hash, "hash": own_hash,
    }  # fmt: skip


def private_rows(events: Sequence[Event], ring: KeyRing, data_key: bytes | None) -> list[dict[str, Any]]:
    """The rows of what these events of a case only commit to. Raises: Unreadable, MisconfiguredError."""
    found = [event for event in events if event.private is not None]
    if not found:
        return []
    key = sealing.key_of(ring, data_key)
    return [
        {
            "lane": lane_of(event.case_id),
            "case_id": event.case_id,
            "seq": event.seq,
            "payload": sealing.seal(key, "".join(event.private or ()), sealing.PRIVATE, place(event)),
        }
        for event in found
    ]


def place(event: Event) -> str:
    """What the private part of an event is bound to."""
    return f"{event.case_id}/{event.seq}"


def split_private(stored: str) -> Private:
    """The private part in its text, open."""
    return Private(stored[:SALT_DIGITS], stored[SALT_DIGITS:])


def open_private(key: DataKey | None, stored: str, row: str) -> Private:
    """The private part in a row. Raises: Unreadable."""
    return split_private(sealing.unseal(key, stored, sealing.PRIVATE, row))


_E, _P, _C = tables.event.c, log_tables.event_private.c, tables.cases.c
WITH_PRIVATE = (
    select(*(_E[name] for name in NAMES), _P.payload, _C.data_key)
    .join_from(tables.event, tables.cases, and_(_C.lane == _E.lane, _C.id == _E.case_id))
    .outerjoin(
        log_tables.event_private,
        and_(_P.lane == _E.lane, _P.case_id == _E.case_id, _P.seq == _E.seq),
    )
    .order_by(_E.seq)
)
"""Events with their private parts, to be read by `read`."""


def read(row: RowMapping, ring: KeyRing) -> Event:
    """The event in such a row. Raises: Unreadable, MisconfiguredError."""
    event = Event(**{name: row[name] for name in NAMES})
    if row["payload"] is None:
        return event
    key = sealing.key_of(ring, row["data_key"])
    return event._replace(private=open_private(key, row["payload"], place(event)))


async def after(
    connection: AsyncConnection, case_id: UUID, seq: int, limit: int, without: Collection[str] = ()
) -> list[Event]:
    """The events of a case after `seq`, in order, those of some types left out.

    Raises: Unreadable, MisconfiguredError.
    """
    same = [_E.lane == lane_of(case_id), _E.case_id == case_id, _E.seq > seq]
    if without:
        same.append(_E.type.not_in(sorted(without)))
    found = (await connection.execute(WITH_PRIVATE.where(*same).limit(limit))).mappings().all()
    ring = sealing.ring_of(connection)
    return [read(row, ring) for row in found]


async def newest_at(connection: AsyncConnection) -> datetime | None:
    """The time of the newest event of all; None while there is none. Walks the whole table."""
    newest = await connection.scalar(select(func.max(tables.event.c.at)))
    return datetime.fromisoformat(newest) if newest else None
