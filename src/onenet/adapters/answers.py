"""The parts of a department's answer that adapters share: shapes, and how a wrong one is told.

An answer passes the strict reader first and a shape afterwards. What does not fit is never guessed: it
becomes Unclear with the reason, or UnreadableAnswer when not even its task can be told. Neither repeats what
was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import httpx2
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from onenet.adapters.base import UnreadableAnswer
from onenet.adapters.json_reader import read_json
from onenet.domain.bundle import Limit, LimitUnit
from onenet.domain.outcome import ReasonKind, ResultGiven, SupplementRequest
from onenet.errors import MalformedJson

_MAX_FAULTS = 5
_MAX_POINTER = 64

_MAX_BLANKS = 1_024
"""More blanks are no empty answer: something may have come after them that was cut off."""


def _as_text(value: object) -> object:
    """Departments send ids as "001" and as 1; 0 is an id, true is none."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_day(text: str) -> str:
    date.fromisoformat(text)
    return text


Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Name = Annotated[Text, Field(max_length=200)]
Day = Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_as_day)]
Id = Annotated[Text, BeforeValidator(_as_text)]
Seq = Annotated[int, Field(ge=1, lt=2**31)]


class Shape(BaseModel):
    """A part of an answer: no member that nobody planned for, no type but the right one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ResultShape(Shape):
    """A result as it was issued: `{"code": "food_licence", "number": "F-1", "facts": {…}, "name": …,
    "issuer": …, "valid_from": "2026-12-01", "valid_until": "2031-11-30"}`; all but the code may be left out.
    """

    code: Id
    number: Id | None = None
    facts: dict[str, Any] | None = None
    name: Name | None = None
    issuer: Name | None = None
    valid_from: Day | None = None
    valid_until: Day | None = None


class RequestShape(Shape):
    """One thing to hand in or to repair: `{"kind": "material", "code": "id_card", "reason": "blurred",
    "reason_kind": "incorrect"}`. Systems of before 0.1 do not say the kind.
    """

    kind: Literal["material", "field"]
    code: Id
    reason: Text
    reason_kind: ReasonKind | None = None


class LimitShape(Shape):
    """A length of time: `{"number": 15, "unit": "workdays"}`."""

    number: Annotated[int, Field(ge=1, le=3650)]
    unit: LimitUnit

    def to_limit(self) -> Limit:
        """It as the domain knows it."""
        return Limit(self.number, self.unit)


Requests = Annotated[tuple[RequestShape, ...], Field(min_length=1)]
"""All that the applicant must hand in or repair, said at once."""


def results_given(shapes: Iterable[ResultShape]) -> tuple[ResultGiven, ...]:
    """The results as the domain knows them."""
    return tuple(ResultGiven(**shape.model_dump()) for shape in shapes)


def supplement_requests(shapes: Iterable[RequestShape]) -> tuple[SupplementRequest, ...]:
    """The requests as the domain knows them."""
    return tuple(SupplementRequest(**shape.model_dump()) for shape in shapes)


@dataclass(frozen=True, slots=True)
class Format:
    """A form of bodies: its media types, those that end in `suffix` too, and its strict reader."""

    types: tuple[str, ...]
    suffix: str
    read: Callable[[bytes], Any]


JSON = Format(("application/json",), "+json", read_json)


def answered_object(response: httpx2.Response, form: Format = JSON) -> Mapping[str, Any] | None:
    """The object in a 2xx answer; None when it says nothing: 202, another media type, empty, no object.

    Raises: MalformedJson, UnreadableAnswer when it calls itself of that form and is not.
    """
    return None if response.status_code == 202 else object_in(response, form)


def object_in(response: httpx2.Response, form: Format = JSON) -> Mapping[str, Any] | None:
    """The same whatever the status is. A 202 decides nothing, but may name a number. Raises: the same."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_ours = media_type in form.types or media_type.endswith(form.suffix)
    if not is_ours or is_empty(response.content):
        return None
    value = form.read(response.content)
    return value if isinstance(value, dict) and value else None


def is_empty(body: bytes) -> bool:
    """Whether there is nothing in it, and nothing that was cut off."""
    return len(body) <= _MAX_BLANKS and not body.strip()


def callback_object(body: bytes, form: Format = JSON) -> Mapping[str, Any]:
    """The object that a callback must be. Raises: UnreadableAnswer."""
    try:
        value = form.read(body)
    except MalformedJson as error:
        raise UnreadableAnswer(str(error)) from None
    if not isinstance(value, dict):
        raise UnreadableAnswer("an object was expected")
    return value


def task_named(value: Mapping[str, Any], pointer: str = "") -> str:
    """The task that an answer is about, its member `task`. Raises: UnreadableAnswer."""
    task = value.get("task")
    if not isinstance(task, str) or not task:
        raise UnreadableAnswer(f"{pointer}/task: the id of a task was expected")
    return task


def seq_named(value: Mapping[str, Any]) -> int | None:
    """The department's own count, when it can be read: an unclear answer has its place in the order too."""
    seq = value.get("seq")
    return seq if type(seq) is int and 1 <= seq < 2**31 else None


def faults(error: ValidationError, pointer: str = "") -> str:
    """What a shape expected and where, without what was sent: `/data/due_on: Field required`."""
    shown = error.errors(include_url=False, include_context=False, include_input=False)[:_MAX_FAULTS]
    return "; ".join(
        f"{pointer}{''.join(f'/{part}' for part in fault['loc'])}"[:_MAX_POINTER] + f": {fault['msg']}"
        for fault in shown
    )
