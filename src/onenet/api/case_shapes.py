"""Cases on the wire: the application as it is sent in, the case as it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from onenet.api.filing_shapes import Filed
from onenet.api.form_values import GivenAnswers, GivenForm
from onenet.api.opinion_shapes import OpinionShape
from onenet.api.person_shapes import AnyApplicant
from onenet.api.procedure_shapes import HearingShape, RefusalShape, RequestShape, SpecialProcedureShape
from onenet.api.promise_shapes import CommitmentShape, Promises, ToleranceShape
from onenet.api.result_shapes import ResultShape
from onenet.api.shapes import (
    Answer,
    Code,
    Limit,
    Line,
    LongText,
    Moment,
    Named,
    Names,
    Request,
    extensible,
)
from onenet.api.ticket_shapes import OwnTicket
from onenet.domain.case import Applicant, MaterialGiven
from onenet.domain.events import EventType
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.domain.states import CaseState, Light, StepState
from onenet.ids import from_text
from onenet.services.cases import Submission

MAX_MATERIALS = 100
EVIDENCE_PATTERN = "^evd_[0-9A-Za-z_-]{1,4000}$"
DOCUMENT_PATTERN = "^doc_[0-7][0-9A-HJKMNP-TV-Z]{25}$"


Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class MaterialShape(Request):
    """A material, by the front-end's own reference to it."""

    code: Code
    reference: Line
    sha256: Sha256 | None = None


class MaterialByDocument(Request):
    """A material that was uploaded as a document."""

    code: Code
    document: Annotated[str, StringConstraints(pattern=DOCUMENT_PATTERN)]


class MaterialByEvidence(Request):
    """A material that a source of certificates has confirmed."""

    code: Code
    evidence: Annotated[str, StringConstraints(pattern=EVIDENCE_PATTERN)]


def _way(material: Any) -> str:
    """By which of its members a material says what it is. No member is called as a tag is: see `faults`."""
    said = material if isinstance(material, dict) else {}
    return next((f"by {name}" for name in ("document", "evidence") if name in said), "by reference")


AnyMaterial = Annotated[
    Annotated[MaterialShape, Tag("by reference")]
    | Annotated[MaterialByDocument, Tag("by document")]
    | Annotated[MaterialByEvidence, Tag("by evidence")],
    Discriminator(_way),
]


SubjectCount = Annotated[int, Field(ge=1, le=99)]


class CaseSubmission(Filed):
    """An application: one thing, stated once.

    `forms_sha256`: what a preview said of the generated forms that the applicant has confirmed. `subjects`:
    for how many it is, such as 2 for twins; 1 where it is not said.
    """

    bundle: Code
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    jurisdiction: Code
    applicant: AnyApplicant
    answers: GivenAnswers = Field(default={})
    form: GivenForm
    materials: Annotated[list[AnyMaterial], Field(max_length=MAX_MATERIALS)] = Field(default=[])
    forms_sha256: Sha256 | None = None
    subjects: SubjectCount | None = None

    def to_applicant(self) -> Applicant:
        """The applicant as the engine knows one."""
        said = self.applicant
        return Applicant(
            name=said.name, kind=said.kind, id_type=said.id_type, id_no=said.id_no, phone=said.phone
        )

    def to_submission(self) -> Submission:
        """The application as the service takes it."""
        return Submission(
            bundle=self.bundle,
            version=self.version,
            jurisdiction=self.jurisdiction,
            applicant=self.to_applicant(),
            answers=self.answers,
            form=self.form,
            materials=materials_given(self.materials),
            forms_sha256=self.forms_sha256,
            promised=self.to_promised(),
            duplicate=self.to_intended(),
            agent=self.to_agent(),
            filing=self.to_filing(),
            subjects=self.subjects or 1,
            receiving=self.receiving,
        )


class SupplementSubmission(Request):
    """What a step asked for: materials, corrected fields, or both; and what was promised for it."""

    step: Code
    materials: Annotated[list[AnyMaterial], Field(max_length=MAX_MATERIALS)] = Field(default=[])
    form: GivenForm = Field(default={})


class Reapplication(Promises):
    """What is other than in the refused application: fields, materials; the rest goes along as it was.

    What was signed then does not: it is signed anew, or what was promised is handed in.
    """

    form: GivenForm = Field(default={})
    materials: Annotated[list[AnyMaterial], Field(max_length=MAX_MATERIALS)] = Field(default=[])


class ExtensionSubmission(Request):
    """By how much a limit is lengthened, in its unit, who approved that, and why: the applicant is told."""

    limit: Literal["promised", "statutory"] = "statutory"
    days: Annotated[int, Field(ge=1, le=366)]
    approved_by: Line
    reason: LongText


def materials_given(
    materials: Sequence[MaterialShape | MaterialByDocument | MaterialByEvidence],
) -> tuple[MaterialGiven, ...]:
    """The materials as the engine knows them."""
    return tuple(map(_material_given, materials))


