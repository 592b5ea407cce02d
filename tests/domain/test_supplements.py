"""Supplements: what is asked is handed in at once, as a new task under a new key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onenet.domain import corrections
from onenet.domain.case import Waiting
from onenet.domain.outcome import Accepted, Completed, Received, SupplementNeeded, SupplementRequest
from onenet.domain.states import StepState, TaskState
from onenet.errors import Conflict, MoveRefused
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_material, make_member

S = StepState
BOTH = SupplementNeeded(
    (SupplementRequest("material", "deed", "blurred"), SupplementRequest("field", "child", "misspelt"))
)


def asked(*, accepted: bool = False) -> Walk:
    """The department has the task and asks for the deed and the child's name."""
    bundle = make_bundle(
        make_member(materials=["deed", "photo"], fields=["child"]),
        make_member("school", after=["household"], fields=["child"]),
        materials=[make_material("deed"), make_material("photo")],
    )
    walk = begin(bundle, materials=["deed", "photo"], form={"child": "晓明"})
    walk.attempt("household", Accepted() if accepted else Received())
    walk.answer("household", BOTH)
    assert walk.step("household").state is StepState.SUPPLEMENT_NEEDED
    return walk


@pytest.mark.parametrize(("accepted", "state"), [(False, StepState.DISPATCHED), (True, StepState.ACCEPTED)])
def test_a_supplement_takes_the_step_back_to_where_it_came_from(accepted: bool, state: StepState) -> None:
    walk = asked(accepted=accepted)
    walk.supplement("household", "deed", child="小明")
    step = walk.step("household")
    assert (step.state, step.resume, step.requests) == (state, None, ())
    assert step.waiting is not None
    assert step.waiting.waits_for == "department"


@pytest.mark.parametrize("accepted", [False, True])
def test_a_supplement_is_a_new_task_under_a_new_key(accepted: bool) -> None:
    walk = asked(accepted=accepted)
    old = walk.task("household")
    walk.supplement("household", "deed", child="小明")
    new = walk.task("household")
    assert new.id != old.id
    assert (new.submission, new.state, new.next_at) == (2, TaskState.PENDING, walk.now)
    assert walk.case.tasks[old.id].state is TaskState.DONE


def test_the_new_task_carries_what_was_handed_in_and_the_old_one_keeps_its_bytes() -> None:
    walk = asked()
    old = walk.task("household")
    walk.supplement("household", "deed", child="小明")
    sheet = walk.sheet("household")
    assert sheet["form"] == {"child": "小明"}
    assert [m["reference"] for m in sheet["materials"]] == ["file:deed-again", "file:photo"]
    assert walk.case.tasks[old.id].payload == old.payload


def test_a_corrected_field_reaches_the_steps_after_it() -> None:
    walk = asked()
    walk.supplement("household", "deed", child="小明")
    walk.answer("household", Completed())
    assert walk.sheet("school")["form"] == {"child": "小明"}


def test_an_answer_to_the_task_before_the_supplement_is_late() -> None:
    walk = asked()
    walk.supplement("household", "deed", child="小明")
    assert walk.answer("household", Completed(), submission=1) == "recorded-late"
    assert walk.step("household").state is StepState.DISPATCHED


def test_a_thing_that_is_asked_for_twice_is_handed_in_once_for_both_reasons() -> None:
    deed = SupplementRequest("material", "deed", "blurred", "incorrect")
    walk = asked()
    walk.supplement("household", "deed", child="小明")
    said = (deed, SupplementRequest("field", "child", "misspelt"), deed, replace(deed, reason="not signed"))
    walk.answer("household", SupplementNeeded(said))
    step = walk.step("household")
    assert step.requests == (replace(deed, reason="blurred；not signed"), said[1])
    assert step.waiting is not None
    assert step.waiting.refs == ("deed", "child")
    told = [event for event in walk.events if event.type == "step.supplement_needed"][-1].content()
    assert [each["code"] for each in told["requests"]] == ["deed", "child"]


def test_a_second_supplement_is_a_third_task() -> None:
    walk = asked()
    walk.supplement("household", "deed", child="小明")
    walk.answer("household", BOTH)
    walk.supplement("household", "deed", child="小铭")
    assert len({task.id for task in walk.case.tasks.values()}) == 3


