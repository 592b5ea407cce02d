"""Tampering: one thing that is not as it was written, and every reason that can be told of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

REASONS: Mapping[str, str] = {
    "altered": "an event is not as it was written",
    "removed": "an event is missing",
    "inserted": "an event is there that nobody wrote",
    "lane_moved": "a row lies in a lane that is not its case's",
    "case_altered": "the case's row does not fit its events",
    "case_removed": "something of a case is left, and the case is not",
    "step_altered": "a step does not stand where its events left it",
    "rewritten": "an event fits its neighbours, and is not the one that was sealed",
    "private_altered": "the private part of an event does not fit its commitment",
    "private_inserted": "a private part belongs to no event that committed to one",
    "leaf_altered": "a leaf names another event than the one that was sealed there",
    "leaf_removed": "a sealed event has no leaf, or a leaf no event",
    "leaf_inserted": "a leaf stands beyond the tree",
    "leaf_duplicated": "an event has two leaves, or a leaf two events",
    "tile_altered": "a stored hash of the tree is not the one that was signed",
    "tree_altered": "the leaves are not those that were signed",
    "tree_cut": "fewer leaves are there than were signed",
    "checkpoint_altered": "a checkpoint is not as it was signed",
    "checkpoint_forged": "a checkpoint was signed by another key",
    "checkpoint_removed": "a checkpoint is missing",
    "wrong_key": "the log is not that of the key that was given",
    "anchor_altered": "a line of the anchor is no checkpoint of this log",
    "anchor_cut": "a checkpoint is missing from the anchor",
    "rolled_back": "the anchor or a witness knows of more than the log has",
    "split_view": "the anchor has another root for the same number of events",
    "forked": "the log is not the one that a witness kept a checkpoint of",
    "witness_altered": "what a witness kept is no checkpoint of this log",
    "stamp_altered": "a time stamp is not as its authority gave it",
    "stamp_foreign": "a time stamp is of an authority that was not given",
    "stamp_misplaced": "a time stamp is of another checkpoint than the one it stands beside",
    "proof_altered": "the proof of an event does not lead to the checkpoint",
    "export_malformed": "a line of the export is not as it is written",
    "export_cut": "the end of the export is missing, or a line in it",
    "export_damaged": "the export is not the file that was written",
}
"""Every way in which a record can be found wanting. docs/administrators.md has the same table."""


@dataclass(frozen=True, slots=True)
class Tampering:
    """One thing that is not as it was written: what, of which case if any, which row (`seq`, or a step)."""

    case_id: UUID | None
    kind: str
    seq: int | None = None
    step: str | None = None
    detail: str = ""


def misfit(kind: str, case_id: UUID | None = None, seq: int | None = None, detail: str = "") -> Tampering:
    """A tampering with the log, by its reason. Raises: KeyError when the table has no such reason."""
    if kind not in REASONS:
        raise KeyError(kind)
    return Tampering(case_id, kind, seq, detail=detail)
