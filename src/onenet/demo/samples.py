"""Sample applications, as they ship in `demo_data`, with the dates put in."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

BUNDLES = (
    "newborn",
    "restaurant",
    "enterprise_deregistration",
    "enterprise_information_change",
    "retirement",
    "after_death",
    "school_enrolment",
    "graduates",
)

_DAY = re.compile(r"\{today([+-][0-9]+)?\}")


def read(bundle: str) -> Sequence[Mapping[str, Any]]:
    """The samples of a bundle, in the order of their file."""
    samples: list[Mapping[str, Any]] = _json(bundle)
    return samples


def _json(name: str) -> Any:
    return json.loads((files("onenet") / "demo_data" / f"{name}.json").read_text(encoding="utf-8"))


def by_hand() -> Mapping[str, Mapping[str, Any]]:
    """What lies in the folder of a live demo to be sent by hand, by the name of the file."""
    own: Mapping[str, Mapping[str, Any]] = _json("by_hand")
    return {
        "sample.json": read("newborn")[1],
        "retirement.json": read("retirement")[1],
        "restaurant.json": read("restaurant")[4],
        **own,
    }


def mixed() -> Sequence[Mapping[str, Any]]:
    """All samples, one of each bundle in turn; those with a file of their own after the first of each."""
    columns = [read(bundle) for bundle in BUNDLES]
    rows = [[column[row] for column in columns if row < len(column)] for row in range(max(map(len, columns)))]
    first, *others = rows
    return [*first, *_json("by_hand").values(), *itertools.chain(*others)]


def submission(sample: Mapping[str, Any], day: date) -> dict[str, Any]:
    """The body of `POST /v1/cases` for somebody who applies on this day."""
    filled: dict[str, Any] = _filled({name: sample[name] for name in sample if name != "title"}, day)
    return filled


def _filled(value: Any, day: date) -> Any:
    """The value with its dates.

    >>> _filled({"on": ["{today-1}", "{today}", 7]}, date(2026, 3, 1))
    {'on': ['2026-02-28', '2026-03-01', 7]}
    """
    if isinstance(value, str) and (found := _DAY.fullmatch(value)):
        return (day + timedelta(days=int(found.group(1) or 0))).isoformat()
    if isinstance(value, dict):
        return {name: _filled(member, day) for name, member in value.items()}
    if isinstance(value, list):
        return [_filled(member, day) for member in value]
    return value