def test_half_a_supplement_is_saved_and_the_step_waits_for_the_rest() -> None:
    walk = asked()
    old = walk.task("household")
    walk.supplement("household", "deed")
    step = walk.step("household")
    assert (step.state, [each.code for each in step.requests]) == (S.SUPPLEMENT_NEEDED, ["child"])
    assert step.waiting is not None
    assert step.waiting._replace(until=None) == Waiting("applicant", "supplement", ("child",))
    assert walk.task("household") == old
    told = walk.events[-1]
    assert (told.type, told.content()["codes"], told.content()["left"]) == (
        "step.supplement_saved",
        ["deed"],
        ["child"],
    )
    walk.supplement("household", child="小明")
    sheet = walk.sheet("household")
    assert (sheet["form"], sheet["materials"][0]["reference"]) == ({"child": "小明"}, "file:deed-again")
    assert walk.step("household").state is S.DISPATCHED


def test_what_was_saved_is_not_asked_for_any_more() -> None:
    walk = asked()
    walk.supplement("household", "deed")
    with pytest.raises(MoveRefused, match="not asked for: deed"):
        walk.supplement("household", "deed")


def test_nothing_is_no_supplement() -> None:
    with pytest.raises(MoveRefused, match="still missing: child, deed"):
        asked().supplement("household")


# ---- said once, in full


DEED = SupplementNeeded((SupplementRequest("material", "deed", "blurred", "incorrect"),))
PHOTO = SupplementNeeded((SupplementRequest("material", "photo", "too old", "outdated"),))


def told_last(walk: Walk) -> dict[str, object]:
    """What the last request told."""
    events = [event for event in walk.events if event.type == "step.supplement_needed"]
    return dict(events[-1].content())


def test_who_asks_again_for_what_could_have_been_said_at_once_is_on_record() -> None:
    # LIC art. 32(1)(4): all that must be repaired is told once. The photo lay there the first time as well.
    walk = asked()
    assert "not_said_at_once" not in told_last(walk)
    walk.supplement("household", "deed", child="小明")
    walk.answer("household", PHOTO)
    told = told_last(walk)
    assert (told["correction"], told["phase"]) == (2, "before_acceptance")
    assert told["not_said_at_once"] == ["material:photo"]
    assert walk.step("household").state is S.SUPPLEMENT_NEEDED


def test_who_asks_again_for_what_was_handed_in_badly_said_all_at_once() -> None:
    walk = asked()
    walk.supplement("household", "deed", child="小明")
    walk.answer("household", DEED)
    assert "not_said_at_once" not in told_last(walk)


def test_after_acceptance_a_first_request_is_a_first_one_again() -> None:
    # domain.md section 1: before and after acceptance are two.
    walk = asked()
    walk.supplement("household", "deed", child="小明")
    walk.answer("household", Accepted())
    walk.answer("household", PHOTO)
    told = told_last(walk)
    assert (told["phase"], told["correction"]) == ("after_acceptance", 2)
    assert "not_said_at_once" not in told
    assert corrections.number(walk.step("household")) == 2


def test_what_is_wrong_is_told_by_its_kind() -> None:
    walk = asked()
    walk.supplement("household", "deed", child="小明")
    walk.answer("household", DEED)
    assert told_last(walk)["requests"] == [
        {"kind": "material", "code": "deed", "reason": "blurred", "reason_kind": "incorrect"}
    ]


def test_more_than_was_asked_for_is_refused() -> None:
    walk = asked()
    with pytest.raises(Conflict, match="photo"):
        walk.supplement("household", "deed", "photo", child="小明")


def test_a_supplement_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(Conflict):
        begin().supplement("household", "deed")


def test_a_supplement_is_handed_in_once() -> None:
    walk = asked()
    walk.supplement("household", "deed", child="小明")
    with pytest.raises(Conflict):
        walk.supplement("household", "deed", child="小明")


def test_a_supplement_queues_behind_another_task_for_the_department() -> None:
    walk = begin(make_bundle(make_member("a", fields=["child"]), make_member("b")))
    walk.attempt("a", Received())
    walk.answer("a", SupplementNeeded((SupplementRequest("field", "child", "misspelt"),)))
    walk.supplement("a", child="小明")
    assert (walk.task("a").next_at, walk.task("b").next_at) == (None, walk.now)
    walk.attempt("b", Received())
    assert walk.task("a").next_at == walk.now
