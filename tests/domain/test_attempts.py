"""Calls to a department: sent, failed, exhausted, let go again, and results that come under a lost lease."""

from __future__ import annotations

from datetime import timedelta

import pytest

from onenet.domain.commands import RecordAttempt, SendAgain
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Offered,
    Received,
    SupplementNeeded,
    SupplementRequest,
    TryLater,
)
from onenet.domain.retry import LONGEST_LIFE, SCHEDULE_S
from onenet.domain.states import StepState, TaskState
from onenet.errors import StaleWrite
from onenet.ids import new_id
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_member

DOWN = TryLater("transient", "answered 503")


def fail_until_held(walk: Walk, step: str = "household") -> int:
    """Fails every try, each when it is due; gives how many there were."""
    tries = 0
    while walk.step(step).state is not StepState.HELD:
        walk.attempt(step, DOWN)
        tries += 1
        walk.now = walk.task(step).next_at or walk.now
    return tries


def test_a_task_that_was_taken_is_sent_and_no_longer_due() -> None:
    walk = begin()
    walk.attempt("household", Received())
    task = walk.task("household")
    assert (task.state, task.next_at, task.lease_token) == (TaskState.SENT, None, None)


def test_a_task_that_is_offered_may_be_fetched_until_a_week_after_the_first_try() -> None:
    """However often it was given back in between."""
    walk = begin()
    first_at = walk.now
    walk.attempt("household", Offered())
    walk.now += timedelta(days=6)
    walk.attempt("household", TryLater("transient", "given back", 3600))
    assert walk.task("household").fetch_at is None
    walk.now += timedelta(hours=1)
    walk.attempt("household", Offered())
    task, waiting = walk.task("household"), walk.step("household").waiting
    assert (task.state, task.fetch_at, task.next_at) == (TaskState.PENDING, walk.now, first_at + LONGEST_LIFE)
    assert waiting is not None
    assert (waiting.reason, waiting.until) == ("to_be_fetched", task.next_at)


def test_an_answer_ends_the_offer() -> None:
    walk = begin()
    walk.attempt("household", Offered())
    walk.answer("household", Accepted())
    assert (walk.task("household").state, walk.task("household").fetch_at) == (TaskState.SENT, None)


@pytest.mark.parametrize(("outcome", "state"), [(Accepted(), "accepted"), (Completed(), "completed")])
def test_an_answer_at_once_is_applied(outcome: Accepted | Completed, state: str) -> None:
    walk = begin()
    walk.attempt("household", outcome)
    assert walk.states() == state


def test_a_failed_try_is_due_again_under_the_same_key_and_bytes() -> None:
    walk = begin()
    before = walk.task("household")
    walk.attempt("household", DOWN)
    task = walk.task("household")
    assert (task.id, task.payload) == (before.id, before.payload)
    assert (task.state, task.tries, task.attempt) == (TaskState.PENDING, 1, 1)
    assert task.next_at is not None
    assert task.next_at > walk.now


def test_a_call_that_somebody_asked_for_spends_no_try() -> None:
    """Whoever tries whether a department is back does not use its schedule up."""
    walk = begin()
    walk.attempt("household", DOWN)
    for _ in range(len(SCHEDULE_S) + 2):
        walk.tell(SendAgain(walk.task("household").id, "back?", "manual"))
        walk.attempt("household", DOWN)
    task = walk.task("household")
    assert (task.state, task.tries) == (TaskState.PENDING, 1)
    assert fail_until_held(walk) == len(SCHEDULE_S) - 1


def test_after_the_whole_schedule_the_step_is_held_with_the_reason() -> None:
    walk = begin()
    assert fail_until_held(walk) == len(SCHEDULE_S)
    task, step = walk.task("household"), walk.step("household")
    assert (task.state, task.held_reason, task.next_at) == (TaskState.HELD, "exhausted", None)
    assert step.waiting is not None
    assert (step.waiting.waits_for, step.waiting.reason) == ("officer", "delivery_exhausted")
    assert step.reason == "answered 503"


