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
