"""Hotline tickets: who may do what when, and until when. Dates are counted by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from onenet.domain.bundle import Limit
from onenet.domain.calendar import Calendar, Year
from onenet.domain.case import Applicant, CaseContent, Moment
from onenet.domain.commands import Command, Extend, HandleTicket, LetTimePass, Open, Withdraw
from onenet.domain.events import EventType
from onenet.domain.machine import decide
from onenet.domain.rules import LAW, Rules, read_rules
from onenet.domain.stalls import stalls
from onenet.domain.states import CaseState, Light
from onenet.domain.ticket_handling import allowed, possible
from onenet.domain.tickets import (
    ACTS,
    BUNDLE,
    Act,
    AnswerTicket,
    CallBackAbout,
    CloseTicket,
    DispatchTicket,
    EndTicket,
    GivePart,
    ReopenTicket,
    ReturnTicket,
    Round,
    Ticket,
    TicketAct,
    TicketKind,
    TicketState,
    UnitState,
    as_whom,
    sees,
    ticket_of,
)
from onenet.errors import (
    ExtensionRepeated,
    ExtensionTooLong,
    LimitUsedUp,
    MoveRefused,
    NoLimitRunning,
    NotFound,
    OnenetError,
    ReturnTooLate,
    UnitNamed,
)
from onenet.store import procedures
from tests.domain.walk import Walk, begin
from tests.factories import NOW, make_blank, make_bundle, make_member

S, U = TicketState, UnitState
DAY = timedelta(days=1)
DISPATCH = DispatchTicket("urban_management", ("police",))
NAME = DispatchTicket("urban_management", is_named=True, reason="the lamp stands on its ground")
RETURN = ReturnTicket("urban_management", "the road belongs to the county")
PART = GivePart("police", "the lorry is known")
ANSWER = AnswerTicket("urban_management", "the lamp was repaired")
CLOSE, SOLVED = CloseTicket(), CallBackAbout(True, True)
UNSOLVED = CallBackAbout(False, False, "it is dark again")
REOPEN, END = ReopenTicket("dark again"), EndTicket("nobody answers the phone")

PATHS: Mapping[TicketState, list[TicketAct]] = {
    S.RECEIVED: [],
    S.DISPATCHED: [DISPATCH],
    S.RETURNED: [DISPATCH, RETURN],
    S.ANSWERED: [DISPATCH, ANSWER],
    S.CLOSED: [DISPATCH, ANSWER, CLOSE],
    S.SOLVED: [DISPATCH, ANSWER, CLOSE, SOLVED],
    S.UNSOLVED: [DISPATCH, ANSWER, CLOSE, UNSOLVED],
    S.ENDED: [DISPATCH, ANSWER, CLOSE, END],
    S.WITHDRAWN: [DISPATCH],
}
WANTED: Mapping[Act, TicketAct] = {
    act.action: act for act in (DISPATCH, NAME, RETURN, PART, ANSWER, CLOSE, SOLVED, REOPEN, END)
}


def filed(about: TicketKind = TicketKind.COMPLAINT) -> Walk:
    """A ticket that was taken down on a Monday at nine in the morning."""
    said = Ticket("ticket", "20261123000017", about, "the street lamp is out", (Round(NOW),))
    caller = Applicant("示例一", "natural_person", "", "", "10000000001")
    blank = make_blank(BUNDLE, content=CaseContent(caller, {}, {}, (), procedures=(said,)))
    walk = Walk(blank)
    walk.tell(Open())
    return walk


def tell(walk: Walk, *acts: TicketAct) -> Ticket:
    for act in acts:
        walk.tell(HandleTicket(act))
    return ticket(walk)


def ticket(walk: Walk) -> Ticket:
    found = ticket_of(walk.case.content.procedures)
    assert found is not None
    return found


def in_state(state: TicketState) -> Walk:
    walk = filed()
    tell(walk, *PATHS[state])
    if state is S.WITHDRAWN:
        walk.tell(Withdraw())
    assert ticket(walk).state is state
    return walk


def refused(walk: Walk, command: Extend | TicketAct, error: type[OnenetError]) -> OnenetError:
    """What it is refused with; nothing came of it."""
    before, events = walk.case, list(walk.events)
    with pytest.raises(error) as refusal:
        walk.tell(command if isinstance(command, Extend) else HandleTicket(command))
    assert (walk.case, walk.events) == (before, events)
    return refusal.value


def types(walk: Walk) -> list[str]:
    return [event.type for event in walk.events]


def at(day: int, hour: int = 16, month: int = 11) -> datetime:
    """That moment in UTC; a local day ends at 16:00."""
    return datetime(2026, month, day, hour, tzinfo=UTC)


def under(walk: Walk, rules: Rules, *commands: Command) -> Walk:
    """The same case, decided by the rules of a place."""
    for command in commands:
        moment = Moment(walk.now, walk.now, rules={walk.case.jurisdiction: rules})
        walk.case = decide(walk.case, command, moment).case
    return walk


# ---- every state, every act


@pytest.mark.parametrize("act", WANTED)
@pytest.mark.parametrize("state", TicketState)
def test_what_is_wanted_of_a_ticket_is_in_the_table_or_refused(state: TicketState, act: Act) -> None:
    walk = in_state(state)
    if act is Act.RETURN and state is S.RETURNED:
        assert tell(walk, ReturnTicket("police", "nothing to do with us")).state is S.RETURNED
    elif state in ACTS[act].states:
        tell(walk, WANTED[act])
    else:
        error = refused(walk, WANTED[act], MoveRefused)
        assert isinstance(error, MoveRefused)
        assert error.present == {"case": walk.case.state.value, "ticket": state.value, "round": 1}
        assert error.allowed == allowed(walk.case.content.procedures)


def test_a_ticket_follows_its_table_and_its_case_is_open_until_it_ends() -> None:
    ends = {S.SOLVED: CaseState.COMPLETED, S.ENDED: CaseState.COMPLETED, S.WITHDRAWN: CaseState.WITHDRAWN}
    for state in TicketState:
        began = CaseState.RECEIVED if state is S.RECEIVED else CaseState.ACCEPTED
        case = in_state(state).case
        assert case.state is ends.get(state, began)
        assert list(stalls(case)) == []


def test_a_case_that_is_no_ticket_takes_no_act() -> None:
    walk = begin(make_bundle(make_member()))
    refused(walk, CLOSE, NotFound)


def test_everybody_hears_of_the_way_but_nobody_outside_of_what_units_say_to_one_another() -> None:
    walk = in_state(S.RETURNED)
    tell(walk, DISPATCH, PART, ANSWER, CLOSE, SOLVED)
    assert types(walk)[1:] == [
        "case.accepted", "ticket.dispatched", "ticket.returned", "ticket.dispatched", "ticket.part_given",
        "ticket.answered", "ticket.closed", "ticket.called_back", "case.completed",
    ]  # fmt: skip
    for event in walk.events:
        words = (RETURN.reason, PART.words, ANSWER.words)
        assert not any(word in event.data for word in words), "what somebody wrote lies apart, sealed"


# ---- returning: WEI art. 20-27


@pytest.mark.parametrize(
    ("after", "error"),
    [
        # 24 hours, round the clock: from Monday nine o'clock to Tuesday nine o'clock.
        (timedelta(hours=23, minutes=59), None),
        (timedelta(hours=24), None),
        (timedelta(hours=24, seconds=1), ReturnTooLate),
    ],
)
def test_a_unit_may_return_a_ticket_within_24_hours(
    after: timedelta, error: type[OnenetError] | None
) -> None:
    walk = in_state(S.DISPATCHED)
    walk.now += after
    if error:
        refused(walk, RETURN, error)
    else:
        assert tell(walk, RETURN).state is S.RETURNED


def test_the_24_hours_run_over_a_weekend() -> None:
    walk = filed()
    walk.now = at(27, 8)  # a Friday, four in the afternoon: the hours are over on Saturday at four
    tell(walk, DISPATCH)
    walk.now = at(30, 1)
    refused(walk, RETURN, ReturnTooLate)


def test_each_unit_has_its_own_24_hours() -> None:
    walk = in_state(S.DISPATCHED)
    walk.now += timedelta(hours=20)
    tell(walk, ReturnTicket("police", "no"), DispatchTicket("urban_management", ("health",)))
    walk.now += timedelta(hours=20)
    refused(walk, RETURN, ReturnTooLate)
    assert tell(walk, ReturnTicket("health", "no")).state is S.RETURNED


def test_a_named_unit_may_not_return_it() -> None:
    walk = in_state(S.RETURNED)
    tell(walk, NAME)
    refused(walk, RETURN, UnitNamed)
    assert tell(walk, ANSWER).state is S.ANSWERED


def test_a_unit_that_is_named_while_at_work_may_not_return_it_either() -> None:
    walk = in_state(S.DISPATCHED)
    tell(walk, ReturnTicket("police", "no"), replace(NAME, co_units=("police",)))
    assert [(unit.department, unit.is_named) for unit in ticket(walk).round.units] == [
        ("urban_management", True), ("police", False), ("police", True),
    ]  # fmt: skip
    for unit in ("urban_management", "police"):
        refused(walk, ReturnTicket(unit, "not ours"), UnitNamed)
    assert '"units":["urban_management","police"]' in walk.events[-1].data


def test_nobody_is_named_before_somebody_returned_it() -> None:
    refused(filed(), NAME, MoveRefused)


def test_a_unit_that_is_not_named_may_return_it_again() -> None:
    walk = in_state(S.RETURNED)
    tell(walk, DispatchTicket("transport", ("police",)), ReturnTicket("transport", "not ours either"))
    states = [(unit.department, unit.state) for unit in ticket(walk).round.units]
    assert states == [
        ("urban_management", U.RETURNED), ("police", U.AT_WORK), ("transport", U.RETURNED),
    ]  # fmt: skip


def test_two_units_return_it_and_the_same_one_once() -> None:
    walk = in_state(S.DISPATCHED)
    tell(walk, RETURN, ReturnTicket("police", "nor ours"))
    refused(walk, RETURN, MoveRefused)
    assert [unit.words for unit in ticket(walk).round.units] == [RETURN.reason, "nor ours"]


# ---- lead and co-units: WEI art. 20-27, ANY art. 49-50


@pytest.mark.parametrize(
    "act",
    [
        GivePart("urban_management", "as a co-unit"),  # the lead has no part to give
        AnswerTicket("police", "instead of the lead"),  # a co-unit does not answer
        AnswerTicket("health", "none of its business"),
        ReturnTicket("health", "none of its business"),
        GivePart("health", "none of its business"),
    ],
)
def test_each_unit_does_its_own_part_alone(act: TicketAct) -> None:
    refused(in_state(S.DISPATCHED), act, MoveRefused)


def test_a_co_unit_gives_its_part_once() -> None:
    walk = in_state(S.DISPATCHED)
    tell(walk, PART)
    refused(walk, PART, MoveRefused)
    refused(walk, ReturnTicket("police", "after all"), MoveRefused)


def test_who_is_no_longer_wanted_is_taken_off_it_and_who_is_keeps_its_part() -> None:
    walk = in_state(S.DISPATCHED)
    tell(walk, PART, RETURN)
    after = tell(walk, DispatchTicket("transport", ("police",)))
    states = {(unit.department, unit.state) for unit in after.round.units}
    assert ("police", U.DONE) in states
    walk = in_state(S.RETURNED)
    after = tell(walk, DispatchTicket("transport"))
    assert [sees(after, code) for code in ("transport", "police", "urban_management")] == [True, False, False]
    assert walk.events[-1].content()["taken_off"] == ["police"]


def test_a_unit_that_had_part_in_an_earlier_round_still_sees_it() -> None:
    walk = in_state(S.UNSOLVED)
    after = tell(walk, REOPEN, DispatchTicket("transport"))
    assert [sees(after, code) for code in ("transport", "police", "urban_management")] == [True, True, True]


# ---- time: WEI art. 20-27


def test_a_ticket_is_answered_within_five_working_days() -> None:
    # Dispatched on Monday 23 November; Tuesday 24 to Friday 27 are four, Monday 30 is the fifth.
    walk = in_state(S.DISPATCHED)
    assert walk.case.timing.promised_due_at == at(30)


@pytest.mark.parametrize(
    ("about", "due_at"),
    [
        (TicketKind.CONSULTATION, at(26)),  # Tuesday 24, 25, Thursday 26
        # 24 to 27 November are four, 30 November to 4 December nine, Thursday 10 December the thirteenth.
        (TicketKind.COMPLAINT, at(10, month=12)),
        (TicketKind.SUGGESTION, at(30)),  # nothing is said of it: five
    ],
)
def test_a_place_may_give_each_kind_its_own_days(about: TicketKind, due_at: datetime) -> None:
    # domain.md section 12: another city has 3 for consultation and help, 13 for complaints.
    three, thirteen = {"number": 3, "unit": "workdays"}, {"number": 13, "unit": "workdays"}
    rules = read_rules({"ticket_kinds": {"consultation": three, "complaint": thirteen}}, LAW.calendar)
    walk = under(filed(about), rules, HandleTicket(DISPATCH))
    assert walk.case.timing.promised_due_at == due_at


def test_holidays_and_make_up_days_count_as_the_calendar_says() -> None:
    # Wednesday 25 and Thursday 26 are off, Saturday 28 is worked: 24, 27, 28, 30, 1 December.
    days = {date(2026, 11, day): {"zh": "假", "en": "off"} for day in (25, 26)}
    year = Year(2026, days, frozenset({date(2026, 11, 28)}))
    walk = under(filed(), Rules(calendar=Calendar("x", {2026: year})), HandleTicket(DISPATCH))
    assert walk.case.timing.promised_due_at == at(1, month=12)


EXTEND = Extend(None, "promised", 5, "the head of the hotline", "the part must be ordered")


def test_five_days_more_are_given_once_with_who_approved_and_why() -> None:
    # Tuesday 1 December to Friday 4 are four more, Monday 7 December is the fifth.
    walk = in_state(S.DISPATCHED)
    walk.tell(EXTEND)
    assert walk.case.timing.promised_due_at == at(7, month=12)
    assert walk.events[-1].content()["approved_by"] == "the head of the hotline"
    refused(walk, EXTEND, ExtensionRepeated)


@pytest.mark.parametrize("state", TicketState)
def test_to_extend_is_possible_where_it_would_be_done(state: TicketState) -> None:
    assert (Act.EXTEND in possible_to_hotline(in_state(state))) == (state is S.DISPATCHED)


def test_to_extend_is_possible_once_a_round_and_not_when_it_is_late() -> None:
    walk = in_state(S.DISPATCHED)
    tell(walk, ReturnTicket("police", "nothing to do with us"))
    assert possible_to_hotline(walk) == [Act.DISPATCH, Act.NAME, Act.EXTEND], "the lead is still at work"
    walk.tell(EXTEND)
    assert Act.EXTEND not in possible_to_hotline(walk)
    walk.now += DAY
    tell(walk, DISPATCH, ANSWER, CLOSE, UNSOLVED, REOPEN, DISPATCH)
    assert possible_to_hotline(walk) == [Act.EXTEND], "a new round has a time of its own"
    walk.now += 30 * DAY
    walk.tell(LetTimePass())
    assert possible_to_hotline(walk) == []
    refused(walk, EXTEND, LimitUsedUp)


def possible_to_hotline(walk: Walk) -> list[Act]:
    return possible(walk.case.content.procedures, {"hotline"})


def test_a_unit_can_do_what_its_part_is() -> None:
    walk = in_state(S.DISPATCHED)
    can = {
        code: possible(walk.case.content.procedures, as_whom(ticket(walk), code))
        for code in ("urban_management", "police", "health")
    }
    assert can == {
        "urban_management": [Act.RETURN, Act.ANSWER],
        "police": [Act.RETURN, Act.GIVE_PART],
        "health": [],
    }
    tell(walk, PART, RETURN, NAME)
    assert as_whom(ticket(walk), "police") == frozenset(), "it has ended its part"
    assert as_whom(ticket(walk), "urban_management") == {"lead"}, "who was named may not return it"


@pytest.mark.parametrize("state", [state for state in TicketState if state is not S.DISPATCHED])
def test_nothing_is_extended_where_no_time_runs(state: TicketState) -> None:
    refused(in_state(state), EXTEND, NoLimitRunning)


def test_more_than_five_days_are_not_given_and_none_once_it_is_late() -> None:
    walk = in_state(S.DISPATCHED)
    refused(walk, replace(EXTEND, days=6), ExtensionTooLong)
    walk.now = at(30)
    refused(walk, EXTEND, LimitUsedUp)


def test_a_new_lead_has_the_whole_time_and_a_new_co_unit_what_is_left() -> None:
    walk = in_state(S.DISPATCHED)
    walk.now += DAY - timedelta(hours=1)
    tell(walk, ReturnTicket("police", "no"), DispatchTicket("urban_management", ("health",)))
    assert walk.case.timing.promised_due_at == at(30)
    tell(walk, RETURN)
    assert walk.case.timing.promised_due_at is None
    # On Tuesday 24: 25, 26, 27, 30 November, 1 December.
    tell(walk, DispatchTicket("transport", ("health",)))
    assert walk.case.timing.promised_due_at == at(1, month=12)


def test_who_is_late_is_noted_once_and_its_light_is_red() -> None:
    walk = in_state(S.DISPATCHED)
    tell(walk, PART)
    walk.now = at(30)
    assert walk.case.timing.next_due_at is not None
    walk.tell(LetTimePass())
    late = {unit.department: unit.is_late for unit in ticket(walk).round.units}
    assert late == {"urban_management": True, "police": False}
    assert walk.case.timing.light is Light.RED
    assert walk.case.timing.next_due_at is None
    walk.tell(LetTimePass())
    told = [event for event in walk.events if event.type == EventType.TICKET_OVERDUE]
    assert [event.content()["units"] for event in told] == [["urban_management"]]
    tell(walk, ANSWER, CLOSE, SOLVED)
    assert ticket(walk).round.units[0].is_late, "a late answer stays late"


def test_an_answer_stops_the_time() -> None:
    walk = in_state(S.ANSWERED)
    walk.now = at(30)
    walk.tell(LetTimePass())
    assert not any(unit.is_late for unit in ticket(walk).round.units)
    assert (walk.case.timing.light, walk.case.timing.next_due_at) == (Light.GREEN, None)


@pytest.mark.parametrize("state", [S.RECEIVED, S.RETURNED, S.ANSWERED, S.CLOSED, S.UNSOLVED, S.WITHDRAWN])
def test_no_unit_is_late_while_it_is_with_others(state: TicketState) -> None:
    walk = in_state(state)
    walk.now = at(31, month=12)
    walk.tell(LetTimePass())
    assert EventType.TICKET_OVERDUE not in types(walk)


# ---- calling back and reopening: WEI art. 20-27


def test_what_is_unsolved_is_reopened_as_a_new_round_and_the_old_one_kept() -> None:
    walk = in_state(S.UNSOLVED)
    old = ticket(walk).round
    walk.now = at(2, 1, month=12)
    after = tell(walk, REOPEN)
    assert (after.rounds[0], after.state, len(after.rounds)) == (old, S.RECEIVED, 2)
    # Wednesday 2 December: 3, 4, 7, 8, 9.
    tell(walk, DISPATCH)
    assert walk.case.timing.promised_due_at == at(9, month=12)
    walk.tell(EXTEND)
    # 10, 11, 14, 15, 16 December: each round may be lengthened once.
    assert walk.case.timing.promised_due_at == at(16, month=12)
    assert tell(walk, ANSWER, CLOSE, SOLVED).rounds[0] == old
    assert walk.case.state is CaseState.COMPLETED


def test_a_light_of_the_round_before_does_not_shine_on_the_next() -> None:
    walk = in_state(S.DISPATCHED)
    walk.now = at(30)
    walk.tell(LetTimePass())
    tell(walk, ANSWER, CLOSE, UNSOLVED, REOPEN, DISPATCH)
    assert walk.case.timing.light is Light.GREEN
    assert ticket(walk).rounds[0].units[0].is_late


def test_a_ticket_is_kept_as_it_is() -> None:
    walk = in_state(S.UNSOLVED)
    kept = (replace(tell(walk, REOPEN, DISPATCH), case=UUID(int=7), number="3205"),)
    assert procedures.read(procedures.as_json(kept)) == kept


def test_the_limit_stands_in_the_round_as_it_was_promised() -> None:
    assert ticket(in_state(S.DISPATCHED)).round.limit == Limit(5, "workdays")
