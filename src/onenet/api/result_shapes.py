"""Results on the wire: what departments issued, and whether it stands."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, get_args

from pydantic import Field, StringConstraints

from onenet.api.shapes import Answer, Line, Moment, Named, Names, Request, extensible
from onenet.domain.delivery import Standing as AsListed
from onenet.domain.results import Standing


class ResultShape(Answer):
    """A result that a department issued. `state`: whether it stands; if not, why and since which day.
    `carried_over`: issued in the case that `reapplies` names, which tells it. `valid_from`, `valid_until`:
    the first and the last day on which it holds.
    """

    code: str
    number: str | None = None
    facts: dict[str, Any] | None = None
    state: Annotated[
        str, Field(json_schema_extra=extensible(["issued", "recalled", "revoked", "carried_over"]))
    ]
    state_reason: str | None = None
    state_on: date | None = None
    name: str | None = None
    issuer: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None


StandingWord = Annotated[str, Field(json_schema_extra=extensible(get_args(Standing)))]


class DeliveryShape(Answer):
    """How results reach the applicant who does not take them electronically; `due_at`: until when.

    `is_provisional`: the make-up days of a year on the way are not published yet, so it may still move.
    """

    channel: Annotated[str, Field(json_schema_extra=extensible(["window", "courier"]))]
    due_at: Moment
    is_provisional: bool
    delivered_at: Moment | None = None
    is_overdue: bool
    carrier: str | None = None
    tracking_number: str | None = None


class Delivered(Request):
    """That results were handed over at a window, or given to a courier: then with both members."""

    carrier: Line | None = None
    tracking_number: Line | None = None


class IssuedShape(Answer):
    """A result as it stands today; `since`: from which day on it stands so. `issued_on`: the day of the
    decision. `verification_code`: to the applicant alone, of what has a number. `delivery`: of all that the
    step issued, where it is not electronic.
    """

    step: str
    department: Named
    code: str
    number: str | None = None
    facts: dict[str, Any] | None = None
    name: Names
    issuer: Names
    valid_from: date | None = None
    valid_until: date | None = None
    issued_on: date | None = None
    state: Annotated[str, Field(json_schema_extra=extensible(get_args(AsListed)))]
    since: date | None = None
    state_reason: str | None = None
    verification_code: str | None = None
    delivery: DeliveryShape | None = None


class IssuedList(Answer):
    """All that was issued in a case."""

    items: list[IssuedShape]


class VerificationWish(Request):
    """The number of a result, and its code as it was told, with or without strokes."""

    number: Line
    code: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class VerifiedShape(Answer):
    """How a result stands today, and since which day; nothing of whose it is."""

    number: str
    name: Names
    issuer: Names
    valid_from: date | None = None
    valid_until: date | None = None
    state: StandingWord
    since: date | None = None
