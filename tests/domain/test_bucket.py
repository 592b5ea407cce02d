"""The bucket: no more calls than agreed, in blocks."""

from __future__ import annotations

from datetime import timedelta

from onenet.domain import answer_times, bucket
from onenet.domain.bucket import Bucket
from tests.factories import NOW


def drained(rate_per_s: int, seconds: int) -> int:
    """How many tokens somebody gets who asks ten times a second."""
    after, total = None, 0
    for tenth in range(seconds * 10):
        after, taken = bucket.take(after, rate_per_s, NOW + timedelta(seconds=tenth / 10))
        total += taken
    return total


def test_over_time_it_gives_the_rate_and_once_a_burst() -> None:
    assert drained(20, 10) in range(20 * 10 + 40 - 12, 20 * 10 + 40 + 1)
    assert drained(1, 30) in range(30 + 2 - 2, 30 + 2 + 1)


def test_a_pause_fills_it_and_no_more() -> None:
    late = NOW + timedelta(days=1)
    after, taken = bucket.take(Bucket(0.0, NOW), 20, late)
    assert (after.tokens + taken, after.at) == (40.0, late)


def test_an_empty_one_says_how_long_to_wait() -> None:
    after, taken = bucket.take(Bucket(0.5, NOW), 2, NOW)
    assert (taken, bucket.wait_s(after, 2)) == (0, 0.25)


def test_a_clock_that_is_behind_gives_nothing() -> None:
    after, taken = bucket.take(Bucket(0.0, NOW), 20, NOW - timedelta(minutes=1))
    assert (taken, after) == (0, Bucket(0.0, NOW))


def test_percentiles_are_the_ends_of_classes() -> None:
    counts: tuple[int, ...] = ()
    for took_s in (0.010, *[0.030] * 18, 14.0):
        counts = answer_times.added(counts, answer_times.one(took_s))
    assert [answer_times.percentile_ms(counts, percent) for percent in (5, 50, 95, 100)] == [
        10,
        40,
        40,
        14_482,
    ]
    assert answer_times.percentile_ms((), 50) is None


def test_old_answers_count_for_less_and_less() -> None:
    old = answer_times.added((), [answer_times.MOST])
    many = answer_times.added(old, (0, 0, answer_times.MOST))
    assert sum(many) <= answer_times.MOST
    assert answer_times.percentile_ms(answer_times.added(many, (0, 0, 600)), 50) == 10
