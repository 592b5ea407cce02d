"""The breaker: opens at the stated count, asks on without end, and closes by answers alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from onenet.domain import breaker
from onenet.domain.breaker import CLOSED, FIRST_OPEN, LONGEST_OPEN, Breaker, BreakerState, Calls
from onenet.domain.outcome import Completed, Offered, Outcome, Received, Rejected, TryLater, Unclear
from tests.factories import NOW

OK, NO = True, False


def called(ends: Iterable[bool], of: Breaker = CLOSED, *, at: datetime = NOW) -> Breaker:
    """What becomes of a breaker, each call being told by itself."""
    for answered in ends:
        of = breaker.after_calls(of, Calls().and_one(answered=answered), at)
    return of


def failing() -> Breaker:
    return called([NO] * 5)


@pytest.mark.parametrize(
    ("ends", "opens"),
    [
        ([NO] * 4, False),
        ([NO] * 5, True),
        ([NO] * 4 + [OK] + [NO] * 4, False),
        ([OK, NO] * 4 + [OK], False),
        ([OK, NO] * 5, True),
        ([OK] * 6 + [NO] * 4, False),
        ([OK, OK, NO] * 10, False),
        ([OK] * 1_000 + [NO] * 5, True),
    ],
    ids=[
        "4 in a row", "5 in a row", "an answer between", "9 calls", "10 calls, half", "10 calls, 4",
        "a third", "5 in a row after a thousand answers",
    ],
)  # fmt: skip
def test_it_opens_at_the_stated_count_and_at_no_other(ends: list[bool], opens: bool) -> None:
    """hookdeck/outpost #596: an option to disable after 20 failures that never did."""
    assert called(ends).is_closed is not opens


def test_calls_count_for_five_minutes() -> None:
    earlier = called([OK, NO] * 4 + [OK])
    just = called([NO], earlier, at=NOW + timedelta(minutes=4))
    late = called([NO], earlier, at=NOW + timedelta(minutes=5))
    assert (just.is_closed, late.is_closed) == (False, True)


def test_counted_by_several_at_once_it_opens_as_if_counted_one_by_one() -> None:
    ends = [NO, NO, OK, NO, NO, NO]
    told = Calls()
    for answered in ends:
        told = told.and_one(answered=answered)
    parts = Calls(failed=2, failed_last=2).and_then(Calls(answered=1, failed=3, failed_last=3))
    assert told == parts
    at_once = breaker.after_calls(failing_twice := called([NO, NO]), told, NOW)
    assert at_once == called(ends, failing_twice)
    assert not breaker.after_calls(at_once, Calls(failed=2, failed_last=2), NOW).is_closed


def test_it_stays_open_twice_as_long_each_time_up_to_ten_minutes() -> None:
    at, waits, of = NOW, [], failing()
    for _ in range(12):
        assert of.retry_at is not None
        waits.append(of.retry_at - at)
        at = of.retry_at
        of = breaker.after_probe(of, at, answered=False)
    assert waits == [min(FIRST_OPEN * 2**number, LONGEST_OPEN) for number in range(12)]
    assert waits[-1] == LONGEST_OPEN
    assert of.opened_at == NOW


def test_probes_never_stop() -> None:
    """joemccann/radon #282: disabled after days of failures, never called again, and so it could not heal."""
    of, at = failing(), NOW
    for _ in range(10_000):
        assert of.retry_at is not None
        at = of.retry_at
        assert breaker.may_probe(of, at)
        of = breaker.after_probe(of, at, answered=False)
    assert at - NOW > timedelta(days=60)
    for _ in range(3):
        assert of.retry_at is not None
        of = breaker.after_probe(of, of.retry_at, answered=True)
    assert of == CLOSED


def test_nobody_probes_before_its_time_and_three_answers_in_a_row_close_it() -> None:
    of = failing()
    assert not breaker.may_probe(of, NOW + FIRST_OPEN - timedelta(seconds=1))
    at = NOW + FIRST_OPEN
    states = []
    for answered in (OK, OK, NO, OK, OK, OK):
        at = max(at, of.retry_at or at)
        assert breaker.may_probe(of, at)
        of = breaker.after_probe(of, at, answered=answered)
        states.append(of.state.value)
    assert states == ["half_open", "half_open", "open", "half_open", "half_open", "closed"]
    assert not breaker.may_probe(of, at)


def test_calls_that_were_under_way_neither_open_it_further_nor_close_it() -> None:
    of = failing()
    later = called([OK, OK, OK, OK, NO, NO, NO, NO, NO, NO], of)
    assert replace(later, in_a_row=0, recent=()) == replace(of, in_a_row=0, recent=())
    assert later.state is BreakerState.OPEN


def test_a_probe_of_one_that_is_closed_changes_nothing() -> None:
    assert breaker.after_probe(CLOSED, NOW, answered=False) == CLOSED


@pytest.mark.parametrize(
    ("outcome", "answered"),
    [
        (Received(), True),
        (Completed(), True),
        (Rejected("refused", "no"), True),
        (Unclear("?"), True),
        (TryLater("permanent", "422"), True),
        (TryLater("gone", "410"), True),
        (TryLater("transient", "no answer"), False),
        (TryLater("transient", "503"), False),
        (TryLater("transient", "503", 30), None),
        (TryLater("refused", "no call was made"), None),
        (Offered(), None),
    ],
)
def test_a_refusal_is_an_answer_and_what_was_never_called_is_nothing(
    outcome: Outcome, answered: bool | None
) -> None:
    assert breaker.was_answered(outcome) is answered
