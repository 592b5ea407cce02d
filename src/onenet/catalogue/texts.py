"""The strict shapes of longer texts in the YAML files, and of those that applicants sign."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

LINE_PATTERN = r"^[^\r\n]+$"
VERSION_PATTERN = "^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$"


STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
"""Known members, exact types."""


class LongNames(BaseModel):
    """A paragraph in both languages, each on one line."""

    model_config = STRICT

    zh: Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=LINE_PATTERN)]
    en: Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=LINE_PATTERN)]


class Terms(BaseModel):
    """A text that applicants sign. Whoever changes the text changes the version."""

    model_config = STRICT

    version: Annotated[str, StringConstraints(pattern=VERSION_PATTERN)]
    text: LongNames
