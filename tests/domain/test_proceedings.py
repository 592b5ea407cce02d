"""Proceedings: a department lengthens a limit and leads a hearing in its answers, by the officers' rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from onenet.domain import moves
from onenet.domain.bundle import Limit
from onenet.domain.case import Reply
from onenet.domain.commands import AskHearing, Hear
from onenet.domain.outcome import (
    Accepted,
    Extended,
    Proceeding,
    Received,
    RecordHearing,
    SetHearing,
    TellHearingRight,
)
from onenet.domain.procedures import Extension, hearing_of
from onenet.domain.states import StepState
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_member

STEP = "household"
TEN_MORE = Extended("statutory", 10, "the head of the body", "the experts are away")
TOLD = TellHearingRight("it touches others")
# The walk stands at Monday 23 November 2026: seven working days of notice are over on Wednesday 2 December.
SET = SetHearing(date(2026, 12, 3), "room 3")
HELD = RecordHearing("everybody was heard")


def accepted(limit: Limit | None = Limit(20, "workdays")) -> Walk:
    """A step that its department has accepted."""
    walk = begin(make_bundle(replace(make_member(), statutory=limit)))
    walk.attempt(STEP, Received())
    walk.answer(STEP, Accepted(), seq=1)
    return walk


def test_a_department_lengthens_a_limit_once_and_the_applicant_is_told_why() -> None:
    # LIC art. 42: 20 working days, once 10 more.
    walk = accepted()
    assert walk.answer(STEP, TEN_MORE, seq=2) == "applied"
    (given,) = (each for each in walk.step(STEP).procedures if isinstance(each, Extension))
    assert (given.days, given.approved_by) == (10, "the head of the body")
    event = walk.events[-1]
    assert (event.type, event.content()["reason"]) == ("step.extended", "the experts are away")
    assert walk.step(STEP).state is StepState.ACCEPTED
    assert walk.task(STEP).applied_seq == 2


@pytest.mark.parametrize(
    ("said", "before", "why"),
    [
        (replace(TEN_MORE, reason="again"), [TEN_MORE], "it was extended by 10 workdays already"),
        (replace(TEN_MORE, days=11), [], "at most 10 workdays; the limit is in workdays"),
        (replace(TEN_MORE, limit="promised"), [], "no promised limit runs here"),
        (SET, [], "a hearing is set only once it was asked for, and before it was held"),
        (HELD, [TOLD], "a hearing is recorded only once it was set, and before it was held"),
        (
            TellHearingRight("once more"),
            [TOLD],
            "the right to a hearing is told once, of a step that is accepted",
        ),
    ],
)
def test_what_an_officer_may_not_do_a_department_may_not_either(
    said: Proceeding, before: list[Proceeding], why: str
) -> None:
    walk = accepted()
    for each in before:
        walk.answer(STEP, each)
    was = walk.case.steps
    assert walk.answer(STEP, said, seq=5) == "refused"
    assert walk.case.steps == was
    assert walk.task(STEP).applied_seq == 1
    assert (walk.events[-1].type, walk.events[-1].content()["reason"]) == ("answer.refused", why)


def test_a_department_leads_a_hearing_to_its_minutes() -> None:
    walk = accepted()
    replies: list[Reply] = [walk.answer(STEP, TOLD)]
    walk.tell(Hear(STEP, AskHearing()))
    assert walk.step(STEP).state is StepState.SUSPENDED
    replies.append(walk.answer(STEP, SET))
    walk.now = datetime(2026, 12, 3, 2, tzinfo=UTC)
    replies.append(walk.answer(STEP, HELD))
    assert replies == ["applied", "applied", "applied"]
    found = hearing_of(walk.step(STEP).procedures)
    assert found is not None
    assert (found.state, found.on, found.place, found.minutes) == ("held", SET.on, SET.place, HELD.minutes)
    assert walk.step(STEP).state is StepState.ACCEPTED


@pytest.mark.parametrize("said", [TEN_MORE, TOLD])
def test_what_is_said_again_changes_nothing(said: Proceeding) -> None:
    walk = accepted()
    walk.answer(STEP, said)
    steps, seq = walk.case.steps, walk.case.seq
    assert walk.answer(STEP, said) == "unchanged"
    assert (walk.case.steps, walk.case.seq) == (steps, seq)


def test_a_department_that_is_asked_says_it_with_every_answer() -> None:
    walk = begin(make_bundle(replace(make_member(), statutory=Limit(20, "workdays"))))
    walk.attempt(STEP, Received("7", poll_after_s=60))
    walk.poll(STEP, Accepted())
    for _ in range(3):
        assert walk.poll(STEP, TEN_MORE) == "applied"
    assert walk.types().count("step.extended") == 1
    assert walk.poll(STEP, replace(TEN_MORE, days=5)) == "applied"
    assert "answer.refused" not in walk.types()


def offered(walk: Walk) -> set[str]:
    """The words that `allowed` tells a department that was refused just now."""
    here = walk.now.astimezone(timezone(timedelta(minutes=walk.case.utc_offset_minutes)))
    return {each["action"] for each in moves.allowed(walk.case.state, walk.step(STEP), here)}


def test_a_limit_that_was_lengthened_is_not_offered_again_and_another_one_is() -> None:
    walk = accepted()
    assert "extended" in offered(walk)
    walk.answer(STEP, TEN_MORE)
    assert walk.answer(STEP, replace(TEN_MORE, days=5)) == "refused"
    assert "extended" not in offered(walk)
    walk = begin(
        make_bundle(replace(make_member(), statutory=Limit(20, "workdays"), promised=Limit(5, "workdays")))
    )
    walk.attempt(STEP, Received())
    walk.answer(STEP, Accepted())
    walk.answer(STEP, TEN_MORE)
    assert "extended" in offered(walk)


def test_a_limit_that_is_used_up_is_not_offered_to_be_lengthened() -> None:
    # Twenty working days after Monday 23 November: Monday 21 December, which ends there at 16:00 UTC.
    walk = accepted()
    walk.now = datetime(2026, 12, 21, 16, tzinfo=UTC)
    assert walk.answer(STEP, TEN_MORE) == "refused"
    assert "extended" not in offered(walk)


def test_minutes_are_offered_from_the_day_of_the_hearing_on() -> None:
    walk = accepted()
    walk.answer(STEP, TOLD)
    walk.tell(Hear(STEP, AskHearing()))
    walk.answer(STEP, SET)
    assert walk.answer(STEP, HELD) == "refused"
    assert "hearing_set" in offered(walk)
    assert offered(walk).isdisjoint({"hearing_held", "record_hearing", "resumed"})
    walk.now = datetime(2026, 12, 2, 16, tzinfo=UTC)
    assert {"hearing_held", "record_hearing"} < offered(walk)
