"""Materials on the wire: forms that are generated, and what sources of certificates confirm."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from onenet.api.case_shapes import BundleMark
from onenet.api.form_values import GivenForm
from onenet.api.person_shapes import AnyApplicant
from onenet.api.shapes import Answer, Code, LongText, Moment, Names, Query, Request, extensible
from onenet.domain.case import Applicant


class GeneratedFormShape(Answer):
    """A form of mode 1 as the department of a step gets it: plain text, shown as it is."""

    step: str
    code: str
    names: Names
    text: str
    sha256: str


class PreviewShape(Answer):
    """What would be generated. `forms_sha256`: of all forms, for the submission that confirms them."""

    bundle: BundleMark
    layout: str
    forms: list[GeneratedFormShape]
    forms_sha256: str


class ConsentToAsk(Request):
    """That the applicant consents, for this purpose."""

    purpose: LongText


class EvidenceRequest(Request):
    """What a source is to confirm: a material, for an application as far as it is filled in.

    Without `consent` nobody is asked. `form`: at least the fields that `asks` of the material names.
    """

    bundle: Code
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    jurisdiction: Code
    receiving: Code | None = None
    material: Code
    applicant: AnyApplicant
    form: GivenForm = Field(default={})
    consent: ConsentToAsk | None = None

    def to_applicant(self) -> Applicant:
        """The applicant as the engine knows one."""
        return Applicant(**self.applicant.model_dump())


class EvidenceShape(Answer):
    """What came of it. `hand_in`: the material is to be handed in. `differ`: fields that are not as known.

    `evidence` is for the submission, until `ends_at`; `issuer`, `number` and `valid_until` are of the
    applicant's own certificate.
    """

    material: str
    outcome: Annotated[
        str,
        Field(json_schema_extra=extensible(["confirmed", "unknown", "differs", "expired", "unavailable"])),
    ]
    hand_in: bool
    words: Names
    differ: list[str]
    evidence: str | None = None
    ends_at: Moment | None = None
    issuer: str | None = None
    number: str | None = None
    valid_until: date | None = None


class ReusableQuery(Query):
    """For a new case of which bundle."""

    bundle: Code


class ReusableShape(Answer):
    """A document of an earlier case that may be this material again, until the end of a day."""

    material: str
    document: str
    filename: str
    case: str
    handed_in_at: Moment
    valid_until: date


class ReusableList(Answer):
    """What may be used again."""

    items: list[ReusableShape]
