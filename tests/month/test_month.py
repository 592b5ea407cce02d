"""A month of cases: what time does happens once, in time, and the figures are those of the record.

`python3 dev.py month` runs ten thousand cases on both engines, by the hour; here it is a few.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from onenet.domain.bundle import Bundle, Limit
from onenet.services import record
from onenet.store.database import Database
from tests.month import month
from tests.month.month import Fact, Month

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("month")]

CASES = int(os.environ.get("MONTH_CASES", "60"))
TICK = timedelta(hours=int(os.environ.get("MONTH_TICK_H", "4")))


async def test_what_is_due_happens_once_within_a_tick_and_the_figures_agree(database: Database) -> None:
    lived = Month(database, CASES, TICK)
    await lived.run()
    found = await month.facts(database)
    kinds = {fact.type for fact in month.of_time(found)}
    assert {"step.accepted", "step.light", "step.urging_overdue"} <= kinds
    assert (await record.verify(database)).tamperings == ()
    assert month.not_once(found) == []
    assert month.not_in_time(found, TICK) == []
    assert await month.left_due(database, lived.clock.now()) == 0
    assert await month.figures(database, lived.clock.now()) == await month.recount(database, found)
    assert await month.rating_figures(database) == month.rating_recount(found)
    assert any(fact.type == "rating.given" for fact in found)
    assert await _lit_otherwise(lived, found) == []
    assert await _deemed_otherwise(lived, found) == []


async def _lit_otherwise(lived: Month, found: Sequence[Fact]) -> list[str]:
    """Steps that are red and ought not to be, or the other way round, by counting days one by one."""
    calendar, wrong = await lived.catalogue.calendar("suzhou"), []
    lights = month.last_lights(found)
    for (case_id, code), story in month.by_step(found):
        member = (await _bundle(lived, found, case_id)).member(code)
        limits = [limit for limit in (member.promised, member.statutory) if limit]
        at = month.red_at(story, limits, calendar, lived.clock.now())
        is_red = lights.get((case_id, code)) == "red"
        if (at is not None) != is_red:
            wrong.append(f"{case_id} {code}: red {is_red}, by counting {at}")
    return wrong


async def _deemed_otherwise(lived: Month, found: Sequence[Fact]) -> list[str]:
    """Licences that were deemed accepted and ought not to be, or the other way round."""
    calendar, wrong = await lived.catalogue.calendar("suzhou"), []
    for (case_id, code), story in month.by_step(found):
        member = (await _bundle(lived, found, case_id)).member(code)
        first = next((n for n, fact in enumerate(story) if fact.type == "step.dispatched"), None)
        if member.item_type != "01" or first is None:
            continue
        ends_at = month.midnight_after(story[first].at, Limit(5, "workdays"), calendar, ())
        answered = [f.at for f in story[first + 1 :] if "deemed" not in f.data and f.type in month.SAID]
        silent = ends_at is not None and min([*answered, lived.clock.now()]) > ends_at
        if silent != any("deemed" in fact.data for fact in story):
            wrong.append(f"{case_id} {code}: silent {silent}")
    return wrong


_VERSIONS: dict[UUID, tuple[str, int]] = {}


async def _bundle(lived: Month, found: Sequence[Fact], case_id: UUID) -> Bundle:
    if case_id not in _VERSIONS:
        received = (fact for fact in found if fact.type == "case.received")
        _VERSIONS.update({f.case_id: (f.data["bundle"], f.data["version"]) for f in received})
    return await lived.catalogue.bundle(*_VERSIONS[case_id])


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_control_who_does_not_look_for_a_day_is_found_out(database: Database) -> None:
    lived = Month(database, 30, TICK, blind=range(15, 17))
    await lived.run()
    assert month.not_in_time(await month.facts(database), TICK) != []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_control_what_happened_twice_is_found_out(database: Database) -> None:
    lived = Month(database, 30, TICK)
    await lived.run()
    found = await month.facts(database)
    assert month.not_once([*found, month.of_time(found)[0]]) != []
