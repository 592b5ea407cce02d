"""Log check: whether events, leaves, tiles, checkpoints and anchor fit together. Pure.

Events are compared with the leaf hashes that are stored, these with the roots that were signed, and the
signed checkpoints with those that were kept elsewhere. Which of two that differ was altered, the signature
tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from onenet.domain import note, tree
from onenet.domain.note import MalformedNote, PublicKey, Signed
from onenet.domain.tree import HASH_BYTES, Edge
from onenet.services.elsewhere import Kept, against_anchor
from onenet.services.log_key import is_signed_by
from onenet.services.tampering import Tampering, misfit
from onenet.store.events import Event
from onenet.store.log import Run

MOST_SEARCHES = 1_000
"""Leaves that are looked for elsewhere in the tree: each look reads all of it."""


class _Differing(NamedTuple):
    leaf: int
    case_id: UUID
    seq: int
    is_sound: bool


class LogCheck:
    """Takes cases one by one, and tells at the end what of the log does not fit."""

    def __init__(self, hashes: bytes):
        """`hashes` of the leaves, in order, as they are stored.

        After `finish`: `newest`, how many events are signed and there; `roots` over what somebody signed.
        """
        self.size = len(hashes) // HASH_BYTES
        self.sealed = 0
        self.newest = 0
        self.roots: Mapping[int, bytes] = {}
        self._stored = hashes
        self._of_events = bytearray(hashes)
        self._has_event = bytearray(self.size)
        self._differing: list[_Differing] = []
        self._searches = 0

    # ---- cases

    def case(self, case_id: UUID, events: Sequence[Event], runs: Iterable[Run]) -> Iterator[Tampering]:
        """What is wrong with the leaves of one case."""
        by_seq = {event.seq: event for event in events}
        covered: set[int] = set()
        for run in runs:
            for back in range(run.events - 1, -1, -1):
                seq = run.seq - back
                if seq in covered:
                    yield misfit("leaf_duplicated", case_id, seq)
                    continue
                covered.add(seq)
                event = by_seq.get(seq)
                if event is None and by_seq:  # of a case that is gone altogether that is told once
                    yield misfit("removed", case_id, seq, f"it was sealed as leaf {run.leaf - back}")
                yield from self._leaf(case_id, seq, run.leaf - back, event)
        if len(covered) < max(covered, default=0):
            missing = next(seq for seq in range(1, max(covered)) if seq not in covered)
            yield misfit("leaf_removed", case_id, missing)

    def _leaf(self, case_id: UUID, seq: int, leaf: int, event: Event | None) -> Iterator[Tampering]:
        if not 0 <= leaf < self.size:
            yield misfit("leaf_inserted", case_id, seq, f"leaf {leaf}")
            return
        at = leaf * HASH_BYTES
        hashed = tree.leaf_hash(event.hash) if event else self._stored[at : at + HASH_BYTES]
        differs = hashed != self._stored[at : at + HASH_BYTES]
        is_sound = event is not None and event.is_sound()
        elsewhere = self._find(hashed) if differs and is_sound else None
        if elsewhere is not None:
            self._has_event[elsewhere] = 1
            yield misfit("leaf_altered", case_id, seq, f"leaf {leaf}; it was sealed as leaf {elsewhere}")
        elif self._has_event[leaf]:
            yield misfit("leaf_duplicated", case_id, seq, f"leaf {leaf}")
        else:
            self._has_event[leaf] = 1
            self.sealed += 1
            if differs and event is not None:
                self._of_events[at : at + HASH_BYTES] = hashed
                self._differing.append(_Differing(leaf, case_id, seq, is_sound))

    def _find(self, hashed: bytes) -> int | None:
        """The leaf that has this hash."""
        self._searches += 1
        at = self._stored.find(hashed) if self._searches <= MOST_SEARCHES else -1
        while at >= 0 and at % HASH_BYTES:
            at = self._stored.find(hashed, at + 1)
        return None if at < 0 else at // HASH_BYTES

    # ---- the log

    def finish(self, notes: Iterable[tuple[int, str]], kept: Kept) -> Iterator[Tampering]:
        """What is wrong beyond single cases. `notes` of checkpoints by their sizes; `kept` has the key."""
        yield from self._holes()
        signed = dict[int, Signed]()
        largest = 0
        for size, text in notes:
            largest = max(largest, size)
            found = checkpoint(size, text, kept.key)
            if isinstance(found, Tampering):
                yield found
            else:
                signed[size] = found
        elsewhere = {line.signed.checkpoint.size for line in (*kept.anchor, *kept.witnesses) if line.signed}
        sizes = sorted(size for size in signed.keys() | elsewhere if size <= self.size)
        roots = self.roots = _roots(self._stored, sizes)
        self.newest = min(max(signed, default=0), self.size)
        if self.size > largest:
            yield misfit("checkpoint_removed", detail=f"no checkpoint is over all {self.size} leaves")
        yield from self._against_roots(signed, roots, sizes)
        if kept.key is not None:
            yield from against_anchor(kept.anchor, signed, roots, kept.key)

    def _holes(self) -> Iterator[Tampering]:
        """Leaves that no event claims, one misfit for each stretch of them."""
        leaf = self._has_event.find(0)
        while leaf >= 0:
            end = self._has_event.find(1, leaf)
            end = self.size if end < 0 else end
            yield misfit("leaf_removed", detail=f"leaf {leaf}" + (f" to {end - 1}" if end - leaf > 1 else ""))
            leaf = self._has_event.find(0, end) if end < self.size else -1

    def _against_roots(
        self, signed: Mapping[int, Signed], roots: Mapping[int, bytes], sizes: Sequence[int]
    ) -> Iterator[Tampering]:
        for size in signed:
            if size > self.size:
                yield misfit("tree_cut", detail=f"{size} were signed, {self.size} are there")
        fits = {size: roots[size] == signed[size].checkpoint.root for size in signed if size <= self.size}
        of_events = _roots(self._of_events, sizes) if self._differing else roots
        if not all(fits.values()) and all(of_events[size] == signed[size].checkpoint.root for size in fits):
            for leaf in sorted({each.leaf for each in self._differing}):
                yield misfit("tile_altered", detail=f"leaf {leaf}")
            return
        for size in (size for size, does_fit in fits.items() if not does_fit):
            yield misfit("tree_altered", detail=f"checkpoint {size}")
            break  # all later ones are over the same leaves, and more
        for each in self._differing:
            if each.is_sound:
                yield misfit("rewritten", each.case_id, each.seq)


def checkpoint(size: int, text: str, key: PublicKey | None) -> Signed | Tampering:
    """The checkpoint, if it is one that the log's key signed."""
    try:
        signed = note.read(text)
    except MalformedNote as error:
        return misfit("checkpoint_altered", detail=f"checkpoint {size}: {error}")
    if signed.checkpoint.size != size:
        return misfit("checkpoint_altered", detail=f"checkpoint {size} is of {signed.checkpoint.size} events")
    if key is None or (signed.checkpoint.origin, signed.key_name) != (key.origin, key.name):
        return misfit("checkpoint_forged", detail=f"checkpoint {size}")
    if not is_signed_by(signed, key):
        return misfit("checkpoint_altered", detail=f"checkpoint {size}")
    return signed


def _roots(hashes: bytes | bytearray, sizes: Sequence[int]) -> dict[int, bytes]:
    """The roots over the first leaves, for each of these numbers of them, ascending."""
    edge, found = Edge(), dict[int, bytes]()
    for size in sizes:
        for leaf in range(edge.size, size):
            edge.append(bytes(hashes[leaf * HASH_BYTES : (leaf + 1) * HASH_BYTES]))
        found[size] = edge.root()
    return found
