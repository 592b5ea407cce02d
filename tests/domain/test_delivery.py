"""Delivery of results: by which way, until when, and what comes of lateness. Dates by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from onenet.domain import delivery, guidance, moves, told
from onenet.domain.bundle import Limit, ResultChannel
from onenet.domain.case import Moment
from onenet.domain.commands import DeliverResults, LetTimePass, RecordAnswer
from onenet.domain.filing import Filing, Wish
from onenet.domain.machine import decide
from onenet.domain.outcome import Completed, Outcome, ResultGiven, TakenBack
from onenet.domain.rules import Rules
from onenet.domain.states import CaseState, Light
from onenet.errors import FormInvalid, MoveRefused, NotFound
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_content, make_member

ALL: tuple[ResultChannel, ...] = ("electronic", "window", "courier")
COURIER = Wish("courier", "示例路1号")
GRANTED = Completed((ResultGiven("licence", "F-1"),))
HANDED_OVER = DeliverResults("licence", "officer:police/z-1")
SENT = replace(HANDED_OVER, carrier="邮政速递", tracking_number="EX000000001CN")


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
    assert told.delivery(member, Filing()) == {}
    assert told.delivery(member, Filing(delivery=COURIER)) == {
        "delivery": {"channel": "courier", "address": "示例路1号"}
    }
    by_window = replace(member, delivery=("window",))
    assert told.delivery(by_window, Filing(delivery=COURIER)) == {
        "delivery": {"channel": "window", "address": None}
    }
    assert told.delivery(replace(member, results=()), Filing(delivery=COURIER)) == {}
