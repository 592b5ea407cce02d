"""A material that follows later: what may, until when, and what comes of it (ANY art. 24)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from onenet.domain import guidance, moves, tolerance
from onenet.domain.bundle import Bundle, Limit, Terms
from onenet.domain.calendar import Calendar, Year
from onenet.domain.case import Case, Decision, MaterialGiven, Moment
from onenet.domain.commands import (
    DecideStep,
    DeferTolerance,
    HandInSupplement,
    LetTimePass,
    Open,
    RecordAnswer,
)
from onenet.domain.events import EventType
from onenet.domain.machine import decide
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Outcome,
    Rejected,
    SupplementNeeded,
    SupplementRequest,
    Unclear,
)
from onenet.domain.promises import Later, Promised, Undertaking
from onenet.domain.rules import Rules
from onenet.domain.states import CaseState, StepState, TaskState
from onenet.errors import Conflict, FormInvalid, MoveRefused
from tests.factories import make_blank, make_bundle, make_content, make_material, make_member

TERMS = Terms("2026-1", {"zh": "承诺按期补齐", "en": "I hand it in by that day"})
THURSDAY = datetime(2026, 1, 29, 1, 0, tzinfo=UTC)
"""Nine in the morning there, on 29 January 2026."""


def shop() -> Bundle:
    """A licence that is promised in five working days; a lease may follow, a plan may not."""
    licence = replace(
        make_member("licence", materials=["plan", "lease", "photo"]),
        promised=Limit(5, "workdays"), tolerance=TERMS,
    )  # fmt: skip
    materials = [make_material("plan"), make_material("lease"), make_material("photo", mode=1)]
    return make_bundle(
        licence, materials=[m if m.code == "plan" else replace(m, need="secondary") for m in materials]
    )


def promise(**changes: Any) -> Undertaking:
    """An undertaking that is right in every respect, with these members instead."""
    return Undertaking(
        **{"step": "licence", "version": "2026-1", "by": "示例一", "materials": (Later("lease"),)} | changes
    )


def end_of(on: date) -> datetime:
    """The midnight that ends the day there."""
    return datetime(on.year, on.month, on.day, 16, 0, tzinfo=UTC)


def at(moment: datetime, calendar: Calendar | None = None) -> Moment:
    """That moment, by this calendar."""
    return Moment(moment, moment, rules={"suzhou": Rules(calendar=calendar)} if calendar else {})


def opened(*undertakings: Undertaking, calendar: Calendar | None = None) -> Case:
    """A case that was received on that Thursday without its lease."""
    blank = make_blank(shop(), content=make_content(materials=["plan"]))
    return decide(blank, Open(Promised(undertakings or (promise(),))), at(THURSDAY, calendar)).case


def answered(case: Case, outcome: Outcome, moment: datetime = THURSDAY) -> Case:
    """The case after the department answered its present task."""
    task = case.live_task("licence")
    assert task is not None
    return decide(case, RecordAnswer(task.id, outcome), at(moment)).case


def handed_in(case: Case, *codes: str, moment: datetime = THURSDAY) -> Decision:
    """What comes of handing these in."""
    given = tuple(MaterialGiven(code, f"file:{code}") for code in codes)
    return decide(case, HandInSupplement("licence", given, {}), at(moment))


def lines(case: Case) -> list[tuple[str, date, str | None]]:
    """The ledger."""
    return [(line.material, line.due_on, line.outcome) for line in tolerance.ledger(case.steps["licence"])]


def faults(*undertakings: Undertaking, given: tuple[str, ...] = ("plan",)) -> list[tuple[str, str | None]]:
    """What is wrong with them at submission, and where."""
    plan = guidance.plan(shop(), {})
    return [(each.code, each.pointer) for each in tolerance.faults(shop(), plan, given, undertakings)]


@pytest.mark.parametrize(
    ("undertakings", "given", "expected"),
    [
        ((promise(),), ("plan",), []),
        ((), ("plan", "lease"), []),
        ((), ("plan",), [("undertaking_missing", "/undertakings")]),
        ((promise(version="2025-9"),), ("plan",), [("text_version_unknown", "/undertakings/0/text_version")]),
        (
            (promise(materials=(Later("lease"), Later("plan"))),),
            ("plan",),
            [("material_not_secondary", "/undertakings/0/materials/1/code")],
        ),
        (
            (promise(materials=(Later("photo"),)),),
            ("plan", "lease"),
            [("material_not_secondary", "/undertakings/0/materials/0/code")],
        ),
        ((promise(),), ("plan", "lease"), [("material_repeated", "/undertakings/0/materials/0/code")]),
        (
            (promise(materials=(Later("lease"), Later("lease"))),),
            ("plan",),
            [("material_repeated", "/undertakings/0/materials/1/code")],
        ),
        ((promise(step="other"), promise()), ("plan",), [("not_tolerated", "/undertakings/0/step")]),
        ((promise(), promise()), ("plan",), [("not_tolerated", "/undertakings/1/step")]),
    ],
)
def test_only_secondary_materials_of_the_step_may_follow_and_each_is_promised(
    undertakings: tuple[Undertaking, ...], given: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    assert faults(*undertakings, given=given) == expected


def test_the_last_day_to_make_good_is_the_one_of_the_items_promise() -> None:
    # Five working days after Thursday 29 January 2026: Fri 30 is 1, Mon 2 to Thu 5 February are 2 to 5.
    assert lines(opened()) == [("lease", date(2026, 2, 5), None)]


def test_a_holiday_on_the_way_moves_that_day() -> None:
    off = Year(2026, {date(2026, 2, 2): {"zh": "假", "en": "off"}}, is_provisional=False)
    case = opened(calendar=Calendar("x", {2026: off}))
    assert lines(case) == [("lease", date(2026, 2, 6), None)]


@pytest.mark.parametrize("day", [date(2026, 2, 6), date(2026, 1, 28)])
def test_a_day_beyond_the_promise_or_in_the_past_is_refused(day: date) -> None:
    with pytest.raises(FormInvalid) as refused:
        opened(promise(materials=(Later("lease", day),)))
    (fault,) = refused.value.faults
    assert (fault.code, fault.pointer) == (
        "date_beyond_promise",
        "/undertakings/0/materials/0/due_on",
    )


def test_the_department_is_told_what_is_to_follow() -> None:
    (task,) = opened().tasks.values()
    assert '"tolerated":[{"due_on":"2026-02-05","material":"lease","text_version":"2026-1"}]' in task.payload


def test_what_is_handed_in_in_time_is_kept_and_goes_to_the_department() -> None:
    case = answered(opened(), Accepted())
    decision = handed_in(case, "lease", moment=end_of(date(2026, 2, 5)) - timedelta(seconds=1))
    assert lines(decision.case) == [("lease", date(2026, 2, 5), "kept")]
    step = decision.case.steps["licence"]
    assert (step.state, step.submission) == (StepState.ACCEPTED, 2)
    task = decision.case.live_task("licence")
    assert task is not None
    assert (task.state, "file:lease" in task.payload) == (TaskState.PENDING, True)
    assert '"tolerated":[]' in task.payload


def test_what_does_not_come_in_time_ends_the_step_as_if_withdrawn() -> None:
    case = answered(opened(), Accepted())
    still = decide(case, LetTimePass(), at(end_of(date(2026, 2, 5)) - timedelta(seconds=1))).case
    assert still.steps["licence"].state is StepState.ACCEPTED
    decision = decide(still, LetTimePass(), at(end_of(date(2026, 2, 5))))
    step = decision.case.steps["licence"]
    assert (step.state, step.reason) == (StepState.CANCELLED, "tolerance_lapsed")
    assert decision.case.state is CaseState.WITHDRAWN
    assert lines(decision.case) == [("lease", date(2026, 2, 5), "late")]
    lapsed = next(event for event in decision.events if event.type is EventType.STEP_TOLERANCE_LAPSED)
    assert (lapsed.data["codes"], lapsed.data["due_at"]) == (["lease"], end_of(date(2026, 2, 5)).isoformat())
    again = decide(decision.case, LetTimePass(), at(end_of(date(2026, 3, 5))))
    assert again.events == ()
    with pytest.raises(Conflict):
        handed_in(decision.case, "lease", moment=end_of(date(2026, 2, 6)))


def test_force_majeure_puts_the_day_off_and_excuses_what_comes_by_then() -> None:
    defer = DeferTolerance("licence", Later("lease", date(2026, 2, 20)), "officer:police/o-1", "台风")
    case = decide(opened(), defer, at(THURSDAY)).case
    assert case.timing.next_due_at == end_of(date(2026, 2, 20))
    decision = handed_in(case, "lease", moment=end_of(date(2026, 2, 10)))
    assert lines(decision.case) == [("lease", date(2026, 2, 20), "excused")]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (opened(), {"make_good", "defer"}),
        (answered(opened(), Completed(deficiency_open=True)), {"make_good", "defer"}),
        (answered(opened(), Completed()), set()),
        (answered(opened(), Rejected("refused", "no")), set()),
    ],
)
def test_what_can_be_done_about_a_promise_is_told_while_it_is_open(case: Case, expected: set[str]) -> None:
    told = {each["action"] for each in moves.allowed(case.state, case.steps["licence"])}
    assert told & {"make_good", "defer"} == expected
    defer = DeferTolerance("licence", Later("lease", date(2026, 3, 20)), "officer:police/o-1", "台风")
    if expected:
        decide(case, defer, at(THURSDAY))
        return
    with pytest.raises(MoveRefused):
        decide(case, defer, at(THURSDAY))


def test_a_day_is_put_off_only_to_a_later_one() -> None:
    sooner = DeferTolerance("licence", Later("lease", date(2026, 2, 5)), "officer:police/o-1", "台风")
    with pytest.raises(FormInvalid):
        decide(opened(), sooner, at(THURSDAY))


def test_a_step_that_is_granted_with_the_deficiency_open_keeps_its_ledger_open() -> None:
    # Exchange code 12, 办结(容缺通过).
    case = answered(opened(), Completed(deficiency_open=True))
    assert (case.state, lines(case)) == (CaseState.COMPLETED, [("lease", date(2026, 2, 5), None)])
    assert case.timing.next_due_at == end_of(date(2026, 2, 5))
    kept = handed_in(case, "lease", moment=end_of(date(2026, 2, 4))).case
    assert (lines(kept), kept.timing.next_due_at) == ([("lease", date(2026, 2, 5), "kept")], None)


def test_what_lapses_after_the_grant_is_on_record_and_may_still_be_made_good() -> None:
    case = answered(opened(), Completed(deficiency_open=True))
    decision = decide(case, LetTimePass(), at(end_of(date(2026, 2, 5))))
    assert [event.type for event in decision.events] == [EventType.STEP_TOLERANCE_LAPSED]
    assert (decision.case.state, lines(decision.case)[0][2]) == (CaseState.COMPLETED, "late")
    late = handed_in(decision.case, "lease", moment=end_of(date(2026, 2, 9))).case
    (line,) = tolerance.ledger(late.steps["licence"])
    assert (line.outcome, line.delivered_at) == ("late", end_of(date(2026, 2, 9)))


def test_a_plain_grant_excuses_what_was_to_follow() -> None:
    case = answered(opened(), Completed())
    assert lines(case) == [("lease", date(2026, 2, 5), "excused")]
    assert case.timing.next_due_at is None


def test_what_was_promised_and_what_was_asked_for_are_handed_in_together() -> None:
    asked = SupplementNeeded((SupplementRequest("material", "plan", "blurred"),))
    decision = handed_in(answered(opened(), asked), "lease", "plan")
    step = decision.case.steps["licence"]
    assert (step.state, step.submission, lines(decision.case)[0][2]) == (StepState.DISPATCHED, 2, "kept")


def test_what_was_promised_comes_alone_while_a_supplement_is_awaited() -> None:
    asked = SupplementNeeded((SupplementRequest("material", "plan", "blurred"),))
    decision = handed_in(answered(opened(), asked), "lease")
    assert decision.case.steps["licence"].state is StepState.SUPPLEMENT_NEEDED
    assert lines(decision.case)[0][2] == "kept"


def test_a_step_that_was_held_goes_out_with_what_came_meanwhile() -> None:
    held = handed_in(answered(opened(), Unclear("?")), "lease").case
    case = decide(held, DecideStep("licence", "release", "clear by now"), at(THURSDAY)).case
    task = case.live_task("licence")
    assert task is not None
    assert (task.submission, task.state, "file:lease" in task.payload) == (2, TaskState.PENDING, True)
