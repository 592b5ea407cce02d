"""Log import: verifies an export, with no service and no database.

What cannot be read is told by its line, and what is left is checked all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from onenet.domain import tree
from onenet.domain.tree import HASH_BYTES
from onenet.ids import lane_of
from onenet.services.elsewhere import NOTHING, Kept, against_stamps, against_witnesses, of_one_case
from onenet.services.log_check import LogCheck, checkpoint
from onenet.services.log_export import VERSION, Malformed, event_of, read_line, run_of, unbase64, unhex
from onenet.services.record import Verdict, check_record, erased, once, own_key
from onenet.services.tampering import Tampering, misfit
from onenet.store.events import split_private
from onenet.store.record import CaseRecord, Head

ORDER = ("log", "tile", "case", "event", "leaf", "private", "proof", "checkpoint", "stamp", "end")


class _Reader:
    """Takes line after line; `found` are the tamperings so far."""

    def __init__(self) -> None:
        self.found: list[Tampering] = []
        self.key: str | None = None
        self.of_case: str | None = None
        self.has_private = False
        self.hashes = bytearray()
        self.notes: list[tuple[int, str]] = []
        self.stamps: list[tuple[int, bytes]] = []
        self.record: CaseRecord | None = None
        self.log: LogCheck | None = None
        self.proofs: dict[int, tuple[int, list[bytes]]] = {}
        self.alone: CaseRecord | None = None
        self.cases: set[UUID] = set()
        self.events = self.gone = 0
        self.end: dict[str, Any] | None = None

    def read(self, number: int, raw: bytes) -> None:
        """One line. Raises: Malformed."""
        kind, members = read_line(raw)
        if self.end is not None or (kind == "log") != (number == 1):
            raise Malformed("out of order")
        if kind == "checkpoint":
            self.close_case()
        getattr(self, f"_{kind}")(members)

    def _log(self, members: dict[str, Any]) -> None:
        if members["version"] != VERSION:
            raise Malformed(f"version {members['version']} is not known here")
        if members["suite"] != "std":
            raise Malformed("the suite is not known here")
        self.key, self.of_case = members["key"], members["case"]
        self.has_private = members["private"]

    def _tile(self, members: dict[str, Any]) -> None:
        hashes = unbase64(members["hashes"])
        place = members["number"] * tree.TILE_WIDTH * HASH_BYTES
        if len(hashes) % HASH_BYTES or place != len(self.hashes):
            raise Malformed("a tile is missing, or cut short")
        self.hashes += hashes

    def _case(self, members: dict[str, Any]) -> None:
        self.close_case()
        try:
            case_id = UUID(members["id"])
        except ValueError:
            raise Malformed("expected the id of a case") from None
        if str(case_id) != members["id"]:
            raise Malformed("expected the id of a case")
        lane = members.get("lane", lane_of(case_id))
        self.record = CaseRecord(case_id, lane)
        if (head := members["head"]) is not None:
            try:
                self.record.head = Head(head["seq"], unhex(head["hash"]), head["state"])
            except (KeyError, TypeError):
                raise Malformed("expected seq, hash and state") from None
            if len(head) != 3:
                raise Malformed("expected seq, hash and state")

    def _event(self, members: dict[str, Any]) -> None:
        record = self._open()
        record.events.append(event_of(record.case_id, members))

    def _leaf(self, members: dict[str, Any]) -> None:
        record = self._open()
        record.runs.append(run_of(record.case_id, members))

    def _private(self, members: dict[str, Any]) -> None:
        self._open().private[members["seq"]] = unhex(members["salt"]).hex() + members["payload"]

    def _proof(self, members: dict[str, Any]) -> None:
        hashes = [unhex(each) for each in members["hashes"]]
        self._open()
        self.proofs[members["seq"]] = (members["leaf"], hashes)

    def _checkpoint(self, members: dict[str, Any]) -> None:
        self.notes.append((members["size"], members["note"]))

    def _stamp(self, members: dict[str, Any]) -> None:
        self.stamps.append((members["size"], unbase64(members["reply"])))

    def _end(self, members: dict[str, Any]) -> None:
        self.end = members

    def _open(self) -> CaseRecord:
        if self.record is None:
            raise Malformed("a line of a case before any case")
        return self.record

    def close_case(self) -> None:
        """Checks the case that was being read; called after its last line."""
        record, self.record = self.record, None
        if self.log is None:
            self.log = LogCheck(bytes(self.hashes))
        if record is None:
            return
        self.cases.add(record.case_id)
        self.events += len(record.events)
        self.gone += erased(record) if self.has_private else 0
        self.found += check_record(record, lambda _record, _seq, stored: split_private(stored))
        if self.of_case is None:
            self.found += self.log.case(record.case_id, record.events, record.runs)
        else:
            self.alone = record


def verify_export(file: Iterable[bytes], kept: Kept = NOTHING) -> Verdict:
    """What is wrong with an export, by itself and beside what was kept."""
    reader = _Reader()
    digest, count = hashlib.sha256(), 0
    for number, raw in enumerate(file, 1):
        if reader.end is None and not raw.startswith(b'{"end":'):
            digest.update(raw)
            count = number
        try:
            reader.read(number, raw)
        except Malformed as error:
            reader.found.append(misfit("export_malformed", detail=f"line {number}: {error}"))
    reader.close_case()
    reader.found += _end(reader, count, digest.hexdigest())
    sealed, witnessed = _finish(reader, own_key(reader.key, kept, reader.found))
    unfit, stamped = against_stamps(reader.stamps, dict(reader.notes), kept.authority)
    found, checkpoints = once([*reader.found, *unfit]), len(reader.notes)
    cases, unchecked = len(reader.cases), "" if reader.has_private else "the export is without them"
    return Verdict(
        cases, reader.events, found, sealed, checkpoints, reader.gone, stamped, witnessed, unchecked
    )


def _end(reader: _Reader, count: int, digest: str) -> Iterator[Tampering]:
    if reader.end is None or reader.end["lines"] != count:
        yield misfit("export_cut", detail="the last line is missing, or tells another number of lines")
    elif reader.end["sha256"] != digest:
        yield misfit("export_damaged", detail="its digest is another one")


def _finish(reader: _Reader, kept: Kept) -> tuple[int, int]:
    """Checks the log itself; gives how many events are sealed, and how many copies of witnesses it has."""
    log = reader.log
    if log is None:
        return 0, 0
    if reader.of_case is None:
        reader.found += log.finish(reader.notes, kept)
        forked, witnessed = against_witnesses(kept, log.roots, log.newest)
        reader.found += forked
        return log.sealed, witnessed
    return _finish_alone(reader, kept)


def _finish_alone(reader: _Reader, kept: Kept) -> tuple[int, int]:
    """One case: each of its sealed events has a proof that leads to the newest checkpoint."""
    signed = None
    for size, text in reader.notes:
        found = checkpoint(size, text, kept.key)
        if isinstance(found, Tampering):
            reader.found.append(found)
        else:
            signed = found.checkpoint
    reader.found += of_one_case(signed, kept)
    forked, witnessed = against_witnesses(kept, {signed.size: signed.root} if signed else {})
    reader.found += forked
    record = reader.alone or CaseRecord(UUID(int=0), 0)
    sealed = 0
    for event in record.events:
        leaf = next((r.leaf - r.seq + event.seq for r in record.runs if r.seq >= event.seq), None)
        if leaf is None or signed is None or leaf >= signed.size:
            continue
        claimed, hashes = reader.proofs.get(event.seq, (-1, []))
        root = tree.root_from_inclusion(tree.leaf_hash(event.hash), leaf, signed.size, hashes)
        if claimed != leaf or root != signed.root:
            reader.found.append(misfit("proof_altered", event.case_id, event.seq))
        sealed += 1
    return sealed, witnessed
