"""What holds for every bundle, whatever is done to its cases in whatever order."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onenet.domain import refusals
from onenet.domain.bundle import Bundle
from onenet.domain.case import WITHDRAWAL, Case
from onenet.domain.states import FAILED, FINAL_CASE, FINAL_STEP, StepState, TaskState, TimerState
from onenet.services.record import Head, check_chain, check_states, replay
from onenet.store.events import Event
from tests.domain.histories import Act, acts, blank, bundles, finish, perform, start
from tests.domain.walk import Walk

histories = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def run(bundle: Bundle, small: bool, history: list[Act]) -> Walk:
    walk = start(blank(bundle, small))
    for act in history:
        perform(walk, act)
    return walk


def assert_nothing_stalls(case: Case) -> None:
    """Every open step waits for somebody who really can make it go on."""
    for step in case.steps.values():
        if step.state in FINAL_STEP:
            assert step.waiting is None
            continue
        assert step.waiting is not None
        task = case.live_task(step.code)
        match step.waiting.waits_for:
            case "steps":
                assert step.waiting.refs
                assert all(case.steps[code].state not in FINAL_STEP for code in step.waiting.refs)
            case "time":
                timers = [t for t in case.timers.values() if t.step == step.code]
                assert [t.state for t in timers] == [TimerState.PENDING]
            case "applicant":
                assert step.state is StepState.SUPPLEMENT_NEEDED
                assert step.requests
                assert step.resume
            case "officer":
                assert step.state is StepState.HELD
                assert step.reason
            case "department":
                assert task is not None
                on_its_way = task.next_at is not None or task.state is TaskState.SENT
                assert on_its_way or queues_behind(case, step.department, task.id)


def queues_behind(case: Case, department: str, task_id: object) -> bool:
    """Whether another task for the department is on its way or held."""
    return any(
        task.department == department
        and task.id != task_id
        and task.kind != WITHDRAWAL
        and (task.next_at is not None or task.state is TaskState.HELD)
        for task in case.tasks.values()
    )


def assert_rows_are_possible(case: Case) -> None:
    """What the CHECK constraints of the database ask of a task."""
    for task in case.tasks.values():
        assert (task.lease_token is not None) == (task.state is TaskState.SENDING)
        assert task.next_at is None or task.state in (TaskState.PENDING, TaskState.SENDING)


def assert_refusals_are_whole(case: Case) -> None:
    """A refusal on the merits names its remedies, whoever said it (LIC art. 38)."""
    for step in case.steps.values():
        refusal = refusals.refusal_of(step)
        assert (step.state is StepState.REJECTED) == (refusal is not None)
        assert refusal is None or refusal.reason_code != "refused" or refusal.remedies


def assert_order_is_kept(case: Case, events: list[Event]) -> None:
    """No step is dispatched before those before it were closed, and closed well unless a person let it go."""
    states = dict.fromkeys(case.steps, "waiting")
    released: set[str] = set()
    for event in events:
        if event.type == "case.received":
            states = dict(event.content()["steps"])
        if event.step is None or not event.type.startswith("step."):
            continue
        if event.type == "step.released":
            released.add(event.step)
        if event.type in ("step.dispatched", "step.ready"):
            member = case.bundle.member(event.step)
            forgiven = {c for c in member.after if member.if_failed.get(c) == "go_on" and states[c] in FAILED}
            before = {states[code] for code in member.after if code not in forgiven}
            allowed = {"completed", "skipped"} | (
                {"rejected", "cancelled"} if event.step in released else set()
            )
            assert before <= allowed, f"{event.step} went out with {before} before it"
        states[event.step] = event.content().get("state", states[event.step])


@histories
@given(bundles(), st.booleans(), acts)
def test_after_every_act_the_events_tell_the_states(bundle: Bundle, small: bool, history: list[Act]) -> None:
    walk = start(blank(bundle, small))
    for act in history:
        perform(walk, act)
        state, steps = replay(walk.events)
        assert state == walk.case.state
        assert steps == {code: step.state.value for code, step in walk.case.steps.items()}


@histories
@given(bundles(), st.booleans(), acts)
def test_after_every_act_each_open_step_waits_for_something_that_comes(
    bundle: Bundle, small: bool, history: list[Act]
) -> None:
    walk = start(blank(bundle, small))
    assert_nothing_stalls(walk.case)
    for act in history:
        perform(walk, act)
        assert_nothing_stalls(walk.case)
        assert_rows_are_possible(walk.case)
        assert_refusals_are_whole(walk.case)


@histories
@given(bundles(), st.booleans(), acts)
def test_a_case_is_closed_exactly_when_all_its_steps_are(
    bundle: Bundle, small: bool, history: list[Act]
) -> None:
    walk = start(blank(bundle, small))
    for act in history:
        perform(walk, act)
        closed = all(step.state in FINAL_STEP for step in walk.case.steps.values())
        assert (walk.case.state in FINAL_CASE) == closed


@histories
@given(bundles(), st.booleans(), acts)
def test_no_step_overtakes_another_and_no_department_gets_two_tasks_at_once(
    bundle: Bundle, small: bool, history: list[Act]
) -> None:
    walk = start(blank(bundle, small))
    for act in history:
        perform(walk, act)
        open_ = Counter(
            task.department
            for task in walk.case.tasks.values()
            if task.kind != WITHDRAWAL and (task.next_at is not None or task.state is TaskState.HELD)
        )
        assert all(count == 1 for count in open_.values())
    assert_order_is_kept(walk.case, walk.events)


@histories
@given(bundles(), st.booleans(), acts)
def test_a_key_means_one_text_for_ever(bundle: Bundle, small: bool, history: list[Act]) -> None:
    walk = start(blank(bundle, small))
    texts = {task.id: task.payload for task in walk.case.tasks.values()}
    for act in history:
        perform(walk, act)
        for task in walk.case.tasks.values():
            assert texts.setdefault(task.id, task.payload) == task.payload
    assert set(texts) == set(walk.case.tasks)


@histories
@given(bundles(), st.booleans(), acts)
def test_the_same_commands_make_the_same_history(bundle: Bundle, small: bool, history: list[Act]) -> None:
    case = blank(bundle, small)
    first, again = start(case), start(case)
    for act in history:
        perform(first, act)
    for act in history:
        perform(again, act)
    assert [event.hash for event in again.events] == [event.hash for event in first.events]
    assert again.case == first.case


@histories
@given(bundles(), st.booleans(), acts)
def test_every_history_has_a_right_chain(bundle: Bundle, small: bool, history: list[Act]) -> None:
    walk = run(bundle, small, history)
    case = walk.case
    assert [event.seq for event in walk.events] == list(range(1, case.seq + 1))
    head = Head(case.seq, case.head_hash, case.state)
    assert list(check_chain(case.id, walk.events, head)) == []
    steps = {code: step.state.value for code, step in case.steps.items()}
    assert list(check_states(case.id, walk.events, head, steps)) == []


@histories
@given(bundles(), st.booleans(), acts)
def test_every_case_comes_to_an_end_once_everybody_does_their_part(
    bundle: Bundle, small: bool, history: list[Act]
) -> None:
    walk = run(bundle, small, history)
    finish(walk)
    done = Counter(event.step for event in walk.events if event.type == "step.completed")
    assert all(count == 1 for count in done.values())


def test_control_the_order_check_sees_a_step_that_overtakes() -> None:
    from onenet.domain.outcome import Completed
    from tests.factories import make_bundle, make_member

    bundle = make_bundle(make_member("a"), make_member("b", after=["a"]))
    walk = start(blank(bundle, False))
    walk.answer("a", Completed())
    swapped = [event for event in walk.events if event.type != "step.completed"]
    with pytest.raises(AssertionError, match="b went out"):
        assert_order_is_kept(walk.case, swapped)
