"""What is due to cases happens through the gate, wherever it is kept, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from onenet.clock import FrozenClock
from onenet.domain.bundle import Limit
from onenet.domain.states import StepState
from onenet.services import dues
from onenet.services.advance import Gate
from onenet.store import cases as store_cases
from onenet.store.database import Database
from tests.factories import Shelf, make_bundle, make_member, make_opening

pytestmark = pytest.mark.anyio

LICENCE = replace(make_member(), item_type="01", statutory=Limit(20, "workdays"))


async def test_a_case_is_due_at_the_end_of_the_fifth_working_day_and_once(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    # Received on Monday 23 November 2026: Tue to Fri are 1 to 4, Mon 30 is 5; it ends at 16:00 in UTC.
    opening = make_opening(shelf.put(make_bundle(LICENCE)))
    await gate.submit(opening)
    clock.advance(timedelta(days=7, hours=14, minutes=59))  # NOW is one in the morning in UTC
    assert await dues.let_pass(database, gate, clock, 10) == 0
    clock.advance(timedelta(minutes=1))
    assert await dues.let_pass(database, gate, clock, 10) == 1
    assert await dues.let_pass(database, gate, clock, 10) == 0
    async with database.read() as connection:
        case = (await store_cases.load(connection, [opening.case_id], shelf.bundle_of))[opening.case_id]
    (step,) = case.steps.values()
    assert step.state is StepState.ACCEPTED
    assert step.timing.statutory_due_at is not None
    assert step.timing.clock is not None
    assert step.timing.clock.started_at == opening.opening.case.created_at  # type: ignore[union-attr]  # it opens


async def test_a_case_that_cannot_be_decided_keeps_no_other_back(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    broken = make_opening(shelf.put(make_bundle(LICENCE, code="broken")))
    sound = make_opening(shelf.put(make_bundle(LICENCE)))
    await gate.submit(broken)
    await gate.submit(sound)
    elsewhere = Shelf(make_bundle(LICENCE))  # where the bundle of one of them is not known
    clock.advance(timedelta(days=30))
    gate = Gate(database, elsewhere.bundle_of, clock, clock)
    assert await dues.let_pass(database, gate, clock, 10) == 1
    assert await dues.let_pass(database, gate, clock, 10) == 0  # and is not tried again at once
