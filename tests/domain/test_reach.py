"""Reach: how far from where it is handled an application may be handed in (GB/T 39046 table 4)."""

from __future__ import annotations

import pytest

from onenet.domain import reach
from onenet.domain.bundle import Jurisdiction, Reach
from onenet.errors import OutOfReach
from tests.factories import make_member, names

PLACES = {
    code: Jurisdiction(code, names(code), "district", area)
    for code, area in (
        ("suzhou", "320500"), ("kunshan", "320583"), ("wujiang", "320509"), ("nanjing", "320100"),
        ("huangpu", "310101"), ("chongming", "310230"),
    )
}  # fmt: skip
ABOVE = {"kunshan": {"kunshan", "suzhou"}, "wujiang": {"wujiang", "suzhou"}}


@pytest.mark.parametrize(
    ("receiving", "handling", "far"),
    [
        ("kunshan", "kunshan", "own"),
        ("kunshan", "suzhou", "own"),  # a county's counter takes in what its city decides
        ("kunshan", "wujiang", "across_counties"),  # 3205.. and 3205..
        ("suzhou", "kunshan", "across_counties"),
        ("kunshan", "nanjing", "across_cities"),  # 32.... and 32....
        ("huangpu", "kunshan", "across_provinces"),
        ("huangpu", "chongming", "across_counties"),  # 3101.. and 3102..: Shanghai is one city
    ],
)
def test_how_far_it_is_follows_from_the_area_codes(receiving: str, handling: str, far: Reach) -> None:
    above = ABOVE.get(receiving, {receiving})
    assert reach.between(PLACES[receiving], PLACES[handling], above) == far


@pytest.mark.parametrize(
    ("scope", "taken"),
    [
        ("own", ["own"]),
        ("across_counties", ["own", "across_counties"]),
        ("across_cities", ["own", "across_counties", "across_cities"]),
        ("across_provinces", ["own", "across_counties", "across_cities", "across_provinces"]),
        ("nation", ["own", "across_counties", "across_cities", "across_provinces"]),
    ],
)
def test_an_item_is_taken_in_from_all_that_is_nearer(scope: Reach, taken: list[Reach]) -> None:
    members = [make_member("licence", reach=scope), make_member("seal", reach="nation")]
    nearest_first: list[Reach] = ["own", "across_counties", "across_cities", "across_provinces"]
    for far in nearest_first:
        if far in taken:
            reach.check(members, far, "kunshan")
        else:
            with pytest.raises(OutOfReach) as refused:
                reach.check(members, far, "kunshan")
            assert refused.value.present["members"] == ["licence"]
            assert refused.value.detail.startswith("this can be handed in only ")
            assert refused.value.allowed[0]["jurisdiction"] == "kunshan"


def test_several_reach_as_far_as_the_narrowest() -> None:
    reaches: list[Reach] = ["nation", "across_cities", "across_provinces"]
    members = [make_member(code, reach=code) for code in reaches]
    assert reach.narrowest(members) == "across_cities"
