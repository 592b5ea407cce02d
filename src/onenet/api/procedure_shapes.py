"""Procedures on the wire: what goes on in a step beside its state, as it is shown."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from onenet.api.shapes import Answer, Limit, Moment, Names, extensible
from onenet.domain.outcome import ReasonKind, SpecialProcedure


class RequestShape(Answer):
    """One thing the applicant must still hand in or repair."""

    kind: Annotated[str, Field(json_schema_extra=extensible(["material", "field"]))]
    code: str
    reason: str
    reason_kind: Annotated[str | None, Field(json_schema_extra=extensible(get_args(ReasonKind)))] = None


class SpecialProcedureShape(Answer):
    """The special procedure that a step is in. `expected`: how long it takes, as the department said;
    `stops_clock`: only where it did. `is_overdue`: it takes longer. `gb39046`: its code in A.7.
    """

    procedure: Annotated[str, Field(json_schema_extra=extensible(get_args(SpecialProcedure)))]
    began_at: Moment
    expected: Limit | None = None
    stops_clock: bool
    is_overdue: bool
    gb39046: str


class RemedyShape(Answer):
    """What can be done against a refusal: where, and until which day."""

    way: Annotated[str, Field(json_schema_extra=extensible(["administrative_review", "lawsuit"]))]
    where: Names
    until: Annotated[str, Field(json_schema_extra={"format": "date"})]


class RefusalShape(Answer):
    """How a step was refused. `go_to`: the body that is competent; `remedies`: of a refusal on the merits."""

    reason_code: Annotated[
        str, Field(json_schema_extra=extensible(["not_needed", "not_competent", "refused"]))
    ]
    go_to: str | None = None
    remedies: list[RemedyShape]
