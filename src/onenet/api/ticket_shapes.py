"""Hotline tickets on the wire: filing one, what the hotline and the units do with it, lists and figures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, RootModel, StringConstraints

from onenet.api.person_shapes import PersonName, Phone
from onenet.api.rating_shapes import MONTH
from onenet.api.shapes import (
    Answer,
    Code,
    Limit,
    Line,
    LongText,
    Moment,
    PageQuery,
    Query,
    Request,
    extensible,
)
from onenet.domain.states import Light
from onenet.domain.tickets import Act, TicketKind, TicketState, UnitState

MOST_CO_UNITS = 20

NumberText = Annotated[str, StringConstraints(pattern="^[0-9A-Za-z_.-]{1,64}$")]
LightWord = Annotated[str, Field(json_schema_extra=extensible([light.value for light in Light]))]
KindWord = Annotated[str, Field(json_schema_extra=extensible([kind.value for kind in TicketKind]))]
StateWord = Annotated[str, Field(json_schema_extra=extensible([state.value for state in TicketState]))]
UnitStateWord = Annotated[str, Field(json_schema_extra=extensible([state.value for state in UnitState]))]
ActWord = Annotated[str, Field(json_schema_extra=extensible([act.value for act in Act]))]
PartWord = Annotated[str, Field(json_schema_extra=extensible(["lead", "co"]))]


class Caller(Request):
    """Who is on the line."""

    name: PersonName
    phone: Phone


class NewTicket(Request):
    """What the hotline has taken down. `reference`: its own number, under which it is one ticket for ever.

    `case_number`: the service case that it is about, of those that the caller may see.
    """

    reference: NumberText
    jurisdiction: Code
    about: TicketKind
    text: LongText
    place: Line | None = None
    caller: Caller
    case_number: NumberText | None = None


class Dispatch(Request):
    """Gives it to a lead unit 主办 and co-units 协办; who has it and is not among them loses it."""

    act: Literal["dispatch"]
    lead: Code
    co_units: Annotated[list[Code], Field(max_length=MOST_CO_UNITS)] = Field(default=[])


class Name(Request):
    """Gives it to units that may not return it, after one did: the hotline names who has the duty."""

    act: Literal["name"]
    lead: Code
    co_units: Annotated[list[Code], Field(max_length=MOST_CO_UNITS)] = Field(default=[])
    reason: LongText


class Lengthen(Request):
    """Lengthens the time of the round, once, with who approved it and why."""

    act: Literal["extend"]
    days: Annotated[int, Field(ge=1, le=366)]
    approved_by: Line
    reason: LongText


class Close(Request):
    """Takes the lead's answer over for the citizen."""

    act: Literal["close"]


class CallBack(Request):
    """What the citizen said when called back."""

    act: Literal["call_back"]
    solved: bool
    satisfied: bool
    words: LongText | None = None


class Reasoned(Request):
    """Reopens what is unsolved as a new round; or ends it, where nothing more can be done."""

    act: Literal["reopen", "end"]
    reason: LongText


class HotlineAct(
    RootModel[Annotated[Dispatch | Name | Lengthen | Close | CallBack | Reasoned, Field(discriminator="act")]]
):
    """What the hotline does with a ticket."""


class Return(Request):
    """Returns a ticket that is not the unit's duty."""

    act: Literal["return"]
    reason: LongText


class Said(Request):
    """Gives a co-unit's part to the lead, or answers as the lead."""

    act: Literal["give_part", "answer"]
    words: LongText


class UnitAct(RootModel[Annotated[Return | Said, Field(discriminator="act")]]):
    """What a unit does with a ticket."""


class TicketQuery(PageQuery):
    """Filters. `concern`: why supervision looks at it. `at_work`: units are at work on it; a unit: itself."""

    state: TicketState | None = None
    concern: Literal["returned", "late", "unsolved"] | None = None
    at_work: Literal["true"] | None = None


class CallerShape(Answer):
    """Who called."""

    name: str
    phone: str | None = None


class UnitShape(Answer):
    """A unit's part. `named`: it may not return it; `late`: it was not done in time, which stays."""

    department: str
    part: PartWord
    state: UnitStateWord
    assigned_at: Moment
    named: bool
    late: bool
    ended_at: Moment | None = None
    words: str | None = None


class CallBackShape(Answer):
    """What the citizen said when called back."""

    at: Moment
    solved: bool
    satisfied: bool
    words: str | None = None


class RoundShape(Answer):
    """One way from the dispatcher to the call-back. `reason`: why it was opened, of a later one."""

    round: int
    state: StateWord
    opened_at: Moment
    reason: str | None = None
    limit: Limit | None = None
    units: list[UnitShape]
    call_back: CallBackShape | None = None


class TicketShape(Answer):
    """A hotline ticket. `due_at`: until when the lead has to answer, while that time runs.

    With one ticket alone: what was said, its rounds, as far as who asks may know them, and which acts are
    `possible` for who asks.
    """

    id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    number: str
    reference: str | None = None
    about: KindWord | None = None
    state: StateWord | None = None
    round: int | None = None
    jurisdiction: str
    filed_at: Moment
    updated_at: Moment
    light: LightWord
    due_at: Moment | None = None
    text: str | None = None
    place: str | None = None
    case_number: str | None = None
    caller: CallerShape | None = None
    rounds: list[RoundShape] | None = None
    possible: list[ActWord] | None = None
    tracking_secret: str | None = None
    links: dict[str, str]


class OwnRound(Answer):
    """A round, for whose ticket it is. `answer`: what the lead unit said, once the hotline has closed it."""

    round: int
    state: StateWord
    lead: str | None = None
    answer: str | None = None
    call_back: CallBackShape | None = None


class OwnTicket(Answer):
    """What a case that is a hotline ticket has beside."""

    reference: str
    about: KindWord
    state: StateWord
    text: str | None = None
    place: str | None = None
    case_number: str | None = None
    rounds: list[OwnRound]


class TicketFigureQuery(Query):
    """Of which month: the one in which units got their parts."""

    month: Annotated[str, StringConstraints(pattern=MONTH)]


class TicketFigure(Answer):
    """How a department did with the parts that it got in the month, and what citizens said of its answers."""

    department: str
    assigned: int
    done: int
    returned: int
    late: int
    solved: int
    unsolved: int
    satisfied: int
    dissatisfied: int


class TicketFigures(Answer):
    """The figures, by department."""

    month: str
    items: list[TicketFigure]
