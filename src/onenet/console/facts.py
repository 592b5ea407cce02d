"""Facts: what was said, under its name, as pages of offices list it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that was said, under its name. `document`: the id of a file that it is."""

    name: str
    value: str | None
    document: str | None = None


def as_text(value: Any) -> str:
    """A value of a form as people read it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
