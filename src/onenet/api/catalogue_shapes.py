"""The catalogue on the wire: bundles, items, departments, jurisdictions, guidance."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, get_args

from pydantic import Field, StringConstraints

from onenet.api.case_shapes import BundleMark, SubjectCount, SubjectShape
from onenet.api.form_values import GivenAnswers
from onenet.api.material_shapes import ReusableShape
from onenet.api.shapes import (
    LINE_PATTERN,
    Answer,
    Audience,
    Code,
    Limit,
    Named,
    Names,
    PageQuery,
    Request,
    extensible,
)
from onenet.domain.bundle import Reach, ResultChannel

ResultWay = Annotated[str, Field(json_schema_extra=extensible(get_args(ResultChannel)))]
SearchText = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=LINE_PATTERN)]


class BundleListQuery(PageQuery):
    """Filters of the list of bundles. `q`: part of a code or a name."""

    q: SearchText | None = None
    audience: Audience | None = None
    jurisdiction: Code | None = None


class GuidanceRequest(Request):
    """The answers so far; the latest version when none is named. `subjects`: for how many."""

    answers: GivenAnswers = Field(default={})
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    subjects: SubjectCount | None = None


class OptionShape(Answer):
    """One answer of a choice question."""

    code: str
    names: Names


class QuestionShape(Answer):
    """A question; one whose `when` is false is never asked."""

    code: str
    type: Annotated[
        str, Field(json_schema_extra=extensible(["boolean", "choice", "choices", "integer", "date"]))
    ]
    names: Names
    options: list[OptionShape]
    when: str | None = None


NeedWord = Annotated[str, Field(json_schema_extra=extensible(["main", "secondary"]))]


class AsksShape(Answer):
    """What a source is asked, where its holder consents: whose certificate, and what of the form it compares.

    `holder`: the field with the holder's identity number; absent, it is the applicant's.
    """

    source: Named
    holder: str | None = None
    fields: list[str]


class MaterialView(Answer):
    """A material. `mode`: 1 generated form, 2 linked e-certificate, 3 verified by interface, 4 handed in.

    It is asked for once: `need`, `originals` and `copies` are the largest of all members in `used_by`, who
    alone are shown it. `from_result`: another member's result, and asked of nobody while that member applies.
    `valid_days`: how long it may be used again.
    """

    code: str
    names: Names
    mode: int
    need: NeedWord
    originals: int
    copies: int
    used_by: list[str]
    from_result: str | None = None
    asks: AsksShape | None = None
    valid_days: int | None = None


class NeedShape(Answer):
    """How one item needs a material."""

    code: str
    need: NeedWord
    originals: int
    copies: int


class TermsShape(Answer):
    """A text to be signed, by its version. `sha256`: of `zh`, a line feed and `en`, in UTF-8."""

    version: str
    text: Names
    sha256: str


class CommitmentTermsShape(TermsShape):
    """The same, of what may be signed in place of a proof or a check; `check`: how soon an officer looks."""

    check: Limit


ReachWord = Annotated[str, Field(json_schema_extra=extensible(list(get_args(Reach))))]


class GuidanceMember(Answer):
    """An item that the answers lead to. `reach`: how far from where it is handled it may be handed in.

    `tolerance`: what is signed where secondary materials of mode 4 follow later; where it is, each of them is
    handed in or promised. `commitment`: what may be signed. `verifies`: it decides nothing.
    """

    code: str
    item: str
    names: Names
    department: Named
    subject: SubjectShape | None = None
    verifies: bool | None = None
    promised: Limit | None = None
    statutory: Limit | None = None
    reach: ReachWord
    tolerance: TermsShape | None = None
    commitment: CommitmentTermsShape | None = None


class GuidanceAnswer(Answer):
    """What the answers so far lead to; `is_settled`: a case can be opened with them.

    `reach`: how far from where it is handled that may be handed in, all members together. `reusable`: what of
    these materials the caller handed in before, and may use again under a consent; once it is settled.
    """

    bundle: BundleMark
    is_settled: bool
    next_question: QuestionShape | None = None
    missing_answers: list[str]
    members: list[GuidanceMember]
    possible_members: list[GuidanceMember]
    materials: list[MaterialView]
    form_schema: dict[str, Any]
    promised: Limit | None = None
    statutory: Limit | None = None
    fees: Names | None = None
    reach: ReachWord
    reusable: list[ReusableShape] | None = None


class BundleSummary(Answer):
    """A bundle in a list. `reach`: that of its narrowest member."""

    code: str
    version: int
    names: Names
    audience: list[str]
    jurisdictions: list[str]
    promised: Limit | None = None
    reach: ReachWord


PolicyWord = Annotated[str, Field(json_schema_extra=extensible(["hold", "cancel", "go_on"]))]


class MemberShape(GuidanceMember):
    """An item inside the bundle. `after`: members that come first. `if_failed`: what becomes of this one when
    one of those was rejected or cancelled. `when`: when it applies.
    """

    item_type: str
    results: list[Named]
    delivery: list[ResultWay]
    materials: list[str]
    needs: list[NeedShape]
    after: list[str]
    if_failed: dict[str, PolicyWord] | None = None
    when: str | None = None
    offline: bool


class DepartmentShape(Answer):
    """An organisation that owns items."""

    code: str
    names: Names
    kind: Annotated[
        str,
        Field(
            json_schema_extra=extensible(["government", "public_institution", "vertical", "non_government"])
        ),
    ]


class SubjectsShape(Answer):
    """That a case can be for at most `max`, and what each has of its own. `names`: what one is called."""

    names: Names
    max: int
    members: list[str]
    fields: list[str]
    materials: list[str]
    distinct: list[str]


class BundleShape(BundleSummary):
    """One published version of a bundle. `subjects`: absent where a case is for one. `partial_withdrawal`:
    whether a step can be withdrawn alone.
    """

    lead: Named
    statutory: Limit | None = None
    fees: Names | None = None
    questions: list[QuestionShape]
    members: list[MemberShape]
    materials: list[MaterialView]
    departments: list[DepartmentShape]
    partial_withdrawal: bool
    subjects: SubjectsShape | None = None


class ItemShape(Answer):
    """One departmental service, as the latest bundles that hold it publish it."""

    code: str
    names: Names
    department: Named
    item_type: str
    promised: Limit | None = None
    statutory: Limit | None = None
    results: list[Named]
    reach: ReachWord
    delivery: list[ResultWay]
    bundles: list[str]


class HolidayShape(Answer):
    """A day off that is no plain weekend."""

    on: date
    names: Names


class OfficeHoursShape(Answer):
    """When offices are open on working days, from a day of the year (`begins`, MM-DD) until others begin."""

    begins: str
    open: list[list[str]]


class OfficeShape(Answer):
    """Office hours, local time, and what goes by them.

    `ends_deadlines`: a deadline ends when the office closes on its last day, else at midnight.
    `counts_hours`: limits in hours run while offices are open, else round the clock.
    """

    hours: list[OfficeHoursShape]
    ends_deadlines: bool
    counts_hours: bool


class CalendarShape(Answer):
    """A year of working days. `make_up`: Saturdays and Sundays on which offices work.

    `is_provisional`: its make-up days are not published yet, so what is counted in it may change. `office`:
    absent where nobody says when offices are open.
    """

    jurisdiction: str
    year: int
    is_provisional: bool
    workdays: int
    holidays: list[HolidayShape]
    make_up: list[date]
    office: OfficeShape | None = None
    source: str | None = None


class JurisdictionShape(Answer):
    """A place; `parent` is absent at the root of the tree."""

    code: str
    names: Names
    kind: Annotated[
        str, Field(json_schema_extra=extensible(["city", "district", "county_city", "functional_zone"]))
    ]
    area_code: str
    parent: str | None = None
