"""Procedures: what goes on in a step or a case beside its state, each a small record of its own kind.

The kinds are closed: a new one is a frozen dataclass whose first field, `kind`, is its name as a Literal, in
the module of its noun, and a name in the union here. They are stored as JSON, sealed, and read by that union.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Extension:
    """A limit that was lengthened, once: LIC art. 42 (20 + 10; of joint handling 45 + 15 working days).

    `approved_by`: the head of the body, or of the government for joint handling.
    """

    kind: Literal["extension"]
    days: int
    approved_by: str
    reason: str
    at: datetime


Procedure = Extension
