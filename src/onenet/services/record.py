"""The record: walks every case's events and tells exactly which row was altered, removed or inserted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain import tree
from onenet.domain.chain import COMMITMENT, START
from onenet.domain.note import MalformedNote, read_key
from onenet.domain.principal import is_name_for
from onenet.domain.states import FINAL_STEP, CaseState
from onenet.domain.tree import HASH_BYTES, TILE_WIDTH, Tiles
from onenet.encryption import KeyRing
from onenet.ids import lane_of
from onenet.services.elsewhere import NOTHING, UNSTAMPED, Kept, Stamped, against_stamps, against_witnesses
from onenet.services.log_check import LogCheck
from onenet.services.tampering import Tampering, misfit
from onenet.store import record as store_record
from onenet.store import sealing
from onenet.store.database import Database
from onenet.store.events import Event, Private, open_private
from onenet.store.record import CaseRecord, Head, Opened

__all__ = [
    "Head",
    "Open",
    "Opened",
    "Tampering",
    "Verdict",
    "check_chain",
    "check_record",
    "check_states",
    "erased",
    "examine",
    "leaf_hashes",
    "once",
    "opener",
    "own_key",
    "replay",
    "verify",
]  # fmt: skip

Open = Callable[[CaseRecord, int, str], Private | None]
"""Gives the private part that is stored with an event; None where there is no key to open it with."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the walk found. `erased`: events of which the private part is no longer there.

    `witnessed`: how many copies of witnesses are in the log. `private_unchecked`: why private parts were not
    looked at, if they were not.
    """

    cases: int
    events: int
    tamperings: tuple[Tampering, ...]
    sealed: int = 0
    checkpoints: int = 0
    erased: int = 0
    stamped: Stamped = UNSTAMPED
    witnessed: int = 0
    private_unchecked: str = ""


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
    case_id: UUID, events: Sequence[Event], head: Head, steps: Mapping[str, str] | None
) -> Iterator[Tampering]:
    """Whether the case is the one that was opened, and it and its steps stand where their events left them.

    How it was opened, and its steps, are only looked at if they are known.
    """
    if head.opened is not None and (wrong := _misstated(events[0], head.opened)):
        yield Tampering(case_id, "case_altered", 1, detail=f"its row has another {', '.join(wrong)}")
    case_state, step_states = replay(events)
    if case_state != head.state:
        yield Tampering(case_id, "case_altered", detail=f"the events say {case_state}")
    if steps is None:
        return
    for code in sorted(step_states.keys() | steps.keys()):
        if step_states.get(code) != steps.get(code):
            yield Tampering(
                case_id, "step_altered", step=code, detail=f"the events say {step_states.get(code)}"
            )


def _misstated(first: Event, opened: Opened) -> list[str]:
    """What the case's row says otherwise than its first event."""
    content = first.content()
    told = ("number", "bundle", "version", "jurisdiction", "receiving")
    wrong = [name for name in told if content.get(name) != getattr(opened, name)]
    return wrong if is_name_for(first.actor, opened.owner) else [*wrong, "owner"]


def replay(events: Sequence[Event]) -> tuple[str, dict[str, str]]:
    """The state of the case and of its steps, as the events alone tell them."""
    case_state, steps = "received", {}
    for event in events:
        content = event.content()
        if event.type == "case.received":
            steps = dict(content["steps"])
        elif event.step is None and event.type in _STATES:
            case_state = event.type.removeprefix("case.")
        elif event.step is not None and event.type.startswith("step.") and "state" in content:
            steps[event.step] = content["state"]
    return case_state, steps


_STATES = frozenset(f"case.{state.value}" for state in CaseState)
"""Events that move the case; others of its own tell of a light, a limit, an application that follows."""

_END = frozenset(f"step.{state.value}" for state in FINAL_STEP)


def _silenced(record: CaseRecord) -> Iterator[Tampering]:
    """Steps that ended with words which are still on record, and no longer in their own row."""
    for event in record.events:
        is_kept = event.seq in record.private and committed(event)
        if is_kept and event.type in _END and event.step in record.silent:
            yield Tampering(record.case_id, "step_altered", step=event.step, detail="what was said is gone")


def check_private(record: CaseRecord, open_: Open) -> Iterator[Tampering]:
    """Whether private parts are those that their events commit to."""
    commitments = {event.seq: committed(event) for event in record.events}
    for seq, stored in sorted(record.private.items()):
        if commitments.get(seq) is None:
            yield misfit("private_inserted", record.case_id, seq)
            continue
        try:
            found = open_(record, seq, stored)
            is_sound = found is None or found.is_committed_to(commitments[seq])
        except ValueError:  # Unreadable is one, and so is a salt that is none
            yield misfit("private_altered", record.case_id, seq, "it cannot be opened")
            continue
        if not is_sound:
            yield misfit("private_altered", record.case_id, seq)


def erased(record: CaseRecord) -> int:
    """How many events have committed to a private part that is no longer there."""
    return sum(bool(committed(event)) and event.seq not in record.private for event in record.events)


