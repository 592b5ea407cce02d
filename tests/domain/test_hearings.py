"""Hearings (LIC 46-48): asked for within five working days, held within twenty, with a notice of seven."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from onenet.domain import moves, suspensions
from onenet.domain.bundle import Limit
from onenet.domain.calendar import Calendar, Year
from onenet.domain.case import Moment
from onenet.domain.commands import (
    AskHearing,
    Hear,
    LetTimePass,
    WaiveHearing,
)
from onenet.domain.events import EventType
from onenet.domain.machine import decide
from onenet.domain.moves import HEARING_FIRST
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Offered,
    Outcome,
    Received,
    RecordHearing,
    Rejected,
    Resumed,
    SetHearing,
    SupplementNeeded,
    SupplementRequest,
    Suspended,
    TellHearingRight,
    TryLater,
)
from onenet.domain.procedures import HearingState, hearing_of
from onenet.domain.rules import Rules
from onenet.domain.stalls import stalls
from onenet.domain.states import StepState
from onenet.errors import HearingAhead, MoveRefused
from onenet.store import procedures as stored
from tests.domain.walk import Action, Walk, begin
from tests.factories import make_bundle, make_material, make_member

STEP = "household"


def end_of(on: date) -> datetime:
    """The midnight that ends the day there."""
    return datetime(on.year, on.month, on.day, 16, tzinfo=UTC)


ASKED_FOR = SupplementNeeded((SupplementRequest("material", "deed", "blurred"),))


def opened() -> Walk:
    member = replace(make_member(materials=["deed"]), statutory=Limit(20, "workdays"))
    return begin(make_bundle(member, materials=[make_material("deed")]), materials=["deed"])


def told() -> Walk:
    """Accepted, with a limit of 20 working days, and told of the right on Monday 23 November 2026."""
    walk = opened()
    walk.answer(STEP, Accepted())
    walk.tell(Hear(STEP, TellHearingRight("it touches the neighbours")))
    return walk


def asked() -> Walk:
    walk = told()
    walk.tell(Hear(STEP, AskHearing("the smoke")))
    return walk


def hold(walk: Walk) -> None:
    """It is set for Thursday 3 December, and held."""
    walk.tell(Hear(STEP, SetHearing(date(2026, 12, 3), "room 3")))
    walk.now = max(walk.now, datetime(2026, 12, 3, 2, tzinfo=UTC))
    walk.tell(Hear(STEP, RecordHearing("everybody was heard")))


def state(walk: Walk) -> HearingState | None:
    found = hearing_of(walk.step(STEP).procedures)
    return found.state if found else None


def test_the_right_lapses_when_nobody_asks_within_five_working_days() -> None:
    # LIC art. 47. After Monday 23 November 2026: Tue 1, Wed 2, Thu 3, Fri 4, Monday 30 November 5.
    walk = told()
    due_at = end_of(date(2026, 11, 30))
    assert walk.case.timing.next_due_at == due_at
    for _ in range(2):
        walk.now = due_at
        walk.tell(LetTimePass())
    assert (state(walk), walk.types().count("hearing.lapsed")) == ("lapsed", 1)
    with pytest.raises(MoveRefused):
        walk.tell(Hear(STEP, AskHearing()))


@pytest.mark.parametrize(("at", "is_over"), [(date(2026, 11, 28), False), (date(2026, 11, 30), True)])
def test_the_right_never_ends_before_the_day_that_the_applicant_was_told(at: date, is_over: bool) -> None:
    # Saturday 28 November becomes a working day after Monday 30 was told: by now it is the fifth.
    made_up = Year(2026, make_up=frozenset({date(2026, 11, 28)}))
    here = {"suzhou": Rules(calendar=Calendar("cn", {2026: made_up}))}
    decision = decide(told().case, LetTimePass(), Moment(end_of(at), end_of(at), rules=here))
    assert (EventType.HEARING_LAPSED in {each.type for each in decision.events}) == is_over


def test_while_it_only_may_be_asked_for_the_clock_runs() -> None:
    # Twenty working days after 23 November: Monday 21 December.
    assert told().step(STEP).timing.statutory_due_at == end_of(date(2026, 12, 21))


def test_once_it_is_asked_for_the_clock_stands_still_and_twenty_working_days_are_there_to_hold_it() -> None:
    walk = asked()
    step = walk.step(STEP)
    assert (step.state, step.timing.statutory_due_at) == (StepState.SUSPENDED, None)
    assert step.waiting is not None
    assert step.waiting.until == end_of(date(2026, 12, 21))
    assert walk.types()[-2:] == ["hearing.asked", "step.suspended"]


def test_a_hearing_that_is_not_held_in_time_is_told_once() -> None:
    walk = asked()
    walk.now = end_of(date(2026, 12, 21))
    walk.tell(LetTimePass())
    walk.tell(LetTimePass())
    assert walk.types().count("step.procedure_overdue") == 1


@pytest.mark.parametrize(
    ("on", "is_possible"),
    [
        # LIC art. 48(1). Notice on Mon 23 November: Tue 24 is 1, Fri 27 4, Mon 30 5, Wed 2 December 7.
        (date(2026, 12, 2), False),
        (date(2026, 12, 3), True),
        (date(2026, 12, 5), False),  # a Saturday
    ],
)
def test_the_applicant_hears_of_the_day_seven_working_days_before(on: date, is_possible: bool) -> None:
    walk = asked()
    before = walk.case
    if is_possible:
        walk.tell(Hear(STEP, SetHearing(on, "room 3")))
        assert state(walk) == "set"
        assert walk.events[-1].content()["on"] == on.isoformat()
    else:
        with pytest.raises(MoveRefused, match="expected a working day after 2026-12-02"):
            walk.tell(Hear(STEP, SetHearing(on, "room 3")))
        assert walk.case is before


@pytest.mark.parametrize(
    ("today", "on", "is_possible"),
    [
        # LIC art. 47. After Mon 23 November: Fri 27 is 4, 4 December 9, 11th 14, 18th 19, Mon 21st 20.
        (date(2026, 11, 23), date(2026, 12, 21), True),
        (date(2026, 11, 23), date(2026, 12, 22), False),
        (date(2026, 11, 23), date(9999, 12, 31), False),
        # Set on Fri 11 December the notice ends with Tue 22nd, after the 21st: twenty days count from there.
        (date(2026, 12, 11), date(2026, 12, 23), True),
        (date(2026, 12, 11), date(2027, 1, 29), False),
    ],
)
def test_a_hearing_is_set_within_twenty_working_days_or_as_soon_as_can_be(
    today: date, on: date, is_possible: bool
) -> None:
    walk = asked()
    walk.now = datetime(today.year, today.month, today.day, 2, tzinfo=UTC)
    if is_possible:
        walk.tell(Hear(STEP, SetHearing(on, "room 3")))
        assert state(walk) == "set"
    else:
        with pytest.raises(MoveRefused, match="expected a working day after"):
            walk.tell(Hear(STEP, SetHearing(on, "room 3")))


def test_with_the_minutes_the_step_goes_on_and_the_pause_was_in_working_days() -> None:
    # Stopped from Monday 23 November until Friday 4 December: 24 to 27 and 30 November, 1 to 3 December are
    # eight working days. Monday 21 December and eight more, 22 to 25 and 28 to 31: Thursday 31 December.
    walk = asked()
    walk.tell(Hear(STEP, SetHearing(date(2026, 12, 3), "room 3")))
    walk.now = datetime(2026, 12, 4, 2, tzinfo=UTC)
    walk.tell(Hear(STEP, RecordHearing("everybody was heard")))
    step = walk.step(STEP)
    assert (state(walk), step.state) == ("held", StepState.ACCEPTED)
    assert step.timing.statutory_due_at == end_of(date(2026, 12, 31))
    assert stored.read(stored.as_json(step.procedures)) == step.procedures


@pytest.mark.parametrize(
    ("at", "is_possible"),
    [
        # Set for Thursday 3 December; the day begins there at 16:00 UTC of the day before.
        (datetime(2026, 12, 2, 15, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 12, 2, 16, tzinfo=UTC), True),
        (datetime(2026, 12, 7, 2, tzinfo=UTC), True),
    ],
)
def test_minutes_are_taken_from_the_day_of_the_hearing_on(at: datetime, is_possible: bool) -> None:
    walk = asked()
    walk.tell(Hear(STEP, SetHearing(date(2026, 12, 3), "room 3")))
    walk.now, before = at, walk.case
    if is_possible:
        walk.tell(Hear(STEP, RecordHearing("everybody was heard")))
        assert state(walk) == "held"
    else:
        with pytest.raises(HearingAhead, match="set for 2026-12-03") as refusal:
            walk.tell(Hear(STEP, RecordHearing("everybody was heard")))
        assert refusal.value.present["hearing_on"] == "2026-12-03"
        assert walk.case is before


def test_who_does_without_it_cannot_ask_any_more() -> None:
    walk = told()
    walk.tell(Hear(STEP, WaiveHearing()))
    assert state(walk) == "waived"
    with pytest.raises(MoveRefused):
        walk.tell(Hear(STEP, AskHearing()))


def test_a_step_that_was_decided_has_no_right_that_could_lapse() -> None:
    walk = told()
    walk.withdraw()
    assert walk.case.timing.next_due_at is None


REFUSED = Rejected("refused", "x")


@pytest.mark.parametrize("said", [Completed(), REFUSED])
def test_the_five_days_are_there_whatever_the_office_would_decide(said: Outcome) -> None:
    # LIC art. 47. The right is told on Monday 23 November and ends with Monday 30.
    walk = told()
    before = walk.case.steps
    assert walk.answer(STEP, said) == "refused"
    assert walk.case.steps == before
    assert (walk.types()[-1], walk.events[-1].content()["reason"]) == ("answer.refused", HEARING_FIRST)
    walk.now = end_of(date(2026, 11, 30))
    walk.tell(LetTimePass())
    assert walk.answer(STEP, said) == "applied"


def test_who_does_without_a_hearing_is_answered_sooner() -> None:
    walk = told()
    walk.tell(Hear(STEP, WaiveHearing()))
    assert walk.answer(STEP, Completed()) == "applied"


@pytest.mark.parametrize("is_set", [False, True])
def test_a_hearing_that_was_asked_for_is_over_with_its_minutes_alone(is_set: bool) -> None:
    walk = asked()
    if is_set:
        walk.tell(Hear(STEP, SetHearing(date(2026, 12, 3), "room 3")))
    for said in (Resumed(), Completed(), REFUSED, ASKED_FOR):
        assert walk.answer(STEP, said) == "refused"
        assert walk.events[-1].content()["reason"] == HEARING_FIRST
    assert walk.step(STEP).state is StepState.SUSPENDED
    allowed = {each["action"] for each in moves.allowed(walk.case.state, walk.step(STEP))}
    assert ("hearing_set" in allowed, "hearing_held" in allowed, "record_hearing" in allowed) == (
        True, is_set, is_set,
    )  # fmt: skip
    if not is_set:
        with pytest.raises(MoveRefused):
            walk.tell(Hear(STEP, RecordHearing("everybody was heard")))
    hold(walk)
    assert walk.answer(STEP, REFUSED) == "applied"


def decided(action: Action) -> Callable[[Walk], object]:
    return lambda walk: walk.decide(STEP, action)


def answered(outcome: Outcome) -> Callable[[Walk], object]:
    return lambda walk: walk.answer(STEP, outcome)


def handed_in(walk: Walk) -> None:
    walk.supplement(STEP, "deed")


TESTING = Suspended("testing", None, Limit(10, "workdays"))
ELSEWHERE: Mapping[str, tuple[list[Callable[[Walk], object]], list[Callable[[Walk], object]]]] = {
    "suspended": ([answered(TESTING)], [answered(Resumed())]),
    "held": ([decided("hold")], [decided("release")]),
}
"""How a step that is accepted gets into a state, and back from it."""


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_hearing_is_asked_for_in_whatever_state_the_step_is(where: str) -> None:
    there, back = ELSEWHERE[where]
    walk = told()
    for act in there:
        act(walk)
    assert "ask_hearing" in {each["action"] for each in moves.allowed(walk.case.state, walk.step(STEP))}
    walk.tell(Hear(STEP, AskHearing("the smoke")))
    assert (state(walk), walk.step(STEP).state) == ("asked", where)
    for act in back:
        act(walk)
    assert walk.step(STEP).state is StepState.SUSPENDED
    found = suspensions.under_way(walk.step(STEP))
    assert found is not None
    assert (found.procedure, found.stops_clock) == ("hearing", True)
    hold(walk)
    assert walk.step(STEP).state is StepState.ACCEPTED


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_hearing_is_done_without_in_whatever_state_the_step_is(where: str) -> None:
    walk = told()
    for act in ELSEWHERE[where][0]:
        act(walk)
    walk.tell(Hear(STEP, WaiveHearing()))
    assert (state(walk), walk.step(STEP).state) == ("waived", where)


@pytest.mark.parametrize(
    ("resumed", "until"),
    [
        # Asked for on Monday 23 November: the twenty working days end with Monday 21 December.
        (date(2026, 11, 23), date(2026, 12, 21)),
        (date(2026, 12, 1), date(2026, 12, 21)),
        # Late already: 22 to 25 December are four, 28 to 1 January nine, 8th 14, 15th 19, Monday the 18th 20.
        (date(2026, 12, 21), date(2027, 1, 18)),
    ],
)
def test_twenty_days_count_from_asking_and_not_from_the_end_of_what_was_before(
    resumed: date, until: date
) -> None:
    walk = told()
    walk.answer(STEP, TESTING)
    walk.tell(Hear(STEP, AskHearing()))
    walk.now = datetime(resumed.year, resumed.month, resumed.day, 2, tzinfo=UTC)
    walk.answer(STEP, Resumed())
    waiting = walk.step(STEP).waiting
    assert waiting is not None
    assert waiting.until == end_of(until)


def test_a_year_that_is_published_lengthens_the_right_and_tells_so() -> None:
    # Told on Monday 23 November: Monday 30 is the fifth day; with Tuesday 24 off it is Tuesday 1 December.
    off = Year(2026, {date(2026, 11, 24): {"zh": "假", "en": "off"}}, is_provisional=False)
    moment = Moment(told().now, told().now, rules={"suzhou": Rules(calendar=Calendar("x", {2026: off}))})
    decision = decide(told().case, LetTimePass(), moment)
    moved, until = end_of(date(2026, 12, 1)), end_of(date(2026, 11, 30))
    (event,) = [each for each in decision.events if each.data.get("limit") == "hearing_right"]
    assert event.data == {
        "limit": "hearing_right",
        "from": until.isoformat(),
        "to": moved.isoformat(),
        "is_provisional": False,
    }
    found = hearing_of(decision.case.steps[STEP].procedures)
    assert found is not None
    assert (found.until, decision.case.timing.next_due_at) == (moved, moved)
    again = decide(decision.case, LetTimePass(), moment)
    assert not [each for each in again.events if each.data.get("limit") == "hearing_right"]


def test_minutes_do_not_end_what_the_step_is_suspended_for_beside_its_hearing() -> None:
    walk = told()
    walk.answer(STEP, TESTING)
    walk.tell(Hear(STEP, AskHearing()))
    hold(walk)
    assert (state(walk), walk.step(STEP).state) == ("held", StepState.SUSPENDED)
    assert walk.answer(STEP, Resumed()) == "applied"
    assert walk.step(STEP).state is StepState.ACCEPTED


def test_what_is_refused_stops_no_step_that_a_version_before_left_running() -> None:
    walk = asked()
    running = walk.step(STEP)._replace(state=StepState.ACCEPTED)
    walk.case = walk.case._replace(steps={STEP: running})
    assert walk.answer(STEP, Completed()) == "refused"
    assert walk.step(STEP).state is StepState.ACCEPTED


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        *(("ask", said) for said in (Accepted(), Completed(), REFUSED, Resumed(), ASKED_FOR, TESTING)),
        *((None, said) for said in (Accepted(), Completed(), REFUSED)),
    ],
)
def test_a_department_that_is_asked_decides_with_the_first_poll_after_the_hearing(
    wish: str | None, said: Outcome
) -> None:
    walk = opened()
    walk.attempt(STEP, Received("7", poll_after_s=60))
    walk.poll(STEP, Accepted())
    walk.tell(Hear(STEP, TellHearingRight("it touches the neighbours")))
    if wish:
        walk.tell(Hear(STEP, AskHearing()))
    before = walk.types()
    for _ in range(3):
        assert walk.poll(STEP, said) == "applied"
    assert walk.types() == before
    if wish:
        hold(walk)
    else:
        walk.tell(Hear(STEP, WaiveHearing()))
    walk.poll(STEP, Completed())
    assert walk.step(STEP).state is StepState.COMPLETED


@pytest.mark.parametrize("failure", [TryLater("permanent", "400"), TryLater("gone", "410"), Offered()])
def test_a_department_that_is_not_reached_before_its_hearing_is_called_on(failure: Outcome) -> None:
    """A step that is suspended cannot be held for a person; what was handed in reaches its department."""
    walk = opened()
    walk.answer(STEP, Accepted())
    walk.answer(STEP, ASKED_FOR)
    handed_in(walk)
    walk.case = walk.case._replace(  # a version before let it ask after it had told of the right
        steps={STEP: walk.step(STEP)._replace(procedures=told().step(STEP).procedures)}
    )
    walk.tell(Hear(STEP, AskHearing()))
    for _ in range(4):
        walk.now = walk.task(STEP).next_at or walk.now
        walk.attempt(STEP, failure)
    assert walk.step(STEP).state is StepState.SUSPENDED
    next_at = walk.task(STEP).next_at
    assert next_at is not None
    assert next_at > walk.now
    assert list(stalls(walk.case)) == []
