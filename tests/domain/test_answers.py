"""What a department's answer does: applied, late, stale, refused or unclear (delivery.md section 10)."""

from __future__ import annotations

from datetime import date

import pytest

from onenet.domain.case import Waiting
from onenet.domain.commands import RecordAttempt
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
    TryLater,
    Unclear,
)
from onenet.domain.states import StepState, TaskState
from onenet.errors import StaleWrite
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_material, make_member

REFUSED = Rejected("refused", "not entitled")
ASKED = SupplementNeeded((SupplementRequest("material", "deed", "blurred"),))
HEARING = Suspended("hearing")
S = StepState

PATHS: dict[StepState, list[Outcome]] = {
    S.DISPATCHED: [],
    S.ACCEPTED: [Accepted()],
    S.SUPPLEMENT_NEEDED: [ASKED],
    S.SUSPENDED: [Accepted(), HEARING],
    S.HELD: [Unclear("code 99")],
}
"""How a step gets into each state, by answers alone."""

ANSWERS: dict[str, Outcome] = {
    "accepted": Accepted(),
    "completed": Completed(),
    "rejected": REFUSED,
    "supplement_needed": ASKED,
    "suspended": HEARING,
    "resumed": Resumed(),
}

APPLIED = """
dispatched: accepted completed rejected supplement_needed
accepted: completed rejected supplement_needed suspended
supplement_needed: accepted rejected
suspended: resumed
held: accepted completed rejected supplement_needed
"""
"""Which answers are applied in which state. A held step answers as if it were dispatched."""

POSSIBLE = {
    (S(line.partition(":")[0]), word)
    for line in APPLIED.split("\n")
    for word in line.partition(":")[2].split()
}
UNCHANGED = {(S.ACCEPTED, "accepted")}


def walk_to(state: StepState) -> Walk:
    bundle = make_bundle(make_member(materials=["deed"]), materials=[make_material("deed")])
    walk = begin(bundle, materials=["deed"])
    for outcome in PATHS[state]:
        walk.answer("household", outcome)
    assert walk.step("household").state is state
    return walk


@pytest.mark.parametrize("word", ANSWERS)
@pytest.mark.parametrize("state", PATHS)
def test_an_answer_is_applied_where_the_table_allows_it_and_refused_on_record_elsewhere(
    state: StepState, word: str
) -> None:
    walk = walk_to(state)
    before = walk.case
    reply = walk.answer("household", ANSWERS[word])
    if (state, word) in POSSIBLE:
        assert reply == "applied"
        assert walk.step("household").state is not state
    elif (state, word) in UNCHANGED:
        assert (reply, walk.case.steps, walk.case.seq) == ("unchanged", before.steps, before.seq)
    else:
        assert reply == "refused"
        assert walk.case.steps == before.steps
        assert walk.case.tasks == before.tasks
        assert walk.types()[-1] == "answer.refused"


@pytest.mark.parametrize("word", ANSWERS)
@pytest.mark.parametrize("final", [Completed(), REFUSED])
def test_an_answer_after_a_final_one_is_late(final: Outcome, word: str) -> None:
    walk = walk_to(S.ACCEPTED)
    walk.answer("household", final)
    before = walk.case.steps
    assert walk.answer("household", ANSWERS[word]) == "recorded-late"
    assert walk.case.steps == before
    assert walk.types()[-1] == "answer.late"


# ---- sequence numbers


def test_an_answer_with_a_lower_number_is_stale() -> None:
    walk = begin()
    walk.answer("household", Accepted(), seq=5)
    assert walk.answer("household", REFUSED, seq=4) == "recorded-stale"
    assert walk.step("household").state is S.ACCEPTED
    assert walk.types()[-1] == "answer.stale"


def test_an_answer_with_a_number_that_was_applied_is_stale() -> None:
    walk = begin()
    walk.answer("household", Accepted(), seq=5)
    assert walk.answer("household", HEARING, seq=5) == "recorded-stale"


def test_an_answer_with_the_next_number_is_applied() -> None:
    walk = begin()
    walk.answer("household", Accepted(), seq=1)
    assert walk.answer("household", Completed(), seq=2) == "applied"


def test_a_refused_answer_does_not_use_up_its_number() -> None:
    walk = begin()
    assert walk.answer("household", Resumed(), seq=3) == "refused"
    assert walk.answer("household", Accepted(), seq=1) == "applied"


def test_a_new_task_counts_from_the_beginning() -> None:
    walk = begin(make_bundle(make_member(materials=["deed"]), materials=[make_material("deed")]))
    walk.answer("household", ASKED, seq=9)
    walk.supplement("household", "deed")
    assert walk.answer("household", Accepted(), seq=1) == "applied"


# ---- repeated and early answers


def test_accepting_twice_changes_nothing() -> None:
    walk = begin()
    walk.answer("household", Accepted("first"))
    assert walk.answer("household", Accepted("second")) == "unchanged"
    assert walk.types().count("step.accepted") == 1


def test_received_by_callback_changes_nothing() -> None:
    walk = begin()
    assert walk.answer("household", Received()) == "unchanged"


def test_an_answer_before_our_own_sent_is_applied_and_the_late_sent_loses() -> None:
    walk = begin()
    token = walk.claim("household")
    walk.answer("household", Accepted())
    task = walk.task("household")
    assert (task.state, task.lease_token, task.next_at) == (TaskState.SENT, None, None)
    with pytest.raises(StaleWrite):
        walk.tell(RecordAttempt(task.id, token, Received()))


def test_a_final_answer_before_our_own_sent_finishes_the_task() -> None:
    walk = begin()
    walk.claim("household")
    walk.answer("household", Completed())
    assert walk.task("household").state is TaskState.DONE


