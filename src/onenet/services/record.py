"""The record: walks every case's events and tells exactly which row was altered, removed or inserted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.chain import START
from onenet.ids import lane_of
from onenet.store import events as store_events
from onenet.store import tables
from onenet.store.database import Database
from onenet.store.events import Event

Kind = Literal["altered", "removed", "inserted", "case_altered", "case_removed", "step_altered"]


@dataclass(frozen=True, slots=True)
class Tampering:
    """One thing that is not as it was written: which case, which row (`seq`, or a step's code), what."""

    case_id: UUID
    kind: Kind
    seq: int | None = None
    step: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """What the case's own row says of its history."""

    seq: int
    hash: bytes
    state: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the walk found."""

    cases: int
    events: int
    tamperings: tuple[Tampering, ...]


def check_chain(case_id: UUID, events: Sequence[Event], head: Head | None) -> Iterator[Tampering]:
    """Everything wrong with one case's events; `events` in order of `seq`."""
    if head is None:
        yield Tampering(case_id, "case_removed", detail="events without their case")
        return
    last = _last(events, head)
    if last != head.seq:
        yield Tampering(case_id, "case_altered", head.seq, detail=f"its last event is number {last}")
    by_seq = {event.seq: event for event in events}
    chain = [by_seq.pop(seq, None) for seq in range(1, last + 1)]
    altered = _altered(chain)
    for seq, event in enumerate(chain, 1):
        if event is None:
            yield Tampering(case_id, "removed", seq)
        elif seq in altered:
            yield Tampering(case_id, "altered", seq)
        elif seq == last and event.hash != head.hash:
            yield Tampering(case_id, "case_altered", seq, detail="the case names another last event")
    for seq in sorted(by_seq):
        yield Tampering(case_id, "inserted", seq)


def _last(events: Sequence[Event], head: Head) -> int:
    """The number of the last event: the one whose hash the case names, or else what the case says."""
    for event in events:
        if event.hash == head.hash and event.is_sound():
            return event.seq
    return head.seq


def _altered(chain: Sequence[Event | None]) -> set[int]:
    """The numbers of events that are not as they were written.

    Those are the ones whose own hash does not fit their fields, and, of two that fit but do not follow one
    another, the one that was written anew.
    """
    altered = {event.seq for event in chain if event and not event.is_sound()}
    if chain and (first := chain[0]) and first.prev_hash != START:
        altered.add(first.seq)
    named = {event.prev_hash for event in chain if event}
    for event, following, third in zip(chain, chain[1:], [*chain[2:], None], strict=False):
        if event is None or following is None or following.prev_hash == event.hash:
            continue
        if event.seq in altered:
            continue
        if following.seq in altered:
            # Somebody was written after it, or would be but for the hash that the following row now names.
            innocent = event.hash in named or following._replace(prev_hash=event.hash).is_sound()
        else:
            innocent = third is not None and third.prev_hash != following.hash
        altered.add(following.seq if innocent else event.seq)
    return altered


def check_states(
    case_id: UUID, events: Sequence[Event], head: Head, steps: Mapping[str, str]
) -> Iterator[Tampering]:
    """Whether the case and its steps stand where their events left them."""
    case_state, step_states = replay(events)
    if case_state != head.state:
        yield Tampering(case_id, "case_altered", detail=f"the events say {case_state}")
    for code in sorted(step_states.keys() | steps.keys()):
        if step_states.get(code) != steps.get(code):
            yield Tampering(
                case_id, "step_altered", step=code, detail=f"the events say {step_states.get(code)}"
            )


def replay(events: Sequence[Event]) -> tuple[str, dict[str, str]]:
    """The state of the case and of its steps, as the events alone tell them."""
    case_state, steps = "received", {}
    for event in events:
        content = event.content()
        if event.type == "case.received":
            steps = dict(content["steps"])
        elif event.step is None and event.type.startswith("case."):
            case_state = event.type.removeprefix("case.")
        elif event.step is not None and event.type.startswith("step.") and "state" in content:
            steps[event.step] = content["state"]
    return case_state, steps


async def verify(database: Database) -> Verdict:
    """Walks the whole database, one case at a time, in one reading transaction."""
    count = cases = 0
    found: list[Tampering] = []
    async with database.read() as connection:
        heads = await _heads(connection)
        steps = await _steps(connection)
        async for lane, events in _by_case(store_events.every(connection)):
            case_id, count = events[0].case_id, count + len(events)
            if lane != lane_of(case_id):
                found += [Tampering(case_id, "altered", event.seq, detail="its lane") for event in events]
                continue
            head = heads.pop(case_id, None)
            cases += 1
            broken = list(check_chain(case_id, events, head))
            if not broken and head is not None:
                broken = list(check_states(case_id, events, head, steps.get(case_id, {})))
            found.extend(broken)
        numbered = await _numbered_without_case(connection)
    found += [Tampering(case_id, "removed", 1, detail="no event at all") for case_id in heads]
    told = {tampering.case_id for tampering in found}
    found += [
        Tampering(case_id, "case_removed", detail="only its number is left")
        for case_id in numbered
        if case_id not in told
    ]
    return Verdict(cases + len(heads), count, tuple(found))


async def _by_case(events: AsyncIterator[tuple[int, Event]]) -> AsyncIterator[tuple[int, list[Event]]]:
    """The events that lie together: one case's, in one lane."""
    gathered: list[Event] = []
    gathered_in = 0
    async for lane, event in events:
        if gathered and (gathered_in, gathered[0].case_id) != (lane, event.case_id):
            yield gathered_in, gathered
            gathered = []
        gathered_in = lane
        gathered.append(event)
    if gathered:
        yield gathered_in, gathered


async def _heads(connection: AsyncConnection) -> dict[UUID, Head]:
    c = tables.cases.c
    found = await connection.execute(select(c.id, c.seq, c.head_hash, c.state))
    return {row.id: Head(row.seq, row.head_hash, row.state) for row in found}


async def _numbered_without_case(connection: AsyncConnection) -> Sequence[UUID]:
    c, n = tables.cases.c, tables.case_number.c
    same = and_(c.lane == n.lane, c.id == n.case_id)
    statement = select(n.case_id).outerjoin_from(tables.case_number, tables.cases, same).where(c.id.is_(None))
    return (await connection.execute(statement)).scalars().all()


async def _steps(connection: AsyncConnection) -> dict[UUID, dict[str, Any]]:
    c = tables.step.c
    steps: dict[UUID, dict[str, Any]] = {}
    for row in await connection.execute(select(c.case_id, c.code, c.state)):
        steps.setdefault(row.case_id, {})[row.code] = row.state
    return steps
