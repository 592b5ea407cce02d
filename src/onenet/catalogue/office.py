"""The strict shapes of office hours in the YAML files."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

YEARLY_PATTERN = "^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
TIME_PATTERN = "^([01][0-9]|2[0-3]):[0-5][0-9]$"


class _Strict(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Time = Annotated[str, StringConstraints(pattern=TIME_PATTERN)]


class OfficeHours(_Strict):
    """When offices are open on working days, from a day of each year until others begin."""

    begins: Annotated[str, StringConstraints(pattern=YEARLY_PATTERN)] = Field(alias="from")
    open: list[Annotated[list[Time], Field(min_length=2, max_length=2)]] = Field(min_length=1, max_length=5)

    @field_validator("open")
    @classmethod
    def _in_order(cls, spans: list[list[str]]) -> list[list[str]]:
        times = [at for span in spans for at in span]
        if any(before >= after for before, after in pairwise(times)):
            raise ValueError("expected spans one after the other, each ending after it begins")
        return spans


class Office(_Strict):
    """When offices are open, and what goes by it."""

    hours: list[OfficeHours] = Field(min_length=1, max_length=12)
    ends_deadlines: bool = False
    counts_hours: bool = False
