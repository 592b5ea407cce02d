"""Promises: what an applicant signs so that an application goes on without something, and what came of it.

A material may follow later (容缺受理, ANY art. 24); a commitment may take the place of a proof or a check
(告知承诺, ANY art. 25-29; SHA art. 27, 29). The texts are the catalogue's; what was signed is kept by version
and hash. Source: domain.md sections 6 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

TolerancesEnd = Literal["kept", "late", "excused"]
"""kept: in time. late: not by the day that was promised. excused: in time after that day was put off, or the
department decided without it.
"""


@dataclass(frozen=True, slots=True)
class Signature:
    """Which version of which text somebody signed, by name, and when."""

    version: str
    sha256: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A line of the ledger: one material that follows later. It is open while it has no `outcome`.

    `due_on`: the last day to hand it in. `deferred_by`, `deferred_for`: the officer who put that day off,
    and the force majeure.
    """

    kind: Literal["tolerance"]
    material: str
    signed: Signature
    due_on: date
    delivered_at: datetime | None = None
    outcome: TolerancesEnd | None = None
    deferred_by: str | None = None
    deferred_for: str | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """A material that is to follow, and by which day; None: the last that there is."""

    material: str
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Undertaking:
    """What an applicant signs for one step: these materials follow."""

    step: str
    version: str
    by: str
    materials: tuple[Later, ...]


CommitmentState = Literal["signed", "taken_back", "to_check", "kept", "broken", "repaired", "revoked"]


@dataclass(frozen=True, slots=True)
class Commitment:
    """A commitment that was signed for a step, and how it stands.

    `check_due_on`: the last day to look whether it is kept. `repair_due_on`: the last day to repair a broken
    one. `is_overdue`: the day that is awaited now has passed. `finding`: what an officer found, in words.
    """

    kind: Literal["commitment"]
    signed: Signature
    state: CommitmentState = "signed"
    check_due_on: date | None = None
    repair_due_on: date | None = None
    is_overdue: bool = False
    finding: str | None = None
    checked_by: str | None = None
    checked_at: datetime | None = None

    @property
    def awaited_on(self) -> date | None:
        """The day by which something is to happen to it, if anything is."""
        return {"to_check": self.check_due_on, "broken": self.repair_due_on}.get(self.state)


@dataclass(frozen=True, slots=True)
class Signing:
    """What an applicant signs for one step: its commitment."""

    step: str
    version: str
    by: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What an officer found of a commitment; `repair_due_on`: by when a broken one is to be repaired."""

    word: Literal["kept", "broken", "repaired", "revoked"]
    reason: str
    by: str
    repair_due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Promised:
    """All that is signed as an application is sent in."""

    undertakings: tuple[Undertaking, ...] = ()
    commitments: tuple[Signing, ...] = ()


NOTHING_PROMISED = Promised()
