"""Who may look and who has looked, on the wire: applications, reveals, delegations, access records."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from onenet.api.case_shapes import DOCUMENT_PATTERN, CaseShape
from onenet.api.person_shapes import OtherNumber
from onenet.api.shapes import (
    LINE_PATTERN,
    UUID_PATTERN,
    Answer,
    Code,
    Line,
    LongText,
    Moment,
    PageQuery,
    Request,
    extensible,
)
from onenet.domain.principal import Role

SUBJECT_PATTERN = "^[!-~]{1,128}$"
CLIENT_PATTERN = "^[a-z0-9][a-z0-9_-]{0,63}$"
LOOKED_AT = [
    *("case", "events", "application", "attempts", "document", "lookup", "reveal", "reuse", "export"),
    *("certificate", "evidence"),
    "draft",
    "rating",
    "opinion",
    "ticket",
]
FIELD_PATTERN = r"^((applicant|agent)\.id_no|form\.[a-z][a-z0-9_]{0,62})$"

DocumentName = Annotated[str, StringConstraints(pattern=DOCUMENT_PATTERN)]
SubjectName = Annotated[str, StringConstraints(pattern=SUBJECT_PATTERN)]
ClientCode = Annotated[str, StringConstraints(pattern=CLIENT_PATTERN)]
Purpose = Annotated[str, StringConstraints(min_length=4, max_length=200, pattern=LINE_PATTERN)]
CaseUuid = Annotated[
    str, StringConstraints(pattern=UUID_PATTERN), Field(json_schema_extra={"format": "uuid"})
]


class ApplicationShape(Answer):
    """What the applicant said, as far as the caller may see it; `masked` names what is there but hidden."""

    applicant: dict[str, Any]
    answers: dict[str, Any]
    form: dict[str, Any]
    materials: list[dict[str, Any]]
    agent: dict[str, Any] | None = None
    masked: list[str]
    forms_sha256: str | None = None


class Reveal(Request):
    """Masked fields to see in full, and what for: the purpose is told to the owner."""

    fields: Annotated[
        list[Annotated[str, StringConstraints(pattern=FIELD_PATTERN)]], Field(min_length=1, max_length=20)
    ]
    purpose: Purpose


class RevealedShape(Answer):
    """The fields in full, by name."""

    fields: dict[str, Any]


class ApplicantLookup(Request):
    """Whose cases to find, and what for: the purpose is told to the owner of each that is found."""

    id_no: OtherNumber
    purpose: Purpose


class CasesFound(Answer):
    """The cases that the caller may see, newest first, at most 100. Numbers and names are not repeated."""

    items: list[CaseShape]


class NewConsent(Request):
    """A document of an earlier case that may be used in a new one, what for, and where."""

    document: DocumentName
    bundle: Code
    departments: Annotated[list[Code], Field(min_length=1, max_length=20)]
    purpose: Purpose
    ends_at: AwareDatetime


class ConsentShape(Answer):
    """A consent; it holds before `ends_at`, until it is taken back."""

    id: str
    document: str
    bundle: str
    departments: list[str]
    purpose: str
    given_at: Moment
    ends_at: Moment
    revoked_at: Moment | None = None


class ConsentList(Answer):
    """What the caller consented to, newest first, at most 100."""

    items: list[ConsentShape]


class Person(Request):
    """A person by name; `client` is whose world the name is out of, the caller's when left out."""

    subject: SubjectName
    client: ClientCode | None = None


class NewDelegation(Request):
    """What an owner gives: in all cases of `bundles`, or in one `case`."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["bundles"]}, {"required": ["case"]}]}
    )

    delegate: Person
    # Absent or a value, never null: `oneOf` counts members.
    bundles: Annotated[list[Code], Field(min_length=1, max_length=20)] = None  # type: ignore[assignment]
    case: CaseUuid = None  # type: ignore[assignment]
    begins_at: AwareDatetime | None = None
    ends_at: AwareDatetime
    proof: Line | None = None

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        if len(self.model_fields_set & {"bundles", "case"}) != 1:
            words = ("bundles 与 case 必须且只能有一个", "Expected either bundles or case")
            raise PydanticCustomError("one_scope", "either bundles or case", {"words": words})
        return self


class PersonShape(Answer):
    """A person by name, and whose world the name is out of."""

    client: str
    subject: str


class DelegationShape(Answer):
    """A delegation; it is in force between its moments until it is taken back."""

    id: str
    owner: PersonShape
    delegate: PersonShape
    bundles: list[str] | None = None
    case: str | None = None
    begins_at: Moment
    ends_at: Moment
    proof: str | None = None
    created_at: Moment
    revoked_at: Moment | None = None


class DelegationList(Answer):
    """What the caller gave and was given, newest first, at most 100."""

    items: list[DelegationShape]


class AccessShape(Answer):
    """One look at a case, or `times` like ones within a second. An `export` is of no one case."""

    at: Moment
    who: str
    role: Annotated[str, Field(json_schema_extra=extensible([role.value for role in Role]))]
    case: str | None = None
    what: Annotated[str, Field(json_schema_extra=extensible(LOOKED_AT))]
    why: Annotated[
        str,
        Field(
            json_schema_extra=extensible(
                ["own", "delegation", "counter", "department", "supervision", "audit", "break_glass"]
            )
        ),
    ]
    fields: list[str]
    purpose: str | None = None
    times: int


class AccessQuery(PageQuery):
    """Pages of the access log."""


class NewBreakGlass(Request):
    """Which case has to be looked at, and why. The owner will read the reason."""

    case: CaseUuid
    reason: Annotated[LongText, StringConstraints(min_length=10)]


class BreakGlassShape(Answer):
    """Asked by one, approved by another; the case can be looked at before `ends_at`."""

    id: str
    case: str
    state: Literal["asked", "approved", "ended"]
    asked_by: str
    reason: str
    asked_at: Moment
    approved_by: str | None = None
    approved_at: Moment | None = None
    ends_at: Moment | None = None


class OpenedShape(Answer):
    """What is seen by break-glass: the case, and what the applicant said, with identity numbers masked."""

    case: CaseShape
    application: ApplicationShape


class BreakGlassQuery(PageQuery):
    """Pages of what was asked for."""
