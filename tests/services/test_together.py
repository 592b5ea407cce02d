"""Together: what arrives while others are at work shares the next round, and none can spoil the others."""

from __future__ import annotations

import asyncio
import gc

import pytest

from onenet.services.together import Together

pytestmark = pytest.mark.anyio


class Work:
    """Notes its rounds; each waits until it is let go."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.go = asyncio.Event()

    async def __call__(self, items: list[str]) -> list[str | Exception]:
        self.rounds.append(items)
        await self.go.wait()
        return [ValueError(item) if item == "bad" else item.upper() for item in items]


def gathering(work: Work, *, largest: int = 10, rounds: int = 1, crowd: int = 1) -> Together[str, str]:
    return Together(work, largest=largest, rounds=rounds, crowd=crowd, keys=lambda item: tuple(item[:2]))


async def test_what_arrives_meanwhile_shares_the_next_round() -> None:
    work = Work()
    together = gathering(work)
    submitted = [asyncio.create_task(together.submit(item)) for item in ("a", "b", "c")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    work.go.set()
    assert await asyncio.gather(*submitted) == ["A", "B", "C"]
    assert work.rounds == [["a"], ["b", "c"]]


async def test_a_round_is_no_larger_than_it_may_be() -> None:
    work = Work()
    work.go.set()
    together = gathering(work, largest=2)
    await asyncio.gather(*(together.submit(item) for item in "abcde"))
    assert [len(items) for items in work.rounds] == [1, 2, 2]


async def test_an_outcome_that_is_an_error_is_raised_to_its_own_caller() -> None:
    work = Work()
    work.go.set()
    together = gathering(work)
    outcomes = await asyncio.gather(*map(together.submit, ("a", "bad", "c")), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [str, ValueError, str]


async def test_two_rounds_never_work_on_the_same_key() -> None:
    work = Work()
    together = gathering(work, rounds=2)
    submitted = [asyncio.create_task(together.submit(item)) for item in ("a1", "a2", "c1", "b3")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert work.rounds == [["a1"], ["b3"]]
    work.go.set()
    assert await asyncio.gather(*submitted) == ["A1", "A2", "C1", "B3"]


async def test_few_share_the_next_round_and_a_crowd_gets_one_of_its_own() -> None:
    work = Work()
    together = gathering(work, rounds=2, crowd=3)
    submitted = [asyncio.create_task(together.submit(item)) for item in ("a", "b", "c")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert work.rounds == [["a"]]
    submitted.append(asyncio.create_task(together.submit("d")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert work.rounds == [["a"], ["b", "c", "d"]]
    work.go.set()
    assert await asyncio.gather(*submitted) == ["A", "B", "C", "D"]


async def test_a_round_that_fails_has_failed_for_each_of_its_callers_and_is_nobody_elses_error() -> None:
    """An exception that is left in a task is written to the log once more, with all that is in it."""

    async def fail(items: list[str]) -> list[str | Exception]:
        raise ValueError("no")

    left: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: left.append(context))
    together: Together[str, str] = Together(fail, largest=10, rounds=1, keys=lambda item: (item,))
    outcomes = await asyncio.gather(*map(together.submit, "abc"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError] * 3
    del outcomes
    gc.collect()
    assert left == []


async def test_who_gives_up_waiting_stops_nothing() -> None:
    work = Work()
    together = gathering(work)
    first, second = (asyncio.create_task(together.submit(item)) for item in ("a", "b"))
    await asyncio.sleep(0)
    first.cancel()
    work.go.set()
    assert await second == "B"
    assert work.rounds == [["a"], ["b"]]


async def test_no_crowd_are_those_whose_key_is_busy() -> None:
    """They cannot be worked on beside it, and one that can would get a commit to itself."""
    work = Work()
    together = gathering(work, rounds=2, crowd=3)
    submitted = [asyncio.create_task(together.submit(item)) for item in ("a1", "a2", "a3", "b4")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert work.rounds == [["a1"]]
    work.go.set()
    await asyncio.gather(*submitted)
    assert work.rounds == [["a1"], ["a2", "a3", "b4"]]


async def test_whose_patience_ends_before_his_turn_is_told_so_and_not_worked_on() -> None:
    work = Work()
    together = gathering(work)
    first, second, third = (
        asyncio.create_task(together.submit(item, patience_s=patience_s))
        for item, patience_s in (("a", None), ("b", 0.01), ("c", 60))
    )
    with pytest.raises(TimeoutError):
        await second
    work.go.set()
    assert [await first, await third] == ["A", "C"]
    assert work.rounds == [["a"], ["c"]]


async def test_whose_patience_ends_meanwhile_is_told_so_and_stops_nothing() -> None:
    work = Work()
    together = gathering(work)
    with pytest.raises(TimeoutError):
        await together.submit("a", patience_s=0.01)
    work.go.set()
    assert await together.submit("b", patience_s=60) == "B"
    assert work.rounds == [["a"], ["b"]]
