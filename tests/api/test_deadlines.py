"""Deadlines over HTTP: both limits, day by day, on the clock that the department started."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.catalogue.calendars import known_year
from onenet.clock import FrozenClock
from onenet.domain.bundle import Jurisdiction, Limit
from onenet.domain.calendar import Calendar
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Accepted, Completed, Outcome, Resumed, Suspended
from onenet.services.change import Change
from onenet.store import catalogue as store_catalogue
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import city_bundle, publish, submission
from tests.factories import names

pytestmark = pytest.mark.anyio

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""At nine in Shanghai; so stands the clock."""


@pytest.fixture
async def case_id(frontend: httpx2.AsyncClient, database: Database, parts: Parts) -> str:
    """A case whose certificate is promised within five working days."""
    bundle = city_bundle()
    certificate = replace(bundle.member("certificate"), promised=Limit(5, "workdays"))
    await publish(database, replace(bundle, code="moving", members=(certificate, *bundle.members[1:])))
    calendar = Calendar("china", {year: known_year("CN", year) for year in (2026, 2027)})
    county = Jurisdiction("kunshan", names("昆山"), "county_city", "320583", "suzhou", calendar="china")
    async with database.transaction() as connection:
        await store_catalogue.save_calendars(connection, [calendar], MONDAY)
        await store_catalogue.save_jurisdictions(connection, [county], MONDAY)
    answer = await frontend.post(
        "/v1/cases", json=submission(bundle="moving"), headers={"Idempotency-Key": "k"}
    )
    return str(answer.json()["id"])


async def says(database: Database, parts: Parts, outcome: Outcome) -> None:
    """The department's answer to the certificate's task."""
    async with database.read() as connection:
        row = (await connection.execute(tables.task.select())).mappings().first()
    assert row is not None
    await parts.gate.submit(Change(row["case_id"], RecordAnswer(row["id"], outcome), "department:health"))


async def shown(client: httpx2.AsyncClient, case_id: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/cases/{case_id}/steps/certificate/deadline")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_before_acceptance_no_clock_runs(frontend: httpx2.AsyncClient, case_id: str) -> None:
    assert await shown(frontend, case_id) == {"step": "certificate", "calendar": "/v1/calendar/kunshan/2026"}


async def test_each_day_is_explained_and_a_suspension_is_not_counted(
    frontend: httpx2.AsyncClient, clock: FrozenClock, database: Database, parts: Parts, case_id: str
) -> None:
    """Five working days from Monday, stopped from Wednesday until Friday: until Wednesday, 2 December."""
    await says(database, parts, Accepted())
    clock.advance(timedelta(days=2))
    await says(database, parts, Suspended("expert_review"))
    stopped = (await shown(frontend, case_id))["promised"]
    assert ("due_at" in stopped, stopped["days_left"]) == (False, 4)
    clock.advance(timedelta(days=2))
    await says(database, parts, Resumed())
    found = await shown(frontend, case_id)
    days = [(day["on"][-2:], day.get("number"), day.get("reason")) for day in found["promised"]["days"]]
    assert days == [
        ("24", 1, None),
        ("25", None, "special_procedure"),
        ("26", None, "special_procedure"),
        ("27", 2, None),
        ("28", None, "weekend"),
        ("29", None, "weekend"),
        ("30", 3, None),
        ("01", 4, None),
        ("02", 5, None),
    ]
    assert found["promised"]["due_at"] == "2026-12-02T16:00:00.000Z"
    assert [pause["reason"] for pause in found["clock"]["pauses"]] == ["special_procedure"]
    assert "statutory" not in found, "the item has none: it is no copy of the promise"


async def test_what_came_too_late_is_overdue_and_stays_so(
    frontend: httpx2.AsyncClient, clock: FrozenClock, database: Database, parts: Parts, case_id: str
) -> None:
    await says(database, parts, Accepted())
    due_at = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    clock.advance(due_at - MONDAY - timedelta(seconds=1))
    assert (await shown(frontend, case_id))["promised"]["is_overdue"] is False
    clock.advance(timedelta(seconds=1))
    assert (await shown(frontend, case_id))["promised"]["is_overdue"] is True
    await says(database, parts, Completed())
    clock.advance(timedelta(days=30))
    closed = await shown(frontend, case_id)
    assert (closed["promised"]["is_overdue"], closed["clock"]["ended_at"]) == (
        True,
        "2026-11-30T16:00:00.000Z",
    )


async def test_a_step_that_is_not_there_or_not_theirs_is_404(
    frontend: httpx2.AsyncClient, case_id: str, stranger: httpx2.AsyncClient
) -> None:
    assert (await frontend.get(f"/v1/cases/{case_id}/steps/nothing/deadline")).status_code == 404
    assert (await stranger.get(f"/v1/cases/{case_id}/steps/certificate/deadline")).status_code == 404
