"""Procedures on the wire: what goes on in a step beside its state, as it is shown."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, RootModel

from onenet.api.shapes import Answer, Code, Limit, Line, LongText, Moment, Names, Request, extensible
from onenet.domain.commands import AskHearing, WaiveHearing
from onenet.domain.outcome import ReasonKind, RecordHearing, SetHearing, SpecialProcedure, TellHearingRight
from onenet.domain.procedures import HearingState


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
    """What can be done after a refusal: where, and until which day. `correct_data` has neither: what could
    not be verified is corrected, and applied for again.
    """

    way: Annotated[
        str, Field(json_schema_extra=extensible(["administrative_review", "lawsuit", "correct_data"]))
    ]
    where: Names | None = None
    until: Annotated[str | None, Field(json_schema_extra={"format": "date"})] = None


class RefusalShape(Answer):
    """How a step was refused. `go_to`: the body that is competent; `remedies`: of a refusal on the merits."""

    reason_code: Annotated[
        str, Field(json_schema_extra=extensible(["not_needed", "not_competent", "refused", "not_verified"]))
    ]
    go_to: str | None = None
    remedies: list[RemedyShape]


class HearingShape(Answer):
    """The hearing of a step. `until`: when the right to ask for it ends, while it is open; `on`, `place`:
    where and when it is held; `minutes`: of what was said.
    """

    state: Annotated[str, Field(json_schema_extra=extensible(get_args(HearingState)))]
    reason: str
    told_at: Moment
    until: Annotated[Moment | None, Field(examples=["2026-11-30T16:00:00.000Z"])] = None
    asked_at: Moment | None = None
    on: Annotated[str | None, Field(json_schema_extra={"format": "date"})] = None
    place: str | None = None
    minutes: str | None = None


class HearingTold(Request):
    """The applicant is told that a hearing can be asked for, and why."""

    action: Literal["tell"]
    reason: LongText

    def to_act(self) -> TellHearingRight:
        """It as the domain knows it."""
        return TellHearingRight(self.reason)


class HearingSet(Request):
    """Day and place are set; the applicant is told seven working days before."""

    action: Literal["set"]
    on: date
    place: Line

    def to_act(self) -> SetHearing:
        """It as the domain knows it."""
        return SetHearing(self.on, self.place)


class HearingRecorded(Request):
    """The hearing was held."""

    action: Literal["record"]
    minutes: LongText

    def to_act(self) -> RecordHearing:
        """It as the domain knows it."""
        return RecordHearing(self.minutes)


class HearingStep(
    RootModel[Annotated[HearingTold | HearingSet | HearingRecorded, Field(discriminator="action")]]
):
    """What an officer does about a hearing."""


class HearingWish(Request):
    """What the applicant wants: the hearing, or none."""

    step: Code
    action: Literal["ask", "waive"]
    reason: LongText | None = None

    def to_act(self) -> AskHearing | WaiveHearing:
        """It as the domain knows it."""
        return AskHearing(self.reason) if self.action == "ask" else WaiveHearing()


HEARING_SET: dict[str, Any] = {"action": "set", "on": "2026-12-08", "place": "政务服务中心三楼听证室"}
HEARING_ASKED: dict[str, Any] = {
    "step": "birth_certificate",
    "action": "ask",
    "reason": "与邻里有重大利益关系",
}
