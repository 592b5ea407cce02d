"""Recorded answers: `tests/adapters/<adapter>/*.json`, one for each thing a department may say.

`response`: the JSON of an answer at once; `callback`: the same as a callback; either may be missing.
`outcome`: what the adapter makes of it: `kind`, the class of the outcome, and the members to be compared.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from onenet.adapters import registry
from onenet.domain.outcome import Outcome

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Record:
    """One recorded answer of one adapter."""

    adapter: str
    name: str
    response: Any
    callback: Any
    outcome: dict[str, Any]


def records() -> list[Record]:
    return [
        Record(name, path.stem, content.get("response"), content.get("callback"), content["outcome"])
        for name in registry.installed()
        for path in sorted((FOLDER / name).glob("*.json"))
        for content in [json.loads(path.read_bytes())]
    ]


def told(outcome: Outcome) -> dict[str, Any]:
    """The outcome as records write it: JSON values; None, and that a result stands, are left out."""
    members = dataclasses.asdict(
        outcome, dict_factory=lambda pairs: {k: v for k, v in pairs if v is not None and v != "issued"}
    )
    plain: dict[str, Any] = json.loads(json.dumps(members, default=date.isoformat))
    return {"kind": type(outcome).__name__} | plain
