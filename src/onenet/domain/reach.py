"""Reach 通办范围: how far from where a case is handled it may be handed in.

Three places differ: the counter that receives (`Case.receiving`), the body that decides, the area whose
calendar and rules count; the last two go by `Case.jurisdiction`. Source: GB/T 39046 table 4; domain.md 14.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import get_args

from onenet.domain.bundle import Jurisdiction, Member, Reach
from onenet.errors import OutOfReach

_FAR: tuple[Reach, ...] = get_args(Reach)

_PROVINCE, _CITY = 2, 4
"""Digits of an area code that the places of one province, and of one city, share. Source: GB/T 2260."""

_MUNICIPALITIES = frozenset({"11", "12", "31", "50"})
"""Provinces that are one city: Beijing, Tianjin, Shanghai, Chongqing."""

_WHERE: Mapping[Reach, str] = {
    "own": "where it is handled",
    "across_counties": "in the city where it is handled",
    "across_cities": "in the province where it is handled",
    "across_provinces": "anywhere",
}


def narrowest(members: Iterable[Member]) -> Reach:
    """How far all of these reach together."""
    return min((member.reach for member in members), key=_FAR.index, default="own")


def between(receiving: Jurisdiction, handling: Jurisdiction, above: Collection[str]) -> Reach:
    """How far it is; `above`: the codes of `receiving` and of all above it."""
    here, there = receiving.area_code, handling.area_code
    if handling.code in above:
        return "own"
    if here[:_PROVINCE] != there[:_PROVINCE]:
        return "across_provinces"
    is_one_city = here[:_CITY] == there[:_CITY] or here[:_PROVINCE] in _MUNICIPALITIES
    return "across_counties" if is_one_city else "across_cities"


def check(members: Sequence[Member], far: Reach, handling: str) -> None:
    """Passes when all these may be handed in from so far. Raises: OutOfReach, which says where to go."""
    short = [member.code for member in members if _FAR.index(member.reach) < _FAR.index(far)]
    if short:
        reach = narrowest(members)
        present = {"jurisdiction": handling, "reach": reach, "needed": far, "members": short}
        go = {"action": "apply_in", "by": ["applicant"], "jurisdiction": handling}
        raise OutOfReach(f"this can be handed in only {_WHERE[reach]}", present, (go,))
