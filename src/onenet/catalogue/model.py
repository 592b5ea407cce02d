"""The strict shapes of the YAML files: known keys, exact types. `lint` checks their meaning."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from onenet.catalogue.office import TIME_PATTERN, YEARLY_PATTERN, Office
from onenet.catalogue.texts import LINE_PATTERN, VERSION_PATTERN, LongNames, Terms
from onenet.domain.bundle import RETENTION_DAYS, ResultChannel
from onenet.domain.tickets import TicketKind

CODE_PATTERN = "^[a-z][a-z0-9_]{0,62}$"
AREA_CODE_PATTERN = "^[0-9]{2,12}$"
ITEM_TYPE_PATTERN = "^[0-9]{2}$"
DAY_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

PATTERNS_IN_WORDS = {
    LINE_PATTERN: "text on one line",
    CODE_PATTERN: "a code: small letters, digits and _, a letter first, at most 63",
    AREA_CODE_PATTERN: 'an area code: 2 to 12 digits in quotes, such as "320500"',
    ITEM_TYPE_PATTERN: 'an item type: two digits in quotes, such as "07"',
    VERSION_PATTERN: 'a version in quotes, such as "2026-1": letters, digits, ., _ and -, at most 32',
    DAY_PATTERN: 'a day in quotes, such as "2027-02-06"',
    YEARLY_PATTERN: 'month and day in quotes, such as "05-01"',
    TIME_PATTERN: 'a time of day in quotes, such as "09:00"',
}

Code = Annotated[str, StringConstraints(pattern=CODE_PATTERN)]
ItemType = Annotated[str, StringConstraints(pattern=ITEM_TYPE_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
# Longer ones are refused by the reader of expressions, with a column.
Condition = Annotated[str, StringConstraints(min_length=1)]
Protected = Literal["national_security", "public_safety", "environment", "life_and_health", "property"]
Policy = Literal["hold", "cancel", "go_on"]
BeforeAfter = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]


class Shape(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Names(Shape):
    """One text in both languages."""

    zh: Text
    en: Text


class Limit(Shape):
    """A number and its unit."""

    number: int = Field(ge=1, le=3650)
    unit: Literal["workdays", "days", "hours"]


class DayLimit(Shape):
    """A number of days."""

    number: int = Field(ge=1, le=366)
    unit: Literal["workdays", "days"]


class Length(Shape):
    """A length of waiting: in calendar time, since laws that make people wait count so."""

    number: int = Field(ge=1, le=3650)
    unit: Literal["days", "hours"]


def _checked_day(text: str) -> str:
    date.fromisoformat(text)
    return text


Day = Annotated[str, StringConstraints(pattern=DAY_PATTERN), AfterValidator(_checked_day)]


class Calendar(Shape):
    """Working days of a country, as the package `holidays` knows them."""

    code: Code
    names: Names
    country: Literal["CN"]


class Holiday(Shape):
    """Days off in a row; `to` is the last of them."""

    first: Day = Field(alias="from")
    last: Day | None = Field(default=None, alias="to")
    names: Names


class CalendarYear(Shape):
    """A year of a calendar, in the place of what the package knows: weekends stay off but for `make_up`.

    `is_provisional`: the make-up working days are not published yet.
    """

    code: Code
    calendar: Code
    year: int = Field(ge=2000, le=2199)
    source: Text
    is_provisional: bool = False
    holidays: list[Holiday] = Field(default=[], max_length=100)
    make_up: list[Day] = Field(default=[], max_length=100)


class Yellow(Shape):
    """When a light turns yellow: one of the two."""

    days_left: int | None = Field(default=None, ge=1, le=3650)
    percent_left: int | None = Field(default=None, ge=1, le=100)
    items: list[Code] = []

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if (self.days_left is None) == (self.percent_left is None):
            raise ValueError("expected either days_left or percent_left")
        return self


class Rules(Shape):
    """What holds in a place otherwise than above it: `domain.rules` tells of each, with the law's number."""

    notice: Limit = Limit(number=5, unit="workdays")
    notice_item_types: list[ItemType] = []
    yellow: list[Yellow] = Field(default=[], max_length=100)
    urges_on_red: bool = True
    urging: Limit = Limit(number=2, unit="workdays")
    supervision: Limit = Limit(number=5, unit="workdays")
    opinion: DayLimit = DayLimit(number=5, unit="workdays")
    office: Office | None = None
    extension: DayLimit = DayLimit(number=10, unit="workdays")
    joint_extension: DayLimit = DayLimit(number=15, unit="workdays")
    review_body: Names | None = None
    review_days: int = Field(default=60, ge=1, le=3650)
    court: Names | None = None
    lawsuit_months: int = Field(default=6, ge=1, le=120)
    rating_contact: Limit = Limit(number=1, unit="workdays")
    rating_repair: Limit = Limit(number=5, unit="workdays")
    rating_follow_up: Limit = Limit(number=5, unit="workdays")
    rating_appeal: Limit = Limit(number=5, unit="workdays")
    ticket: DayLimit = DayLimit(number=5, unit="workdays")
    ticket_kinds: dict[Annotated[TicketKind, Field(strict=False)], DayLimit] = {}
    ticket_extension: DayLimit = DayLimit(number=5, unit="workdays")
    ticket_return_hours: int = Field(default=24, ge=1, le=720)
    supplement: DayLimit = DayLimit(number=30, unit="workdays")
    supplement_lapse: Literal["withdrawn", "rejected"] = "withdrawn"
    reminder: DayLimit = DayLimit(number=3, unit="workdays")
    renewal_days: int = Field(default=30, ge=0, le=366)
    result_delivery: DayLimit = DayLimit(number=10, unit="workdays")


