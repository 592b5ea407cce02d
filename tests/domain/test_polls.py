"""Polls: what a department says again and again is applied once, and nothing is ever sent again for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from onenet.domain.commands import RecordPoll
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Outcome,
    Received,
    Rejected,
    Resumed,
    SupplementNeeded,
    SupplementRequest,
    Suspended,
    TryLater,
    Unclear,
)
from onenet.domain.retry import MOST_POLL_S, SCHEDULE_S, SLOW_POLL_S, next_poll
from onenet.domain.stalls import stalls
from onenet.domain.states import FINAL_STEP, StepState, TaskState
from onenet.errors import StaleWrite
from onenet.ids import new_id
from tests.domain.walk import Walk, begin
from tests.factories import NOW, make_bundle, make_member

STEP = "household"
EVERY_S = 60
ASKED = Received("N-1", EVERY_S)
NOTHING_NEW = Received()
DOWN = TryLater("transient", "answered 503")
SUPPLEMENT = SupplementNeeded((SupplementRequest("field", "child", "misspelt"),))
NOT_THE_ITEMS = SupplementNeeded((SupplementRequest("field", "spouse", "missing"),))
SAID: dict[str, Outcome] = {
    "nothing new": NOTHING_NEW,
    "accepted": Accepted("taken"),
    "completed": Completed(),
    "supplement": SUPPLEMENT,
    "supplement that is not the item's": NOT_THE_ITEMS,
    "suspended": Suspended("hearing"),
    "resumed": Resumed(),
    "rejected": Rejected("refused", "no"),
    "unclear": Unclear("/status: expected one of 1, 2"),
}
BEFORE: dict[str, Outcome | None] = {
    "dispatched": None,
    "accepted": Accepted(),
    "supplement_needed": SUPPLEMENT,
    "suspended": Suspended("hearing"),
    "held": Unclear("what?"),
}


def asked(before: Outcome | None = None) -> Walk:
    """A case whose department was handed the task, and is asked about it; perhaps it has said something."""
    walk = begin(make_bundle(make_member(fields=["child"])))
    walk.attempt(STEP, ASKED)
    if before is not None:
        walk.poll(STEP, before)
    return walk


def wait_s(walk: Walk) -> float:
    """Until the next poll."""
    at = walk.task(STEP).poll_at
    assert at is not None
    return (at - walk.now).total_seconds()


def test_a_department_that_does_not_call_back_is_asked_by_its_own_reference() -> None:
    walk = asked()
    task = walk.task(STEP)
    assert (task.state, task.reference, task.poll_every_s) == (TaskState.SENT, "N-1", EVERY_S)
    assert EVERY_S <= wait_s(walk) < EVERY_S * 1.4


def test_a_department_that_calls_back_is_not_asked() -> None:
    walk = begin()
    walk.attempt(STEP, Received("N-1"))
    task = walk.task(STEP)
    assert (task.state, task.reference, task.poll_at) == (TaskState.SENT, "N-1", None)


def test_answers_come_one_after_the_other_and_the_final_one_ends_the_asking() -> None:
    walk = asked()
    seen = []
    for outcome in (NOTHING_NEW, Accepted(), Suspended("hearing"), Resumed(), Completed()):
        walk.poll(STEP, outcome)
        seen.append(walk.step(STEP).state.value)
    assert seen == ["dispatched", "accepted", "suspended", "accepted", "completed"]
    assert (walk.task(STEP).state, walk.task(STEP).poll_at) == (TaskState.DONE, None)


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("before", BEFORE)
def test_what_is_said_again_changes_nothing(before: str, said: str) -> None:
    walk = asked(BEFORE[before])
    assert walk.step(STEP).state.value == before
    walk.poll(STEP, SAID[said])
    if walk.step(STEP).state in FINAL_STEP:
        return
    first = (walk.step(STEP), walk.types())
    for _ in range(3):
        walk.poll(STEP, SAID[said])
    assert (walk.step(STEP), walk.types()) == first
    assert list(stalls(walk.case)) == []


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("before", BEFORE)
def test_an_answer_leads_where_it_says_whatever_was_not_seen_in_between(before: str, said: str) -> None:
    """A hearing may begin and end between two polls."""
    leads = {
        "accepted": "accepted", "completed": "completed", "supplement": "supplement_needed",
        "suspended": "suspended", "resumed": "accepted", "rejected": "rejected",
    }  # fmt: skip
    walk = asked(BEFORE[before])
    walk.poll(STEP, SAID[said])
    can_be_held = before in ("dispatched", "accepted", "held")
    wanted = leads.get(said, "held" if said != "nothing new" and can_be_held else before)
    assert walk.step(STEP).state.value == wanted
    assert "answer.refused" not in walk.types()


@pytest.mark.parametrize("said", ["nothing new", "failed"])
def test_nothing_new_makes_the_waits_longer_up_to_a_limit(said: str) -> None:
    walk = asked()
    if said == "failed":
        walk.poll(STEP, DOWN)
    waits = []
    for _ in range(80):
        walk.poll(STEP, NOTHING_NEW)
        waits.append(wait_s(walk))
    assert waits[0] < 2 * EVERY_S
    assert SLOW_POLL_S <= waits[-1] < SLOW_POLL_S * 1.4
    walk.poll(STEP, Accepted())
    assert wait_s(walk) < 2 * EVERY_S


@pytest.mark.parametrize(("wanted_s", "least_s"), [(-5, 1), (0, 1), (7_200, 7_200), (10**9, MOST_POLL_S)])
def test_a_wait_is_as_long_as_it_is_wanted_and_never_without_bounds(wanted_s: int, least_s: int) -> None:
    waits = [(next_poll(wanted_s, new_id(), polls, NOW) - NOW).total_seconds() for polls in (0, 50, 32_000)]
    assert min(waits) >= least_s
    assert max(waits) <= max(least_s, SLOW_POLL_S) * 1.4


def test_a_new_reference_and_a_new_time_take_the_place_of_the_old_ones() -> None:
    """As where a first number stands for a place in a queue."""
    walk = asked()
    walk.poll(STEP, Received("S-9", 5))
    assert (walk.task(STEP).reference, walk.task(STEP).poll_every_s) == ("S-9", 5)


@pytest.mark.parametrize("failure", ["transient", "permanent", "gone", "refused"])
@pytest.mark.parametrize("before", BEFORE)
def test_a_poll_that_fails_never_gives_the_task_back_to_be_sent(before: str, failure: str) -> None:
    walk = asked(BEFORE[before])
    for _ in range(2 * len(SCHEDULE_S)):
        walk.poll(STEP, TryLater(failure, "no", 60))  # type: ignore[arg-type]  # one of its words
        task = walk.task(STEP)
        assert (task.state, task.next_at, task.poll_token) == (TaskState.SENT, None, None)
        assert wait_s(walk) > 0


def test_a_department_that_cannot_be_asked_for_days_holds_the_step_and_is_still_asked() -> None:
    walk = asked(Accepted())
    before = len(walk.events)
    for _ in range(40):
        walk.poll(STEP, TryLater("transient", "answered 429", 30))
    step = walk.step(STEP)
    assert step.waiting is not None
    assert (step.state, step.waiting.reason) == (StepState.HELD, "delivery_exhausted")
    assert len(walk.events) - before <= len(SCHEDULE_S)
    walk.poll(STEP, Completed())
    assert walk.step(STEP).state is StepState.COMPLETED


@pytest.mark.parametrize(
    ("before", "reason"),
    [(None, "with_department"), (Accepted(), "being_decided"), (Suspended("hearing"), "special_procedure")],
)
def test_a_step_says_that_its_department_cannot_be_asked_until_it_can(
    before: Outcome | None, reason: str
) -> None:
    walk = asked(before)
    said = []
    for outcome in (DOWN, NOTHING_NEW):
        walk.poll(STEP, outcome)
        waiting = walk.step(STEP).waiting
        assert waiting is not None
        said.append(waiting.reason)
    assert said == ["department_unreachable", reason]


def test_a_person_who_lets_the_step_go_on_has_the_department_asked_and_not_told_again() -> None:
    """It has the task; many a system that has to be asked would make a second application of it."""
    walk = asked(Unclear("what?"))
    walk.decide(STEP, "release")
    task = walk.task(STEP)
    assert (walk.step(STEP).state, task.state) == (StepState.DISPATCHED, TaskState.SENT)
    assert (task.next_at, task.poll_at) == (None, walk.now)
    walk.poll(STEP, Accepted())
    assert walk.step(STEP).state is StepState.ACCEPTED


@pytest.mark.parametrize("called_back", [Accepted(), SUPPLEMENT, Completed(), Unclear("what?")])
def test_a_poll_that_a_callback_overtook_changes_nothing(called_back: Outcome) -> None:
    """What it asked for is old by now; what is not over is asked about again."""
    walk = asked()
    token = walk.claim_poll(STEP)
    task_id = walk.task(STEP).id
    walk.answer(STEP, called_back)
    before = (walk.case, len(walk.events))
    if isinstance(called_back, Unclear):  # a question is no answer: what is asked may be one
        walk.tell(RecordPoll(task_id, token, Accepted()))
        assert walk.step(STEP).state is StepState.ACCEPTED
        return
    with pytest.raises(StaleWrite):
        walk.tell(RecordPoll(task_id, token, Suspended("hearing")))
    assert (walk.case, len(walk.events)) == before
    assert (walk.task(STEP).poll_at is None) == isinstance(called_back, Completed)


def test_control_without_the_token_an_overtaken_poll_would_count() -> None:
    walk = asked()
    walk.claim_poll(STEP)
    walk.answer(STEP, Accepted())
    walk.poll(STEP, Suspended("hearing"))
    assert walk.step(STEP).state is StepState.SUSPENDED


@pytest.mark.parametrize("end", [Walk.withdraw, lambda walk: walk.supplement(STEP, child="小明")])
def test_a_poll_of_a_task_that_is_over_ends(end: Callable[[Walk], object]) -> None:
    walk = asked(SUPPLEMENT)
    token, task_id = walk.claim_poll(STEP), walk.task(STEP).id
    end(walk)
    assert walk.case.tasks[task_id].poll_at is None
    with pytest.raises(StaleWrite):
        walk.tell(RecordPoll(task_id, token, Completed()))


def test_a_task_that_is_over_and_still_asked_about_is_asked_about_no_more() -> None:
    """As an earlier version leaves it, which does not know of polls."""
    walk = asked()
    task = walk.task(STEP)
    walk.withdraw()
    left = walk.case.tasks[task.id]._replace(poll_at=walk.now, poll_token=new_id())
    walk.case = walk.case._replace(tasks={**walk.case.tasks, task.id: left})
    assert left.poll_token is not None
    walk.tell(RecordPoll(task.id, left.poll_token, Completed()))
    over = walk.case.tasks[task.id]
    assert (over.state, over.poll_at, over.poll_token) == (TaskState.WITHDRAWN, None, None)


def test_a_poll_under_a_lost_lease_is_refused() -> None:
    walk = asked()
    lost = walk.claim_poll(STEP)
    walk.now += timedelta(seconds=31)
    walk.claim_poll(STEP)
    with pytest.raises(StaleWrite):
        walk.tell(RecordPoll(walk.task(STEP).id, lost, Completed()))
