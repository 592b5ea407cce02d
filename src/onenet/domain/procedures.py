"""Procedures: what goes on in a step or a case beside its state, each a small record of its own kind.

The kinds are closed: a new one is a frozen dataclass whose first field, `kind`, is its name as a Literal, in
the module of its noun, and a name in the union here. They are stored as JSON, sealed, and read by that union.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from onenet.domain.bundle import Limit, Names
from onenet.domain.outcome import OpinionAnswer, RefusedAs, WhichLimit
from onenet.domain.promises import Commitment, Tolerance
from onenet.domain.ratings import Rating
from onenet.domain.tickets import Ticket


@dataclass(frozen=True, slots=True)
class Extension:
    """A limit that was lengthened, once: LIC art. 42 (20 + 10; of joint handling 45 + 15 working days).

    `limit`: which one; `days`: in its unit. `approved_by`: the head of the body, or of the government for
    joint handling.
    """

    kind: Literal["extension"]
    limit: WhichLimit
    days: int
    approved_by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Urging:
    """A unit told to act on a step, and to answer until `due_at`: urging 催办, or supervision 督办 above it.

    `number`: counts them within the step. `is_overdue`: it was not answered by then, which stays on record.
    """

    kind: Literal["urging"]
    number: int
    level: Literal["urging", "supervision"]
    by: str
    reason: str
    at: datetime
    due_at: datetime
    answer: str | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None
    is_overdue: bool = False


@dataclass(frozen=True, slots=True)
class Reminder:
    """That the applicant was told that the time to hand something in ends then."""

    kind: Literal["reminder"]
    ends_at: datetime
    at: datetime


Phase = Literal["before_acceptance", "after_acceptance"]


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction that was asked for. `asked`: all of it (`material:deed`); `not_said_at_once`: what of it
    could have been asked for with an earlier one of the same phase (LIC art. 32(1)(4)). `is_day_of_place`:
    its last day is the place's, since the department named none; never where a version before 0.1 asked.
    """

    kind: Literal["correction"]
    phase: Phase
    asked: tuple[str, ...]
    at: datetime
    not_said_at_once: tuple[str, ...] = ()
    is_day_of_place: bool = False


@dataclass(frozen=True, slots=True)
class Suspension:
    """A special procedure of the legal list. `expected`: how long it takes, as the applicant was told; None
    where the department did not say it. `is_overdue`: it took longer, which was told.
    """

    kind: Literal["suspension"]
    procedure: str
    at: datetime
    reason: str | None
    expected: Limit | None
    ended_at: datetime | None = None
    is_overdue: bool = False

    @property
    def stops_clock(self) -> bool:
        """Whether the clock stands still for it: only where the applicant was told for how long."""
        return self.expected is not None


@dataclass(frozen=True, slots=True)
class Remedy:
    """What can be done against a refusal, where, and until which local day."""

    way: Literal["administrative_review", "lawsuit"]
    where: Names
    until: date


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a step was refused. `go_to`: the body that is competent."""

    kind: Literal["refusal"]
    reason_code: RefusedAs
    at: datetime
    go_to: str | None
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True, slots=True)
class Reapplies:
    """Of a case: it applies again for what was refused in that step of an earlier one."""

    kind: Literal["reapplies"]
    case: UUID
    number: str
    step: str


@dataclass(frozen=True, slots=True)
class Reapplied:
    """Of a step: that case applies again for it."""

    kind: Literal["reapplied"]
    case: UUID
    at: datetime


HearingState = Literal["told", "asked", "set", "held", "waived", "lapsed"]


@dataclass(frozen=True, slots=True)
class Hearing:
    """A hearing of a step. told: it can be asked for; asked: it is to be held; set: with day and place; held:
    its minutes are recorded; waived and lapsed: nobody asked, and nobody will. `reason`: why it may be.
    `until`: when the right to ask ends, as the applicant was told; None where a version before 0.1 told it.
    """

    kind: Literal["hearing"]
    state: HearingState
    reason: str
    told_at: datetime
    asked_at: datetime | None = None
    on: date | None = None
    place: str | None = None
    minutes: str | None = None
    until: datetime | None = None


OpinionState = Literal["asked", "given", "withdrawn", "ended"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """An opinion asked of another department inside a step. withdrawn: by who asked; ended: with the step.

    `names`: of that department. `put`: canonical JSON of what of the case was put to it, fixed when it was
    asked. `is_overdue`: it was not given by `due_at`; it can be given still. `words`: of the answer.
    `ended_at`: when it was given, withdrawn or ended.
    """

    kind: Literal["opinion"]
    id: UUID
    department: str
    names: Names
    question: str
    put: str
    asked_by: str
    at: datetime
    due_at: datetime
    state: OpinionState = "asked"
    is_overdue: bool = False
    answer: OpinionAnswer | None = None
    words: str | None = None
    answered_by: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ResultDelivery:
    """Of a step, decided `at`: its results are to be handed over or sent. `due_at`: until when, as was told
    last; while it is awaited `delivery` counts it anew. `is_provisional`: it was told that it may move.
    `is_overdue`: they were not by then, which stays on record. `tracking_number`: the carrier's.
    """

    kind: Literal["result_delivery"]
    channel: Literal["window", "courier"]
    at: datetime
    due_at: datetime
    delivered_at: datetime | None = None
    delivered_by: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    is_overdue: bool = False
    is_provisional: bool = False


Procedure = (
    Commitment
    | Correction
    | Extension
    | Hearing
    | Opinion
    | Rating
    | Reapplied
    | Reapplies
    | Refusal
    | Reminder
    | ResultDelivery
    | Suspension
    | Ticket
    | Tolerance
    | Urging
)


def opinions_of(procedures: tuple[Procedure, ...]) -> list[Opinion]:
    """The opinions among them, the one asked first before the others."""
    return [each for each in procedures if isinstance(each, Opinion)]


def reapplied_by(procedures: tuple[Procedure, ...]) -> UUID | None:
    """The case that applies again for the step, if one does."""
    return next((each.case for each in procedures if isinstance(each, Reapplied)), None)


def extension_of(procedures: Iterable[Procedure], which: WhichLimit) -> Extension | None:
    """What came on top of that limit."""
    given = (each for each in procedures if isinstance(each, Extension) and each.limit == which)
    return next(given, None)


def suspension_of(procedures: tuple[Procedure, ...]) -> Suspension | None:
    """The special procedure among them, the last one."""
    return next((each for each in reversed(procedures) if isinstance(each, Suspension)), None)


def hearing_of(procedures: tuple[Procedure, ...]) -> Hearing | None:
    """The hearing among them, the last one."""
    return next((each for each in reversed(procedures) if isinstance(each, Hearing)), None)
