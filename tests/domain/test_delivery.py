"""Delivery of results: by which way, until when, and what comes of lateness. Dates by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from onenet.domain import delivery, guidance, moves
from onenet.domain import told as as_told
from onenet.domain.bundle import Limit, ResultChannel
from onenet.domain.calendar import Calendar, Year
from onenet.domain.case import Case, Decision, Moment
from onenet.domain.commands import Command, DeliverResults, LetTimePass, RecordAnswer
from onenet.domain.events import EventType
from onenet.domain.filing import Filing, Wish
from onenet.domain.machine import decide
from onenet.domain.outcome import Completed, Outcome, ResultGiven, TakenBack
from onenet.domain.procedures import ResultDelivery
from onenet.domain.rules import Rules
from onenet.domain.states import CaseState, Light
from onenet.errors import FormInvalid, MoveRefused, NotFound
from onenet.store import procedures
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_content, make_member, names

ALL: tuple[ResultChannel, ...] = ("electronic", "window", "courier")
COURIER = Wish("courier", "示例路1号")
GRANTED = Completed((ResultGiven("licence", "F-1"),))
HANDED_OVER = DeliverResults("licence", "officer:police/z-1")
SENT = replace(HANDED_OVER, carrier="邮政速递", tracking_number="EX000000001CN")


def end_of(on: date) -> datetime:
    """The midnight that ends the day there: 16:00 in UTC."""
    return datetime(on.year, on.month, on.day, 16, 0, tzinfo=UTC)


def granted(wish: Wish | None, offered: tuple[ResultChannel, ...] = ALL, outcome: Outcome = GRANTED) -> Walk:
    """A case whose licence was granted on Monday 23 November 2026, ten in the morning there."""
    member = replace(make_member("licence", results=["licence"]), delivery=offered)
    walk = begin(make_bundle(member))
    walk.case = walk.case._replace(content=replace(make_content(), filing=Filing(delivery=wish)))
    walk.answer("licence", outcome)
    return walk


def wait_until(walk: Walk, at: datetime) -> None:
    """Lets time pass until then."""
    walk.now = at
    walk.tell(LetTimePass())


@pytest.mark.parametrize(
    ("wish", "offered", "channel"),
    [
        (None, ALL, "electronic"),
        (Wish("window"), ALL, "window"),
        (COURIER, ALL, "courier"),
        (COURIER, ("electronic", "window"), "electronic"),  # an item that does not offer it
        (None, ("window", "courier"), "window"),  # a licence on paper: its first way
        (Wish("electronic"), ("window",), "window"),
    ],
)
def test_results_go_the_way_that_was_wished_for_where_the_item_offers_it(
    wish: Wish | None, offered: tuple[ResultChannel, ...], channel: str
) -> None:
    found = delivery.of(granted(wish, offered).step("licence"))
    assert (found.channel if found else "electronic") == channel


def test_what_is_electronic_is_delivered_with_the_decision_and_nothing_is_stored_of_it() -> None:
    walk = granted(None)
    step = walk.step("licence")
    (result,) = step.results
    assert step.procedures == ()
    assert not any("deliver" in kind for kind in walk.types())
    assert delivery.standing(step, result, walk.now.date(), 480) == ("delivered", "2026-11-23")


def test_it_is_to_be_handed_over_within_ten_working_days_and_late_is_red_and_stays_so() -> None:
    # LIC art. 44. Monday 23 November 2026: Tue 24 to Fri 27 are 1 to 4, Mon 30 to Fri 4 December 5 to 9, Mon
    # 7 is 10; its end there is 16:00 in UTC.
    walk = granted(Wish("window"))
    due_at = datetime(2026, 12, 7, 16, tzinfo=UTC)
    step = walk.step("licence")
    found = delivery.of(step)
    assert found is not None
    assert (found.due_at, step.timing.next_due_at, walk.case.timing.next_due_at) == (due_at, due_at, due_at)
    wait_until(walk, due_at - timedelta(microseconds=1))
    assert walk.types()[-1] != "result.delivery_overdue"
    wait_until(walk, due_at)
    assert walk.types()[-3:] == ["result.delivery_overdue", "step.light", "case.light"]
    assert (walk.case.state, walk.case.timing.light) == (CaseState.COMPLETED, Light.RED)
    before = walk.types()
    wait_until(walk, due_at + timedelta(days=90))
    assert walk.types() == before
    walk.tell(HANDED_OVER)
    done = delivery.of(walk.step("licence"))
    assert done is not None
    assert (done.delivered_at, done.is_overdue) == (walk.now, True)
    assert walk.step("licence").timing.light is Light.RED


def test_what_was_handed_over_in_time_is_never_late() -> None:
    walk = granted(COURIER)
    walk.pass_time(timedelta(days=2))
    walk.tell(SENT)
    step = walk.step("licence")
    (result,) = step.results
    found = delivery.of(step)
    assert found is not None
    assert (found.carrier, found.tracking_number) == ("邮政速递", "EX000000001CN")
    assert delivery.standing(step, result, walk.now.date(), 480) == ("delivered", "2026-11-25")
    wait_until(walk, walk.now + timedelta(days=90))
    assert walk.types()[-1] == "result.delivered"
    assert walk.step("licence").timing.light is Light.GREEN


def test_a_place_gives_another_time() -> None:
    walk = begin(make_bundle(replace(make_member("licence", results=["licence"]), delivery=("window",))))
    (task,) = walk.case.tasks.values()
    rules = {walk.case.jurisdiction: Rules(result_delivery=Limit(3, "days"))}
    case = decide(walk.case, RecordAnswer(task.id, GRANTED), Moment(walk.now, walk.now, rules=rules)).case
    found = delivery.of(case.steps["licence"])
    assert found is not None
    assert found.due_at == datetime(2026, 11, 26, 16, tzinfo=UTC)


def test_nothing_is_handed_over_of_what_was_taken_back_and_nobody_is_late_with_it() -> None:
    walk = granted(Wish("window"))
    walk.answer("licence", TakenBack("revoked", "false papers"))
    with pytest.raises(MoveRefused):
        walk.tell(HANDED_OVER)
    wait_until(walk, walk.now + timedelta(days=90))
    assert walk.types()[-1] == "result.revoked"


@pytest.mark.parametrize("outcome", [Completed(), GRANTED])
def test_where_nothing_is_to_be_handed_over_that_is_refused_and_changes_nothing(outcome: Completed) -> None:
    walk = granted(Wish("window") if not outcome.results else None, outcome=outcome)
    before = walk.case
    assert not moves.is_to_be_delivered(walk.step("licence"))
    for command, error in ((HANDED_OVER, MoveRefused), (replace(SENT, step="no"), NotFound)):
        with pytest.raises(error):
            walk.tell(command)
    assert walk.case is before


def test_it_is_handed_over_once() -> None:
    walk = granted(Wish("window"))
    assert {"action": "deliver", "by": ["department", "officer"]} in moves.allowed(
        walk.case.state, walk.step("licence")
    )
    walk.tell(HANDED_OVER)
    with pytest.raises(MoveRefused, match="they were handed over at 2026"):
        walk.tell(HANDED_OVER)


@pytest.mark.parametrize(
    ("wish", "said", "at"),
    [
        (COURIER, HANDED_OVER, ["/carrier", "/tracking_number"]),
        (COURIER, replace(SENT, carrier=None), ["/carrier"]),
        (Wish("window"), SENT, ["/carrier", "/tracking_number"]),
    ],
)
def test_a_courier_has_a_name_and_a_number_and_nobody_else(
    wish: Wish, said: DeliverResults, at: list[str]
) -> None:
    walk = granted(wish)
    before = walk.case
    with pytest.raises(FormInvalid) as refusal:
        walk.tell(said)
    assert [fault.pointer for fault in refusal.value.faults] == at
    assert walk.case is before


@pytest.mark.parametrize(
    ("wish", "offered", "at"),
    [
        (None, ALL, []),
        (Wish("window"), ALL, []),
        (Wish("window"), ("electronic",), ["/delivery/channel"]),
        (Wish("courier"), ALL, ["/delivery/address"]),
        (Wish("window", "示例路1号"), ALL, ["/delivery/address"]),
    ],
)
def test_a_wish_is_one_that_an_item_offers_and_a_courier_has_an_address(
    wish: Wish | None, offered: tuple[ResultChannel, ...], at: list[str]
) -> None:
    bundle = make_bundle(replace(make_member("licence", results=["licence"]), delivery=offered))
    found = delivery.faults(bundle, guidance.plan(bundle, {}), Filing(delivery=wish))
    assert [fault.pointer for fault in found] == at


def test_the_department_is_told_the_way_and_the_address_for_a_courier_alone() -> None:
    member = replace(make_member("licence", results=["licence"]), delivery=ALL)
    assert as_told.delivery(member, Filing()) == {}
    assert as_told.delivery(member, Filing(delivery=COURIER)) == {
        "delivery": {"channel": "courier", "address": "示例路1号"}
    }
    by_window = replace(member, delivery=("window",))
    assert as_told.delivery(by_window, Filing(delivery=COURIER)) == {
        "delivery": {"channel": "window", "address": None}
    }
    assert as_told.delivery(replace(member, results=()), Filing(delivery=COURIER)) == {}


# ---- a year that is not published yet (LIC art. 82)

NEW_YEAR = {date(2027, 1, 1): names("元旦")}
PROVISIONAL = {2026: Year(2026, is_provisional=False), 2027: Year(2027, NEW_YEAR)}
MONDAY_TOO = Year(2027, {**NEW_YEAR, date(2027, 1, 4): names("元旦")}, is_provisional=False)
SATURDAY_ON = Year(2027, NEW_YEAR, frozenset({date(2027, 1, 2)}), is_provisional=False)
AS_THOUGHT = Year(2027, NEW_YEAR, is_provisional=False)
GRANTED_AT = datetime(2026, 12, 21, 2, tzinfo=UTC)
"""Monday 21 December: Tue 22 to Thu 31 are 1 to 8; of January only the 1st is known to be off, so Mon 4 is 9
and Tue 5 is 10.
"""
THOUGHT = end_of(date(2027, 1, 5))


def by(years: Mapping[int, Year]) -> dict[str, Rules]:
    """The rules of the place with that calendar."""
    return {"suzhou": Rules(calendar=Calendar("china", years))}


def told(case: Case, command: Command, at: datetime, years: Mapping[int, Year]) -> Decision:
    """What the command does at that moment, by that calendar."""
    return decide(case, command, Moment(at, at, rules=by(years)))


def granted_in_december() -> Case:
    """A case whose licence is to be fetched, granted while 2027 is provisional."""
    walk = begin(make_bundle(replace(make_member("licence", results=["licence"]), delivery=("window",))))
    (task,) = walk.case.tasks.values()
    return told(walk.case, RecordAnswer(task.id, GRANTED), GRANTED_AT, PROVISIONAL).case


@pytest.mark.parametrize(
    ("published", "until"),
    [
        (MONDAY_TOO, date(2027, 1, 6)),  # Tue 5 is 9, Wed 6 is 10
        (SATURDAY_ON, date(2027, 1, 4)),  # Sat 2 is 9, Mon 4 is 10
        (AS_THOUGHT, date(2027, 1, 5)),
    ],
)
def test_a_year_that_is_published_moves_the_day_of_delivery_and_tells_so_once(
    published: Year, until: date
) -> None:
    case = granted_in_december()
    (begun,) = (each for each in case.steps["licence"].procedures if isinstance(each, ResultDelivery))
    assert (begun.due_at, begun.is_provisional) == (THOUGHT, True)
    years = {**PROVISIONAL, 2027: published}
    assert delivery.until(begun, by(years)["suzhou"], 480) == (end_of(until), False)
    looked = told(case, LetTimePass(), GRANTED_AT + timedelta(days=1), years)
    assert [(event.type, dict(event.data)) for event in looked.events] == [
        (
            EventType.STEP_DEADLINE_MOVED,
            {
                "limit": "result_delivery",
                "from": THOUGHT.isoformat(),
                "to": end_of(until).isoformat(),
                "is_provisional": False,
            },
        )
    ]
    assert looked.case.timing.next_due_at == end_of(until)
    again = told(looked.case, LetTimePass(), GRANTED_AT + timedelta(days=2), years)
    assert (again.reply, again.events) == ("unchanged", ())
    before = told(again.case, LetTimePass(), end_of(until) - timedelta(seconds=1), years)
    assert before.events == ()
    late, *_ = told(before.case, LetTimePass(), end_of(until), years).events
    assert (late.type, late.data["due_at"]) == (EventType.RESULT_DELIVERY_OVERDUE, end_of(until).isoformat())


def test_what_was_handed_over_or_is_overdue_moves_no_more() -> None:
    years = {**PROVISIONAL, 2027: MONDAY_TOO}
    case = granted_in_december()
    for over in (
        told(case, HANDED_OVER, GRANTED_AT + timedelta(days=1), PROVISIONAL).case,
        told(case, LetTimePass(), THOUGHT, PROVISIONAL).case,
    ):
        found = delivery.of(over.steps["licence"])
        assert found is not None
        assert delivery.until(found, by(years)["suzhou"], 480) == (THOUGHT, False)
        assert told(over, LetTimePass(), THOUGHT + timedelta(days=1), years).events == ()


def test_a_delivery_that_a_version_before_stored_is_read_and_counted_anew() -> None:
    stored = {
        "kind": "result_delivery",
        "channel": "window",
        "at": GRANTED_AT.isoformat(),
        "due_at": THOUGHT.isoformat(),
        "delivered_at": None,
    }
    (found,) = procedures.read([stored])
    assert isinstance(found, ResultDelivery)
    assert delivery.until(found, by(PROVISIONAL)["suzhou"], 480) == (THOUGHT, True)
    years = {**PROVISIONAL, 2027: MONDAY_TOO}
    assert delivery.until(found, by(years)["suzhou"], 480) == (end_of(date(2027, 1, 6)), False)
