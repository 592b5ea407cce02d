"""Rules: what the law says of time and procedure, and what a place says otherwise.

A jurisdiction states only what differs, in the catalogue; what it does not say is its parent's, and in the
end the law's. They are read anew for each decision: a case follows the rules of the day, its bundle stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from onenet.domain.bundle import Jurisdiction, Limit, Names
from onenet.domain.calendar import NO_HOURS, Calendar, Office, read_office

KNOWN_EVERYWHERE = timedelta(seconds=45)
"""So long after a publication every process decides by what was published."""


@dataclass(frozen=True, slots=True)
class Yellow:
    """When a light turns yellow: so many days before the limit is used up, or that share of it.

    `items`: for which items; empty: for all. Thresholds of cities are not published (domain.md section 11).
    """

    days_left: int = 0
    percent_left: int = 0
    items: tuple[str, ...] = ()


FIFTH = Yellow(percent_left=20)


REVIEW_BODY: Names = {
    "zh": "作出决定机关的本级人民政府",
    "en": "The people's government at the level of the deciding body",
}
COURT: Names = {"zh": "有管辖权的人民法院", "en": "The people's court with jurisdiction"}


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds in one place, with the source of each rule.

    `calendar`: its working days (LIC art. 82). `notice`: how long an office may take to say what is missing,
    before the application counts as accepted from the day it was received; `notice_item_types`: for which
    types of items (LIC art. 32(1)(4): licences, 01 of GB/T 39046 A.1; ANY art. 36 has it for all services).
    `yellow`: when a light turns yellow; by the first rule that speaks of the item, else a fifth before.
    `urges_on_red`: whether a limit that is used up urges its department by itself; `urging`, `supervision`:
    how long a department has to answer them (no law gives a number; domain.md section 11).
    `opinion`: how long a department has that is asked its opinion, where who asks does not say (no source
    gives a number; a consultation stops no clock, so it is short).
    `office`: when offices are open, and what goes by it; the calendar has it too. `extension`: by how much a
    limit of a step may be lengthened, once (LIC art. 42 par. 1); `joint_extension`: one of a case (par. 2).
    `review_body`, `review_days`: where and how long administrative review can be asked for after a refusal
    (行政复议法 of 2023, art. 20 and 24); `court`, `lawsuit_months`: the same of a lawsuit (行政诉讼法, art.
    46).
    `supplement`: how long an applicant has to hand in what was asked for, where the department names no day
    (no law gives a number, so it is long); `supplement_lapse`: what it means when nothing came (ANY art. 36:
    withdrawn); `reminder`: how long before the applicant is told. `renewal_days`: so long before expiry a
    renewal is applied for, to be deemed renewed when nobody decides (LIC art. 50; days, not working days).
    `result_delivery`: within which a result is handed over or sent, from the decision on (LIC art. 44).

    Of bad ratings: `rating_contact`: until their raters are contacted (SHA art. 30). `rating_repair`: until
    they are repaired; 5 working days in Dezhou, 7 days and 15 working days elsewhere (domain.md section 10).
    `rating_follow_up`, until raters are asked about it, and `rating_appeal`, until one is decided: as long.

    Of hotline tickets (WEI art. 20-27): `ticket`: until the lead unit answers; `ticket_kinds`: of some kinds
    otherwise, in one city 3 for consultation and help, 13 for complaints (domain.md section 12);
    `ticket_extension`: by how much that is lengthened, once; `ticket_return_hours`: until when a unit may
    return one, round the clock.
    """

    calendar: Calendar = Calendar("")
    notice: Limit = Limit(5, "workdays")
    notice_item_types: tuple[str, ...] = ("01",)
    yellow: tuple[Yellow, ...] = (FIFTH,)
    urges_on_red: bool = True
    urging: Limit = Limit(2, "workdays")
    supervision: Limit = Limit(5, "workdays")
    opinion: Limit = Limit(5, "workdays")
    office: Office = NO_HOURS
    extension: Limit = Limit(10, "workdays")
    joint_extension: Limit = Limit(15, "workdays")
    review_body: Names = field(default_factory=lambda: REVIEW_BODY)
    review_days: int = 60
    court: Names = field(default_factory=lambda: COURT)
    lawsuit_months: int = 6
    rating_contact: Limit = Limit(1, "workdays")
    rating_repair: Limit = Limit(5, "workdays")
    rating_follow_up: Limit = Limit(5, "workdays")
    rating_appeal: Limit = Limit(5, "workdays")
    ticket: Limit = Limit(5, "workdays")
    ticket_kinds: Mapping[str, Limit] = field(default_factory=dict)
    ticket_extension: Limit = Limit(5, "workdays")
    ticket_return_hours: int = 24
    supplement: Limit = Limit(30, "workdays")
    supplement_lapse: Literal["withdrawn", "rejected"] = "withdrawn"
    reminder: Limit = Limit(3, "workdays")
    renewal_days: int = 30
    result_delivery: Limit = Limit(10, "workdays")


LAW = Rules()


def read_rules(said: Mapping[str, Any], calendar: Calendar) -> Rules:
    """The rules of a place: of what is `said` by it and those above it, nearest first, and the law's else.

    Raises: TypeError for a rule that does not exist; what is published was checked before.
    """
    found = replace(LAW, **{name: _value(name, value) for name, value in said.items()})
    return replace(found, calendar=replace(calendar, office=found.office) if found.office.hours else calendar)


def _value(name: str, value: Any) -> Any:
    if name == "yellow":
        own = (Yellow(**{**each, "items": tuple(each.get("items", ()))}) for each in value)
        return (*own, FIFTH)
    if name == "office":
        return read_office(value)
    if name == "ticket_kinds":
        return {kind: Limit(**limit) for kind, limit in value.items()}
    if isinstance(value, dict) and value.keys() == {"number", "unit"}:
        return Limit(**value)
    return tuple(value) if isinstance(value, list) else value


# ---- who says so


class Held(NamedTuple):
    """A rule as it holds in a place, in the shape of the catalogue. `said_by`: which place; None: the law."""

    name: str
    value: Any
    said_by: str | None


class Changed(NamedTuple):
    """What a place itself says otherwise than before, or says no more."""

    place: str
    before: Held
    after: Held


_SAID_BY_LAW: Mapping[str, Any] = {
    each.name: None
    if each.name == "calendar"
    else json.loads(json.dumps(getattr(LAW, each.name), default=asdict))
    for each in fields(Rules)
}


def line(places: Mapping[str, Jurisdiction], code: str) -> list[Jurisdiction]:
    """The place and those above it, nearest first; empty for an unknown code. A circle is gone round once."""
    found: list[Jurisdiction] = []
    at: str | None = code
    while at is not None and at in places and places[at] not in found:
        found.append(places[at])
        at = found[-1].parent
    return found


def held(places: Sequence[Jurisdiction]) -> tuple[Held, ...]:
    """What holds in the first of these places, the others being above it; the nearest that says it counts."""
    found = {name: Held(name, value, None) for name, value in _SAID_BY_LAW.items()}
    for place in reversed(places):
        own = {"calendar": place.calendar} if place.calendar else {}
        found |= {name: Held(name, value, place.code) for name, value in {**own, **place.rules}.items()}
    return tuple(found.values())


def changed(before: Mapping[str, Jurisdiction], after: Mapping[str, Jurisdiction]) -> Iterator[Changed]:
    """What these places themselves say otherwise afterwards; who inherits it is not told of again."""
    for code in before:
        for old, new in zip(held(line(before, code)), held(line(after, code)), strict=True):
            if old != new and code in (old.said_by, new.said_by):
                yield Changed(code, old, new)
