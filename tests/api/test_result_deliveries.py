"""How results reach the applicant, over HTTP: wished for, told to the department, handed over, late."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.catalogue.build import content_text
from onenet.domain.bundle import Jurisdiction
from onenet.domain.calendar import Calendar, Year
from onenet.domain.outcome import Completed, ResultGiven
from onenet.domain.visibility import EVERYTHING
from onenet.services import cases, record
from onenet.store import catalogue as store_catalogue
from onenet.store.catalogue import Version
from tests.api.conftest import Tokens, acting, city_bundle, submission
from tests.api.test_cases import opened
from tests.api.test_results import GIVEN, answered, verify
from tests.factories import NOW, names

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

BY_COURIER = {"channel": "courier", "address": "示例路1号"}
SENT = {"carrier": "邮政速递", "tracking_number": "EX000000001CN"}


@pytest.fixture
async def parts(parts: Parts) -> Parts:
    """The certificate can be fetched, or brought."""
    known = city_bundle()
    certificate, *others = known.members
    offered = replace(certificate, delivery=("electronic", "window", "courier"))
    bundle = replace(known, members=(offered, *others), version=2)
    async with parts.database.transaction() as connection:
        await store_catalogue.add(connection, Version("newborn", 2, "1" * 64, NOW), content_text(bundle))
    return parts


async def granted(parts: Parts, frontend: httpx2.AsyncClient, wish: dict[str, Any]) -> str:
    """The address of a case whose certificate was granted."""
    case = await opened(frontend, delivery=wish)
    await answered(parts, case["id"], Completed((ResultGiven(**GIVEN),)))
    return str(case["links"]["self"])


async def listed(who: httpx2.AsyncClient, case: str) -> dict[str, Any]:
    (found,) = (await who.get(f"{case}/results")).json()["items"]
    return dict(found)


async def deliver(who: httpx2.AsyncClient, case: str, key: str = "d", **said: Any) -> httpx2.Response:
    path = f"{case}/steps/certificate/result-deliveries"
    return await who.post(path, json=said, headers={"Idempotency-Key": key})


async def test_a_result_is_sent_to_the_applicant_and_verified(
    parts: Parts, frontend: httpx2.AsyncClient, department: httpx2.AsyncClient, anonymous: httpx2.AsyncClient
) -> None:
    case = await granted(parts, frontend, BY_COURIER)
    # Ten working days from Monday 23 November 2026 end with Monday 7 December there.
    before = await listed(frontend, case)
    # Of the calendar of the place nothing is published here.
    due = {"due_at": "2026-12-07T16:00:00.000Z", "is_provisional": True, "is_overdue": False}
    assert (before["state"], before["delivery"]) == ("issued", {"channel": "courier", **due})
    done = await deliver(department, case, **SENT)
    assert done.status_code == 200, done.text
    after = await listed(frontend, case)
    assert (after["state"], after["since"]) == ("delivered", before["issued_on"])
    assert after["delivery"].items() >= SENT.items()
    assert (await deliver(department, case, **SENT)).headers["idempotency-replayed"] == "true"
    again = await deliver(department, case, "again", **SENT)
    assert (again.status_code, again.json()["present"]["state"]) == (409, "completed")
    said = (await verify(anonymous, before["number"], before["verification_code"])).json()
    assert said["state"] == "issued"
    assert "delivery" not in said
    assert (await record.verify(parts.database)).tamperings == ()


async def test_the_department_is_told_the_way_and_the_address_with_the_task(
    parts: Parts, frontend: httpx2.AsyncClient
) -> None:
    for wish, told in ((BY_COURIER, BY_COURIER), ({"channel": "electronic"}, None)):
        opened_case = await opened(frontend, wish["channel"], delivery=wish)
        case = await cases.get(parts.database, parts.catalogue, UUID(opened_case["id"]), EVERYTHING)
        (task,) = case.tasks.values()
        assert json.loads(task.payload).get("delivery") == told


async def test_until_when_is_listed_by_the_calendar_as_it_is_now(
    parts: Parts, frontend: httpx2.AsyncClient
) -> None:
    """Published with Tuesday 24 November off, the ten days are Wed 25 to Fri 27, Mon 30 to Fri 4 December,
    Mon 7 and Tue 8.
    """
    case = await granted(parts, frontend, BY_COURIER)
    year = Year(2026, {date(2026, 11, 24): names("假")}, is_provisional=False)
    place = Jurisdiction("kunshan", names("昆山"), "county_city", "320583", "suzhou", calendar="china")
    async with parts.database.transaction() as connection:
        await store_catalogue.save_calendars(connection, [Calendar("china", {2026: year})], NOW)
        await store_catalogue.save_jurisdictions(connection, [place], NOW)
    parts.catalogue._snapshot = parts.catalogue._rules = None  # they are half a minute old at most
    found = (await listed(frontend, case))["delivery"]
    assert (found["due_at"], found["is_provisional"]) == ("2026-12-08T16:00:00.000Z", False)


async def test_only_those_who_have_to_do_with_it_deliver_and_see_where_it_is(
    parts: Parts, tokens: Tokens, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient, stranger: httpx2.AsyncClient,
) -> None:  # fmt: skip
    case, officer = await granted(parts, frontend, BY_COURIER), acting(anonymous, tokens.officer)
    statuses = [(await deliver(who, case, **SENT)).status_code for who in (frontend, stranger, supervisor)]
    assert statuses == [403, 403, 403]
    assert (await deliver(officer, case, **SENT)).status_code == 200
    assert (await listed(officer, case))["delivery"]["tracking_number"] == "EX000000001CN"
    assert (await listed(supervisor, case))["delivery"].keys() == {
        "channel", "due_at", "is_provisional", "delivered_at", "is_overdue",
    }  # fmt: skip
    events = (await frontend.get(f"{case}/events")).json()["items"]
    (told,) = (event["data"] for event in events if event["type"] == "result.delivered")
    assert told.items() >= SENT.items()


@pytest.mark.parametrize(
    ("wish", "at"),
    [
        ({"channel": "courier"}, "/delivery/address"),
        ({"channel": "window", "address": "示例路1号"}, "/delivery/address"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_and_no_case_opened(
    frontend: httpx2.AsyncClient, parts: Parts, wish: dict[str, Any], at: str
) -> None:
    refused = await frontend.post(
        "/v1/cases", json=submission(delivery=wish), headers={"Idempotency-Key": "k"}
    )
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, at)
    assert (await frontend.get("/v1/cases")).json()["items"] == []


async def test_what_the_courier_does_not_say_is_asked_for_and_nothing_changes(
    parts: Parts, frontend: httpx2.AsyncClient, department: httpx2.AsyncClient
) -> None:
    case = await granted(parts, frontend, BY_COURIER)
    refused = await deliver(department, case, carrier="邮政速递")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/tracking_number")
    assert (await listed(frontend, case))["state"] == "issued"
