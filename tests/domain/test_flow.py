"""How work flows along the graph: what goes out when, what it waits for, and what it is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from onenet.domain.bundle import Bundle, Limit, Wait
from onenet.domain.case import Waiting
from onenet.domain.commands import DecideStep, FireTimer
from onenet.domain.outcome import Accepted, Completed, Received, Rejected, ResultGiven, TryLater, Unclear
from onenet.domain.states import FINAL_STEP, CaseState, StepState, TimerState
from onenet.errors import Conflict
from tests.domain.walk import Walk, begin
from tests.factories import NOW, make_bundle, make_material, make_member, make_question

REFUSED = Rejected("refused", "not entitled")
GONE = TryLater("gone", "410")


def join() -> Bundle:
    """Two branches at two departments that meet in a third."""
    return make_bundle(
        make_member("birth", department="hospital"),
        make_member("household", department="police"),
        make_member("insurance", department="security", after=["birth", "household"]),
    )


def sole_task(walk: Walk, step: str) -> int:
    return sum(task.step == step for task in walk.case.tasks.values())


def test_branches_go_out_side_by_side() -> None:
    walk = begin(join())
    assert walk.states() == "dispatched dispatched waiting"
    assert {task.step for task in walk.case.tasks.values()} == {"birth", "household"}


def test_a_join_waits_until_every_branch_is_there() -> None:
    walk = begin(join())
    walk.answer("birth", Completed())
    assert walk.step("insurance").state is StepState.WAITING
    walk.answer("household", Completed())
    assert walk.step("insurance").state is StepState.DISPATCHED


@pytest.mark.parametrize("order", [["birth", "household"], ["household", "birth"]])
def test_a_join_fires_once(order: list[str]) -> None:
    walk = begin(join())
    for step in [*order, *order]:
        walk.answer(step, Completed())
    assert sole_task(walk, "insurance") == 1
    assert [event.step for event in walk.events if event.type == "step.dispatched"].count("insurance") == 1


def test_a_waiting_step_says_which_steps_it_waits_for() -> None:
    walk = begin(join())
    assert walk.step("insurance").waiting == Waiting("steps", "dependency", ("birth", "household"))
    walk.answer("birth", Completed())
    assert walk.step("insurance").waiting == Waiting("steps", "dependency", ("household",))
    assert walk.types()[-1] == "case.in_progress"
    assert "step.waiting" in walk.types()[-3:]


def test_an_upstream_rejection_holds_what_depends_on_it() -> None:
    walk = begin(join())
    walk.answer("birth", REFUSED)
    held = walk.step("insurance")
    assert held.state is StepState.HELD
    assert held.waiting == Waiting("officer", "upstream_not_completed", ("birth",))


def test_a_person_lets_a_step_go_on_without_the_step_before() -> None:
    walk = begin(join())
    walk.answer("birth", REFUSED)
    walk.answer("household", Completed())
    walk.decide("insurance", "release")
    assert walk.step("insurance").state is StepState.DISPATCHED
    assert sole_task(walk, "insurance") == 1


def test_a_step_is_not_let_go_while_another_step_before_it_is_open() -> None:
    """Letting it go forgives the step that failed, not the one that is still at work: order is kept."""
    walk = begin(join())
    walk.answer("birth", REFUSED)
    with pytest.raises(Conflict, match="household"):
        walk.decide("insurance", "release")
    assert walk.step("insurance").state is StepState.HELD


# ---- what applies


def alternatives() -> Bundle:
    """A certificate on paper or by wire, then a visit to the bank."""
    return make_bundle(
        make_member("paper", when="wire == false", alternative="form"),
        make_member("wire", when="wire == true", alternative="form"),
        make_member("bank", department="bank", after=["paper", "wire"]),
        questions=[make_question("wire")],
    )


@pytest.mark.parametrize(
    ("wire", "expected"), [(True, "skipped dispatched waiting"), (False, "dispatched skipped waiting")]
)
def test_of_alternatives_only_the_chosen_one_goes_out(wire: bool, expected: str) -> None:
    assert begin(alternatives(), answers={"wire": wire}).states() == expected


def test_a_skipped_step_counts_as_met() -> None:
    walk = begin(alternatives(), answers={"wire": True})
    assert walk.step("bank").waiting == Waiting("steps", "dependency", ("wire",))
    walk.answer("wire", Completed())
    assert walk.step("bank").state is StepState.DISPATCHED


def test_the_first_event_says_which_steps_apply() -> None:
    walk = begin(alternatives(), answers={"wire": True})
    assert walk.events[0].content()["steps"] == {"paper": "skipped", "wire": "waiting", "bank": "waiting"}


# ---- the sheet


def results() -> Bundle:
    return make_bundle(
        make_member("birth", department="hospital", results=["certificate", "footprint"]),
        make_member("household", after=["birth"], materials=["birth_certificate"], fields=["child"]),
        make_member("school", department="education", after=["birth"], fields=["parent"]),
        materials=[make_material("birth_certificate", mode=2, from_result="certificate")],
    )


def test_the_result_of_one_step_is_the_next_one_s_material() -> None:
    walk = begin(results(), form={"child": "小明", "parent": "张三"})
    walk.answer("birth", Completed((ResultGiven("certificate", "B-1"), ResultGiven("footprint", "F-1"))))
    assert walk.sheet("household")["results_before"] == [
        {"step": "birth", "code": "certificate", "number": "B-1", "facts": None}
    ]


def test_a_department_is_told_no_result_field_or_material_that_is_not_its_business() -> None:
    walk = begin(results(), form={"child": "小明", "parent": "张三"})
    walk.answer("birth", Completed((ResultGiven("certificate", "B-1"),)))
    sheet = walk.sheet("school")
    assert sheet["results_before"] == []
    assert sheet["materials"] == []
    assert sheet["form"] == {"parent": "张三"}


def test_a_material_handed_in_reaches_its_department_by_reference() -> None:
    bundle = make_bundle(make_member(materials=["deed"]), materials=[make_material("deed")])
    (told,) = begin(bundle, materials=["deed"]).sheet("household")["materials"]
    assert (told["code"], told["reference"]) == ("deed", "file:deed")


# ---- waiting periods


def after_notice(window: Limit | None = None) -> Bundle:
    """A cancellation, 45 days after the date of its notice."""
    wait = Wait("noticed_on", Limit(45, "days"), window)
    return make_bundle(make_member("cancel", waits=[wait]))


def noticed(days_ago: int, window: Limit | None = None) -> Walk:
    """The case is opened that many days after the notice."""
    noticed_on = NOW.date() - timedelta(days=days_ago)
    return begin(after_notice(window), form={"noticed_on": noticed_on.isoformat()})


def test_a_waiting_period_holds_a_step_back_and_says_until_when() -> None:
    walk = noticed(14)
    step = walk.step("cancel")
    assert step.state is StepState.WAITING
    assert step.waiting is not None
    assert step.waiting.reason == "waiting_period"
    assert step.waiting.until is not None
    assert step.waiting.until.isoformat() == "2026-12-23T16:00:00+00:00"  # 24 December begins in China


def test_a_timer_that_fires_early_changes_nothing() -> None:
    walk = noticed(14)
    (timer,) = walk.case.timers.values()
    walk.now = timer.due_at - timedelta(microseconds=1)
    assert walk.tell(FireTimer(timer.id)) == "unchanged"
    assert walk.step("cancel").state is StepState.WAITING


def test_a_waiting_period_that_ends_lets_the_step_out() -> None:
    walk = noticed(14)
    (timer,) = walk.case.timers.values()
    walk.pass_time(timer.due_at - walk.now)
    assert walk.step("cancel").state is StepState.DISPATCHED


def test_a_timer_fires_once() -> None:
    walk = noticed(14)
    (timer,) = walk.case.timers.values()
    walk.pass_time(timer.due_at - walk.now)
    assert walk.tell(FireTimer(timer.id)) == "unchanged"
    assert sole_task(walk, "cancel") == 1


def test_a_waiting_period_that_is_over_already_sets_no_timer() -> None:
    walk = noticed(45)
    assert walk.case.timers == {}
    assert walk.step("cancel").state is StepState.DISPATCHED


def test_a_case_within_the_window_goes_out() -> None:
    assert noticed(45, window=Limit(1, "days")).step("cancel").state is StepState.DISPATCHED


def test_a_case_after_the_window_has_closed_is_rejected() -> None:
    walk = noticed(45, window=Limit(0, "days"))
    assert walk.step("cancel").state is StepState.REJECTED
    assert walk.step("cancel").reason == "application_window_closed"
    assert walk.case.state is CaseState.REJECTED


def test_a_step_whose_waiting_period_runs_cannot_be_let_go_early() -> None:
    bundle = make_bundle(
        make_member("notice", department="court"),
        make_member("cancel", after=["notice"], waits=[Wait("noticed_on", Limit(45, "days"))]),
    )
    walk = begin(bundle, form={"noticed_on": "2026-11-09"})
    walk.answer("notice", REFUSED)
    with pytest.raises(Conflict, match="waiting period"):
        walk.decide("cancel", "release")
    walk.pass_time(timedelta(days=60))
    walk.decide("cancel", "release")
    assert walk.step("cancel").state is StepState.DISPATCHED


def test_withdrawal_drops_the_timers() -> None:
    walk = noticed(14)
    walk.withdraw()
    assert [timer.state for timer in walk.case.timers.values()] == [TimerState.CANCELLED]


# ---- the counter


def test_an_offline_step_is_held_for_the_counter() -> None:
    walk = begin(make_bundle(make_member(offline=True)))
    assert walk.step("household").state is StepState.HELD
    assert walk.step("household").waiting == Waiting("officer", "offline")
    assert walk.case.tasks == {}


def test_the_outcome_of_an_offline_step_lets_the_next_one_go() -> None:
    bundle = make_bundle(make_member("photo", offline=True), make_member("card", after=["photo"]))
    walk = begin(bundle)
    walk.decide("photo", "complete")
    assert walk.states() == "completed dispatched"


def test_what_the_counter_issued_is_there_for_the_next_step_and_why_is_on_record() -> None:
    bundle = make_bundle(
        make_member("death", offline=True, results=["certificate"]),
        make_member("household", department="bank", after=["death"], materials=["paper"]),
        materials=[make_material("paper", mode=2, from_result="certificate")],
    )
    walk = begin(bundle)
    walk.tell(DecideStep("death", "complete", "经窗口核验", (ResultGiven("certificate", "D-1"),)))
    assert [each["number"] for each in walk.sheet("household")["results_before"]] == ["D-1"]
    done = next(event for event in walk.events if event.type == "step.completed")
    assert done.content()["reason"] == "经窗口核验"
    assert done.content()["results"] == [{"code": "certificate", "number": "D-1", "facts": None}]


def test_an_offline_step_cannot_be_sent() -> None:
    walk = begin(make_bundle(make_member(offline=True)))
    with pytest.raises(Conflict, match="counter"):
        walk.decide("household", "release")


# ---- one department, one task at a time


def queue_of_three() -> Walk:
    return begin(make_bundle(make_member("a"), make_member("b"), make_member("c")))


def test_the_second_task_for_a_department_queues() -> None:
    walk = queue_of_three()
    assert walk.states() == "dispatched ready ready"
    assert walk.step("b").waiting == Waiting("department", "queued", ("police",))
    assert walk.task("b").next_at is None


def test_the_second_task_goes_when_the_first_is_sent() -> None:
    walk = queue_of_three()
    walk.attempt("a", Received())
    assert walk.states() == "dispatched dispatched ready"
    assert walk.task("b").next_at == walk.now


def test_tasks_for_a_department_go_first_come_first_served() -> None:
    walk = queue_of_three()
    sent = []
    for _ in range(3):
        (due,) = [task for task in walk.case.tasks.values() if task.next_at]
        sent.append(due.step)
        walk.attempt(due.step, Received())
    assert sent == ["a", "b", "c"]


def test_a_failed_try_does_not_let_the_next_one_overtake() -> None:
    walk = queue_of_three()
    walk.attempt("a", TryLater("transient", "503"))
    assert walk.states() == "dispatched ready ready"


def test_a_held_task_keeps_the_queue_behind_it() -> None:
    walk = queue_of_three()
    walk.attempt("a", GONE)
    assert walk.states() == "held ready ready"


@pytest.mark.parametrize("action", ["skip", "cancel", "reject", "complete"])
def test_ending_a_held_step_lets_the_queue_go_on(action: str) -> None:
    walk = queue_of_three()
    walk.attempt("a", GONE)
    walk.decide("a", action)  # type: ignore[arg-type]  # a parameter
    assert walk.step("b").state is StepState.DISPATCHED
    assert walk.step("c").state is StepState.READY


def test_a_callback_before_our_own_sent_lets_the_queue_go_on() -> None:
    walk = queue_of_three()
    walk.claim("a")
    walk.answer("a", Accepted())
    assert walk.states() == "accepted dispatched ready"


def test_departments_do_not_wait_for_one_another() -> None:
    walk = begin(make_bundle(make_member("a"), make_member("b", department="bank")))
    walk.attempt("a", GONE)
    assert walk.states() == "held dispatched"


# ---- nothing stalls in silence


@pytest.mark.parametrize("bundle", [join(), after_notice(), make_bundle(make_member(offline=True))])
def test_every_open_step_says_what_it_waits_for(bundle: Bundle) -> None:
    walk = begin(bundle, form={"noticed_on": "2026-11-09"})
    for step in walk.case.steps.values():
        assert (step.waiting is None) == (step.state in FINAL_STEP)


def test_a_department_that_cannot_be_reached_is_in_sight() -> None:
    walk = begin()
    walk.attempt("household", TryLater("transient", "503"))
    waiting = walk.step("household").waiting
    assert waiting is not None
    assert (waiting.waits_for, waiting.reason) == ("department", "department_unreachable")
    assert waiting.until == walk.task("household").next_at


def test_a_task_let_go_again_queues_behind_the_one_that_went_out_in_the_meantime() -> None:
    walk = queue_of_three()
    walk.attempt("a", Unclear("code 99"))
    walk.decide("a", "release")
    assert (walk.task("a").next_at, walk.task("b").next_at) == (None, walk.now)
    walk.attempt("b", Received())
    assert walk.task("a").next_at == walk.now
    assert walk.step("c").state is StepState.READY
