"""The judge of the month, by stories written by hand: what it counts, and why nothing more. Dates by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from onenet.catalogue.calendars import known_year
from onenet.domain.bundle import Limit
from onenet.domain.calendar import Calendar
from tests.factories import make_bundle, make_member
from tests.month.judging import OF_CASES, OF_STEPS, stories, told
from tests.month.kinds import OF_TIME, Place, Story

ID = UUID(int=1)
CHINA = Calendar("china", {2026: known_year("CN", 2026)})
FIVE = Limit(5, "workdays")
BUNDLE = replace(make_bundle(replace(make_member("a"), promised=FIVE), make_member("b")), promised=FIVE)
"""Five working days after Monday 2 March 2026 end on Monday 9; a fifth of them is left after Friday 6."""

Said = tuple[int, str | None, str, dict[str, Any]]
"""What somebody did at nine on that day of March, or, with `due` in it, time as that day ended."""


def midnight(day: int) -> datetime:
    """The midnight that ends that day of March."""
    return datetime(2026, 3, day, 16, tzinfo=UTC)


def counted(said: list[Said], step: str | None, kind: str, tick: timedelta = timedelta()) -> list[datetime]:
    """When the judge expects it in that story, which it reads at the end of March."""
    events = []
    for day, of, type, data in [RECEIVED, *said]:
        at, actor, told_then = datetime(2026, 3, day, 1, tzinfo=UTC), "department:a", data
        if "due_at" in data:
            at, actor = midnight(day), OF_TIME
            told_then = data | {"due_at": at.isoformat()}
        events.append((ID, of, type, actor, at.isoformat(), json.dumps(told_then)))
    found = {of: facts for _, of, facts in stories(told(events))}
    row = (OF_CASES if step is None else OF_STEPS)[kind]
    story = Story(found[step], BUNDLE, step, Place(), CHINA, midnight(31), tick=tick)
    return [*row.expected(story)]


RECEIVED: Said = (2, None, "case.received", {"steps": {"a": "waiting", "b": "waiting", "c": "skipped"}})
DUE = {"due_at": ""}
ACCEPTED: list[Said] = [(2, "a", "step.accepted", {}), (2, None, "case.accepted", {})]
ON_THE_SPOT: list[Said] = [(2, "a", "step.completed", {}), (2, None, "case.accepted", {})]
YELLOW: Said = (6, None, "case.light", {"light": "yellow", **DUE})
ASKS: dict[str, Any] = {"waiting": {"until": midnight(20).isoformat()}}


@pytest.mark.parametrize(
    ("said", "days"),
    [
        (ACCEPTED, [6, 9]),
        (ON_THE_SPOT, [6, 9]),
        ([*ON_THE_SPOT, (4, "b", "step.accepted", {})], [6, 9]),
        ([*ON_THE_SPOT, YELLOW, (9, "b", "step.completed", {})], [6]),
        # Time itself ends the last step as the limit does: with it the case, which is over in time.
        ([*ON_THE_SPOT, YELLOW, (9, "b", "step.cancelled", {"deemed": "supplement_lapsed", **DUE})], [6]),
        # Asked on Wednesday 4, handed in on Friday 6: two days that do not count.
        ([*ACCEPTED, (4, "a", "step.supplement_needed", ASKS), (6, "a", "step.supplemented", {})], [10, 11]),
        # Likewise of what is not accepted yet, where nobody else can act.
        (
            [*ON_THE_SPOT, (4, "b", "step.supplement_needed", ASKS), (6, "b", "step.supplemented", {})],
            [10, 11],
        ),
        ([*ACCEPTED, (4, None, "case.extended", {"limit": "promised", "days": 2})], [10, 11]),
    ],
    ids=[
        "accepted",
        "decided on the spot",
        "another accepted later",
        "closed",
        "lapsed",
        "asked",
        "asked before it is accepted",
        "extended",
    ],
)
def test_lights_of_a_case(said: list[Said], days: list[int]) -> None:
    assert counted(said, None, "light") == [midnight(day) for day in days]


LONGER: dict[str, Any] = {"limit": "promised", "days": 1}
LIT: Said = (6, "a", "step.light", {"light": "yellow", "state": "accepted", **DUE})


@pytest.mark.parametrize(
    ("tick", "moments"),
    [
        (timedelta(), [midnight(6), datetime(2026, 3, 9, 1, tzinfo=UTC), midnight(9), midnight(10)]),
        (timedelta(days=1), [midnight(6), midnight(10)]),
    ],
    ids=["seen", "not seen"],
)
def test_a_light_that_goes_back_and_is_on_again_before_anybody_looks_did_not_turn(
    tick: timedelta, moments: list[datetime]
) -> None:
    # Of five working days from Monday 2 the last begins after Friday 6. On Monday 9, at nine, one day more is
    # given: it is yellow from the end of that day on, and red after Tuesday 10.
    said = [*ACCEPTED, LIT, (9, "a", "step.extended", LONGER)]
    assert counted(said, "a", "light", tick) == moments


OPINION = {"opinion_id": "o"}
ASKED: list[Said] = [(2, "a", "step.accepted", {}), (2, "a", "opinion.asked", OPINION)]


@pytest.mark.parametrize(
    ("said", "days"),
    [
        (ASKED, [9]),
        ([*ASKED, (9, "a", "opinion.given", OPINION)], []),
        ([*ASKED, (9, "a", "opinion.given", {"opinion_id": "another"})], [9]),
        ([*ASKED, (10, "a", "opinion.given", OPINION)], [9]),
        ([*ASKED, (9, "a", "step.completed", {})], []),
        # Time itself closes the step at that moment: what closes it comes first, and nobody is late.
        ([*ASKED, (9, "a", "step.completed", {"deemed": "renewed", **DUE})], []),
        ([*ASKED, (9, "a", "step.cancelled", {"deemed": "supplement_lapsed", **DUE})], []),
        ([*ASKED, (10, "a", "step.completed", {"deemed": "renewed", **DUE})], [9]),
    ],
    ids=["not given", "given", "another", "late", "decided", "renewed", "lapsed", "renewed the day after"],
)
def test_opinions_that_are_late(said: list[Said], days: list[int]) -> None:
    assert counted(said, "a", "opinion") == [midnight(day) for day in days]
