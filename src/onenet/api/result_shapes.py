"""Results on the wire: what departments issued, and whether it stands."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from onenet.api.shapes import Answer, extensible


class ResultShape(Answer):
    """A result that a department issued. `state`: whether it stands; if not, why and since which day.
    `valid_from`, `valid_until`: the first and the last day on which it holds.
    """

    code: str
    number: str | None = None
    facts: dict[str, Any] | None = None
    state: Annotated[str, Field(json_schema_extra=extensible(["issued", "recalled", "revoked"]))]
    state_reason: str | None = None
    state_on: date | None = None
    name: str | None = None
    issuer: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
