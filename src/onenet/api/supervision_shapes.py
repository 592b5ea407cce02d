"""Supervision on the wire: what is late or urged, urgings, figures."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from onenet.api.case_shapes import BundleMark, LightWord, StepStateWord, WaitingShape
from onenet.api.shapes import (
    Answer,
    Code,
    LongText,
    Moment,
    Named,
    Names,
    PageQuery,
    Query,
    Request,
    extensible,
)
from onenet.domain.states import Light


class SupervisionQuery(PageQuery):
    """Filters. `urged`: only steps with an urging that is not answered."""

    light: Light | None = None
    urged: bool = False
    department: Code | None = None


class FiguresQuery(Query):
    """The days on which cases were received, both counted; at most 366."""

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]


class NewUrging(Request):
    """Urging 催办, or supervision 督办 above it, and why."""

    level: Literal["urging", "supervision"] = "urging"
    reason: LongText


class UrgingAnswer(Request):
    """What the department does about it."""

    answer: LongText


LevelWord = Annotated[str, Field(json_schema_extra=extensible(["urging", "supervision"]))]


class UrgingShape(Answer):
    """An urging. `is_overdue`: it was not answered by `due_at`, which stays when an answer comes later.

    What people wrote, `reason` and `answer`, auditors are not shown.
    """

    number: int
    level: LevelWord
    by: str
    reason: str | None = None
    at: Moment
    due_at: Moment
    is_overdue: bool
    answer: str | None = None
    answered_by: str | None = None
    answered_at: Moment | None = None


class UrgingList(Answer):
    """The urgings of a step, the oldest first."""

    items: list[UrgingShape]


class SupervisedShape(Answer):
    """An open step that supervision looks at. The deadlines are absent while the clock stands still."""

    case: str
    number: str
    bundle: BundleMark
    jurisdiction: str
    step: str
    names: Names
    department: Named
    state: StepStateWord
    since: Moment
    light: LightWord
    promised_due_at: Moment | None = None
    statutory_due_at: Moment | None = None
    waiting: WaitingShape | None = None
    urgings: list[UrgingShape]
    links: dict[str, str]


class LitCounts(Answer):
    """Steps under each light."""

    green: int
    yellow: int
    red: int


class DepartmentLights(Answer):
    """How many steps of a department are open, and were closed, under which light."""

    department: str
    open: LitCounts
    closed: LitCounts


class LightFigures(Answer):
    """Steps of cases received on the days `from` to `to`, by department; those not needed are left out."""

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]
    items: list[DepartmentLights]
