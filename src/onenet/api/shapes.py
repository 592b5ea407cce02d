"""Words that many bodies are made of: texts with their limits, names in both languages, pages, problems.

Requests are strict and know exactly their members; answers are open, so that members can be added (api.md
rules 16, 17 and 26).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from onenet.domain.moves import OF_CASE, OF_STEP, Who
from onenet.domain.ratings import Act
from onenet.domain.tickets import Act as TicketAct
from onenet.domain.tickets import By

CODE_PATTERN = "^[a-z][a-z0-9_]{0,62}$"
UUID_PATTERN = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
"""Written in small letters, and read in either case (RFC 9562 section 4)."""
_HIDDEN = (
    r"\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ue000-\uf8ff\ufdd0-\ufdef\ufeff\ufff0-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e007f"
)
"""Controls, bidi marks, zero-width, private and non-characters: they hide what a text says.

Written out, since `\\p{C}` is not known to every validator, and would refuse names in characters that are
younger than its tables. Planes 15 and 16 are left in: listing them makes generators of test data crawl.
"""
LINE_PATTERN = rf"^[^\x00-\x1f{_HIDDEN}]*$"
TEXT_PATTERN = rf"^[^\x00-\x08\x0b\x0c\x0e-\x1f{_HIDDEN}]*$"
"""A line, and several lines."""

SAID_LINE_PATTERN = rf"^[^\x00-\x1f{_HIDDEN}]*[^\s\x00-\x1f{_HIDDEN}][^\x00-\x1f{_HIDDEN}]*$"
_TEXT = rf"[^\x00-\x08\x0b\x0c\x0e-\x1f{_HIDDEN}]*"
SAID_TEXT_PATTERN = rf"^{_TEXT}[^\s\x00-\x1f{_HIDDEN}]{_TEXT}$"
"""The same two with something in them: a reason of blanks is none."""

NAME_PATTERN = rf"^[^\s\x00-\x1f{_HIDDEN}]([^\x00-\x1f{_HIDDEN}]*[^\s\x00-\x1f{_HIDDEN}])?$"
"""A name, which neither begins nor ends with a space."""

_NO_PATH = rf"/\\:*?\"<>|\x00-\x1f{_HIDDEN}"
FILENAME_PATTERN = rf"^[^\s.{_NO_PATH}][^{_NO_PATH}]*[^\s{_NO_PATH}]$"
"""The name of a file, without a way to it; it does not begin with a dot, which would hide it."""

DEFAULT_PAGE = 50
LARGEST_PAGE = 100

Code = Annotated[str, StringConstraints(pattern=CODE_PATTERN)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=SAID_LINE_PATTERN)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=SAID_TEXT_PATTERN)]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A time in an answer: RFC 3339, UTC with Z, milliseconds."""


class Request(BaseModel):
    """A body that is sent to onenet."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """A body that onenet sends."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Query(BaseModel):
    """Query parameters; a name that is not here is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Names(Answer):
    """One text in both languages."""

    zh: str
    en: str


class Named(Answer):
    """A code with its names."""

    code: str
    names: Names


class Limit(Answer):
    """A time limit: a number and its unit."""

    number: int
    unit: Annotated[str, Field(json_schema_extra={"x-extensible-enum": ["workdays", "days", "hours"]})]


class PageLinks(Answer):
    """Where this page is, and the next one."""

    self: str
    next: str | None = None


Entry = TypeVar("Entry", bound=BaseModel)


class Page(Answer, Generic[Entry]):
    """A part of a list; `next_cursor` is absent on the last one."""

    items: list[Entry]
    next_cursor: str | None = None
    links: PageLinks


class FaultShape(Answer):
    """One thing that is wrong. One of `pointer`, `parameter` and `header` says where."""

    code: str
    message_zh: str
    message_en: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None


def extensible(words: Sequence[str]) -> dict[str, Any]:
    """The schema of an answer's word out of a list that may grow."""
    return {"x-extensible-enum": list(words), "description": "May take further values."}


WhoWord = Annotated[str, Field(json_schema_extra=extensible([*get_args(Who), *get_args(By)]))]


_ACTIONS = list(dict.fromkeys([*OF_STEP, *OF_CASE, *Act, *TicketAct]))


class AllowedShape(Answer):
    """Something that can be done now, and who may do it."""

    action: Annotated[str, Field(json_schema_extra=extensible(_ACTIONS))]
    by: list[WhoWord]


class Problem(Answer):
    """What went wrong (RFC 9457). `title` and `detail` are in the language of Accept-Language.

    `present`: how the case or the step is now; `allowed`: what can be done instead, and by whom.
    """

    type: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    trace_id: str | None = None
    errors: Annotated[list[FaultShape], Field(max_length=20)] | None = None
    violated_policies: Annotated[list[str] | None, Field(alias="violated-policies")] = None
    present: dict[str, Any] | None = None
    allowed: list[AllowedShape] | None = None


def _plain_integer(value: Any) -> Any:
    """A query's text as an integer. pydantic would also take `1_000`, ` 1 ` and `1.0`."""
    if not isinstance(value, str):
        return value
    if not (value.isascii() and value.isdigit()):
        raise PydanticCustomError("int_type", "an integer was expected")
    # However long: a number beyond every bound is still a number.
    return int(value) if len(value) < 20 else 10**20


# The bounds come first: behind the validator they would be missing in the contract.
Count = Annotated[int, Field(ge=0, le=2**31 - 1), BeforeValidator(_plain_integer)]
"""An integer of a query, from 0 on."""

Ordinal = Annotated[int, Field(ge=1, le=2**31 - 1), BeforeValidator(_plain_integer)]
"""An integer of a path, from 1 on."""

Year = Annotated[int, Field(ge=2000, le=2199), BeforeValidator(_plain_integer)]
"""A year of a path."""

Seconds = Annotated[int, Field(ge=0), BeforeValidator(_plain_integer)]
"""How long to wait: from 0 on; what is too long is cut."""

PageLimit = Annotated[
    int,
    Field(ge=1, description=f"How many at most. More than {LARGEST_PAGE} counts as that."),
    BeforeValidator(_plain_integer),
]
CursorText = Annotated[
    str,
    StringConstraints(pattern="^[A-Za-z0-9_-]{1,512}$"),
    Field(description="`next_cursor` of the page before, with the same filters."),
]


class PageQuery(Query):
    """What every list takes."""

    limit: PageLimit = DEFAULT_PAGE
    cursor: CursorText | None = None

    @property
    def size(self) -> int:
        """The number of entries that a page will have at most."""
        return min(self.limit, LARGEST_PAGE)


@lru_cache(maxsize=1_000)
def moment(at: datetime) -> str:
    """A time as it leaves the house. The steps of one case mostly have the same."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def given(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that there are: null means absent, so it is not sent."""
    return {name: value for name, value in members.items() if value is not None}


Audience = Literal["natural_person", "enterprise"]
