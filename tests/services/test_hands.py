"""Hands: one department that does not answer holds its own and nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from onenet.services.hands import MOST_BEHIND, Hands

pytestmark = pytest.mark.anyio


@pytest.fixture
def hands() -> Hands:
    return Hands(asyncio.Event(), most=4, most_for_one=2)


async def test_a_department_gets_no_more_than_its_own_and_a_few_that_wait(hands: Hands) -> None:
    taken = [hands.take("fire") for _ in range(2 + MOST_BEHIND)]
    assert [hand is not None and hand.turn is None for hand in taken] == [True, True] + [False] * MOST_BEHIND
    assert hands.take("fire") is None
    assert hands.full() == ["fire"]
    assert hands.take("police")


async def test_there_are_no_more_than_there_are(hands: Hands) -> None:
    taken = [hands.take(owner) for owner in ("a", "b", "c", "d", "e")]
    assert [hand is not None for hand in taken] == [True, True, True, True, False]


async def test_what_was_claimed_beyond_them_waits_its_turn(hands: Hands) -> None:
    first, second, third = (hands.hold("fire") for _ in range(3))
    await first.wait()
    await second.wait()
    waiting = asyncio.create_task(third.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    first.give_back()
    await waiting
    assert hands.full() == ["fire"]


async def test_one_that_gives_up_its_turn_does_not_take_the_next_one_with_it(hands: Hands) -> None:
    first, _, third, fourth = (hands.hold("fire") for _ in range(4))
    third.give_back()
    waiting = asyncio.create_task(fourth.wait())
    first.give_back()
    await waiting
    assert hands.full() == ["fire"]


async def test_who_waits_takes_nobody_elses_hand(hands: Hands) -> None:
    """A department that does not answer and has a backlog would take every hand there is."""
    for _ in range(10):
        hands.hold("fire")
    assert hands.free == 2
    assert hands.take("police")


async def test_giving_back_twice_frees_one_hand(hands: Hands) -> None:
    hand = hands.hold("fire")
    hand.give_back()
    hand.give_back()
    assert hands.free == 4
    assert hands.are_all_back()


async def test_somebody_hears_of_a_hand_that_was_lacked_and_of_no_other() -> None:
    changed = asyncio.Event()
    hands = Hands(changed, most=4, most_for_one=1)
    lacked = hands.hold("fire")
    lacked.give_back()
    assert changed.is_set()
    changed.clear()
    plenty = Hands(changed, most=4, most_for_one=2).hold("fire")
    plenty.give_back()
    assert not changed.is_set()


async def test_in_a_drain_nobody_gets_a_turn_any_more(hands: Hands) -> None:
    """Also not who comes behind later: a commit that began before brings more."""
    first, _, third = (hands.hold("fire") for _ in range(3))
    hands.drain()
    fourth = hands.hold("fire")
    first.give_back()
    assert [await each.wait() for each in (first, third, fourth)] == [True, False, False]


async def test_hands_that_only_wait_are_out_too(hands: Hands) -> None:
    held = [hands.hold("fire") for _ in range(3)]
    for hand in held[:2]:
        hand.give_back()
    assert not hands.are_all_back()
    held[2].give_back()
    assert hands.are_all_back()
    assert hands.full() == []