def committed(event: Event) -> str | None:
    """The commitment of an event, if it has one; what cannot be read has none."""
    if f'"{COMMITMENT}"' not in event.data:
        return None
    try:
        found = json.loads(event.data).get(COMMITMENT)
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def check_record(record: CaseRecord, open_: Open) -> Iterator[Tampering]:
    """Everything wrong with one case but for its place in the log."""
    case_id, head = record.case_id, record.head
    if record.lane != lane_of(case_id):
        yield from (misfit("lane_moved", case_id, event.seq) for event in record.events)
        if not record.events:
            yield misfit("lane_moved", case_id)
        return
    if not record.events:
        if head is None:
            yield misfit("case_removed", case_id, detail="its events are gone, and something is left")
        else:
            yield misfit("removed", case_id, 1, "no event at all")
        return
    broken = list(check_chain(case_id, record.events, head))
    if not broken and head is not None:
        broken = [*_states(record, head, record.steps), *_silenced(record)]
    yield from broken
    if not any(each.kind == "altered" for each in broken):
        yield from check_private(record, open_)


def _states(record: CaseRecord, head: Head, steps: Mapping[str, str] | None) -> Iterator[Tampering]:
    try:
        yield from check_states(record.case_id, record.events, head, steps)
    except (ValueError, LookupError, TypeError, AttributeError):
        yield misfit("case_altered", record.case_id, detail="what its events tell cannot be read")


async def verify(database: Database, kept: Kept = NOTHING) -> Verdict:
    """Walks the whole database at one moment, and compares with what was kept. Raises: Unavailable."""
    async with database.read() as connection:
        return await examine(connection, database, kept)


async def examine(connection: AsyncConnection, database: Database, kept: Kept = NOTHING) -> Verdict:
    """The same on an open connection."""
    rows = await store_record.log_rows(connection)
    log = LogCheck(leaf_hashes(rows.tiles))
    found: list[Tampering] = []
    events = gone = 0
    unchecked = ""
    cases = set[UUID]()
    async for record in store_record.cases(connection):
        cases.add(record.case_id)
        events += len(record.events)
        gone += erased(record)
        if record.private and _is_shut(database.ring, record):
            unchecked = "no key-encryption key"
        found += check_record(record, opener(database))
        found += log.case(record.case_id, record.events, record.runs)
    told = {tampering.case_id for tampering in found}
    for case_id in await store_record.numbered_without_case(connection):
        if case_id not in told:
            found.append(misfit("case_removed", case_id, detail="only its number is left"))
    own = own_key(rows.key, kept, found)
    found += check_tiles(rows.tiles, log.size)
    found += log.finish(rows.notes, own)
    unfit, stamped = against_stamps(rows.stamps, dict(rows.notes), kept.authority)
    forked, witnessed = against_witnesses(own, log.roots, log.newest)
    found += [*unfit, *forked]
    return Verdict(
        len(cases), events, once(found), log.sealed, len(rows.notes), gone, stamped, witnessed, unchecked
    )


def once(found: Iterable[Tampering]) -> tuple[Tampering, ...]:
    """Each of them once, however many checks found it."""
    return tuple(
        {
            (each.case_id, each.kind, each.seq, each.step, each.case_id is None and each.detail): each
            for each in reversed(list(found))
        }.values()
    )[::-1]


def own_key(text: str | None, kept: Kept, found: list[Tampering]) -> Kept:
    """What was kept, with the log's own key where none was; adds to `found` when that is another one."""
    own = None
    try:
        own = read_key(text) if text else None
    except MalformedNote as error:
        found.append(misfit("wrong_key", detail=str(error)))
    if kept.key is not None and own != kept.key:
        found.append(misfit("wrong_key", detail=f"the key of this log is {text}"))
    return replace(kept, key=kept.key or own)


def leaf_hashes(tiles: Tiles) -> bytes:
    """The hashes of the leaves; where a tile is missing or short, zeroes."""
    last = max((number for level, number in tiles if level == 0), default=-1)
    wide = TILE_WIDTH * HASH_BYTES
    parts = [tiles.get((0, number), b"").ljust(wide, b"\0")[:wide] for number in range(last)]
    return b"".join(parts) + tiles.get((0, last), b"")


def check_tiles(tiles: Tiles, size: int) -> Iterator[Tampering]:
    """Whether the upper tiles are those that follow from the leaves."""
    upper: dict[tuple[int, int], bytes] = {}
    hashes = leaf_hashes(tiles)
    tree.extend(0, upper, (hashes[at : at + HASH_BYTES] for at in range(0, size * HASH_BYTES, HASH_BYTES)))
    for place in sorted(upper.keys() | tiles.keys()):
        if upper.get(place) != tiles.get(place):
            yield misfit("tile_altered", detail=f"tile {place[1]} of level {place[0]}")


def opener(database: Database) -> Open:
    """Opens private parts with the keys of this process."""
    ring = database.ring

    def open_(record: CaseRecord, seq: int, stored: str) -> Private | None:
        if record.head is None or _is_shut(ring, record):
            return None
        key = sealing.key_of(ring, record.data_key)
        return open_private(key, stored, f"{record.case_id}/{seq}")

    return open_


def _is_shut(ring: KeyRing, record: CaseRecord) -> bool:
    """Whether the case's private parts are sealed, and this process has no key at all."""
    return record.data_key is not None and not ring.kids
