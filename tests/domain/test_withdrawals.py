"""A department that may be at work is told when its step is closed without it, and undoes what it must."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from onenet.domain.bundle import Bundle
from onenet.domain.case import WITHDRAWAL, Task
from onenet.domain.commands import ConfirmWithdrawal, RecordAnswer, SendAgain, Withdraw
from onenet.domain.outcome import (
    Accepted,
    AtDesk,
    Completed,
    Offered,
    Received,
    Rejected,
    TryLater,
    Unclear,
)
from onenet.domain.retry import LONGEST_LIFE
from onenet.domain.stalls import stalls
from onenet.domain.states import CaseState, StepState, TaskState
from onenet.errors import MoveRefused, NotFound
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_member, names

DOWN = TryLater("transient", "503")
UNDO = names("注销登记")


def two(**changes: Any) -> Bundle:
    """A household that the police registers, and a card that the bank makes after it."""
    household = replace(make_member("household"), **changes)
    return make_bundle(household, make_member("card", department="bank", after=["household"]))


def notices(walk: Walk) -> list[Task]:
    return [task for task in walk.case.tasks.values() if task.kind == WITHDRAWAL]


def only(walk: Walk) -> Task:
    (notice,) = notices(walk)
    return notice


def told(walk: Walk, outcome: Any) -> str:
    """A worker tells the department, and records what came of it."""
    notice = only(walk)
    assert notice.next_at is not None
    walk.now = max(walk.now, notice.next_at)
    return walk.attempt_task(notice, outcome)


def withdrawn(**changes: Any) -> Walk:
    """A case that was withdrawn while the police had the household."""
    walk = begin(two(**changes))
    walk.attempt("household", Received())
    walk.withdraw()
    return walk


def test_a_department_at_work_is_told_that_the_task_is_withdrawn() -> None:
    walk = begin(two())
    walk.attempt("household", Received())
    task = walk.task("household")
    walk.withdraw()
    notice = only(walk)
    sheet = json.loads(notice.payload)
    assert (notice.department, notice.state, notice.next_at) == ("police", TaskState.PENDING, walk.now)
    assert sheet["withdraws"] == json.loads(task.payload)["task"]
    assert sheet["task"] != sheet["withdraws"]
    assert (sheet["reason"], sheet["compensation"]) == ("withdrawn_by_applicant", None)


def test_nothing_that_the_applicant_said_is_told_again() -> None:
    sheet = json.loads(only(withdrawn()).payload)
    assert not {"applicant", "form", "answers", "materials"} & sheet.keys()


def test_who_never_heard_of_the_task_is_not_told() -> None:
    walk = begin(two())
    walk.withdraw()
    assert notices(walk) == []


def test_who_may_have_it_after_a_call_that_failed_is_told() -> None:
    """A call can have its effect and lose its answer."""
    walk = begin(two())
    walk.attempt("household", DOWN)
    walk.withdraw()
    assert only(walk).state is TaskState.PENDING


def test_who_could_have_fetched_it_and_did_not_is_not_told() -> None:
    walk = begin(two())
    walk.attempt("household", Offered())
    walk.withdraw()
    assert notices(walk) == []


def test_the_notice_does_not_overtake_the_call_that_is_under_way() -> None:
    walk = begin(two())
    walk.claim("household")
    lease_ends = walk.task("household").next_at
    walk.withdraw()
    assert only(walk).next_at == lease_ends


def test_a_receipt_is_all_that_is_expected() -> None:
    walk = withdrawn()
    assert told(walk, Received()) == "applied"
    assert only(walk).state is TaskState.DONE
    assert walk.types()[-1] == "withdrawal.confirmed"
    assert walk.case.state is CaseState.WITHDRAWN


@pytest.mark.parametrize("outcome", [Accepted(), Completed(), Rejected("refused", "x")])
def test_whatever_else_is_answered_it_was_received(outcome: Any) -> None:
    walk = withdrawn()
    told(walk, outcome)
    assert only(walk).state is TaskState.DONE
    assert walk.step("household").state is StepState.CANCELLED


def test_a_department_that_does_not_answer_is_told_again_under_the_same_key_and_words() -> None:
    walk = withdrawn()
    before = only(walk)
    told(walk, DOWN)
    after = only(walk)
    assert (after.id, after.payload, after.state) == (before.id, before.payload, TaskState.PENDING)
    assert after.next_at is not None
    assert after.next_at > walk.now


def test_one_that_cannot_be_told_is_held_in_sight_and_told_when_somebody_says_so() -> None:
    walk = withdrawn()
    assert told(walk, TryLater("gone", "410")) == "held"
    assert walk.types()[-1] == "withdrawal.held"
    walk.tell(SendAgain(only(walk).id, "the address is mended"))
    assert only(walk).next_at == walk.now


def test_one_that_nobody_fetches_is_held_when_a_call_would_be_given_up() -> None:
    walk = withdrawn()
    told(walk, Offered())
    assert only(walk).fetch_at == walk.now
    walk.now += LONGEST_LIFE
    assert told(walk, Offered()) == "held"


@pytest.mark.parametrize("outcome", [AtDesk(), Unclear("code 99")])
def test_where_there_is_no_word_for_it_a_person_confirms_it(outcome: Any) -> None:
    walk = withdrawn()
    told(walk, outcome)
    assert only(walk).state is TaskState.SENT
    assert walk.tell(ConfirmWithdrawal(only(walk).id, "seen")) == "applied"
    assert only(walk).state is TaskState.DONE
    assert walk.tell(ConfirmWithdrawal(only(walk).id, "again")) == "unchanged"


def test_only_a_withdrawal_is_confirmed() -> None:
    walk = begin(two())
    with pytest.raises(NotFound):
        walk.tell(ConfirmWithdrawal(walk.task("household").id, None))


def test_the_other_work_of_the_department_does_not_queue_behind_a_notice() -> None:
    members = (make_member("a"), make_member("b", department="bank"), make_member("c", after=["b"]))
    walk = begin(replace(make_bundle(*members), partial_withdrawal=True))
    walk.attempt("a", Received())
    walk.tell(Withdraw(step="a"))
    told(walk, TryLater("gone", "410"))
    walk.answer("b", Completed())
    assert walk.task("c").next_at == walk.now


def test_a_notice_left_over_is_no_stall() -> None:
    walk = withdrawn()
    told(walk, TryLater("gone", "410"))
    assert list(stalls(walk.case)) == []


def test_what_the_department_still_says_of_its_task_is_late() -> None:
    walk = begin(two())
    walk.attempt("household", Received())
    task = walk.task("household")
    walk.withdraw()
    assert walk.tell(RecordAnswer(task.id, Completed())) == "recorded-late"


def test_a_step_that_is_cancelled_by_its_edge_or_skipped_by_an_officer_is_told_too() -> None:
    walk = begin(two())
    walk.attempt("household", Received())
    walk.answer("household", Unclear("code 99"))
    walk.decide("household", "skip")
    assert json.loads(only(walk).payload)["reason"] == "by a person"


def test_a_refusal_by_the_department_itself_is_told_to_nobody() -> None:
    walk = begin(two())
    walk.answer("household", Rejected("refused", "x"))
    assert notices(walk) == []


# ---- what must be undone


def granted() -> Walk:
    """A case that was withdrawn after the household was registered, which must be undone then."""
    walk = begin(two(compensation=UNDO))
    walk.answer("household", Completed())
    walk.attempt("card", Received())
    return walk


def undoing(walk: Walk) -> Task:
    return next(each for each in notices(walk) if each.step == "household")


def test_what_was_granted_is_undone_where_the_item_says_so() -> None:
    walk = granted()
    walk.withdraw()
    assert {notice.step for notice in notices(walk)} == {"household", "card"}
    assert json.loads(undoing(walk).payload)["compensation"] == UNDO
    assert walk.step("household").state is StepState.COMPLETED


def test_what_was_granted_stands_where_the_item_says_nothing() -> None:
    walk = begin(two())
    walk.answer("household", Completed())
    walk.withdraw()
    assert notices(walk) == []


def test_it_is_outstanding_until_the_department_says_that_it_is_undone() -> None:
    walk = granted()
    walk.withdraw()
    walk.attempt_task(undoing(walk), Received())
    assert undoing(walk).state is TaskState.SENT
    assert walk.tell(RecordAnswer(undoing(walk).id, Accepted())) == "unchanged"
    assert walk.tell(RecordAnswer(undoing(walk).id, Completed((), "注销完毕"))) == "applied"
    assert undoing(walk).state is TaskState.DONE
    assert walk.events[-1].content()["opinion"] == "注销完毕"
    assert walk.tell(RecordAnswer(undoing(walk).id, Completed())) == "recorded-late"


# ---- one step alone


def test_one_step_is_withdrawn_where_the_bundle_lets_that_be_done() -> None:
    walk = begin(replace(two(), partial_withdrawal=True))
    walk.answer("household", Completed())
    walk.tell(Withdraw(step="card"))
    assert walk.states() == "completed cancelled"
    assert walk.case.state is CaseState.PARTLY_COMPLETED


def test_elsewhere_the_case_is_withdrawn_as_a_whole() -> None:
    walk = begin(two())
    with pytest.raises(MoveRefused, match="no single step"):
        walk.tell(Withdraw(step="household"))


def test_a_closed_step_is_not_withdrawn() -> None:
    walk = begin(replace(two(), partial_withdrawal=True))
    walk.answer("household", Completed())
    with pytest.raises(MoveRefused, match="the step is closed"):
        walk.tell(Withdraw(step="household"))
    with pytest.raises(NotFound):
        walk.tell(Withdraw(step="nothing"))
