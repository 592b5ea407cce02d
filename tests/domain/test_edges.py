"""What becomes of a step when one before it fails, or is taken back: the edge says it (domain.md 8)."""

from __future__ import annotations

import pytest

from onenet.domain.bundle import EdgePolicy
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Outcome,
    Received,
    Rejected,
    ResultGiven,
    Resumed,
    SupplementNeeded,
    SupplementRequest,
    Suspended,
    TakenBack,
)
from onenet.domain.stalls import stalls
from onenet.domain.states import CaseState, StepState
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_material, make_member

REFUSED = Rejected("refused", "not entitled")
RECALLED = TakenBack("recalled", "the street is rebuilt")
FALSE_PAPERS = TakenBack("revoked", "obtained by false papers")


def after_two(first: EdgePolicy, second: EdgePolicy) -> Walk:
    """Two checks that feed one decision, which something else comes after."""
    return begin(
        make_bundle(
            make_member("permit", department="police"),
            make_member("property", department="register"),
            make_member(
                "decision",
                department="school",
                after=["permit", "property"],
                if_failed={"permit": first, "property": second},
            ),
            make_member("card", department="bank", after=["decision"], if_failed={"decision": "cancel"}),
        )
    )


@pytest.mark.parametrize(
    ("first", "second", "becomes"),
    [
        ("hold", "go_on", StepState.HELD),
        ("cancel", "go_on", StepState.CANCELLED),
        ("go_on", "hold", StepState.WAITING),
        ("cancel", "hold", StepState.CANCELLED),
    ],
)
def test_the_policy_of_the_edge_that_failed_counts(
    first: EdgePolicy, second: EdgePolicy, becomes: StepState
) -> None:
    walk = after_two(first, second)
    walk.answer("permit", REFUSED)
    assert walk.step("decision").state is becomes


@pytest.mark.parametrize(
    ("first", "second", "becomes"),
    [
        ("go_on", "go_on", StepState.DISPATCHED),
        ("go_on", "hold", StepState.HELD),
        ("hold", "cancel", StepState.CANCELLED),
    ],
)
def test_of_several_edges_that_failed_the_strictest_counts(
    first: EdgePolicy, second: EdgePolicy, becomes: StepState
) -> None:
    walk = after_two(first, second)
    walk.answer("permit", REFUSED)
    walk.answer("property", REFUSED)
    assert walk.step("decision").state is becomes


def test_a_step_that_goes_on_waits_for_the_others_before_it() -> None:
    walk = after_two("go_on", "go_on")
    walk.answer("permit", REFUSED)
    assert walk.step("decision").waiting is not None
    waiting = walk.step("decision").waiting
    assert waiting is not None
    assert waiting.refs == ("property",)
    assert list(stalls(walk.case)) == []


def test_a_department_is_told_which_steps_its_own_goes_out_without() -> None:
    walk = after_two("go_on", "go_on")
    walk.answer("permit", REFUSED)
    walk.answer("property", Completed())
    assert walk.sheet("decision")["not_granted"] == [{"step": "permit", "state": "rejected"}]
    sent = next(e for e in walk.events if e.type == "step.dispatched" and e.step == "decision")
    assert sent.content()["without"] == ["permit"]


def test_what_a_department_said_of_a_refusal_is_not_told_to_the_next() -> None:
    walk = after_two("go_on", "go_on")
    walk.answer("permit", REFUSED)
    walk.answer("property", Completed())
    assert "not entitled" not in walk.task("decision").payload


def test_what_is_cancelled_takes_along_what_comes_after_it_and_says_why() -> None:
    walk = after_two("cancel", "hold")
    walk.answer("permit", REFUSED)
    assert walk.step("decision").reason == "upstream_not_completed: permit"
    assert walk.step("card").reason == "upstream_not_completed: decision"
    walk.answer("property", Completed())
    assert walk.case.state is CaseState.PARTLY_COMPLETED