def test_a_held_task_that_is_let_go_is_sent_under_the_same_key_with_a_fresh_schedule() -> None:
    walk = begin()
    before = walk.task("household")
    fail_until_held(walk)
    walk.decide("household", "release")
    task = walk.task("household")
    assert (task.id, task.payload, task.submission) == (before.id, before.payload, 1)
    assert (task.state, task.tries, task.held_reason) == (TaskState.PENDING, 0, None)
    assert (task.next_at, task.first_attempt_at) == (walk.now, None)
    assert walk.step("household").state is StepState.DISPATCHED
    assert fail_until_held(walk) == len(SCHEDULE_S)


def test_a_failing_endpoint_is_held_as_such() -> None:
    walk = begin()
    assert walk.attempt("household", TryLater("gone", "answered 410")) == "held"
    assert walk.task("household").held_reason == "endpoint"


def test_a_call_we_did_not_make_is_held_for_attention() -> None:
    walk = begin()
    walk.attempt("household", TryLater("refused", "the address is not valid"))
    assert walk.task("household").held_reason == "needs_attention"


def test_an_answer_to_a_held_task_goes_on_without_a_person() -> None:
    walk = begin()
    walk.attempt("household", TryLater("gone", "answered 410"))
    walk.answer("household", Accepted())
    task = walk.task("household")
    assert walk.step("household").state is StepState.ACCEPTED
    assert (task.state, task.held_reason) == (TaskState.SENT, None)


def test_a_result_under_a_lost_lease_is_refused() -> None:
    walk = begin()
    lost = walk.claim("household")
    walk.now += timedelta(seconds=31)
    walk.claim("household")
    with pytest.raises(StaleWrite):
        walk.tell(RecordAttempt(walk.task("household").id, lost, Completed()))


def test_a_result_without_any_lease_is_refused() -> None:
    walk = begin()
    with pytest.raises(StaleWrite):
        walk.tell(RecordAttempt(walk.task("household").id, new_id(), Completed()))


def test_a_result_for_an_unknown_task_is_refused() -> None:
    walk = begin()
    with pytest.raises(StaleWrite):
        walk.tell(RecordAttempt(new_id(), walk.claim("household"), Completed()))


def test_control_without_the_token_a_late_result_would_count() -> None:
    """Shows that the fence does it: the same late result, with the new token put on it, is applied."""
    walk = begin()
    walk.claim("household")
    walk.now += timedelta(seconds=31)
    token = walk.claim("household")
    walk.tell(RecordAttempt(walk.task("household").id, token, Completed()))
    assert walk.step("household").state is StepState.COMPLETED


def test_a_result_after_withdrawal_is_refused() -> None:
    walk = begin()
    task_id, token = walk.task("household").id, walk.claim("household")
    walk.withdraw()
    with pytest.raises(StaleWrite):
        walk.tell(RecordAttempt(task_id, token, Completed()))


def test_a_second_submission_that_cannot_be_delivered_is_held_too() -> None:
    walk = begin(make_bundle(make_member(fields=["child"])))
    walk.attempt("household", Accepted())
    walk.answer("household", SupplementNeeded((SupplementRequest("field", "child", "misspelt"),)))
    walk.supplement("household", child="小明")
    walk.attempt("household", TryLater("gone", "answered 410"))
    assert walk.step("household").state is StepState.HELD
    walk.decide("household", "release")
    assert walk.task("household").submission == 2


def test_retries_are_counted_from_the_machine_s_clock() -> None:
    """In the demo the law runs fast; a department must not be called fast because of it."""
    from onenet.domain.case import Moment
    from onenet.domain.machine import decide

    walk = begin()
    task_id, token = walk.task("household").id, walk.claim("household")
    fast = Moment(walk.now + timedelta(days=400), walk.now)
    case = decide(walk.case, RecordAttempt(task_id, token, DOWN), fast).case
    next_at = case.tasks[task_id].next_at
    assert next_at is not None
    assert next_at - walk.now < timedelta(seconds=7)
    assert case.steps["household"].since == walk.step("household").since
