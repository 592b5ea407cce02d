"""Refusals: not accepted and not ours are two, and a refusal on the merits names the remedies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from onenet.domain import refusals
from onenet.domain.bundle import Bundle, Department, Limit, Member, Wait
from onenet.domain.calendar import Calendar
from onenet.domain.case import Moment
from onenet.domain.commands import LetTimePass, RecordAnswer
from onenet.domain.machine import decide
from onenet.domain.outcome import Accepted, Outcome, Rejected, SupplementNeeded, SupplementRequest
from onenet.domain.procedures import Remedy
from onenet.domain.rules import COURT, REVIEW_BODY, Rules, read_rules
from onenet.domain.states import StepState
from onenet.store import procedures as stored
from tests.domain.walk import Walk, begin
from tests.factories import NOW, make_bundle, make_member

TODAY = date(2026, 11, 23)
DAYS_45, NO_DAYS = Limit(45, "days"), Limit(0, "days")


def rejected(outcome: Outcome) -> Walk:
    """A step that was answered so, on Monday 23 November 2026."""
    walk = begin()
    walk.answer("household", outcome)
    return walk


def test_a_refusal_on_the_merits_names_where_and_until_when_something_can_be_done_against_it() -> None:
    # 行政复议法 art. 20: 60 days after Monday 23 November 2026 is Friday 22 January 2027; 行政诉讼法
    # art. 46: six months after it is Sunday 23 May 2027.
    walk = rejected(Rejected("refused", "the premises are too small"))
    refusal = refusals.refusal_of(walk.step("household"))
    assert refusal is not None
    assert refusal.remedies == (
        Remedy("administrative_review", REVIEW_BODY, date(2027, 1, 22)),
        Remedy("lawsuit", COURT, date(2027, 5, 23)),
    )
    told = next(event.content() for event in walk.events if event.type == "step.rejected")
    assert [each["until"] for each in told["remedies"]] == ["2027-01-22", "2027-05-23"]
    assert stored.read(stored.as_json((refusal,))) == (refusal,)


def test_a_place_says_where_and_how_long() -> None:
    court = {"zh": "示例区人民法院", "en": "Court of the example district"}
    rules = {"suzhou": read_rules({"court": court, "lawsuit_months": 3}, Calendar("x"))}
    case = begin().case
    (task,) = case.tasks.values()
    command = RecordAnswer(task.id, Rejected("refused", "x"))
    step = decide(case, command, Moment(NOW, NOW, rules=rules)).case.steps["household"]
    refusal = refusals.refusal_of(step)
    assert refusal is not None
    assert refusal.remedies[1] == Remedy("lawsuit", court, date(2027, 2, 23))


def test_a_bank_is_no_authority_and_its_refusal_has_no_remedies() -> None:
    bundle = make_bundle(make_member(department="bank"))
    bank = Department("bank", {"zh": "b", "en": "b"}, "non_government")
    walk = begin(replace(bundle, departments={"bank": bank}))
    walk.answer("household", Rejected("refused", "x"))
    refusal = refusals.refusal_of(walk.step("household"))
    assert refusal is not None
    assert refusal.remedies == ()


# ---- whoever refuses, and whatever does


def by_an_officer(bundle: Bundle) -> Walk:
    """One at whose counter the step is decided."""
    walk = begin(bundle)
    walk.decide("household", "reject")
    return walk


def by_the_window(bundle: Bundle) -> Walk:
    """It is applied for 59 days after the notice: 45 it has to wait, none it may take."""
    return begin(bundle, form={"noticed_on": "2026-09-25"})


def by_silence(bundle: Bundle) -> Walk:
    """The applicant hands nothing in, where the place calls that refused."""
    walk = begin(bundle)
    walk.answer("household", SupplementNeeded((SupplementRequest("field", "name", "unreadable"),), TODAY))
    walk.now += timedelta(days=1)
    moment = Moment(walk.now, walk.now, rules={"suzhou": Rules(supplement_lapse="rejected")})
    walk.case = decide(walk.case, LetTimePass(), moment).case
    return walk


@pytest.mark.parametrize(
    ("way", "member", "until"),
    [
        # 60 days after Monday 23 November 2026, and after Tuesday 24 November.
        (by_an_officer, make_member(offline=True), date(2027, 1, 22)),
        (by_the_window, make_member(waits=[Wait("noticed_on", DAYS_45, NO_DAYS)]), date(2027, 1, 22)),
        (by_silence, make_member(fields=["name"]), date(2027, 1, 23)),
    ],
)
def test_no_way_of_refusing_leaves_the_remedies_out(
    way: Callable[[Bundle], Walk], member: Member, until: date
) -> None:
    step = way(make_bundle(member)).step("household")
    refusal = refusals.refusal_of(step)
    assert step.state is StepState.REJECTED
    assert refusal is not None
    assert refusal.remedies[0] == Remedy("administrative_review", REVIEW_BODY, until)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 11, 23), 1, date(2026, 12, 23)),
        (date(2026, 12, 1), 12, date(2027, 12, 1)),
    ],
)
def test_months_end_with_their_last_day(day: date, months: int, later: date) -> None:
    assert refusals.months_after(day, months) == later


# ---- not needed, and not ours (LIC art. 32(1)(1), (2))


def test_who_sends_an_applicant_elsewhere_says_where_to() -> None:
    walk = rejected(Rejected("not_competent", "this is for the civil affairs", "Civil Affairs Bureau"))
    step = walk.step("household")
    refusal = refusals.refusal_of(step)
    assert (step.state, refusal and refusal.go_to) == (StepState.REJECTED, "Civil Affairs Bureau")
    assert refusal is not None
    assert refusal.remedies == ()


@pytest.mark.parametrize("before", [[], [Accepted()]])
def test_who_sends_an_applicant_elsewhere_without_saying_where_to_is_held(before: list[Outcome]) -> None:
    walk = begin()
    for outcome in before:
        walk.answer("household", outcome)
    assert walk.answer("household", Rejected("not_competent", "not ours")) == "held"
    assert walk.step("household").reason == "not_competent: the body that is competent was expected in go_to"


def test_what_needs_no_licence_needs_no_other_body() -> None:
    walk = rejected(Rejected("not_needed", "no licence is needed for that"))
    assert walk.step("household").state is StepState.REJECTED
