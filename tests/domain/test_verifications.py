"""Members that only verify: they find something out, grant nothing, and decide nothing to be contested.

Source: bundles.md G, where checks feed one decision; LIC art. 38 gives remedies against decisions alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from onenet.catalogue.build import content
from onenet.domain import refusals
from onenet.domain.bundle import read_bundle
from onenet.domain.commands import GiveRating
from onenet.domain.outcome import Completed, Outcome, Rejected
from onenet.domain.ratings import Channel, Stage
from onenet.domain.states import CaseState
from onenet.errors import UnknownReference
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_member

REFUSED, ELSEWHERE = Rejected("refused", "no such number"), Rejected("not_competent", "not ours", "police")
DONE = Completed()


def walked(check: Outcome, *decisions: Outcome | None) -> Walk:
    """A case whose check was answered so, and then each that goes on without it; None: it is cancelled."""
    members = [
        make_member(
            f"decides_{number}", department=f"d{number}", after=["check"], if_failed={"check": "go_on"}
        )
        for number in range(len(decisions))
    ]
    walk = begin(make_bundle(replace(make_member("check", department="z"), verifies=True), *members))
    walk.answer("check", check)
    for member, decision in zip(members, decisions, strict=True):
        if decision is None:
            walk.decide(member.code, "hold")
            walk.decide(member.code, "cancel")
        else:
            walk.answer(member.code, decision)
    return walk


@pytest.mark.parametrize(
    ("check", "decisions", "ends"),
    [
        (DONE, [DONE], CaseState.COMPLETED),
        (REFUSED, [DONE], CaseState.COMPLETED),  # the one that decides went on without it, and granted
        (REFUSED, [DONE, REFUSED], CaseState.PARTLY_COMPLETED),
        (DONE, [REFUSED], CaseState.REJECTED),  # that something was found out grants nothing
        (DONE, [None], CaseState.WITHDRAWN),
        (REFUSED, [None], CaseState.REJECTED),
        (DONE, [], CaseState.COMPLETED),
        (REFUSED, [], CaseState.REJECTED),
    ],
)
def test_a_case_ends_as_those_members_do_that_decide(
    check: Outcome, decisions: Sequence[Outcome | None], ends: CaseState
) -> None:
    assert walked(check, *decisions).case.state is ends


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (REFUSED, {"reason_code": "not_verified", "remedies": [{"way": "correct_data"}]}),
        (ELSEWHERE, {"reason_code": "not_competent", "remedies": []}),
    ],
)
def test_what_could_not_be_verified_can_be_corrected_and_not_contested(
    outcome: Outcome, told: dict[str, object]
) -> None:
    walk = walked(outcome)
    refusal = refusals.refusal_of(walk.step("check"))
    assert refusal is not None
    assert refusal.remedies == ()
    assert refusals.shown(refusal, verifies=True) == told
    said = next(event.content() for event in walk.events if event.type == "step.rejected")
    assert said["reason_code"] == told["reason_code"]
    assert said.get("remedies", []) == told["remedies"]


def test_an_officer_who_finds_nothing_says_the_same() -> None:
    walk = begin(make_bundle(replace(make_member("check"), verifies=True)))
    walk.decide("check", "hold")
    walk.decide("check", "reject")
    said = next(event.content() for event in walk.events if event.type == "step.rejected")
    assert (said["reason_code"], said["remedies"]) == ("not_verified", [{"way": "correct_data"}])


@pytest.mark.parametrize("step", ["check", "decides_0"])
def test_only_a_step_that_decides_is_rated(step: str) -> None:
    walk = walked(DONE, DONE)
    rating = GiveRating(Stage.CLOSING, 1, Channel.MOBILE, step=step)
    if step == "check":
        with pytest.raises(UnknownReference):
            walk.tell(rating)
    else:
        walk.tell(rating)


def test_a_version_from_before_says_nothing_of_it() -> None:
    plain = content(make_bundle())
    for member in plain["members"]:
        del member["verifies"]
    assert not read_bundle(plain, 1).members[0].verifies
