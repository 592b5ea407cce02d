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
    await publish(
        database,
        replace(
            bundle, code="moving", statutory=Limit(5, "workdays"), members=(certificate, *bundle.members[1:])
        ),
    )
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
    calendars = ["/v1/calendar/kunshan/2026"]
    assert await shown(frontend, case_id) == {"step": "certificate", "calendars": calendars}


async def test_each_day_is_explained_and_a_suspension_is_not_counted(
    frontend: httpx2.AsyncClient, clock: FrozenClock, database: Database, parts: Parts, case_id: str
) -> None:
    """Five working days from Monday, stopped from Wednesday until Friday: until Wednesday, 2 December."""
    await says(database, parts, Accepted())
    clock.advance(timedelta(days=2))
    await says(database, parts, Suspended("expert_review", expected=Limit(10, "workdays")))
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


# ---- the case as a whole, and extensions


async def whole(client: httpx2.AsyncClient, case_id: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/cases/{case_id}/deadline")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_the_case_and_its_steps_show_until_when(
    frontend: httpx2.AsyncClient, database: Database, parts: Parts, case_id: str
) -> None:
    assert await whole(frontend, case_id) == {"calendars": ["/v1/calendar/kunshan/2026"]}
    await says(database, parts, Accepted())
    found = await whole(frontend, case_id)
    assert found["clock"] == {"started_at": "2026-11-23T01:00:00.000Z", "pauses": []}
    assert found["statutory"]["due_on"] == "2026-11-30"
    case = (await frontend.get(f"/v1/cases/{case_id}")).json()
    assert case["statutory_due_at"] == "2026-11-30T16:00:00.000Z"
    assert (case["statutory"], case["is_provisional"]) == ({"number": 5, "unit": "workdays"}, False)
    shown = next(step for step in case["steps"] if step["code"] == "certificate")
    assert shown["promised_due_at"] == "2026-11-30T16:00:00.000Z"
    assert "statutory_due_at" not in shown


@pytest.mark.parametrize(
    ("days", "suspended", "years"),
    [
        (0, 0, [2026]),  # Tue 24 to Mon 30 November
        (36, 0, [2026, 2027]),  # accepted on Tue 29 December: Wed 30, Thu 31, Mon 4 to Wed 6 January
        (24, 42, [2026, 2027]),  # on Thu 17 December, stopped that day: none of 2026 counts, each is told
        (39, 0, [2027]),  # on Fri 1 January
    ],
)
async def test_the_calendars_are_of_all_years_on_the_way(
    frontend: httpx2.AsyncClient,
    clock: FrozenClock,
    database: Database,
    parts: Parts,
    case_id: str,
    days: int,
    suspended: int,
    years: list[int],
) -> None:
    clock.advance(timedelta(days=days))
    await says(database, parts, Accepted())
    if suspended:
        await says(database, parts, Suspended("expert_review", expected=Limit(10, "workdays")))
        clock.advance(timedelta(days=suspended))
        await says(database, parts, Resumed())
    expected = [f"/v1/calendar/kunshan/{year}" for year in years]
    assert (await whole(frontend, case_id))["calendars"] == expected
    assert (await shown(frontend, case_id))["calendars"] == expected


EXTENSION = {"limit": "promised", "days": 2, "approved_by": "局长", "reason": "须向外省核实"}


async def test_an_extension_is_put_on_record_explained_and_told(
    frontend: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    database: Database,
    parts: Parts,
    case_id: str,
) -> None:
    await says(database, parts, Accepted())
    where = f"/v1/cases/{case_id}/steps/certificate/extensions"
    given = await supervisor.post(where, json=EXTENSION, headers={"Idempotency-Key": "x-1"})
    assert given.status_code == 200, given.text
    promised = (await shown(frontend, case_id))["promised"]
    assert promised["due_on"] == "2026-12-02"
    assert promised["extension"] == {
        "days": 2,
        "approved_by": "局长",
        "reason": "须向外省核实",
        "at": "2026-11-23T01:00:00.000Z",
    }
    assert [day["number"] for day in promised["days"] if day.get("added")] == [6, 7]
    again = await supervisor.post(where, json=EXTENSION, headers={"Idempotency-Key": "x-2"})
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "extension-repeated")
    events = (await frontend.get(f"/v1/cases/{case_id}/events")).json()["items"]
    (told,) = [event for event in events if event["type"] == "step.extended"]
    assert told["data"]["reason"] == "须向外省核实"


async def test_the_whole_is_extended_by_supervisors_alone(
    frontend: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    department: httpx2.AsyncClient,
    database: Database,
    parts: Parts,
    case_id: str,
) -> None:
    await says(database, parts, Accepted())
    where, given = f"/v1/cases/{case_id}/extensions", {**EXTENSION, "limit": "statutory"}
    refused = await department.post(where, json=given, headers={"Idempotency-Key": "x-0"})
    assert refused.status_code == 403
    answer = await supervisor.post(where, json=given, headers={"Idempotency-Key": "x-1"})
    assert answer.status_code == 200, answer.text
    assert (await whole(frontend, case_id))["statutory"]["due_on"] == "2026-12-02"
    bad = await supervisor.post(where, json={"days": 2}, headers={"Idempotency-Key": "x-2"})
    assert {fault["pointer"] for fault in bad.json()["errors"]} == {"/approved_by", "/reason"}
