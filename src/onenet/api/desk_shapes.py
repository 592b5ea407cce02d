"""The desk on the wire: the work-list, what is done with a claim, and the answers of a clerk.

An answer has the words and members of every department's (`adapters.webhook.ANSWERS`, which reads it); here
they are held to the lengths and characters of all bodies, and reasons are mandatory.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, RootModel, StringConstraints

from onenet.api.case_shapes import BundleMark, StepStateWord, WaitingShape
from onenet.api.form_values import GivenForm
from onenet.api.shapes import (
    Answer,
    Code,
    Limit,
    Line,
    LongText,
    Moment,
    Named,
    Names,
    PageQuery,
    Request,
    extensible,
)
from onenet.domain.bundle import LimitUnit
from onenet.domain.outcome import WORDS, ReasonKind, ResultGiven, SpecialProcedure, WhichLimit
from onenet.domain.states import StepState
from onenet.services.desk import OFFICER

MOST_ENTRIES = 100

Clerk = Annotated[str, StringConstraints(max_length=255, pattern=f"^{OFFICER}$")]


class DeskQuery(PageQuery):
    """Filters of the work-list. `claim`: tasks that nobody has claimed, or those of whoever asks."""

    claim: Literal["none", "mine"] | None = None
    state: StepState | None = None


class NewClaim(Request):
    """Taking a task up. `reason`: a supervisor's, to take it from whoever has it."""

    reason: LongText | None = None


class NewHandover(Request):
    """Giving a task to another clerk of the department."""

    to: Clerk
    reason: LongText


class NewRelease(Request):
    """Putting a task back."""

    reason: LongText | None = None


class AnswerAccepted(Request):
    """The department accepts the application."""

    outcome: Literal["accepted"]
    opinion: LongText | None = None


class GivenResult(Request):
    """A result as it was issued. `name`, `issuer`: where they are not the catalogue's and the department's.
    `valid_from`, `valid_until`: the first and the last day on which it holds.
    """

    code: Code
    number: Line | None = None
    facts: GivenForm | None = None
    name: Line | None = None
    issuer: Line | None = None
    valid_from: date | None = None
    valid_until: date | None = None

    def to_result(self) -> ResultGiven:
        """As the engine knows it."""
        said = self.model_dump(mode="json", exclude={"facts"})
        return ResultGiven(**said, facts=self.facts)


class AnswerCompleted(Request):
    """Decided in the applicant's favour; `deficiency_open`: although something promised is to follow;
    `without_opinions`: why, although opinions were asked that are not given.
    """

    outcome: Literal["completed"]
    results: Annotated[list[GivenResult], Field(max_length=MOST_ENTRIES)] = Field(default=[])
    opinion: LongText | None = None
    deficiency_open: bool = False
    without_opinions: LongText | None = None


class GivenRequest(Request):
    """One thing that the applicant must hand in or repair."""

    kind: Literal["material", "field"]
    code: Code
    reason: LongText
    reason_kind: ReasonKind | None = None


class AnswerSupplement(Request):
    """The applicant must add or repair something, all of it said at once."""

    outcome: Literal["supplement_needed"]
    requests: Annotated[list[GivenRequest], Field(min_length=1, max_length=MOST_ENTRIES)]
    due_on: date | None = None
    opinion: LongText | None = None


class GivenLimit(Request):
    """How long something takes."""

    number: Annotated[int, Field(ge=1, le=3650)]
    unit: LimitUnit


class AnswerSuspended(Request):
    """A special procedure of the legal list begins; how long it takes is told to the applicant (LIC 45)."""

    outcome: Literal["suspended"]
    procedure: SpecialProcedure
    reason: LongText
    expected: GivenLimit


class AnswerResumed(Request):
    """The special procedure is over."""

    outcome: Literal["resumed"]


class AnswerRejected(Request):
    """Not accepted, or refused; the reasons are mandatory by law (LIC 38). `go_to`: the competent body, which
    `not_competent` has to name (LIC 32).
    """

    outcome: Literal["rejected"]
    reason_code: Literal["not_needed", "not_competent", "refused"]
    reason: LongText
    go_to: Line | None = None
    without_opinions: LongText | None = None


class AnswerTakenBack(Request):
    """What was granted does not stand any more: recalled, or revoked as wrongly obtained. `results`: codes of
    those meant, all of them where it is left out.
    """

    outcome: Literal["recalled", "revoked"]
    reason: LongText
    results: Annotated[list[Code], Field(max_length=MOST_ENTRIES)] = Field(default=[])


class AnswerExtended(Request):
    """A limit of the step is lengthened, once, as the head of the body approved."""

    outcome: Literal["extended"]
    limit: WhichLimit = "statutory"
    days: Annotated[int, Field(ge=1, le=366)]
    approved_by: Line
    reason: LongText


class AnswerHearingTold(Request):
    """The applicant is told that a hearing can be asked for, and why."""

    outcome: Literal["hearing_told"]
    reason: LongText


class AnswerHearingSet(Request):
    """Day and place of the hearing are set; the applicant is told seven working days before."""

    outcome: Literal["hearing_set"]
    on: date
    place: Line


class AnswerHearingHeld(Request):
    """The hearing was held: its minutes."""

    outcome: Literal["hearing_held"]
    minutes: LongText


AnyAnswer = (
    AnswerAccepted
    | AnswerCompleted
    | AnswerSupplement
    | AnswerSuspended
    | AnswerResumed
    | AnswerRejected
    | AnswerTakenBack
    | AnswerExtended
    | AnswerHearingTold
    | AnswerHearingSet
    | AnswerHearingHeld
)


class DeskAnswer(RootModel[Annotated[AnyAnswer, Field(discriminator="outcome")]]):
    """What a clerk answers."""


ActWord = Annotated[str, Field(json_schema_extra=extensible(["claim", *WORDS, "hand_over", "release"]))]


class DeskTaskShape(Answer):
    """A task at a desk. `arrived_at`: since when; `claimed_by`: who has it; `possible`: what whoever asks can
    do with it now; `sheet`: what a webhook has in `data`, for who may read it, with one task alone.
    """

    task: str
    case: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    number: str
    bundle: BundleMark
    jurisdiction: str
    step: str
    names: Names
    department: Named
    submission: int
    state: StepStateWord
    since: Moment
    arrived_at: Moment
    waiting: WaitingShape | None = None
    promised: Limit | None = None
    claimed_by: str | None = None
    claimed_at: Moment | None = None
    possible: list[ActWord]
    links: dict[str, str]
    sheet: dict[str, Any] | None = None