def test_a_cancelled_step_before_counts_as_a_refused_one() -> None:
    walk = after_two("cancel", "hold")
    walk.answer("permit", REFUSED)
    assert walk.states() == "rejected dispatched cancelled cancelled"


def test_a_step_in_the_sight_of_no_policy_is_held_as_ever() -> None:
    walk = begin(make_bundle(make_member("a"), make_member("b", department="bank", after=["a"])))
    walk.answer("a", REFUSED)
    assert walk.step("b").state is StepState.HELD


# ---- results taken back (exchange codes 14 and 15: domain.md 4.2)


def with_licence(policy: EdgePolicy = "hold") -> Walk:
    """A licence that a seal and a tax record come after; the seal needs the licence itself."""
    walk = begin(
        make_bundle(
            make_member("licence", department="market", results=["paper", "copy"]),
            make_member(
                "seal",
                department="police",
                after=["licence"],
                if_failed={"licence": policy},
                materials=["licence_paper"],
            ),
            materials=[make_material("licence_paper", mode=2, from_result="paper")],
        )
    )
    walk.answer("licence", Completed((ResultGiven("paper", "P-1"), ResultGiven("copy", "C-1"))))
    return walk


def test_a_revoked_grant_stays_completed_and_its_results_say_that_they_do_not_stand() -> None:
    walk = with_licence()
    assert walk.answer("licence", FALSE_PAPERS) == "applied"
    step = walk.step("licence")
    assert step.state is StepState.COMPLETED
    assert [(each.state, each.state_on) for each in step.results] == [("revoked", "2026-11-23")] * 2
    assert step.results[0].state_reason == "obtained by false papers"


def test_the_applicant_is_told_of_what_was_taken_back_and_why() -> None:
    walk = with_licence()
    walk.answer("licence", TakenBack("recalled", "the street is rebuilt", ("copy",)))
    told = next(event for event in walk.events if event.type == "result.recalled")
    assert told.content() == {"codes": ["copy"], "reason": "the street is rebuilt"}
    assert [each.state for each in walk.step("licence").results] == ["issued", "recalled"]


@pytest.mark.parametrize(("policy", "state"), [("hold", "held"), ("cancel", "held"), ("go_on", "dispatched")])
def test_what_comes_after_a_result_taken_back_is_held_unless_its_edge_lets_it_go_on(
    policy: EdgePolicy, state: str
) -> None:
    walk = with_licence(policy)
    walk.answer("licence", FALSE_PAPERS)
    assert walk.step("seal").state == state


ASKED = SupplementNeeded((SupplementRequest("material", "licence_paper", "blurred"),))


@pytest.mark.parametrize("policy", ["hold", "go_on"])
@pytest.mark.parametrize("is_asked", [True, False], ids=["asked for something", "suspended"])
def test_what_could_not_be_held_then_is_held_as_it_goes_on(policy: EdgePolicy, is_asked: bool) -> None:
    walk = with_licence(policy)
    stopped: list[Outcome] = [ASKED] if is_asked else [Accepted(), Suspended("testing")]
    for said in stopped:
        walk.answer("seal", said)
    walk.answer("licence", FALSE_PAPERS)
    assert walk.step("seal").state is (StepState.SUPPLEMENT_NEEDED if is_asked else StepState.SUSPENDED)
    if is_asked:
        walk.supplement("seal", "licence_paper")
    else:
        walk.answer("seal", Resumed())
    step = walk.step("seal")
    assert (step.state is StepState.HELD) == (policy == "hold")
    if policy == "hold":
        assert step.waiting is not None
        assert step.waiting.reason == "upstream_taken_back"
        walk.decide("seal", "release")
        assert walk.step("seal").state is not StepState.HELD


def test_an_officer_lets_a_step_go_on_in_spite_of_a_result_taken_back() -> None:
    walk = with_licence()
    walk.answer("licence", FALSE_PAPERS)
    walk.decide("seal", "release")
    assert walk.step("seal").state is StepState.DISPATCHED


