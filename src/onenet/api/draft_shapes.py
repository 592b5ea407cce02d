"""Drafts on the wire: what may be incomplete, what is shown of it, and what is not right yet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Path
from pydantic import Field, StringConstraints, ValidationError

from onenet.api import faults
from onenet.api.case_shapes import MAX_MATERIALS, AnyMaterial, CaseSubmission, Sha256, SubjectCount
from onenet.api.filing_shapes import AssistanceShape, DuplicateIntended
from onenet.api.form_values import GivenAnswers, GivenForm
from onenet.api.preconditions import entity_tag
from onenet.api.promise_shapes import Promises
from onenet.api.shapes import LINE_PATTERN, Answer, Code, FaultShape, Moment, Request, extensible, moment
from onenet.domain.filing import Channel
from onenet.errors import Fault
from onenet.ids import to_text
from onenet.store.drafts import DraftRow

PREFIX = "dft"

DraftId = Annotated[str, Path(pattern="^dft_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
Piece = Annotated[str, StringConstraints(max_length=100, pattern=LINE_PATTERN)]


class DraftApplicant(Request):
    """The applicant as far as it is filled in; `findings` say what is not right yet."""

    name: Piece | None = None
    kind: Piece | None = None
    id_type: Piece | None = None
    id_no: Piece | None = None
    phone: Piece | None = None


class DraftMandate(Request):
    """By which paper the agent acts, as far as it is filled in."""

    begins_on: Piece | None = None
    ends_on: Piece | None = None
    material: Piece | None = None
    items: Annotated[list[Code], Field(max_length=100)] | None = None


class DraftAgent(Request):
    """Who acts for the applicant, as far as it is filled in."""

    name: Piece | None = None
    id_type: Piece | None = None
    id_no: Piece | None = None
    phone: Piece | None = None
    relation: Piece | None = None
    mandate: DraftMandate | None = None


class DraftDelivery(Request):
    """How results are to reach the applicant, as far as it is filled in."""

    channel: Piece | None = None
    address: Piece | None = None


class DraftContent(Request):
    """An application that may be incomplete: only where it is for is needed. Its bundle stays the same."""

    bundle: Code
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    jurisdiction: Code
    receiving: Code | None = None
    applicant: DraftApplicant | None = None
    answers: GivenAnswers = Field(default={})
    form: GivenForm = Field(default={})
    materials: Annotated[list[AnyMaterial], Field(max_length=MAX_MATERIALS)] = Field(default=[])
    agent: DraftAgent | None = None
    channel: Channel | None = None
    assistance: AssistanceShape | None = None
    delivery: DraftDelivery | None = None
    subjects: SubjectCount | None = None

    def content(self) -> dict[str, Any]:
        """What was filled in, as it is kept: all but where it is for."""
        said = self.model_dump(
            exclude={"bundle", "jurisdiction", "receiving", "materials"}, exclude_none=True
        )
        return {**said, "materials": [each.model_dump(exclude_none=True) for each in self.materials]}


class DraftLinks(Answer):
    """Where to go on from a draft."""

    self: str
    submission: str


class DraftMark(Answer):
    """A draft, without what was filled in. `sending` while it is being sent in."""

    id: str
    bundle: str
    jurisdiction: str
    receiving: str | None = None
    state: Annotated[str, Field(json_schema_extra=extensible(["open", "sending"]))]
    created_at: Moment
    updated_at: Moment
    expires_at: Moment
    links: DraftLinks


class DraftList(Answer):
    """Drafts, the last changed first, at most 100."""

    items: list[DraftMark]


class DraftShape(DraftMark):
    """A draft that was saved; it can be sent in once nothing is found."""

    findings: list[FaultShape]
    is_complete: bool


class DraftInFull(DraftShape):
    """A draft with what was filled in, as it was."""

    version: int | None = None
    applicant: dict[str, Any] | None = None
    answers: dict[str, Any]
    form: dict[str, Any]
    materials: list[dict[str, Any]]
    agent: dict[str, Any] | None = None
    channel: str | None = None
    assistance: dict[str, Any] | None = None
    delivery: dict[str, Any] | None = None
    subjects: int | None = None


class DraftSubmission(Promises):
    """Sends the draft in as it is. What is signed is said now, as in an application sent in at once."""

    forms_sha256: Sha256 | None = None
    duplicate: DuplicateIntended | None = None


def submission_in(row: DraftRow) -> tuple[CaseSubmission | None, tuple[Fault, ...]]:
    """The application that a draft has become; or None, and what it lacks to be one."""
    said = {
        "bundle": row.bundle, "jurisdiction": row.jurisdiction, "receiving": row.receiving, **row.content,
    }  # fmt: skip
    try:
        return CaseSubmission.model_validate_json(json.dumps(said), strict=True), ()
    except ValidationError as error:
        found = [dict(each) for each in error.errors(include_url=False, include_input=False)]
        return None, faults.of_body(found, said).faults


def mark_view(row: DraftRow) -> dict[str, Any]:
    """The members of a draft in a list."""
    id = to_text(PREFIX, row.id)
    here = f"/v1/drafts/{id}"
    return {
        "id": id,
        "bundle": row.bundle,
        "jurisdiction": row.jurisdiction,
        **({"receiving": row.receiving} if row.receiving else {}),
        "state": "sending" if row.sent_at else "open",
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "expires_at": moment(row.expires_at),
        "links": {"self": here, "submission": f"{here}/submission"},
    }


def draft_view(row: DraftRow, findings: Sequence[Fault]) -> dict[str, Any]:
    """The members of a draft that was saved."""
    told = [{name: value for name, value in asdict(each).items() if value is not None} for each in findings]
    return {**mark_view(row), "findings": told, "is_complete": not findings}


def full_view(row: DraftRow, findings: Sequence[Fault]) -> dict[str, Any]:
    """The members of a draft with what was filled in."""
    return {**draft_view(row, findings), **row.content}


def tag_of(row: DraftRow, text: str) -> str:
    """The strong ETag of what is shown; it begins with the version, and a mark of the draft."""
    return f'"{row.version}.{_mark(row)}.{entity_tag(text).strip(chr(34))[:16]}"'


def is_named(row: DraftRow, tags: Sequence[str]) -> bool:
    """Whether If-Match names this draft in this version, whatever was found in it at the time."""
    return any(tag.strip('"').split(".")[:2] == [str(row.version), _mark(row)] for tag in tags)


def _mark(row: DraftRow) -> str:
    return entity_tag(row.id.bytes).strip('"')[:8]
