"""Promises on the wire: what is signed with an application, and how what was promised stands."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from onenet.api.shapes import NAME_PATTERN, Answer, Code, Line, LongText, Moment, Request, extensible
from onenet.domain.promises import Later, Undertaking

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


class Promises(Request):
    """What is signed as an application is sent in."""

    undertakings: Annotated[list[UndertakingShape], Field(max_length=MOST)] = Field(default=[])

    def to_undertakings(self) -> tuple[Undertaking, ...]:
        """The undertakings as the engine knows them."""
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
