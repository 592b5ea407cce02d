"""The desk: one clerk has a task, alone decides it, and everybody else is told what can be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from onenet.adapters.webhook import ANSWERS
from onenet.domain import desk
from onenet.domain.bundle import Limit
from onenet.domain.case import Reply
from onenet.domain.commands import Clerk, HandOver, PutBack, TakeUp, WorkAtDesk
from onenet.domain.opinion_acts import AskOpinion, GiveOpinion
from onenet.domain.outcome import (
    WORDS,
    Accepted,
    AtDesk,
    Completed,
    Extended,
    Outcome,
    Rejected,
    Resumed,
    SupplementNeeded,
    SupplementRequest,
    Suspended,
    TellHearingRight,
)
from onenet.domain.procedures import opinions_of
from onenet.domain.states import StepState
from onenet.errors import DateNotPossible, MoveRefused, NotFound, PreconditionFailed
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_material, make_member

FIRST, SECOND = Clerk("officer:city-id/z-1"), Clerk("officer:city-id/z-2")
HEAD = Clerk("supervisor:city-id/s-1", is_supervisor=True)
ASKED = SupplementNeeded((SupplementRequest("material", "deed", "blurred"),))
S = StepState


def at_desk() -> Walk:
    household = make_member(materials=["deed"], results=["book"])
    bundle = make_bundle(
        replace(household, statutory=Limit(20, "workdays")),
        make_member("card", department="bank", after=["household"]),
        materials=[make_material("deed")],
    )
    walk = begin(bundle, materials=["deed"])
    walk.attempt("household", AtDesk())
    return walk


def work(walk: Walk, clerk: Clerk, act: TakeUp | HandOver | PutBack | Outcome) -> Reply:
    return walk.tell(WorkAtDesk(walk.task("household").id, clerk, act))


def claimed(by: Clerk = FIRST) -> Walk:
    walk = at_desk()
    work(walk, by, TakeUp())
    return walk


def waits(walk: Walk) -> str | None:
    waiting = walk.step("household").waiting
    return waiting and waiting.reason


def refused(walk: Walk, clerk: Clerk, act: TakeUp | HandOver | PutBack | Outcome) -> dict[str, object]:
    """How the step is, as whoever was refused is told; nothing else came of it."""
    before, events = walk.case, list(walk.events)
    with pytest.raises(MoveRefused) as refusal:
        work(walk, clerk, act)
    assert (walk.case, walk.events) == (before, events)
    return dict(refusal.value.present)


def test_the_words_of_a_clerk_are_those_of_every_department() -> None:
    assert set(WORDS) == set(ANSWERS)


def test_a_task_at_the_desk_says_that_it_waits_for_a_clerk_and_then_that_one_is_at_work() -> None:
    walk = at_desk()
    assert (walk.step("household").state, waits(walk)) == (S.DISPATCHED, "at_desk")
    work(walk, FIRST, TakeUp())
    assert waits(walk) == "with_clerk"
    work(walk, FIRST, PutBack())
    assert waits(walk) == "at_desk"


def test_nobody_but_the_one_who_has_a_task_does_anything_with_it() -> None:
    for walk in (at_desk(), claimed()):
        for clerk in (SECOND, HEAD):
            for act in (Accepted(), Completed(), Rejected("refused", "x"), ASKED, PutBack(),
                        HandOver(FIRST.name, "x")):  # fmt: skip
                assert refused(walk, clerk, act)["state"] == "dispatched"


def test_whoever_comes_second_is_told_who_has_it_since_when_and_that_nothing_is_possible() -> None:
    assert refused(claimed(), SECOND, TakeUp()) == {
        "case": "received",
        "step": "household",
        "state": "dispatched",
        "claimed_by": FIRST.name,
        "claimed_at": "2026-11-23T01:00:00.000Z",
        "possible": [],
    }


def test_whoever_claims_again_keeps_it_and_leaves_no_event() -> None:
    walk = claimed()
    events = len(walk.events)
    assert work(walk, FIRST, TakeUp()) == "unchanged"
    assert len(walk.events) == events


def test_a_supervisor_takes_a_task_over_only_with_a_reason() -> None:
    walk = claimed()
    assert refused(walk, HEAD, TakeUp())["possible"] == ["claim"]
    assert refused(walk, SECOND, TakeUp("I want it"))["possible"] == []
    assert work(walk, HEAD, TakeUp("ill")) == "applied"
    refused(walk, FIRST, Completed())
    assert work(walk, HEAD, HandOver(SECOND.name, "your turn")) == "applied"
    assert work(walk, SECOND, Completed()) == "applied"


def test_a_task_that_is_handed_over_is_the_other_ones() -> None:
    walk = claimed()
    work(walk, FIRST, HandOver(SECOND.name, "away from tomorrow on"))
    refused(walk, FIRST, Completed())
    assert work(walk, SECOND, Completed()) == "applied"


def test_what_is_done_with_a_claim_is_on_record_with_who_and_why_and_told_to_nobody_else() -> None:
    walk = claimed()
    work(walk, FIRST, HandOver(SECOND.name, "away"))
    work(walk, SECOND, PutBack("conflict of interest"))
    told = [(e.type, e.content()) for e in walk.events if e.type in (
        "step.claimed", "step.handed_over", "step.put_back")]  # fmt: skip
    is_so = {"state": "dispatched"}
    assert told == [
        ("step.claimed", {**is_so}),
        ("step.handed_over", {**is_so, "from": FIRST.name, "to": SECOND.name, "reason": "away"}),
        ("step.put_back", {**is_so, "reason": "conflict of interest"}),
    ]


POSSIBLE = {
    S.DISPATCHED: ["accepted", "supplement_needed", "completed", "rejected"],
    S.ACCEPTED: ["supplement_needed", "suspended", "completed", "rejected", "extended", "hearing_told"],
    S.SUPPLEMENT_NEEDED: ["accepted", "rejected"],
    S.SUSPENDED: ["resumed"],
}
PATHS: dict[StepState, list[Outcome]] = {
    S.DISPATCHED: [],
    S.ACCEPTED: [Accepted()],
    S.SUPPLEMENT_NEEDED: [ASKED],
    S.SUSPENDED: [Accepted(), Suspended("hearing", "asked for")],
}
ANSWER: dict[str, Outcome] = {
    "accepted": Accepted(),
    "supplement_needed": ASKED,
    "suspended": Suspended("hearing", "asked for"),
    "resumed": Resumed(),
    "completed": Completed(),
    "rejected": Rejected("refused", "not entitled"),
    "extended": Extended("statutory", 10, "the head of the body", "the experts are away"),
    "hearing_told": TellHearingRight("it touches others"),
}


@pytest.mark.parametrize("state", PATHS)
def test_what_is_said_to_be_possible_is_and_nothing_else(state: StepState) -> None:
    for word, outcome in ANSWER.items():
        walk = claimed()
        for answer in PATHS[state]:
            work(walk, FIRST, answer)
        assert walk.step("household").state is state
        said = list(desk.possible(walk.step("household"), FIRST))
        assert said == [*POSSIBLE[state], "hand_over", "release"]
        if word in said:
            assert work(walk, FIRST, outcome) == "applied"
        else:
            assert refused(walk, FIRST, outcome)["possible"] == said


def test_an_accepted_step_that_is_put_back_waits_for_a_clerk_again() -> None:
    walk = claimed()
    work(walk, FIRST, Accepted())
    assert waits(walk) == "being_decided"
    work(walk, FIRST, PutBack())
    assert waits(walk) == "at_desk"
    work(walk, SECOND, TakeUp())
    assert waits(walk) == "being_decided"


def test_a_supplement_comes_back_to_the_clerk_who_asked_for_it() -> None:
    walk = claimed()
    old = walk.task("household")
    work(walk, FIRST, ASKED)
    walk.supplement("household", "deed")
    walk.attempt("household", AtDesk())
    assert waits(walk) == "with_clerk"
    with pytest.raises(MoveRefused, match="a later task"):
        walk.tell(WorkAtDesk(old.id, FIRST, Completed()))
    assert work(walk, FIRST, Completed()) == "applied"


def test_a_claim_ends_with_the_step() -> None:
    for end in (lambda walk: work(walk, FIRST, Completed()), lambda walk: walk.withdraw()):
        walk = claimed()
        end(walk)
        assert (walk.step("household").claim, waits(walk)) == (None, None)
        assert refused(walk, FIRST, TakeUp())["possible"] == []


def test_what_the_item_does_not_name_and_a_day_that_is_over_are_refused() -> None:
    """A system's answer would hold the step; a person is asked again."""
    walk = claimed()
    refused(walk, FIRST, SupplementNeeded((SupplementRequest("field", "deed", "x"),)))
    before = walk.case
    with pytest.raises(DateNotPossible) as over:
        work(walk, FIRST, SupplementNeeded(ASKED.requests, date(2026, 11, 22)))
    assert (over.value.faults[0].pointer, walk.case is before) == ("/due_on", True)
    assert work(walk, FIRST, SupplementNeeded(ASKED.requests, date(2026, 11, 23))) == "applied"


