"""What a check of the catalogue has to say, and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file; line and column count from 1, the column in characters."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong (error) or worth knowing (warning): what it is and what was expected."""

    place: Place
    severity: Severity
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.message} [{self.code}]"


Findings = Iterator[Finding]


def error(place: Place, code: str, message: str) -> Finding:
    """A finding that keeps the catalogue from being published."""
    return Finding(place, "error", code, message)


def warning(place: Place, code: str, message: str) -> Finding:
    """A finding that is shown and kept, and stops nothing."""
    return Finding(place, "warning", code, message)
