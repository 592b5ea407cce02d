"""Log export: everything that is needed to verify the record, in one file of JSON lines, and back.

Each line is `{"<kind>":{…}}` as JSON with sorted names and no white space, and no line can be written in two
ways: a bit that changes makes it another line or none. In this order: `log`, the leaf hashes (`tile`), for
each case its `case`, `event`, `leaf`, `private` and `proof` lines, the `checkpoint` lines, the `stamp` lines,
`end`. Of one case, the hashes of the others are left out, and each of its events has a proof instead.

Private parts are not in it unless asked for: what is to be forgotten must not live on in files.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, BinaryIO
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain import note, tree
from onenet.domain.chain import canonical
from onenet.domain.tree import HASH_BYTES
from onenet.encryption import Unreadable
from onenet.errors import NotFound
from onenet.ids import lane_of
from onenet.services.record import Open, leaf_hashes, opener
from onenet.store import log as store_log
from onenet.store import record as store_record
from onenet.store.database import Database
from onenet.store.events import Event, Private
from onenet.store.log import Run
from onenet.store.record import CaseRecord

VERSION = 1
WIDE = tree.TILE_WIDTH * HASH_BYTES


def line(kind: str, **members: Any) -> bytes:
    """One line."""
    return f"{canonical({kind: members})}\n".encode()


async def write(
    database: Database, file: BinaryIO, *, case_id: UUID | None = None, with_private: bool = False
) -> int:
    """Writes the record, or that of one case; gives how many events. Raises: NotFound, Unavailable."""
    async with database.read() as connection:
        return await write_from(connection, database, file, case_id=case_id, with_private=with_private)


async def write_from(
    connection: AsyncConnection,
    database: Database,
    file: BinaryIO,
    *,
    case_id: UUID | None = None,
    with_private: bool = False,
) -> int:
    """The same on an open connection."""
    digest, count, events = hashlib.sha256(), 0, 0
    async for each in _lines(connection, database, case_id, with_private=with_private):
        file.write(each)
        digest.update(each)
        count += 1
        events += each.startswith(b'{"event":')
    file.write(line("end", lines=count, sha256=digest.hexdigest()))
    return events


async def _lines(
    connection: AsyncConnection, database: Database, case_id: UUID | None, *, with_private: bool
) -> AsyncIterator[bytes]:
    rows = await store_record.log_rows(connection)
    of_case = case_id and str(case_id)
    yield line("log", version=VERSION, suite=note.SUITE, key=rows.key, case=of_case, private=with_private)
    notes, stamps, hashes = rows.notes, rows.stamps, leaf_hashes(rows.tiles)
    if case_id is not None:
        notes = notes[-1:]
        stamps = [each for each in stamps if each[0] in dict(notes)]
    for first in range(0, len(hashes), WIDE) if case_id is None else ():
        yield line("tile", number=first // WIDE, hashes=b64encode(hashes[first : first + WIDE]).decode())
    size = notes[-1][0] if notes else 0
    opened = opener(database)
    is_empty = True
    async for record in store_record.cases(connection, case_id):
        is_empty = False
        for each in _of_case(record):
            yield each
        for each in _private(record, opened) if with_private else ():
            yield each
        if case_id is not None:
            async for each in _proofs(connection, record, size):
                yield each
    if case_id is not None and is_empty:
        raise NotFound
    for each in _seals(notes, stamps):
        yield each


def _seals(notes: Iterable[tuple[int, str]], stamps: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    for size, text in notes:
        yield line("checkpoint", size=size, note=text)
    for size, reply in stamps:
        yield line("stamp", size=size, reply=b64encode(reply).decode())


def _of_case(record: CaseRecord) -> Iterator[bytes]:
    head = record.head
    said: dict[str, Any] = {"id": str(record.case_id), "head": None}
    if head is not None:
        said |= {"head": {"seq": head.seq, "hash": head.hash.hex(), "state": head.state}}
    if record.lane != lane_of(record.case_id):
        said |= {"lane": record.lane}
    yield line("case", **said)
    for event in record.events:
        yield line(
            "event", seq=event.seq, type=event.type, step=event.step, actor=event.actor, at=event.at,
            data=event.data, prev=event.prev_hash.hex(), hash=event.hash.hex(),
        )  # fmt: skip
    for run in record.runs:
        yield line("leaf", seq=run.seq, leaf=run.leaf, events=run.events)


def _private(record: CaseRecord, opened: Open) -> Iterator[bytes]:
    for seq, stored in sorted(record.private.items()):
        try:
            found = opened(record, seq, stored)
            unhex(found.salt if found else "")
        except (Malformed, Unreadable):
            found = Private("", stored)  # whoever verifies the export is told of it there
        if found is not None:
            yield line("private", seq=seq, salt=found.salt, payload=found.text)


async def _proofs(connection: AsyncConnection, record: CaseRecord, size: int) -> AsyncIterator[bytes]:
    for run in record.runs:
        for back in range(run.events - 1, -1, -1):
            seq, leaf = run.seq - back, run.leaf - back
            if leaf < size:
                ranges = tree.inclusion_ranges(leaf, size)
                tiles = await store_log.tiles(connection, tree.tiles_for(ranges))
                try:
                    proof = tree.roots(ranges, tiles)
                except KeyError:
                    continue  # a tile is missing: whoever reads the export finds an event without a proof
                yield line("proof", seq=seq, leaf=leaf, hashes=[each.hex() for each in proof])


# ---- back


class Malformed(ValueError):
    """A line of an export is not as `write` writes it."""


def read_line(raw: bytes) -> tuple[str, dict[str, Any]]:
    """The kind and the members of a line. Raises: Malformed."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Malformed("no JSON") from None
    if not isinstance(found, dict) or len(found) != 1:
        raise Malformed("expected one member")
    ((kind, members),) = found.items()
    shape = SHAPES.get(kind)
    if shape is None or not isinstance(members, dict) or f"{canonical(found)}\n".encode() != raw:
        raise Malformed("expected one of the known kinds, as canonical JSON")
    if members.keys() != shape.keys() | (members.keys() & OPTIONAL.get(kind, frozenset())):
        raise Malformed(f"expected {', '.join(sorted(shape))}")
    for name, wanted in shape.items():
        if type(members[name]) not in wanted:
            raise Malformed(f"{name} is of another type")
    return kind, members


