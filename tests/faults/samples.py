"""Samples of the demo that the simulated city can carry to an end: the load consists of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

CHOSEN = (
    ("newborn", 0),
    ("newborn", 1),
    ("newborn", 2),
    ("restaurant", 1),
    ("restaurant", 2),
    ("enterprise_information_change", 1),
)
"""File and place in it; every one ends `completed` once all departments grant."""

EXPECTED = "completed"

_DAY = re.compile(r"\{today([+-]\d+)?\}")


@dataclass(frozen=True, slots=True)
class Sample:
    """An application: its name, its body as the API takes it."""

    name: str
    body: dict[str, Any]


def samples(today: date) -> list[Sample]:
    """The chosen ones, with their dates put in."""
    return [_sample(name, place, today) for name, place in CHOSEN]


def _sample(name: str, place: int, today: date) -> Sample:
    text = (files("onenet") / "demo_data" / f"{name}.json").read_text(encoding="utf-8")
    dated = _DAY.sub(lambda found: (today + timedelta(days=int(found[1] or 0))).isoformat(), text)
    told = json.loads(dated)[place]
    return Sample(f"{name} {place}", {key: value for key, value in told.items() if key != "title"})
