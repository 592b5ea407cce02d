"""Elsewhere: what was kept of a log out of its database's reach, and whether the log still fits that.

Whoever has the database and the log's key can write all of it anew so that it fits by itself. It does not fit
checkpoints that others kept then: the anchor, witnesses, an authority that stamped them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from onenet.adapters.stamps import Authority, UnfitStamp
from onenet.domain.note import Checkpoint, PublicKey, Signed
from onenet.services.anchor import Line
from onenet.services.log_key import is_signed_by
from onenet.services.tampering import Tampering, misfit


@dataclass(frozen=True, slots=True)
class Kept:
    """What whoever verifies has from elsewhere: the key, an anchor, copies of witnesses, who stamps."""

    key: PublicKey | None = None
    anchor: Sequence[Line] = ()
    witnesses: Sequence[Line] = ()
    authority: Authority | None = None


NOTHING = Kept()


@dataclass(frozen=True, slots=True)
class Stamped:
    """How many stamps fit, and how many nobody could judge; events under the newest that fits, its moment."""

    stamps: int = 0
    not_judged: int = 0
    size: int = 0
    at: datetime | None = None


UNSTAMPED = Stamped()


def against_stamps(
    stamps: Iterable[tuple[int, bytes]], notes: Mapping[int, str], authority: Authority | None
) -> tuple[list[Tampering], Stamped]:
    """Whether stamps are those of the checkpoints they stand beside. `notes` by the sizes of their rows."""
    found = list[Tampering]()
    fit = dict[int, datetime]()
    not_judged = 0
    for size, stamp in stamps:
        where = f"checkpoint {size}"
        if size not in notes:
            found.append(misfit("checkpoint_removed", detail=f"{where}: its time stamp is left"))
        elif authority is None:
            not_judged += 1
        else:
            try:
                fit[size] = authority.judge(stamp, notes[size].encode())
            except UnfitStamp as error:
                found.append(misfit(error.kind, detail=f"{where}: {error}"))
    newest = max(fit, default=0)
    return found, Stamped(len(fit), not_judged, newest, fit.get(newest))


def of_one_case(signed: Checkpoint | None, kept: Kept) -> Iterator[Tampering]:
    """The one checkpoint of an export of one case, against those that were kept."""
    for line in kept.anchor:
        if line.signed is None or kept.key is None or not is_signed_by(line.signed, kept.key):
            yield misfit("anchor_altered", detail=f"line {line.number}")
            continue
        theirs = line.signed.checkpoint
        if signed and theirs.size == signed.size and theirs.root != signed.root:
            yield misfit("split_view", detail=f"line {line.number}, {signed.size} events")


def against_witnesses(
    kept: Kept, roots: Mapping[int, bytes], newest: int | None = None
) -> tuple[list[Tampering], int]:
    """Copies that are not in the log, and how many are. `roots` over its first leaves, by their number.

    The first n leaves of a log that was only ever appended to have the root that was signed when they were
    all: what a consistency proof shows to those who have not all leaves (RFC 9162 section 2.1.4).
    `newest`: how many events are sealed; None in an export of one case, which has its own checkpoint alone.
    """
    found, contained = list[Tampering](), 0
    for line in kept.witnesses:
        where = f"copy {line.number}"
        if line.signed is None or kept.key is None or not is_signed_by(line.signed, kept.key):
            found.append(misfit("witness_altered", detail=where))
            continue
        theirs = line.signed.checkpoint
        root = roots.get(theirs.size)
        if root == theirs.root:
            contained += 1
        elif root is not None or newest is not None:
            kind = "forked" if newest is None or theirs.size <= newest else "rolled_back"
            found.append(misfit(kind, detail=f"{where}, {theirs.size} events"))
    return found, contained


def against_anchor(
    lines: Sequence[Line], signed: Mapping[int, Signed], roots: Mapping[int, bytes], key: PublicKey
) -> Iterator[Tampering]:
    """The checkpoints that were kept elsewhere, against those of the log."""
    kept: dict[int, int] = {}
    newest = max(signed, default=0)
    for line in lines:
        if line.signed is None or not is_signed_by(line.signed, key):
            yield misfit("anchor_altered", detail=f"line {line.number}")
            continue
        checkpoint = line.signed.checkpoint
        if checkpoint.size < max(kept, default=0):
            yield misfit("anchor_altered", detail=f"line {line.number} is out of order")
        kept[checkpoint.size] = line.number
        known = signed.get(checkpoint.size)
        root = known.checkpoint.root if known else roots.get(checkpoint.size)
        where = f"line {line.number}, {checkpoint.size} events"
        if checkpoint.size > newest:
            yield misfit("rolled_back", detail=where)
        elif root != checkpoint.root:
            yield misfit("split_view", detail=where)
        elif known is None:
            yield misfit("checkpoint_removed", detail=where)
    between = [size for size in sorted(signed) if kept and min(kept) < size < max(kept) and size not in kept]
    if len(kept) == len(lines):
        yield from (misfit("anchor_cut", detail=f"{size} events") for size in between)
