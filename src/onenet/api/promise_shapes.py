"""Promises on the wire: what is signed with an application, and how what was promised stands."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from onenet.api.shapes import NAME_PATTERN, Answer, Code, Line, LongText, Moment, Request, extensible
from onenet.domain.promises import CommitmentState, Later, Promised, Signing, Undertaking

MOST = 100

Signer = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NAME_PATTERN)]


class LaterShape(Request):
    """A material that is to follow, and by which day; without one, by the last of the item's promise."""

    code: Code
    due_on: date | None = None


class UndertakingShape(Request):
    """What is signed for a step whose secondary materials follow later (容缺受理).

    `text_version`: of the item's `tolerance`, which was shown and is signed. `signed_by`: who signs, by name.
    """

    step: Code
    text_version: Line
    signed_by: Signer
    materials: Annotated[list[LaterShape], Field(min_length=1, max_length=MOST)]


class SignedText(Request):
    """That the commitment of a step was shown and is signed (告知承诺).

    `text_version`: of the item's `commitment`. `signed_by`: who signs, by name.
    """

    text_version: Line
    signed_by: Signer


class TakingBack(Request):
    """A commitment is taken back."""

    reason: LongText | None = None


class SigningShape(SignedText):
    """The same, with the step that it is for."""

    step: Code


class CheckShape(Request):
    """What an officer found, later, of the commitment that a step was granted on.

    broken: it is to be repaired by the day `repair_due_on`. revoked: it was not, and what was granted does
    not stand any more. The reason is told to the applicant.
    """

    finding: Literal["kept", "broken", "repaired", "revoked"]
    reason: LongText
    repair_due_on: date | None = None


class Promises(Request):
    """What is signed as an application is sent in."""

    undertakings: Annotated[list[UndertakingShape], Field(max_length=MOST)] = Field(default=[])
    commitments: Annotated[list[SigningShape], Field(max_length=MOST)] = Field(default=[])

    def to_promised(self) -> Promised:
        """What is signed, as the engine knows it."""
        signings = (Signing(each.step, each.text_version, each.signed_by) for each in self.commitments)
        return Promised(self._undertakings(), tuple(signings))

    def _undertakings(self) -> tuple[Undertaking, ...]:
        return tuple(
            Undertaking(
                each.step,
                each.text_version,
                each.signed_by,
                tuple(Later(later.code, later.due_on) for later in each.materials),
            )
            for each in self.undertakings
        )


class Deferral(Request):
    """A later day for a material that was promised, for force majeure; the reason goes on record."""

    material: Code
    due_on: date
    reason: LongText


# ---- answers


class ToleranceShape(Answer):
    """A material that follows later. Without `outcome` it is awaited, until the end of the day `due_on`.

    `deferred_for`: why an officer put that day off.
    """

    material: str
    due_on: date
    text_version: str
    text_sha256: str
    signed_by: str
    signed_at: Moment
    delivered_at: Moment | None = None
    outcome: Annotated[str | None, Field(json_schema_extra=extensible(["kept", "late", "excused"]))] = None
    deferred_for: str | None = None


class CommitmentShape(Answer):
    """A commitment that was signed for the step, and how it stands.

    to_check: granted on it; looked at until the end of the day `check_due_on`. broken: to be repaired by
    `repair_due_on`. `is_overdue`: that day has passed. `finding`: what was found, in words.
    """

    text_version: str
    text_sha256: str
    signed_by: str
    signed_at: Moment
    state: Annotated[str, Field(json_schema_extra=extensible(list(get_args(CommitmentState))))]
    check_due_on: date | None = None
    repair_due_on: date | None = None
    is_overdue: bool | None = None
    finding: str | None = None
    checked_at: Moment | None = None
