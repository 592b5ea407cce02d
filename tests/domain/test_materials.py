"""The merged list of materials: asked once, as whoever needs most of it (domain.md section 15)."""

from dataclasses import asdict, replace

import pytest

from onenet.domain import guidance
from onenet.domain.bundle import Bundle, Material, Need
from tests.factories import make_bundle, make_member, make_question, names

LEASE = Material("lease", names("lease"), 4, "secondary", originals=1, copies=1)


def shop() -> Bundle:
    """A licence needs the lease, tobacco needs two copies of it, a fund must have it at once."""
    licence = make_member("licence", materials=["lease"])
    tobacco = make_member("tobacco", materials=["lease"], when="tobacco")
    fund = make_member("fund", materials=["lease"], when="fund")
    return make_bundle(
        licence,
        replace(tobacco, needs={"lease": Need("secondary", 0, 2)}),
        replace(fund, needs={"lease": Need("main", 1, 0)}),
        questions=[make_question("tobacco"), make_question("fund")],
        materials=[LEASE],
    )


@pytest.mark.parametrize(
    ("tobacco", "fund", "together"),
    [
        (False, False, ("secondary", 1, 1)),  # as the material says itself
        (True, False, ("secondary", 1, 2)),  # one original for the licence, two copies for tobacco
        (False, True, ("main", 1, 1)),  # main for one is main for all
        (True, True, ("main", 1, 2)),
    ],
)
def test_a_material_is_asked_once_as_whoever_needs_most_of_it(
    tobacco: bool, fund: bool, together: tuple[str, int, int]
) -> None:
    asked = guidance.plan(shop(), {"tobacco": tobacco, "fund": fund}).materials
    assert [(each.need, each.originals, each.copies) for each in asked] == [together]


def test_what_is_main_for_one_member_that_applies_must_be_handed_in() -> None:
    needed = [
        guidance.needed_materials(guidance.plan(shop(), {"tobacco": False, "fund": f})) for f in (False, True)
    ]
    assert [[each.code for each in materials] for materials in needed] == [[], ["lease"]]


def test_a_member_needs_a_material_as_it_says_or_as_the_material_says() -> None:
    needs = {m.code: asdict(guidance.need_of(LEASE, m)) for m in shop().members}
    assert needs["licence"] == {"need": "secondary", "originals": 1, "copies": 1}
    assert needs["tobacco"] == {"need": "secondary", "originals": 0, "copies": 2}
