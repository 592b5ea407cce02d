"""What was refused is applied for alone, and what was granted stands (domain.md 8, guide 43TCN0003)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from onenet.domain import moves, reapplications
from onenet.domain.bundle import EdgePolicy
from onenet.domain.case import Case, MaterialGiven
from onenet.domain.commands import Open, Reapply
from onenet.domain.outcome import Completed, Rejected, ResultGiven, TakenBack
from onenet.domain.procedures import Reapplies, reapplied_by
from onenet.domain.states import CaseState, StepState
from onenet.errors import MoveRefused, StaleWrite
from tests.domain.walk import Walk, begin
from tests.factories import make_blank, make_bundle, make_material, make_member

REFUSED = Rejected("refused", "not entitled")
DECIDED = Completed((ResultGiven("paper", "P-1"),))


def restaurant(policy: EdgePolicy = "cancel", **said: Any) -> Walk:
    """A licence is checked; then come food and fire, side by side, and a sign after the fire check."""
    return begin(
        make_bundle(
            make_member("licence", department="market", results=["paper"]),
            make_member("food", department="health", after=["licence"], materials=["plan"], fields=["shop"]),
            make_member(
                "fire",
                department="fire",
                after=["licence"],
                materials=["papers", "paper_copy"],
                fields=["area"],
                results=["seal", "tag"],
            ),
            make_member("sign", department="urban", after=["fire"], if_failed={"fire": policy}),
            materials=[
                make_material("plan"),
                make_material("papers"),
                make_material("paper_copy", mode=2, from_result="paper"),
            ],
        ),
        **{"form": {"shop": "x", "area": "40"}, "materials": ["plan", "papers"], **said},
    )


def refused(policy: EdgePolicy = "cancel") -> Walk:
    walk = restaurant(policy)
    walk.answer("licence", DECIDED)
    walk.answer("food", Completed())
    walk.answer("fire", REFUSED)
    return walk


def again(walk: Walk, step: str, *materials: str, **form: Any) -> Walk:
    """The new case, opened, after the old one was told of it."""
    old = walk.case
    codes = reapplications.members(old.state, old.bundle, old.steps, step)
    given = [MaterialGiven(code, f"file:{code}-mended") for code in materials]
    content = reapplications.content_for(old, codes, form, given)
    blank: Case = make_blank(old.bundle, content=content, number="32050020261123000002", at=walk.now)
    blank = blank._replace(
        steps=reapplications.laid(old, codes),
        content=blank.content.__class__(
            content.applicant, content.answers, content.form, content.materials,
            (Reapplies("reapplies", old.id, old.number, step),),
        ),
    )  # fmt: skip
    walk.tell(Reapply(step, blank.id))
    new = Walk(blank, walk.now)
    new.tell(Open())
    return new


def offered(allowed: Sequence[Mapping[str, object]]) -> set[object]:
    return {each["action"] for each in allowed}


def test_only_the_refused_step_and_what_comes_after_it_is_handed_out_again() -> None:
    walk = refused()
    assert walk.states() == "completed completed rejected cancelled"
    new = again(walk, "fire")
    assert new.states() == "skipped skipped dispatched waiting"
    assert {task.department for task in new.case.tasks.values()} == {"fire"}


def test_what_was_granted_stands_and_its_results_are_there_in_the_new_case() -> None:
    walk = refused()
    granted_at = walk.step("licence").since
    walk.now += timedelta(days=30)
    new = again(walk, "fire")
    assert new.sheet("fire")["materials"][1]["issued"]["at"] == granted_at.isoformat()
    assert walk.step("licence").state is StepState.COMPLETED
    before = {"step": "licence", "code": "paper", "number": "P-1", "facts": None}
    assert new.sheet("fire")["results_before"] == [before]


def test_the_new_case_is_completed_with_what_it_applies_for() -> None:
    new = again(refused(), "fire")
    new.answer("fire", Completed())
    new.answer("sign", Completed())
    assert new.case.state is CaseState.COMPLETED


def test_what_was_said_goes_along_mended_and_nothing_of_other_departments() -> None:
    new = again(refused(), "fire", "papers", area="38")
    assert new.case.content.form == {"area": "38"}
    assert [(each.code, each.reference) for each in new.case.content.materials] == [
        ("papers", "file:papers-mended")
    ]


def test_the_cases_name_each_other() -> None:
    walk = refused()
    new = again(walk, "fire")
    origin = reapplications.origin(new.case.content)
    assert origin is not None
    assert (origin.case, origin.step) == (walk.case.id, "fire")
    assert reapplied_by(walk.step("fire").procedures) == new.case.id
    assert new.events[0].content()["reapplies"] == {"case": str(walk.case.id), "step": "fire"}
    told = [event.step for event in walk.events if event.type == "step.reapplied"]
    assert told == ["fire", "sign"]


@pytest.mark.parametrize("step", ["fire", "sign"])
def test_one_refusal_is_applied_for_again_once(step: str) -> None:
    walk = refused()
    new = again(walk, "fire")
    with pytest.raises(MoveRefused, match="applies for it again") as refusal:
        again(walk, step)
    assert refusal.value.present["reapplied_by"] == str(new.case.id)
    assert "reapply" not in offered(refusal.value.allowed)
    assert "reapply" not in offered(moves.allowed(walk.case.state, walk.step(step)))


@pytest.mark.parametrize("codes", [(), ("seal",)], ids=["all of it", "one of two"])
@pytest.mark.parametrize(("policy", "is_refused"), [("cancel", True), ("go_on", False)])
def test_what_was_taken_back_counts_as_not_granted(
    policy: EdgePolicy, is_refused: bool, codes: tuple[str, ...]
) -> None:
    walk = restaurant(policy)
    sealed = Completed((ResultGiven("seal", "S-1"), ResultGiven("tag", "T-1")))
    for step, outcome in (("licence", DECIDED), ("food", Completed()), ("fire", sealed), ("sign", REFUSED)):
        walk.answer(step, outcome)
    walk.answer("fire", TakenBack("revoked", "wrongly obtained", codes))
    with pytest.raises(MoveRefused, match="does not stand") if is_refused else nullcontext():
        again(walk, "sign")


def test_a_new_case_is_not_laid_from_what_was_taken_back_meanwhile() -> None:
    walk = refused()
    before = walk.case
    with pytest.raises(StaleWrite):
        walk.tell(Reapply("fire", walk.case.id, standing=frozenset()))
    assert walk.case == before
    walk.tell(Reapply("fire", walk.case.id, standing=reapplications.standing(walk.case.steps)))


def test_refused_again_it_is_the_refusal_of_the_new_case() -> None:
    walk = refused()
    new = again(walk, "fire")
    new.answer("fire", REFUSED)
    third = again(new, "fire")
    assert third.states() == "skipped skipped dispatched waiting"
    assert third.sheet("fire")["results_before"][0]["number"] == "P-1"


def test_what_waits_for_an_officer_goes_along_and_the_old_case_comes_to_its_end() -> None:
    walk = refused("hold")
    assert walk.step("sign").state is StepState.HELD
    new = again(walk, "fire")
    assert (walk.step("sign").state, walk.step("sign").reason) == (StepState.CANCELLED, "applied_for_again")
    assert walk.case.state is CaseState.PARTLY_COMPLETED
    assert new.step("sign").state is StepState.WAITING


def test_what_went_on_without_the_refused_step_is_not_applied_for_again() -> None:
    walk = refused("go_on")
    new = again(walk, "fire")
    assert walk.step("sign").state is StepState.DISPATCHED
    assert new.states() == "skipped skipped dispatched skipped"


def test_nobody_need_wait_for_the_others_to_apply_again() -> None:
    walk = restaurant()
    walk.answer("licence", DECIDED)
    walk.answer("fire", REFUSED)
    new = again(walk, "fire")
    assert walk.case.state not in (CaseState.PARTLY_COMPLETED, CaseState.COMPLETED)
    assert new.states() == "skipped skipped dispatched waiting"
    assert walk.step("food").state is StepState.DISPATCHED


@pytest.mark.parametrize("step", ["licence", "food"])
def test_what_was_granted_or_is_open_is_not_applied_for_again(step: str) -> None:
    walk = restaurant()
    walk.answer("licence", DECIDED)
    with pytest.raises(MoveRefused, match="only a step that was rejected or cancelled"):
        again(walk, step)


def test_a_step_is_not_applied_for_again_without_what_it_comes_after() -> None:
    """Nothing may reach a department before what it rests on is granted."""
    walk = refused()
    with pytest.raises(MoveRefused, match="it comes after fire") as refusal:
        again(walk, "sign")
    assert "reapply" not in offered(refusal.value.allowed)


def test_a_step_is_not_applied_for_again_while_another_before_it_is_open() -> None:
    walk = begin(
        make_bundle(
            make_member("a", department="x"),
            make_member("b", department="y"),
            make_member("c", department="z", after=["a", "b"], if_failed={"a": "cancel"}),
        )
    )
    walk.answer("a", REFUSED)
    with pytest.raises(MoveRefused, match="it comes after b"):
        again(walk, "a")
    walk.answer("b", Completed())
    assert again(walk, "a").states() == "dispatched skipped waiting"


def test_of_two_refused_before_one_step_each_is_applied_for_alone_and_that_step_stays() -> None:
    walk = begin(
        make_bundle(
            make_member("a", department="x"),
            make_member("b", department="y"),
            make_member("c", department="z", after=["a", "b"], if_failed={"a": "cancel", "b": "cancel"}),
            make_member("d", department="z", after=["a", "c"], if_failed={"a": "cancel", "c": "cancel"}),
        )
    )
    walk.answer("a", REFUSED)
    walk.answer("b", REFUSED)
    assert again(walk, "a").states() == "dispatched skipped skipped skipped"
    assert again(walk, "b").states() == "skipped dispatched skipped skipped"


def test_after_a_withdrawal_what_was_not_granted_can_be_applied_for() -> None:
    walk = restaurant()
    walk.answer("licence", DECIDED)
    walk.withdraw()
    assert again(walk, "food").states() == "skipped dispatched skipped skipped"