def test_who_saw_the_step_before_somebody_else_moved_it_does_nothing() -> None:
    walk = claimed()
    seen = frozenset({desk.mark(walk.step("household"))})
    work(walk, FIRST, Accepted())
    for stale in (seen, frozenset[str]()):
        with pytest.raises(PreconditionFailed):
            walk.tell(WorkAtDesk(walk.task("household").id, FIRST, Completed(), stale))
    now = frozenset({desk.mark(walk.step("household"))})
    assert walk.tell(WorkAtDesk(walk.task("household").id, FIRST, Completed(), seen | now)) == "applied"


def test_nobody_decides_over_an_opinion_that_came_after_the_look() -> None:
    walk = claimed()
    work(walk, FIRST, Accepted())
    names = {"zh": "税务", "en": "Tax"}
    walk.tell(AskOpinion("household", "tax", names, "does it fit?", "department:police"))
    seen = frozenset({desk.mark(walk.step("household"))})
    (asked,) = opinions_of(walk.step("household").procedures)
    walk.tell(GiveOpinion("household", asked.id, "disagree", "never", "department:tax"))
    with pytest.raises(PreconditionFailed):
        walk.tell(WorkAtDesk(walk.task("household").id, FIRST, Completed(), seen))


def test_other_departments_steps_of_the_case_do_not_make_a_view_old() -> None:
    walk = claimed()
    seen = desk.mark(walk.step("household"))
    walk.case = walk.case._replace(seq=walk.case.seq + 5)
    assert desk.mark(walk.step("household")) == seen


def test_a_task_that_was_sent_to_a_system_is_at_no_desk() -> None:
    walk = begin()
    walk.answer("household", Accepted())
    with pytest.raises(NotFound):
        work(walk, FIRST, TakeUp())
