"""A month of cases: what time does happens once, in time, and the figures are those of the record.

`python3 dev.py month` runs ten thousand cases on both engines, by the hour; here it is a few.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from onenet.domain import dues
from onenet.services import examination, record
from onenet.store.database import Database
from tests.month import figures, judging, tickets
from tests.month.kinds import PLACES, Fact, Place, Story
from tests.month.month import Month

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("month")]

CASES = int(os.environ.get("MONTH_CASES", "72"))
TICK = timedelta(hours=int(os.environ.get("MONTH_TICK_H", "4")))


async def test_what_is_due_happens_once_within_a_tick_and_the_figures_agree(database: Database) -> None:
    assert judging.unknown() == []
    begun = time.perf_counter()
    lived = Month(database, CASES, TICK)
    await lived.run()
    found = await figures.facts(database)
    stories = await told(lived, found)
    print(f"\n{lived.opened} cases, {len(found)} events in {time.perf_counter() - begun:.0f} s")
    print("time did", dict(Counter(f.kind for f in found if f.kind)), "\npeople did", dict(lived.done))
    assert judging.never(found) == []
    assert [line for story in stories for line in judging.otherwise(story, TICK)] == []
    assert await figures.left_due(database, lived.clock.now()) == 0
    assert (await record.verify(database)).tamperings == ()
    assert [each async for each in examination.examine(database, lived.catalogue.bundle)] == []
    assert await figures.lights(database, lived.clock.now()) == await figures.lights_counted(database, found)
    assert await figures.ratings_told(database) == figures.ratings_counted(found)
    by_case = {story.facts[0].case_id: story for story in stories}
    assert await figures.rating_rows(database) == figures.rating_rows_counted(found, by_case)
    assert await figures.parts(database) == tickets.parts_counted(found)
    assert await figures.notices(database) == figures.notices_counted(found)


async def told(lived: Month, found: Sequence[Fact]) -> list[Story]:
    """The stories of all steps and cases."""
    calendar, now = lived.calendar, lived.clock.now()
    received = {fact.case_id: fact.data for fact in found if fact.type == "case.received"}
    return [
        Story(
            facts,
            await lived.catalogue.bundle(received[case_id]["bundle"], received[case_id]["version"]),
            step,
            PLACES.get(received[case_id]["jurisdiction"], Place()),
            calendar,
            now,
            lived.renewals.get(case_id),
            lived.abouts.get(case_id, ""),
            lived.tick,
        )
        for case_id, step, facts in judging.stories(found)
    ]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_control_who_does_not_look_for_a_day_is_found_out(database: Database) -> None:
    lived = Month(database, 10, TICK, blind=range(15, 17))
    await lived.run()
    stories = await told(lived, await figures.facts(database))
    assert any(judging.otherwise(story, TICK) for story in stories)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_control_what_happened_twice_or_never_is_found_out(database: Database) -> None:
    lived = Month(database, 10, TICK)
    await lived.run()
    found = await figures.facts(database)
    number = next(n for n, fact in enumerate(found) if fact.kind == "light" and fact.step)
    for changed in ([*found[:number], found[number], *found[number:]], found[:number] + found[number + 1 :]):
        wrong = [each for story in await told(lived, changed) for each in judging.otherwise(story, TICK)]
        assert [line.split()[:3] for line in wrong] == [
            [str(found[number].case_id), found[number].step, "light:"]
        ]


def test_a_kind_that_the_month_does_not_know_is_named_with_what_is_to_be_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dues, "KINDS", {**dues.KINDS, "another": dues.KINDS["light"]})
    (told,) = judging.unknown()
    assert told.startswith("kind another of domain.dues is not worked out by the month: give it a row in")
    never = judging.never([])[len(dues.KINDS) - 1]
    assert never.startswith("kind another never came about: give somebody a deed in")