_TEXT, _NUMBER = (str,), (int,)
_TEXT_OR_NONE = (str, type(None))
SHAPES: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "log": {
        "version": _NUMBER, "suite": _TEXT, "key": _TEXT_OR_NONE, "case": _TEXT_OR_NONE, "private": (bool,),
    },
    "tile": {"number": _NUMBER, "hashes": _TEXT},
    "case": {"id": _TEXT, "head": (dict, type(None))},
    "event": {
        "seq": _NUMBER, "type": _TEXT, "step": _TEXT_OR_NONE, "actor": _TEXT, "at": _TEXT, "data": _TEXT,
        "prev": _TEXT, "hash": _TEXT,
    },
    "leaf": {"seq": _NUMBER, "leaf": _NUMBER, "events": _NUMBER},
    "private": {"seq": _NUMBER, "salt": _TEXT, "payload": _TEXT},
    "proof": {"seq": _NUMBER, "leaf": _NUMBER, "hashes": (list,)},
    "checkpoint": {"size": _NUMBER, "note": _TEXT},
    "stamp": {"size": _NUMBER, "reply": _TEXT},
    "end": {"lines": _NUMBER, "sha256": _TEXT},
}  # fmt: skip
"""The members of each kind of line, and what they may be."""

OPTIONAL: Mapping[str, frozenset[str]] = {"case": frozenset({"lane"})}


def unhex(text: str) -> bytes:
    """The bytes in lower-case hex digits. Raises: Malformed."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        raise Malformed("expected hex digits") from None
    if found.hex() != text:
        raise Malformed("expected hex digits in lower case")
    return found


def unbase64(text: str) -> bytes:
    """The bytes in base64, as `write` writes it. Raises: Malformed."""
    try:
        found = b64decode(text, validate=True)
    except (Error, ValueError):
        raise Malformed("expected base64") from None
    if b64encode(found).decode() != text:
        raise Malformed("expected base64")
    return found


def event_of(case_id: UUID, members: Mapping[str, Any]) -> Event:
    """The event in a line. Raises: Malformed."""
    plain = {name: members[name] for name in ("seq", "type", "step", "actor", "at", "data")}
    return Event(case_id, **plain, prev_hash=unhex(members["prev"]), hash=unhex(members["hash"]))


def run_of(case_id: UUID, members: Mapping[str, Any]) -> Run:
    """The run of leaves in a line. Raises: Malformed."""
    run = Run(case_id, members["seq"], members["leaf"], members["events"])
    if not 1 <= run.events <= min(run.seq, run.leaf + 1):
        raise Malformed("no run of leaves")
    return run