class Jurisdiction(Shape):
    """A place that the catalogue is for. `calendar`: its parent's, when it names none."""

    code: Code
    names: Names
    kind: Literal["city", "district", "county_city", "functional_zone"]
    area_code: Annotated[str, StringConstraints(pattern=AREA_CODE_PATTERN)]
    parent: Code | None = None
    utc_offset_minutes: int = Field(default=480, ge=-720, le=840)
    case_number: Text | None = None
    calendar: Code | None = None
    rules: Rules = Rules()


class Department(Shape):
    """An owner of items."""

    code: Code
    names: Names
    kind: Literal["government", "public_institution", "vertical", "non_government"] = "government"


class FormField(Shape):
    """A field of the merged form."""

    code: Code
    names: Names
    schema_: dict[str, Any] = Field(alias="schema")


class Source(Shape):
    """Who knows of certificates and can be asked."""

    code: Code
    names: Names


class Asks(Shape):
    """How a source is asked about a material."""

    source: Code
    certificate: Code
    holder: Code | None = None
    fields: list[Code] = Field(default=[], max_length=20)


class Material(Shape):
    """A paper or record."""

    code: Code
    names: Names
    # Not a Literal: pydantic would take `true` for 1.
    mode: int = Field(ge=1, le=4)
    need: Literal["main", "secondary"] = "main"
    from_result: Code | None = None
    when: Condition | None = None
    originals: int = Field(default=0, ge=0, le=99)
    copies: int = Field(default=0, ge=0, le=99)
    asks: Asks | None = None
    valid_days: int | None = Field(default=None, ge=1, le=36_600)
    text: LongNames | None = None


class Need(Shape):
    """How an item needs a material, where that is not as the material says itself."""

    need: Literal["main", "secondary"] | None = None
    originals: int | None = Field(default=None, ge=0, le=99)
    copies: int | None = Field(default=None, ge=0, le=99)


class Result(Shape):
    """What an item produces."""

    code: Code
    names: Names


class RequiredWhen(Shape):
    """A field that a department needs only where the answers say so."""

    required_when: Condition


class Commitment(Terms):
    """Conditions and consequences, and within which time an officer looks whether they are kept."""

    check: Limit


