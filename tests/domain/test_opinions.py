"""Opinions 征求意见: asked inside a step, given, withdrawn, late; what is put to whom; deciding without."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from onenet.domain.bundle import Limit
from onenet.domain.commands import Clerk, LetTimePass, TakeUp, WorkAtDesk
from onenet.domain.machine import decide
from onenet.domain.opinion_acts import AskOpinion, GiveOpinion, WithdrawOpinion
from onenet.domain.opinions import documents_of, put_of
from onenet.domain.outcome import (
    Accepted,
    AtDesk,
    Completed,
    Received,
    Rejected,
    ResultGiven,
    SupplementNeeded,
    SupplementRequest,
    Suspended,
)
from onenet.domain.procedures import Opinion, opinions_of
from onenet.domain.rules import LAW
from onenet.domain.states import FINAL_STEP, StepState
from onenet.errors import MoveRefused, NotFound, UnknownReference
from onenet.store import procedures as stored
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_material, make_member, moment, names

STEP = "card"
ASK = AskOpinion(STEP, "health", names("卫健"), "Is it so?", "officer:police/z-1")


def end_of(on: date) -> datetime:
    """The midnight that ends the day there."""
    return datetime(on.year, on.month, on.day, 16, tzinfo=UTC)


def accepted() -> Walk:
    """`card` is accepted on Monday 23 November 2026, with twenty working days; `seal` was issued before."""
    card = make_member(
        STEP,
        after=["seal"],
        materials=["deed", "photo", "sealed", "form"],
        results=["paper"],
        fields=["address"],
    )
    bundle = make_bundle(
        make_member("seal", department="bank", results=["seal_result"], fields=["income"]),
        replace(card, statutory=Limit(20, "workdays")),
        materials=[
            make_material("deed"),
            make_material("photo"),
            make_material("sealed", from_result="seal_result"),
            make_material("form", mode=1),
        ],
    )
    walk = begin(bundle, materials=["deed"], form={"address": "CANARY-address", "income": "CANARY-income"})
    walk.answer("seal", Completed((ResultGiven("seal_result", "S-1"),)))
    walk.attempt(STEP, Received(poll_after_s=60))
    walk.answer(STEP, Accepted())
    return walk


def ask(walk: Walk, **changes: Any) -> Opinion:
    """Asks; the opinion that came of it."""
    walk.tell(replace(ASK, **changes))
    return opinions(walk)[-1]


def opinions(walk: Walk) -> list[Opinion]:
    return opinions_of(walk.step(STEP).procedures)


def give(walk: Walk, asked: Opinion, answer: Any = "agree", words: str | None = None) -> None:
    walk.tell(GiveOpinion(STEP, asked.id, answer, words, "officer:health/h-1"))


# ---- asking


def test_it_is_due_in_five_working_days_where_the_place_and_who_asks_say_nothing() -> None:
    # No source gives a number. After Monday 23 November 2026: Tue 1, Wed 2, Thu 3, Fri 4, Monday 30th 5.
    walk = accepted()
    assert ask(walk).due_at == end_of(date(2026, 11, 30))
    assert walk.events[-1].content()["until"] == end_of(date(2026, 11, 30)).isoformat()


def test_a_place_may_give_another_time() -> None:
    walk = accepted()
    rules = {walk.case.jurisdiction: replace(LAW, opinion=Limit(2, "workdays"))}
    decision = decide(walk.case, ASK, replace(moment(walk.now), rules=rules))
    (asked,) = opinions_of(decision.case.steps[STEP].procedures)
    assert asked.due_at == end_of(date(2026, 11, 25))


def test_who_asks_may_give_another_time() -> None:
    assert ask(accepted(), days=2).due_at == end_of(date(2026, 11, 25))


def test_it_stops_no_clock() -> None:
    # domain.md section 9: a consultation is not on the closed list of LIC art. 45.
    walk = accepted()
    before = walk.step(STEP).timing
    asked = ask(walk)
    walk.now += timedelta(days=1)
    give(walk, asked)
    after = walk.step(STEP).timing
    assert (after.clock, after.statutory_due_at) == (before.clock, before.statutory_due_at)
    assert walk.step(STEP).state is StepState.ACCEPTED


def test_several_departments_are_asked_at_once_and_each_answers_for_itself() -> None:
    walk = accepted()
    health = ask(walk)
    bank = ask(walk, department="bank", names=names("银行"))
    give(walk, bank, "disagree", "not so")
    assert [(each.department, each.state) for each in opinions(walk)] == [
        ("health", "asked"),
        ("bank", "given"),
    ]
    assert opinions(walk)[1].words == "not so"
    assert health.id != bank.id


@pytest.mark.parametrize(
    "changes", [{}, {"department": "police"}], ids=["asked and not answered", "whose step it is"]
)
def test_a_department_is_not_asked_what_it_need_not_be(changes: dict[str, Any]) -> None:
    walk = accepted()
    ask(walk)
    before = walk.case
    with pytest.raises(MoveRefused):
        ask(walk, **changes)
    assert walk.case is before


def test_it_is_asked_again_once_it_has_answered() -> None:
    walk = accepted()
    give(walk, ask(walk))
    assert ask(walk).state == "asked"


# ---- what is put to it


def test_what_is_put_is_what_was_named_and_nothing_else() -> None:
    walk = accepted()
    put = ask(walk, materials=("deed",), fields=("address",)).put
    assert json.loads(put)["fields"] == {"address": "CANARY-address"}
    assert [each["code"] for each in json.loads(put)["materials"]] == ["deed"]
    for told in ("CANARY-income", walk.case.content.applicant.name, walk.case.content.applicant.id_no):
        assert told not in put


def test_who_applies_is_put_only_where_that_is_said_and_as_the_step_is_told() -> None:
    walk = accepted()
    applicant = put_of(ask(walk, with_applicant=True))["applicant"]
    assert applicant["name"] == walk.case.content.applicant.name
    assert applicant["id_no"] != walk.case.content.applicant.id_no  # this item needs no identity number
    assert "applicant" not in put_of(ask(walk, department="bank"))


def test_a_material_that_another_step_issued_does_not_tell_which() -> None:
    walk = accepted()
    (material,) = put_of(ask(walk, materials=("sealed",)))["materials"]
    assert material["issued"]["number"] == "S-1"
    assert "step" not in material["issued"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"materials": ("photo",)},
        {"materials": ("other",)},
        {"materials": ("form",)},
        {"fields": ("income",)},
        {"fields": ("none",)},
    ],
    ids=["not handed in", "unknown", "a generated form", "of no business of the step", "unknown field"],
)
def test_what_the_step_does_not_have_cannot_be_put(wanted: dict[str, Any]) -> None:
    walk = accepted()
    with pytest.raises(UnknownReference) as refusal:
        ask(walk, **wanted)
    assert "CANARY" not in str(refusal.value.faults)


def test_what_was_put_stays_as_it_was_asked_whatever_is_handed_in_meanwhile() -> None:
    walk = accepted()
    asked = ask(walk, fields=("address",))
    walk.case = walk.case._replace(content=replace(walk.case.content, form={"address": "elsewhere"}))
    give(walk, asked)
    assert put_of(opinions(walk)[0])["fields"] == {"address": "CANARY-address"}


# ---- time


def test_one_that_is_not_given_in_time_is_late_once_and_can_still_be_given() -> None:
    walk = accepted()
    asked = ask(walk, days=2)
    assert walk.case.timing.next_due_at == asked.due_at
    walk.now = asked.due_at
    for _ in range(2):
        walk.tell(LetTimePass())
    assert walk.types().count("opinion.overdue") == 1
    give(walk, opinions(walk)[0])
    (found,) = opinions(walk)
    assert (found.state, found.is_overdue) == ("given", True)


def test_two_that_are_due_at_the_same_moment_are_both_late() -> None:
    walk = accepted()
    walk.now = ask(walk).due_at
    ask(walk, department="bank", days=1)
    walk.tell(LetTimePass())
    walk = accepted()
    ask(walk)
    walk.now = ask(walk, department="bank").due_at
    walk.tell(LetTimePass())
    assert [each.is_overdue for each in opinions(walk)] == [True, True]


def test_one_that_was_given_or_withdrawn_is_not_late() -> None:
    walk = accepted()
    given, withdrawn = ask(walk), ask(walk, department="bank")
    give(walk, given)
    walk.tell(WithdrawOpinion(STEP, withdrawn.id, "not needed"))
    walk.now = given.due_at
    walk.tell(LetTimePass())
    assert "opinion.overdue" not in walk.types()


def test_in_a_step_that_time_closes_at_that_very_moment_nobody_is_late() -> None:
    # Asked on Monday 23 November 2026, late once Monday 30 is over; so is the applicant's last day.
    walk = accepted()
    late_at = ask(walk).due_at
    wanted = (SupplementRequest("material", "deed", "unreadable"),)
    walk.answer(STEP, SupplementNeeded(wanted, date(2026, 11, 30)))
    walk.now = late_at
    walk.tell(LetTimePass())
    assert walk.step(STEP).state in FINAL_STEP
    assert [(each.state, each.is_overdue) for each in opinions(walk)] == [("ended", False)]
    assert "opinion.overdue" not in walk.types()


# ---- deciding without


@pytest.mark.parametrize("outcome", [Completed(), Rejected("refused", "not entitled")])
def test_a_department_decides_with_opinions_open_only_when_it_says_why(outcome: Any) -> None:
    walk = accepted()
    ask(walk)
    assert walk.answer(STEP, outcome) == "refused"
    assert walk.events[-1].type == "answer.refused"
    assert walk.step(STEP).state is StepState.ACCEPTED
    assert walk.answer(STEP, replace(outcome, without_opinions="it has no say")) == "applied"
    decided = next(each for each in reversed(walk.events) if each.type.startswith("step."))
    assert decided.content()["without_opinions"] == "it has no say"
    assert opinions(walk)[0].state == "ended"


def test_why_it_was_granted_without_stands_in_the_step_too() -> None:
    """The record compares them: what a department said on ending a step does not vanish from its row."""
    walk = accepted()
    ask(walk)
    walk.answer(STEP, Completed(without_opinions="it has no say"))
    assert walk.step(STEP).reason == "it has no say"


def test_a_decision_with_every_opinion_given_needs_no_reason() -> None:
    walk = accepted()
    give(walk, ask(walk))
    assert walk.answer(STEP, Completed()) == "applied"


def test_what_is_not_a_decision_is_possible_with_opinions_open() -> None:
    walk = accepted()
    ask(walk)
    assert walk.answer(STEP, Suspended("inspection")) == "applied"


def test_an_officer_decides_a_held_step_with_opinions_open_only_when_it_is_said_why() -> None:
    walk = accepted()
    ask(walk)
    walk.decide(STEP, "hold")
    for action in ("complete", "reject"):
        with pytest.raises(MoveRefused) as refusal:
            walk.decide(STEP, action)
        assert refusal.value.present["opinions"] == ["health"]
    walk.decide(STEP, "skip")  # no decision about the matter
    assert opinions(walk)[0].state == "ended"


def test_a_polled_department_that_decides_with_opinions_open_is_held_and_decides_once_none_is() -> None:
    walk = accepted()
    asked = ask(walk)
    replies = []
    for at in range(3):
        if at == 2:
            give(walk, asked)
        replies.append((walk.poll(STEP, Completed()), walk.step(STEP).state))
    states = StepState.HELD, StepState.COMPLETED
    assert replies == [("held", states[0]), ("applied", states[0]), ("applied", states[1])]
    assert walk.types().count("step.held") == 1


def test_a_clerk_at_the_desk_is_told_that_opinions_are_open() -> None:
    walk = begin(make_bundle(make_member(STEP)))
    walk.attempt(STEP, AtDesk())
    task, clerk = walk.task(STEP), Clerk("officer:police/z-1")
    for act in (TakeUp(), Accepted()):
        walk.tell(WorkAtDesk(task.id, clerk, act))
    ask(walk)
    with pytest.raises(MoveRefused, match="without_opinions"):
        walk.tell(WorkAtDesk(task.id, clerk, Completed()))
    walk.tell(WorkAtDesk(task.id, clerk, Completed(without_opinions="late")))
    assert walk.step(STEP).state is StepState.COMPLETED


# ---- ending


def test_what_is_open_ends_with_the_case_and_is_not_given_any_more() -> None:
    walk = accepted()
    asked = ask(walk, materials=("deed",))
    walk.withdraw()
    (found,) = opinions(walk)
    assert (walk.step(STEP).state in FINAL_STEP, found.state) == (True, "ended")
    with pytest.raises(MoveRefused):
        give(walk, asked)


def test_an_answer_stands() -> None:
    walk = accepted()
    asked = ask(walk)
    give(walk, asked)
    for again in (GiveOpinion(STEP, asked.id, "disagree", "no", "x"), WithdrawOpinion(STEP, asked.id, "no")):
        with pytest.raises(MoveRefused):
            walk.tell(again)


def test_one_that_nobody_asked_is_not_there() -> None:
    walk = accepted()
    for step, id in (
        (STEP, walk.case.id),
        ("nowhere", ask(walk).id),
        ("seal", ask(walk, department="bank").id),
    ):
        with pytest.raises(NotFound):
            walk.tell(GiveOpinion(step, id, "agree", None, "x"))


@pytest.mark.parametrize(("state", "count"), [("asked", 1), ("given", 1), ("withdrawn", 0), ("ended", 0)])
def test_documents_are_there_as_long_as_they_are_of_use_to_who_was_asked(state: Any, count: int) -> None:
    put = json.dumps({"fields": {}, "materials": [{"code": "deed", "document": "doc_1"}, {"code": "photo"}]})
    walk = accepted()
    found = replace(ask(walk), put=put, state=state)
    assert len(documents_of(found)) == count


def test_opinions_survive_being_stored() -> None:
    walk = accepted()
    give(walk, ask(walk, materials=("deed",)), "agree_with_conditions", "by day")
    kept = walk.step(STEP).procedures
    assert stored.read(json.loads(json.dumps(stored.as_json(kept)))) == kept


def test_the_record_says_without_words_of_whom_until_when_and_what_came_of_it() -> None:
    walk = accepted()
    since = len(walk.events)
    give(walk, ask(walk, materials=("deed",)), "disagree", "CANARY-words")
    for event in walk.events[since:]:
        assert json.loads(event.data)["department"] == "health"
        assert "Is it so?" not in event.data
        assert "CANARY" not in event.data