def _material_given(said: MaterialShape | MaterialByDocument | MaterialByEvidence) -> MaterialGiven:
    if isinstance(said, MaterialByEvidence):
        return MaterialGiven(said.code, None, ticket=said.evidence)
    if isinstance(said, MaterialByDocument):
        return MaterialGiven(said.code, None, document=from_text(DOCUMENT_PREFIX, said.document))
    return MaterialGiven(said.code, said.reference, said.sha256)


# ---- answers

CaseId = Annotated[str, Field(json_schema_extra={"format": "uuid"})]

CaseStateWord = Annotated[str, Field(json_schema_extra=extensible([state.value for state in CaseState]))]
StepStateWord = Annotated[str, Field(json_schema_extra=extensible([state.value for state in StepState]))]
LightWord = Annotated[str, Field(json_schema_extra=extensible([light.value for light in Light]))]
EventTypeWord = Annotated[str, Field(json_schema_extra=extensible([type.value for type in EventType]))]

WaitsForWord = Annotated[
    str, Field(json_schema_extra=extensible(["steps", "time", "department", "applicant", "officer"]))
]


class WaitingShape(Answer):
    """Why a step waits: for whom, the reason as a code, for what exactly, until when if that is known."""

    waits_for: WaitsForWord
    reason: str
    refs: list[str]
    until: Moment | None = None


class WithdrawalShape(Answer):
    """A department is told that its task `withdraws` is withdrawn. `compensation`: what it is to undo."""

    task: str
    withdraws: str | None = None
    state: Annotated[str, Field(json_schema_extra=extensible(["outstanding", "held", "confirmed"]))]
    since: Moment
    compensation: Names | None = None


class SubjectShape(Answer):
    """Which of how many something is about, such as the second of twins."""

    number: int
    of: int


class StepShape(Answer):
    """One item inside the case. `light` stays as it was when the step is closed. `tolerances`: what follows
    later, where anything does. `commitment`: what was signed in place of a proof or a check. `corrections`:
    how many were asked for, if any. `subject`: which of several it is about, where the case is for several.
    `verifies`: it decides nothing, and the case ends as the others do.
    `opinions`: those asked of other departments, which stop no clock.

    `promised_due_at`, `statutory_due_at`: when its limits are used up, as far as that is known;
    `is_provisional`: a year on the way has no published make-up days yet, so that they may still move.
    """

    code: str
    names: Names
    department: Named
    subject: SubjectShape | None = None
    verifies: bool | None = None
    state: StepStateWord
    since: Moment
    waiting: WaitingShape | None = None
    promised: Limit | None = None
    statutory: Limit | None = None
    light: LightWord
    promised_due_at: Moment | None = None
    statutory_due_at: Moment | None = None
    is_provisional: bool | None = None
    results: list[ResultShape]
    requests: list[RequestShape]
    reason: str | None = None
    opinion: str | None = None
    tolerances: list[ToleranceShape] | None = None
    corrections: int | None = None
    special_procedure: SpecialProcedureShape | None = None
    refusal: RefusalShape | None = None
    reapplied_by: CaseId | None = None
    withdrawal: WithdrawalShape | None = None
    commitment: CommitmentShape | None = None
    hearing: HearingShape | None = None
    opinions: list[OpinionShape] | None = None


class BundleMark(Answer):
    """Which version of which bundle a case follows."""

    code: str
    version: int
    names: Names


class Origin(Answer):
    """The refusal that a case applies again for: the case and its step."""

    case: CaseId
    number: str
    step: str


class CaseLinks(Answer):
    """Where to go on from a case."""

    self: str
    events: str
    steps: str
    deadline: str
    withdrawal: str
    supplements: str
    ratings: str
    progress: str


class CaseShape(Answer):
    """One applicant's case. `light`: the worst of its steps. `tracking_secret` is told once, at opening.

    The limits are the bundle's, of the whole, with their deadlines as a step has them.
    """

    id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    number: str
    state: CaseStateWord
    seq: int
    bundle: BundleMark
    jurisdiction: str
    created_at: Moment
    updated_at: Moment
    light: LightWord
    promised: Limit | None = None
    statutory: Limit | None = None
    promised_due_at: Moment | None = None
    statutory_due_at: Moment | None = None
    is_provisional: bool | None = None
    steps: list[StepShape]
    reapplies: Origin | None = None
    links: CaseLinks
    duplicate_of: str | None = None
    receiving: str | None = None
    channel: str | None = None
    assistance: dict[str, str] | None = None
    ticket: OwnTicket | None = None
    tracking_secret: str | None = None


class StepList(Answer):
    """The steps of a case, in the bundle's order."""

    items: list[StepShape]


class EventShape(Answer):
    """A fact that happened to a case; `seq` counts them without a gap."""

    seq: int
    type: EventTypeWord
    at: Moment
    step: str | None = None
    data: dict[str, Any]


class EventList(Answer):
    """Events after `since`, in order; `next_since` is where the next look begins."""

    items: list[EventShape]
    next_since: int
    links: dict[str, str]