class Item(Shape):
    """One departmental service.

    `answers`: questions whose answers its department is told. `identity`: whether it is told the applicant's
    identity number. `agent`: whether one may apply for somebody else, and whether its department is told who.
    `needs`: how it needs a material, where that is otherwise than the material says.
    `retention_days`: how long what was said is kept after the case was closed. `tolerance`: what is signed
    where secondary materials follow later, `commitment`: in place of a check; `protects`: for what none may.
    `verifies`: it decides nothing; what it finds is for the items after it.
    `after_supplement`: whether limits go on or begin anew. `renews`: the field with the day of expiry.
    `reach`: how far from where it is handled it may be handed in.
    `delivery`: how its results can reach the applicant, the first where no other is wished for.
    """

    code: Code
    names: Names
    department: Code
    item_type: ItemType
    promised: Limit | None = None
    statutory: Limit | None = None
    results: list[Result] = []
    fields: dict[Code, Literal["required", "optional"] | RequiredWhen] = {}
    answers: list[Code] = []
    materials: list[Code] = []
    needs: dict[Code, Need] = {}
    identity: bool = False
    agent: Literal["allowed", "told", "refused"] = "allowed"
    retention_days: int = Field(default=RETENTION_DAYS, ge=1, le=36_600)
    tolerance: Terms | None = None
    after_supplement: Literal["continue", "restart"] = "continue"
    renews: Code | None = None
    compensation: Names | None = None
    commitment: Commitment | None = None
    protects: list[Protected] = []
    verifies: bool = False
    reach: Literal["own", "across_counties", "across_cities", "across_provinces", "nation"] = "own"
    delivery: Annotated[list[ResultChannel], Field(min_length=1, max_length=3)] = ["electronic"]


class Option(Shape):
    """One answer of a choice question."""

    code: Code
    names: Names


class Question(Shape):
    """A situation question."""

    code: Code
    type: Literal["boolean", "choice", "choices", "integer", "date"]
    names: Names
    options: list[Option] = Field(default=[], max_length=50)
    when: Condition | None = None


class Wait(Shape):
    """A waiting period before a member."""

    from_field: Code
    length: Length
    window: Length | None = None
    when: Condition | None = None


class Member(Shape):
    """An item inside a bundle; `code` is the item's when left out.

    `if_failed`: for codes in `after`, what becomes of this one when that one was rejected or cancelled.
    """

    item: Code
    code: Code | None = None
    after: list[Code] = []
    if_failed: dict[Code, Policy] = {}
    when: Condition | None = None
    alternative: Code | None = None
    offline: bool = False
    waits: list[Wait] = Field(default=[], max_length=10)

    @property
    def name(self) -> str:
        """The member's code in its bundle."""
        return self.code or self.item


class Reform(Shape):
    """What the reform cut, before and after."""

    days: BeforeAfter | None = None
    materials: BeforeAfter | None = None
    trips: BeforeAfter | None = None
    steps: BeforeAfter | None = None


class Subjects(Shape):
    """That one case can be for several, such as twins; `domain.subjects` tells of each of these."""

    names: Names
    max: int = Field(ge=2, le=9)
    members: list[Code] = Field(min_length=1)
    fields: list[Code] = []
    materials: list[Code] = []
    distinct: list[Code] = []


class Bundle(Shape):
    """One thing. `if_failed`: what its members do about that where they say nothing themselves.

    `duplicates`: `ask` whoever has an open case of it before there is a second one.
    """

    code: Code
    names: Names
    audience: list[Literal["natural_person", "enterprise"]] = Field(min_length=1)
    lead: Code
    jurisdictions: list[Code] = Field(min_length=1)
    promised: Limit | None = None
    statutory: Limit | None = None
    fees: Names | None = None
    reform: Reform | None = None
    if_failed: Policy = "hold"
    partial_withdrawal: bool = False
    duplicates: Literal["ask", "allow"] = "allow"
    subjects: Subjects | None = None
    questions: list[Question] = Field(default=[], max_length=50)
    members: list[Member] = Field(min_length=1, max_length=100)
    provenance: dict[str, Text] = {}


SECTIONS: dict[str, type[Shape]] = {
    "calendars": Calendar,
    "calendar_years": CalendarYear,
    "jurisdictions": Jurisdiction,
    "departments": Department,
    "fields": FormField,
    "sources": Source,
    "materials": Material,
    "items": Item,
    "bundles": Bundle,
}
"""What may stand at the top of a file: a list of each."""
