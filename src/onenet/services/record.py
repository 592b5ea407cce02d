"""The record: walks every case's events and tells exactly which row was altered, removed or inserted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.chain import START
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
    by_seq = {event.seq: event for event in events}
    previous = START
    for seq in range(1, head.seq + 1):
        event = by_seq.pop(seq, None)
        if event is None:
            yield Tampering(case_id, "removed", seq)
            following = by_seq.get(seq + 1)
            previous = following.prev_hash if following else head.hash
            continue
        following = by_seq.get(seq + 1)
        promised = following.prev_hash if following else (head.hash if seq == head.seq else event.hash)
        if event.true_hash() != event.hash or event.prev_hash != previous or event.hash != promised:
            yield from _blame(case_id, event, previous, promised, following)
        previous = promised
    for seq in sorted(by_seq):
        yield Tampering(case_id, "inserted", seq)


def _blame(
    case_id: UUID, event: Event, previous: bytes, promised: bytes, following: Event | None
) -> Iterator[Tampering]:
    """Which row a break between two events is to be blamed on: the one whose own hash no longer fits."""
    if event.true_hash() == event.hash and event.prev_hash == previous:
        if following is not None and following.true_hash() != following.hash:
            return  # the row after it was changed, and is told when its turn comes
        if following is None:
            yield Tampering(case_id, "case_altered", event.seq, detail="the case names another last event")
            return
    yield Tampering(case_id, "altered", event.seq)


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
        elif event.step is None:
            case_state = event.type.removeprefix("case.")
        elif event.type.startswith("step.") and "state" in content:
            steps[event.step] = content["state"]
    return case_state, steps


async def verify(database: Database) -> Verdict:
    """Walks the whole database, one case at a time, in one reading transaction."""
    count = cases = 0
    found: list[Tampering] = []
    async with database.read() as connection:
        heads = await _heads(connection)
        steps = await _steps(connection)
        async for case_id, events in _by_case(store_events.every(connection)):
            head = heads.pop(case_id, None)
            cases, count = cases + 1, count + len(events)
            broken = list(check_chain(case_id, events, head))
            if not broken and head is not None:
                broken = list(check_states(case_id, events, head, steps.get(case_id, {})))
            found.extend(broken)
    found += [Tampering(case_id, "removed", 1, detail="no event at all") for case_id in heads]
    return Verdict(cases + len(heads), count, tuple(found))


async def _by_case(events: AsyncIterator[Event]) -> AsyncIterator[tuple[UUID, list[Event]]]:
    gathered: list[Event] = []
    async for event in events:
        if gathered and gathered[0].case_id != event.case_id:
            yield gathered[0].case_id, gathered
            gathered = []
        gathered.append(event)
    if gathered:
        yield gathered[0].case_id, gathered


async def _heads(connection: AsyncConnection) -> dict[UUID, Head]:
    c = tables.cases.c
    found = await connection.execute(select(c.id, c.seq, c.head_hash, c.state))
    return {row.id: Head(row.seq, row.head_hash, row.state) for row in found}


async def _steps(connection: AsyncConnection) -> dict[UUID, dict[str, Any]]:
    c = tables.step.c
    steps: dict[UUID, dict[str, Any]] = {}
    for row in await connection.execute(select(c.case_id, c.code, c.state)):
        steps.setdefault(row.case_id, {})[row.code] = row.state
    return steps
