"""What the routes of cases take in their paths and queries."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import Field

from onenet.api.shapes import (
    CODE_PATTERN,
    LARGEST_PAGE,
    UUID_PATTERN,
    Code,
    Count,
    PageLimit,
    PageQuery,
    Query,
    Seconds,
)
from onenet.api.waiting import LONGEST_WAIT_S
from onenet.domain.states import CaseState

# An id that no case can have is refused here, and answered like one that no case has: 404.
CaseId = Annotated[str, Path(pattern=UUID_PATTERN, json_schema_extra={"format": "uuid"})]
StepCode = Annotated[str, Path(pattern=CODE_PATTERN)]
CaseNumber = Annotated[str, Path(max_length=64, pattern="^[0-9A-Za-z_.-]{1,64}$")]

Wait = Annotated[
    Seconds,
    Field(description=f"Seconds to wait for something new. More than {LONGEST_WAIT_S} counts as that."),
]


class CaseListQuery(PageQuery):
    """Filters of the list of cases."""

    state: CaseState | None = None
    bundle: Code | None = None


class CaseQuery(Query):
    """Waiting for a case to move: answers as soon as its seq is above `since`."""

    since: Count | None = None
    wait: Wait = 0


class EventQuery(Query):
    """Events after `since`."""

    since: Count = 0
    wait: Wait = 0
    limit: PageLimit = LARGEST_PAGE
