"""The case follows its steps: each state of domain.md section 4.1, on the way and at the end."""

from __future__ import annotations

import pytest

from onenet.domain.case import WITHDRAWAL, Case
from onenet.domain.commands import DecideStep, HandInSupplement, RecordAnswer, Withdraw
from onenet.domain.outcome import Accepted, Completed, Outcome, Received, Rejected, TryLater
from onenet.domain.states import CaseState, TaskState
from onenet.errors import Conflict, NotFound
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_case, make_member

REFUSED = Rejected("refused", "not entitled")


def two() -> Walk:
    """Two steps at two departments."""
    return begin(make_bundle(make_member("a"), make_member("b", department="bank")))


def chain() -> Walk:
    """One step after the other."""
    return begin(make_bundle(make_member("a"), make_member("b", after=["a"])))


def test_a_case_begins_received() -> None:
    walk = two()
    assert walk.case.state is CaseState.RECEIVED
    assert walk.types()[0] == "case.received"


def test_a_case_stays_received_while_nobody_accepted() -> None:
    walk = two()
    walk.attempt("a", Received())
    assert walk.case.state is CaseState.RECEIVED


def test_the_first_acceptance_accepts_the_case() -> None:
    walk = two()
    walk.answer("a", Accepted())
    assert walk.case.state is CaseState.ACCEPTED


def test_a_step_handed_out_after_acceptance_puts_the_case_in_progress() -> None:
    walk = chain()
    walk.answer("a", Accepted())
    assert walk.types()[-1] == "case.accepted"
    walk.answer("a", Completed())
    assert walk.case.state is CaseState.IN_PROGRESS


def test_a_decision_on_the_spot_passes_through_accepted() -> None:
    walk = two()
    walk.answer("a", Completed())
    assert [t for t in walk.types() if t.startswith("case.")] == [
        "case.received",
        "case.accepted",
        "case.in_progress",
    ]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Completed(), Completed(), CaseState.COMPLETED),
        (Completed(), REFUSED, CaseState.PARTLY_COMPLETED),
        (REFUSED, Completed(), CaseState.PARTLY_COMPLETED),
        (REFUSED, REFUSED, CaseState.REJECTED),
    ],
)
def test_the_last_step_closes_the_case(first: Outcome, second: Outcome, expected: CaseState) -> None:
    walk = two()
    walk.answer("a", first)
    assert walk.case.state not in {expected}
    walk.answer("b", second)
    assert walk.case.state is expected
    assert walk.types()[-1] == f"case.{expected.value}"


def test_a_skipped_step_does_not_keep_a_case_from_being_completed() -> None:
    walk = begin(make_bundle(make_member("a"), make_member("b", when="false")))
    walk.answer("a", Completed())
    assert walk.case.state is CaseState.COMPLETED


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("cancel", CaseState.PARTLY_COMPLETED),
        ("reject", CaseState.PARTLY_COMPLETED),
        ("skip", CaseState.COMPLETED),
        ("complete", CaseState.COMPLETED),
    ],
)
def test_a_person_s_decision_closes_the_case(action: str, expected: CaseState) -> None:
    walk = two()
    walk.answer("a", Completed())
    walk.attempt("b", TryLater("gone", "410"))
    walk.decide("b", action)  # type: ignore[arg-type]  # a parameter
    assert walk.case.state is expected


def test_a_case_of_which_nothing_was_granted_or_refused_is_withdrawn() -> None:
    walk = begin()
    walk.attempt("household", TryLater("gone", "410"))
    walk.decide("household", "cancel")
    assert walk.case.state is CaseState.WITHDRAWN


# ---- withdrawal


def test_a_case_of_which_every_step_was_found_unneeded_is_completed() -> None:
    walk = two()
    for code in ("a", "b"):
        walk.attempt(code, TryLater("refused", "no"))
        walk.decide(code, "skip")
    assert walk.case.state is CaseState.COMPLETED


def test_withdrawal_cancels_every_open_step_and_its_task() -> None:
    walk = two()
    walk.attempt("a", Received())
    walk.withdraw()
    assert walk.case.state is CaseState.WITHDRAWN
    assert walk.states() == "cancelled cancelled"
    told = [task for task in walk.case.tasks.values() if task.kind == WITHDRAWAL]
    assert {task.state for task in walk.case.tasks.values() if task not in told} == {TaskState.WITHDRAWN}
    assert [task.step for task in told] == ["a"]


def test_why_the_applicant_withdrew_is_on_record() -> None:
    walk = two()
    walk.tell(Withdraw("搬家了"))
    assert walk.events[-1].content() == {"reason": "搬家了"}


def test_withdrawal_leaves_what_was_decided_before() -> None:
    walk = two()
    walk.answer("a", Completed())
    walk.withdraw()
    assert walk.states() == "completed cancelled"


def test_a_withdrawn_case_hands_nothing_out() -> None:
    walk = chain()
    walk.withdraw()
    assert {task.step for task in walk.case.tasks.values()} == {"a"}


@pytest.mark.parametrize("outcome", [Completed(), REFUSED])
def test_a_closed_case_cannot_be_withdrawn(outcome: Outcome) -> None:
    walk = begin()
    walk.answer("household", outcome)
    with pytest.raises(Conflict):
        walk.withdraw()


def test_an_answer_after_withdrawal_is_on_record_and_changes_nothing() -> None:
    walk = begin()
    walk.withdraw()
    before = walk.case.steps
    assert walk.answer("household", Completed()) == "recorded-late"
    assert walk.case.steps == before
    assert walk.types()[-1] == "answer.late"


# ---- commands for nothing


def test_an_answer_for_an_unknown_task_is_not_found() -> None:
    walk = begin()
    with pytest.raises(NotFound):
        walk.tell(RecordAnswer(walk.case.id, Completed()))


def test_a_decision_about_an_unknown_step_is_not_found() -> None:
    with pytest.raises(NotFound):
        begin().tell(DecideStep("nothing", "skip", "why"))


def test_a_supplement_for_an_unknown_step_is_not_found() -> None:
    with pytest.raises(NotFound):
        begin().tell(HandInSupplement("nothing", (), {}))


def test_only_a_held_step_is_decided_about_by_a_person() -> None:
    with pytest.raises(Conflict):
        begin().decide("household", "skip")


def test_a_decision_does_not_touch_the_case_it_was_given() -> None:
    """`decide` is asked again after a lost race: what it was given must be as it was."""
    case: Case = make_case()
    steps, tasks = dict(case.steps), dict(case.tasks)
    walk = Walk(case)
    walk.tell(Withdraw())
    assert (case.steps, case.tasks, case.state) == (steps, tasks, CaseState.RECEIVED)
