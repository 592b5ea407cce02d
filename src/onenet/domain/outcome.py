"""Outcome: what a department answered, at once or by callback. A closed set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Literal

from onenet.domain.bundle import Limit

ResultState = Literal["issued", "recalled", "revoked"]
"""recalled 撤回: a lawful grant, taken back as the circumstances changed; revoked 撤销: one that was wrongly
obtained (LIC 8, 69).
"""

WhichLimit = Literal["promised", "statutory"]

FailureClass = Literal["transient", "permanent", "gone", "refused"]
"""How a call failed: worth the whole schedule, two tries, none until resumed, never called."""


@dataclass(frozen=True, slots=True)
class ResultGiven:
    """A result as a department issued it: its code in the catalogue, its number, further facts.

    `state`: whether it still stands; `state_reason` and `state_on` (a local day) say why it does not, and
    since when. `name`, `issuer`: where they are not as the catalogue and the department say. `valid_from`,
    `valid_until`: first and last local day on which it holds, where it says so. `issued_on`: the local day of
    the decision; None where a version before 0.1 recorded it. Source: GB/T 39046 table 8.
    """

    code: str
    number: str | None = None
    facts: Mapping[str, Any] | None = None
    state: ResultState = "issued"
    state_reason: str | None = None
    state_on: str | None = None
    name: str | None = None
    issuer: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    issued_on: str | None = None

    def as_issued(self) -> dict[str, Any]:
        """What the department issued, whatever became of it."""
        said = {name: getattr(self, name) for name in _SAID_BESIDE}
        told = {name: value for name, value in said.items() if value is not None}
        return {"code": self.code, "number": self.number, "facts": self.facts, **told}


_SAID_BESIDE = ("name", "issuer", "valid_from", "valid_until")


ReasonKind = Literal["incorrect", "incomplete", "outdated", "missing"]
"""What is wrong with it (domain.md 18.1: the correction kinds of demarche.numerique.gouv.fr, and none)."""


@dataclass(frozen=True, slots=True)
class SupplementRequest:
    """One thing the applicant must hand in or repair: a material or a form field, and why.

    `reason_kind`: None where the department did not say it; `reason` is for people.
    """

    kind: Literal["material", "field"]
    code: str
    reason: str
    reason_kind: ReasonKind | None = None

    @property
    def thing(self) -> str:
        """What is asked for, in one word: `material:deed`."""
        return f"{self.kind}:{self.code}"


@dataclass(frozen=True, slots=True)
class Received:
    """The department has the task; its answer follows.

    `reference`: what the department calls it, None where that is not known, or is what it was.
    `poll_after_s`: the department does not call back, and is asked after so many seconds; None where it calls
    back, or where what was wanted before still holds. Neither is in `repr`: a reference may say whose it is.
    """

    reference: str | None = field(default=None, repr=False)
    poll_after_s: int | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Offered:
    """The department cannot be called: it fetches its tasks, and may fetch this one from now on."""

    reason: str = "waits for the department to fetch it"


@dataclass(frozen=True, slots=True)
class AtDesk:
    """The department has no system: the task lies at its desk, where a clerk of it decides."""

    reason: str = "lies at the department's desk"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The department accepted the application; its clock runs."""

    opinion: str | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """The department decided in the applicant's favour.

    `deficiency_open`: although something is still to follow (exchange code 12, domain.md 4.2).
    `without_opinions`: why, although opinions were asked of other departments that are not given.
    """

    results: tuple[ResultGiven, ...] = ()
    opinion: str | None = None
    deficiency_open: bool = False
    without_opinions: str | None = None


@dataclass(frozen=True, slots=True)
class SupplementNeeded:
    """The applicant must add or repair something, all of it said at once."""

    requests: tuple[SupplementRequest, ...]
    due_on: date | None = None
    opinion: str | None = None


SpecialProcedure = Literal[
    "hearing", "tender", "auction", "inspection", "testing", "quarantine", "appraisal", "expert_review"
]
"""The closed list of LIC art. 45."""


@dataclass(frozen=True, slots=True)
class Suspended:
    """A special procedure began. `expected`: how long it takes; the clock stops only where that is said."""

    procedure: SpecialProcedure
    reason: str | None = None
    expected: Limit | None = None


@dataclass(frozen=True, slots=True)
class Resumed:
    """The special procedure ended."""


RefusedAs = Literal["not_needed", "not_competent", "refused"]
"""Not accepted, as none is needed or as another body is competent; refused on the merits."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not accepted, or refused on the merits; `reason_code` is not_needed, not_competent or refused.

    `go_to`: the body that is competent, where this one is not. `without_opinions`: as of what is granted.
    """

    reason_code: RefusedAs
    reason: str
    go_to: str | None = None
    without_opinions: str | None = None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was granted does not stand any more: the results of these codes, or all that were issued.

    Source: codes 14 and 15 of the exchange list (domain.md 4.2).
    """

    state: Literal["recalled", "revoked"]
    reason: str
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extended:
    """A limit of the step is lengthened by `days` in its unit, once, as the head of the body approved (LIC
    art. 42); the applicant is told the reason.
    """

    limit: WhichLimit
    days: int
    approved_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class TellHearingRight:
    """The applicant is told that a hearing can be asked for, and why."""

    reason: str
    action: ClassVar[str] = "tell_hearing"


@dataclass(frozen=True, slots=True)
class SetHearing:
    """Day and place of the hearing are set, or set anew."""

    on: date
    place: str
    action: ClassVar[str] = "set_hearing"


@dataclass(frozen=True, slots=True)
class RecordHearing:
    """The hearing was held: its minutes, which the decision rests on (LIC 48)."""

    minutes: str
    action: ClassVar[str] = "record_hearing"


Proceeding = Extended | TellHearingRight | SetHearing | RecordHearing
"""What a department does in a step before it decides. It moves the step no further by itself."""


OpinionAnswer = Literal["agree", "agree_with_conditions", "disagree", "no_remarks"]
NEEDS_WORDS: frozenset[OpinionAnswer] = frozenset({"agree_with_conditions", "disagree"})
"""Answers that say under which conditions, or why."""


@dataclass(frozen=True, slots=True)
class OpinionGiven:
    """What a department that was asked for its opinion thinks: an answer to a question alone."""

    answer: OpinionAnswer
    words: str | None = None


@dataclass(frozen=True, slots=True)
class TryLater:
    """No answer: the call failed. `retry_after_s` is what the department asked for, if it did."""

    failure: FailureClass
    reason: str
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Unclear:
    """An answer nobody planned for; never guessed, the step is held for a person."""

    reason: str


Outcome = (
    Received
    | Offered
    | AtDesk
    | Accepted
    | Completed
    | SupplementNeeded
    | Suspended
    | Resumed
    | Rejected
    | TakenBack
    | Extended
    | TellHearingRight
    | SetHearing
    | RecordHearing
    | OpinionGiven
    | TryLater
    | Unclear
)

WORDS: Mapping[str, type[Outcome]] = {
    "accepted": Accepted,
    "supplement_needed": SupplementNeeded,
    "suspended": Suspended,
    "resumed": Resumed,
    "completed": Completed,
    "rejected": Rejected,
    "recalled": TakenBack,
    "revoked": TakenBack,
    "extended": Extended,
    "hearing_told": TellHearingRight,
    "hearing_set": SetHearing,
    "hearing_held": RecordHearing,
}
"""What departments say, in their systems and at their desks."""