def test_a_result_is_taken_back_in_a_closed_case_which_stays_as_it_is() -> None:
    walk = with_licence()
    walk.answer("seal", Completed())
    assert walk.case.state is CaseState.COMPLETED
    assert walk.answer("licence", FALSE_PAPERS) == "applied"
    assert walk.case.state is CaseState.COMPLETED
    assert walk.states() == "completed completed"


def test_taking_back_before_the_decision_is_for_a_person() -> None:
    walk = with_licence()
    walk.answer("seal", Accepted())
    assert walk.answer("seal", FALSE_PAPERS) == "held"
    assert walk.step("seal").state is StepState.HELD


def test_a_poll_that_says_so_before_the_decision_holds_the_step_too() -> None:
    walk = with_licence()
    walk.attempt("seal", Received(reference="7", poll_after_s=60))
    walk.poll("seal", FALSE_PAPERS)
    assert walk.step("seal").state is StepState.HELD


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (TakenBack("revoked", "x", ("unknown",)), "refused"),
        (TakenBack("revoked", "x", ("paper",)), "applied"),
    ],
)
def test_only_what_was_issued_can_be_taken_back(said: TakenBack, reply: str) -> None:
    walk = with_licence()
    assert walk.answer("licence", said) == reply


def test_what_was_taken_back_is_not_taken_back_twice() -> None:
    walk = with_licence()
    walk.answer("licence", FALSE_PAPERS)
    before = len(walk.events)
    assert walk.answer("licence", FALSE_PAPERS) == "unchanged"
    assert len(walk.events) == before


def test_what_was_recalled_can_be_revoked_which_is_graver() -> None:
    walk = with_licence()
    walk.answer("licence", RECALLED)
    assert walk.answer("licence", FALSE_PAPERS) == "applied"
    assert [each.state for each in walk.step("licence").results] == ["revoked", "revoked"]
    told = [event.type for event in walk.events if event.type.startswith("result.")]
    assert told == ["result.recalled", "result.revoked"]


def test_what_was_revoked_is_not_recalled_and_that_it_was_said_is_on_record() -> None:
    walk = with_licence()
    walk.answer("licence", FALSE_PAPERS)
    assert walk.answer("licence", RECALLED) == "refused"
    assert [each.state for each in walk.step("licence").results] == ["revoked", "revoked"]
    assert walk.events[-1].type == "answer.refused"


def test_an_older_message_takes_nothing_back() -> None:
    walk = with_licence()
    walk.answer("licence", TakenBack("recalled", "x", ("copy",)), seq=5)
    assert walk.answer("licence", FALSE_PAPERS, seq=4) == "recorded-stale"


def test_a_refused_step_has_nothing_to_take_back() -> None:
    walk = with_licence()
    walk.answer("seal", REFUSED)
    assert walk.answer("seal", FALSE_PAPERS) == "recorded-late"


def test_a_result_taken_back_is_no_material_of_a_later_step() -> None:
    walk = with_licence("go_on")
    walk.answer("licence", FALSE_PAPERS)
    walk.attempt("seal", Received())
    assert [each["code"] for each in walk.sheet("seal")["results_before"]] == ["paper"]  # as it was then
    fresh = begin(
        make_bundle(
            make_member("licence", department="market", results=["paper"]),
            make_member("check", department="tax"),
            make_member(
                "seal",
                department="police",
                after=["licence", "check"],
                if_failed={"licence": "go_on"},
                materials=["licence_paper"],
            ),
            materials=[make_material("licence_paper", mode=2, from_result="paper")],
        )
    )
    fresh.answer("licence", Completed((ResultGiven("paper", "P-1"),)))
    fresh.answer("licence", FALSE_PAPERS)
    fresh.answer("check", Completed())
    assert fresh.sheet("seal")["results_before"] == []