# ---- unclear answers


@pytest.mark.parametrize("state", [S.DISPATCHED, S.ACCEPTED])
def test_an_unclear_answer_holds_the_step_with_its_reason(state: StepState) -> None:
    walk = walk_to(state)
    assert walk.answer("household", Unclear("code 99")) == "held"
    step = walk.step("household")
    assert (step.state, step.waiting) == (S.HELD, Waiting("officer", "unclear_answer"))
    assert step.reason == "code 99"


@pytest.mark.parametrize("state", [S.SUPPLEMENT_NEEDED, S.SUSPENDED])
def test_an_unclear_answer_in_a_pause_is_on_record_and_changes_nothing(state: StepState) -> None:
    walk = walk_to(state)
    assert walk.answer("household", Unclear("code 99")) == "refused"
    assert walk.step("household").state is state


def test_an_unclear_answer_at_once_holds_the_step() -> None:
    walk = begin()
    assert walk.attempt("household", Unclear("code 99")) == "held"
    assert walk.step("household").state is S.HELD
    assert walk.task("household").state is TaskState.SENT


def test_a_clear_answer_takes_a_held_step_on_and_its_reason_away() -> None:
    walk = walk_to(S.HELD)
    walk.answer("household", Accepted())
    step = walk.step("household")
    assert (step.state, step.reason) == (S.ACCEPTED, None)


def test_a_step_let_go_after_an_unclear_answer_is_sent_again_under_the_same_key() -> None:
    walk = begin()
    walk.attempt("household", Unclear("code 99"))
    key, payload = walk.task("household").id, walk.task("household").payload
    walk.decide("household", "release")
    task = walk.task("household")
    assert (task.id, task.payload) == (key, payload)
    assert (task.state, task.next_at) == (TaskState.PENDING, walk.now)


# ---- what an answer leaves behind


def test_a_completed_step_keeps_its_results_and_says_them_in_the_event() -> None:
    walk = begin(make_bundle(make_member(results=("page",))))
    walk.answer("household", Completed((ResultGiven("page", "P-1", {"pages": 2}),), "granted"))
    step = walk.step("household")
    assert step.results == (ResultGiven("page", "P-1", {"pages": 2}, issued_on="2026-11-23"),)
    assert step.opinion == "granted"
    (event,) = (event for event in walk.events if event.type == "step.completed")
    assert event.content()["results"] == [{"code": "page", "number": "P-1", "facts": {"pages": 2}}]


def test_a_rejected_step_keeps_its_reason() -> None:
    walk = begin()
    walk.answer("household", REFUSED)
    assert walk.step("household").reason == "not entitled"


def test_a_supplement_says_what_is_asked_and_until_the_end_of_which_day() -> None:
    walk = begin(make_bundle(make_member(materials=["deed"]), materials=[make_material("deed")]))
    walk.answer("household", SupplementNeeded(ASKED.requests, date(2026, 11, 30)))
    waiting = walk.step("household").waiting
    assert waiting is not None
    assert (waiting.waits_for, waiting.refs) == ("applicant", ("deed",))
    assert waiting.until is not None
    assert waiting.until.isoformat() == "2026-11-30T16:00:00+00:00"  # midnight in China


def test_acceptance_after_all_withdraws_what_was_asked_for() -> None:
    walk = walk_to(S.SUPPLEMENT_NEEDED)
    walk.answer("household", Accepted())
    step = walk.step("household")
    assert (step.requests, step.resume) == ((), None)


def test_a_rejection_withdraws_what_was_asked_for() -> None:
    walk = walk_to(S.SUPPLEMENT_NEEDED)
    walk.answer("household", REFUSED)
    step = walk.step("household")
    assert (step.requests, step.resume, step.waiting) == ((), None, None)


def test_the_end_of_a_special_procedure_goes_back_to_accepted() -> None:
    walk = walk_to(S.SUSPENDED)
    assert walk.step("household").waiting == Waiting("department", "special_procedure", ("police",))
    walk.answer("household", Resumed())
    step = walk.step("household")
    assert (step.state, step.reason) == (S.ACCEPTED, None)


def test_trying_later_is_no_answer() -> None:
    walk = begin()
    assert walk.answer("household", TryLater("transient", "busy")) == "unchanged"
    assert walk.step("household").state is S.DISPATCHED


def test_asking_for_what_the_item_does_not_name_holds_the_step() -> None:
    """Handed in, it would not reach the department; asked for again, it would stall in silence."""
    walk = begin()
    walk.answer("household", ASKED)
    waiting = walk.step("household").waiting
    assert waiting is not None
    assert (waiting.waits_for, waiting.reason) == ("officer", "unclear_answer")


def test_a_result_that_the_item_does_not_issue_holds_the_step() -> None:
    """It may be another task's; the step's own would be missing, and nobody told."""
    walk = begin(make_bundle(make_member(results=("page",))))
    walk.answer("household", Completed((ResultGiven("page", "P-1"), ResultGiven("pass", "P-2"))))
    step = walk.step("household")
    assert (step.state, step.results) == (StepState.HELD, ())
    assert step.reason == "/results/1/code: Expected a result of the item: page"


def test_a_due_date_that_stands_for_no_limit_is_none() -> None:
    walk = begin(make_bundle(make_member(materials=["deed"]), materials=[make_material("deed")]))
    walk.answer("household", SupplementNeeded(ASKED.requests, date(9999, 12, 31)))
    waiting = walk.step("household").waiting
    assert waiting is not None
    assert (waiting.waits_for, waiting.until) == ("applicant", None)
