"""When a failed call is tried again, row by row against the published schedule."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onenet.domain.outcome import FailureClass, TryLater
from onenet.domain.retry import GiveUp, Retry, after_failure, jitter
from tests.factories import NOW

SUBJECT = UUID(int=7)
S, MIN, H = 1, 60, 3_600

WAITS = {1: 5 * S, 2: 5 * MIN, 3: 30 * MIN, 4: 2 * H, 5: 5 * H, 6: 10 * H, 7: 14 * H, 8: 20 * H, 9: 24 * H}
"""After the try of that number. Source: delivery.md section 4."""


def after(
    failure: FailureClass, tries: int, *, retry_after_s: int | None = None, age: timedelta = timedelta()
) -> Retry | GiveUp:
    return after_failure(TryLater(failure, "why", retry_after_s), SUBJECT, tries, first_at=NOW - age, now=NOW)


def wait_s(verdict: Retry | GiveUp) -> float:
    assert isinstance(verdict, Retry)
    return (verdict.at - NOW).total_seconds()


@pytest.mark.parametrize(("tries", "expected_s"), WAITS.items())
def test_a_passing_failure_waits_as_the_schedule_says(tries: int, expected_s: int) -> None:
    verdict = after("transient", tries)
    assert 0.8 * expected_s <= wait_s(verdict) <= 1.2 * expected_s
    assert isinstance(verdict, Retry)
    assert verdict.tries == tries


def test_after_the_tenth_try_it_is_held() -> None:
    assert after("transient", 10) == GiveUp("exhausted")


def test_a_permanent_failure_is_tried_once_more_after_five_minutes() -> None:
    assert 240 <= wait_s(after("permanent", 1)) <= 360


def test_a_permanent_failure_is_held_after_its_second_try() -> None:
    assert after("permanent", 2) == GiveUp("needs_attention")


def test_an_endpoint_that_is_gone_is_held_at_once() -> None:
    assert after("gone", 1) == GiveUp("endpoint")


def test_a_call_that_we_refuse_to_make_is_held_at_once() -> None:
    assert after("refused", 1) == GiveUp("needs_attention")


def test_a_wait_that_was_asked_for_spends_no_try() -> None:
    verdict = after("transient", 3, retry_after_s=3_600)
    assert isinstance(verdict, Retry)
    assert verdict.tries == 2


def test_a_wait_shorter_than_the_schedule_spends_its_try_all_the_same() -> None:
    """Otherwise a department that always says "in a second" is called every five seconds for a week."""
    verdict = after("transient", 3, retry_after_s=1)
    assert isinstance(verdict, Retry)
    assert verdict.tries == 3
    assert after("transient", 10, retry_after_s=60) == GiveUp("exhausted")


def test_of_the_schedule_and_the_wait_asked_for_the_longer_one_counts() -> None:
    assert wait_s(after("transient", 1, retry_after_s=900)) == 900
    assert wait_s(after("transient", 2, retry_after_s=1)) >= 240


def test_no_wait_that_is_asked_for_is_longer_than_a_day() -> None:
    assert wait_s(after("transient", 1, retry_after_s=10**9)) == 86_400


def test_waits_that_are_asked_for_end_after_seven_days() -> None:
    """Without this end a department that always says "later" would keep a step for ever."""
    assert isinstance(after("transient", 1, retry_after_s=60, age=timedelta(days=7, seconds=-1)), Retry)
    assert after("transient", 1, retry_after_s=60, age=timedelta(days=7)) == GiveUp("exhausted")


def test_the_tenth_try_is_not_the_last_while_the_department_asks_to_wait() -> None:
    """A day is asked for: longer than the schedule's last wait whenever that falls short of it."""
    short = next(UUID(int=n) for n in range(100) if jitter(UUID(int=n), 10) < 1)
    verdict = after_failure(TryLater("transient", "why", 86_400), short, 10, first_at=NOW, now=NOW)
    assert isinstance(verdict, Retry)
    assert verdict.tries == 9


@given(st.uuids(), st.integers(0, 2**31))
def test_the_spread_is_a_fifth_and_always_the_same(subject: UUID, number: int) -> None:
    factor = jitter(subject, number)
    assert 0.8 <= factor < 1.2
    assert factor == jitter(subject, number)


def test_the_spread_differs_between_subjects_and_tries() -> None:
    """With one factor for all, a department that comes back would be met by everybody at once."""
    factors = {jitter(UUID(int=subject), number) for subject in range(100) for number in range(10)}
    assert len(factors) > 990
    assert min(factors) < 0.81
    assert max(factors) > 1.19


def test_the_whole_schedule_ends_within_its_seven_days() -> None:
    assert sum(WAITS.values()) * 1.2 < timedelta(days=7).total_seconds()
