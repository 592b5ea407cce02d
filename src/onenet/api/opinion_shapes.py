"""Opinions on the wire: how one is asked and given, and how it is shown on either side."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, RootModel

from onenet.api.shapes import (
    UUID_PATTERN,
    Answer,
    Code,
    Line,
    LongText,
    Moment,
    Named,
    Names,
    PageQuery,
    Request,
    extensible,
)
from onenet.domain.outcome import OpinionAnswer
from onenet.domain.procedures import OpinionState

LONGEST_DAYS = 90
MOST_PUT = 100

OpinionId = Annotated[str, Field(pattern=UUID_PATTERN, json_schema_extra={"format": "uuid"})]
StateWord = Annotated[str, Field(json_schema_extra=extensible(get_args(OpinionState)))]
AnswerWord = Annotated[str, Field(json_schema_extra=extensible(get_args(OpinionAnswer)))]
Codes = Annotated[list[Code], Field(max_length=MOST_PUT, json_schema_extra={"uniqueItems": True})]


class NewOpinion(Request):
    """Whom to ask what. `materials`, `fields`: codes of the step's own that are put to it; `applicant`: so is
    who applies. `days`: working days to answer in; as many as the place gives where it is left out.
    """

    department: Code
    question: LongText
    materials: Codes = Field(default=[])
    fields: Codes = Field(default=[])
    applicant: bool = False
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] | None = None


class OpinionWithdrawal(Request):
    """Why the opinion is not wanted any more."""

    reason: LongText


class Agreement(Request):
    """Agrees, or has no remarks."""

    answer: Literal["agree", "no_remarks"]
    words: LongText | None = None


class Reservation(Request):
    """Agrees under conditions, or disagrees; which and why has to be said."""

    answer: Literal["agree_with_conditions", "disagree"]
    words: LongText


class OpinionGiven(RootModel[Annotated[Agreement | Reservation, Field(discriminator="answer")]]):
    """What the department that was asked thinks."""


class PutCodes(Answer):
    """What was put to the department, by its codes."""

    fields: list[str]
    materials: list[str]
    applicant: bool


class OpinionShape(Answer):
    """An opinion asked inside a step. `is_overdue`: not given by `due_at`, which stays when it comes later.

    `question`, `put`, `answer`, `words`: for the department of the step and who supervises it.
    """

    id: OpinionId
    department: Named
    state: StateWord
    asked_at: Moment
    due_at: Moment
    is_overdue: bool
    ended_at: Moment | None = None
    question: str | None = None
    put: PutCodes | None = None
    answer: AnswerWord | None = None
    words: str | None = None
    answered_by: str | None = None


class OpinionList(Answer):
    """The opinions of a step, the oldest first."""

    items: list[OpinionShape]


class Put(Answer):
    """What was put to the department, as it was when it was asked: form fields, materials as in a task, and
    who applies, where that was put to it.
    """

    fields: dict[str, Any]
    materials: list[dict[str, Any]]
    applicant: dict[str, str | None] | None = None


class AskedOpinionShape(Answer):
    """An opinion for the department that is asked. `asked_by`: whose step it is. `put`: while it is asked,
    and after it was given.
    """

    id: OpinionId
    number: str
    item: Line
    names: Names
    asked_by: Named
    state: StateWord
    asked_at: Moment
    due_at: Moment
    is_overdue: bool
    ended_at: Moment | None = None
    question: str
    put: Put | None = None
    answer: AnswerWord | None = None
    words: str | None = None
    answered_by: str | None = None
    links: dict[str, str]


class OpinionQuery(PageQuery):
    """Which ones: those that are awaited, unless another state is asked for."""

    state: OpinionState = "asked"
