"""Delegations, break-glass, the field rule and the access log, over the real application."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import Engine, event, select

from onenet.clock import FrozenClock
from onenet.domain.visibility import EVERYTHING
from onenet.errors import Unavailable
from onenet.services import cases, record
from onenet.store import accesses as store_accesses
from onenet.store import tables
from tests.api.conftest import submission
from tests.authorisation.city import City

pytestmark = pytest.mark.anyio

NUMBER = "320599199201010024"
REASON = {"reason": "承办系统故障，须核对申请内容"}


def headers(city: City, role: str, relation: str) -> dict[str, str]:
    return dict(next(a.headers for a in city.actors if (a.role, a.relation) == (role, relation)))


async def log(city: City) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        await city.ask("GET", "/v1/me/access-log?limit=100", headers(city, "citizen", "owner"))
    )["items"]
    return found


# ---- delegations


async def test_an_agent_opens_a_case_that_is_the_owners_and_both_are_on_record(city: City) -> None:
    agent, owner = headers(city, "agent", "delegate"), headers(city, "citizen", "owner")
    given = (await city.ask("GET", "/v1/delegations", agent))["items"]
    (delegation,) = [each["id"] for each in given]
    by = {**agent, "Onenet-Delegation": delegation, "Idempotency-Key": "agent"}
    opened = await city.ask("POST", "/v1/cases", by, submission())
    assert opened["id"] in {case["id"] for case in (await city.ask("GET", "/v1/cases", owner))["items"]}
    auditor = headers(city, "auditor", "of the city")
    events = (await city.ask("GET", f"/v1/cases/{opened['id']}/events", auditor))["items"]
    assert events[0]["actor"] == "agent:app/of-bundle for app/owner"
    withdrawn = {**agent, "Idempotency-Key": "w"}
    await city.ask("POST", f"/v1/cases/{opened['id']}/withdrawal", withdrawn, {})
    events = (await city.ask("GET", f"/v1/cases/{opened['id']}/events", auditor))["items"]
    assert events[-1]["actor"] == "agent:app/of-bundle for app/owner"


async def test_however_a_case_is_opened_its_row_has_the_owner_of_its_first_event(city: City) -> None:
    agent = headers(city, "agent", "delegate")
    (delegation,) = (await city.ask("GET", "/v1/delegations", agent))["items"]
    by_delegation = {"Onenet-Delegation": delegation["id"]}
    ways = (
        headers(city, "frontend", "for the owner"),
        headers(city, "frontend", "another one, same name"),
        headers(city, "frontend", "for a delegate") | by_delegation,
        headers(city, "citizen", "owner"),
        headers(city, "citizen", "delegate of-bundle") | by_delegation,
        agent | by_delegation,
        headers(city, "clerk", "of the owner at the counter"),
    )
    before = (await record.verify(city.parts.database)).cases
    for number, way in enumerate(ways):
        by = {**way, "Idempotency-Key": f"way-{number}"}
        opened = await city.ask("POST", "/v1/cases", by, submission())
        assert (await record.verify(city.parts.database)).tamperings == (), opened
    assert (await record.verify(city.parts.database)).cases == before + len(ways)


async def test_a_delegation_opens_no_case_of_another_bundle_or_for_somebody_else(city: City) -> None:
    agent = headers(city, "agent", "delegate")
    (delegation,) = (await city.ask("GET", "/v1/delegations", agent))["items"]
    for who, bundle in ((agent, "moving"), (headers(city, "citizen", "stranger"), "newborn")):
        by = {**who, "Onenet-Delegation": delegation["id"], "Idempotency-Key": "x"}
        answer = await city.client.post("/v1/cases", headers=by, json=submission(bundle=bundle))
        assert (answer.status_code, answer.json()["errors"][0]["header"]) == (403, "Onenet-Delegation")


async def test_what_is_taken_back_ends_with_the_next_request(city: City) -> None:
    delegate, owner = headers(city, "citizen", "delegate of-case"), headers(city, "citizen", "owner")
    here = f"/v1/cases/{city.words['first']}"
    assert (await city.client.get(here, headers=delegate)).status_code == 200
    (given,) = (await city.ask("GET", "/v1/delegations", delegate))["items"]
    for _ in range(2):
        done = await city.ask("POST", f"/v1/delegations/{given['id']}/revocation", owner)
        assert done["revoked_at"] == "2026-11-23T01:02:00.000Z"
    assert (await city.client.get(here, headers=delegate)).status_code == 404
    assert (await city.ask("GET", "/v1/cases", delegate))["items"] == []


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"delegate": {"subject": "owner"}}, 409, "/delegate"),
        ({"ends_at": "2026-11-23T00:00:00Z"}, 409, "/ends_at"),
        ({"ends_at": "2036-11-23T00:00:00Z"}, 409, "/ends_at"),
        ({"bundles": ["nothing"]}, 409, "/bundles/0"),
        ({"bundles": None}, 400, ""),
        ({"bundles": []}, 400, "/bundles"),
        ({"bundles": None, "case": "01936d2e-4c00-7a11-9c3e-5f2b6d0e8a42"}, 409, "/case"),
    ],
)
async def test_a_wrong_delegation_is_refused(
    city: City, changes: dict[str, Any], status: int, pointer: str
) -> None:
    body = {"delegate": {"subject": "d"}, "bundles": ["newborn"], "ends_at": "2027-01-01T00:00:00Z"}
    body = {name: value for name, value in (body | changes).items() if value is not None}
    by = {**headers(city, "citizen", "owner"), "Idempotency-Key": "wrong"}
    answer = await city.client.post("/v1/delegations", headers=by, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer), answer.text


async def test_names_that_the_record_has_no_room_for_are_refused(city: City) -> None:
    by = {**city.token("citizen", "o" * 128), "Idempotency-Key": "long"}
    delegate = {"subject": "x" * 128, "client": "c" * 64}
    body = {"delegate": delegate, "bundles": ["newborn"], "ends_at": "2027-01-01T00:00:00Z"}
    answer = await city.client.post("/v1/delegations", headers=by, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (409, "/delegate")


async def test_nobody_gives_on_what_was_given_to_them(city: City) -> None:
    by = {**headers(city, "citizen", "delegate of-case"), "Idempotency-Key": "on"}
    body = {"delegate": {"subject": "d"}, "case": city.words["first"], "ends_at": "2027-01-01T00:00:00Z"}
    answer = await city.client.post("/v1/delegations", headers=by, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (409, "/case")


# ---- what is not there


async def test_a_foreign_case_costs_the_statements_of_a_missing_one(city: City) -> None:
    """Their number and their text: time tells a stranger nothing about which ids there are."""
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *further: Any) -> None:
        asked.append(statement)

    strangers = [
        headers(city, role, relation)
        for role, relation in (
            ("citizen", "stranger"), ("frontend", "for another"), ("department", "without a step"),
            ("supervisor", "of another district"), ("clerk", "of another at the counter"),
        )
    ]  # fmt: skip
    missing = "01936d2e-4c00-7a11-9c3e-5f2b6d0e8a42"
    ids = (missing, city.words["first"], missing)  # with the first one, whose key it is is found out
    owner = headers(city, "citizen", "owner")
    await city.ask("GET", f"/v1/cases/{ids[1]}", owner)  # the process knows the case by now
    event.listen(Engine, "before_cursor_execute", note)
    try:
        for who in strangers:
            costs, texts = [], []
            for id in ids:
                asked.clear()
                answer = await city.client.get(f"/v1/cases/{id}", headers=who)
                # The catalogue is read anew every second, whoever asks.
                costs.append([said for said in asked if "cases" in said or "delegation" in said])
                texts.append({**answer.json(), "instance": ""})
            assert costs[1] == costs[2] != []
            assert texts[1] == texts[2]
    finally:
        event.remove(Engine, "before_cursor_execute", note)


# ---- break-glass


async def ask_and_approve(city: City, approver: dict[str, str]) -> httpx2.Response:
    asker = city.token("officer", "asker", dept="bank")
    asked = await city.ask("POST", "/v1/break-glass", asker, {"case": city.words["second"], **REASON})
    return await city.client.post(f"/v1/break-glass/{asked['id']}/approval", headers=approver)


async def test_the_owner_is_told_of_an_emergency_with_the_reason(city: City) -> None:
    done = await ask_and_approve(city, city.token("supervisor", "second"))
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    here = f"/v1/cases/{city.words['second']}/events"
    events = (await city.ask("GET", here, headers(city, "citizen", "owner")))["items"]
    assert events[-1]["type"] == "access.granted"
    assert events[-1]["data"] == {"by": "officer:app/asker", "until": "2026-11-23T05:02:00+00:00", **REASON}
    async with city.parts.database.read() as connection:
        told = select(tables.delivery.c.payload).where(tables.delivery.c.type == "access.granted")
        payloads = (await connection.execute(told)).scalars().all()
    assert any(city.words["second"] in payload for payload in payloads)
    assert (await record.verify(city.parts.database)).tamperings == ()


async def test_nobody_approves_for_oneself_in_whatever_role(city: City) -> None:
    for role in ("supervisor", "administrator"):
        assert (await ask_and_approve(city, city.token(role, "asker"))).status_code == 403
    away = city.token("supervisor", "second", area=["wujiang"])
    assert (await ask_and_approve(city, away)).status_code == 404
    assert (await ask_and_approve(city, city.token("officer", "second", dept="bank"))).status_code == 403


async def test_a_case_that_is_not_there_can_be_asked_for_and_not_approved(city: City) -> None:
    body = {"case": "01936d2e-4c00-7a11-9c3e-5f2b6d0e8a42", **REASON}
    asked = await city.ask("POST", "/v1/break-glass", city.token("officer", "a", dept="bank"), body)
    path = f"/v1/break-glass/{asked['id']}/approval"
    assert (await city.client.post(path, headers=city.token("supervisor", "b"))).status_code == 404


async def test_an_emergency_lasts_four_hours(city: City, clock: FrozenClock) -> None:
    key = await city.key("supervisor", "watch", "wujiang")
    asked = await city.ask("POST", "/v1/break-glass", key, {"case": city.words["first"], **REASON})
    here = f"/v1/break-glass/{asked['id']}"
    assert (await city.client.get(f"{here}/case", headers=key)).status_code == 409
    await city.ask("POST", f"{here}/approval", city.token("administrator", "b"))
    assert (await city.client.get(f"{here}/case", headers=key)).status_code == 200
    clock.advance(timedelta(hours=4))
    assert (await city.client.get(f"{here}/case", headers=key)).status_code == 409
    assert (await city.ask("GET", here, key))["state"] == "ended"


# ---- who looked


async def test_the_owner_reads_who_looked_when_why_and_at_what(city: City) -> None:
    first = city.words["first"]
    before = len(await log(city))
    department = headers(city, "department", "of a step, health")
    await city.ask("GET", f"/v1/cases/{first}/application", department)
    looks = await log(city)
    assert len(looks) == before + 1
    (look,) = [each for each in looks if (each["role"], each["what"]) == ("department", "application")]
    assert (look["who"], look["why"], look["what"]) == ("department:health", "department", "application")
    assert (look["case"], look["at"]) == (first, "2026-11-23T01:02:00.000Z")
    assert "form.mother_id_no" in look["fields"]
    assert "applicant.id_no" not in look["fields"]
    stranger = headers(city, "citizen", "stranger")
    assert (await city.ask("GET", "/v1/me/access-log", stranger))["items"] == []


async def test_looks_at_how_a_case_stands_are_gathered_and_the_owners_own_left_out(city: City) -> None:
    before = len(await log(city))
    for who in (headers(city, "officer", "of a step, police"), headers(city, "citizen", "owner")):
        for _ in range(3):
            await city.ask("GET", f"/v1/cases/{city.words['first']}", who)
    looks = await log(city)
    assert len(looks) == before + 1
    (look,) = [each for each in looks if each["who"] == "officer:app/o-police"]
    assert (look["what"], look["times"]) == ("case", 3)


async def test_a_reveal_is_on_record_with_its_purpose(city: City) -> None:
    clerk = headers(city, "clerk", "of the owner at the counter")
    here = f"/v1/cases/{city.words['first']}"
    assert NUMBER not in (await city.client.get(f"{here}/application", headers=clerk)).text
    body = {"fields": ["applicant.id_no"], "purpose": "核对身份证原件"}
    assert await city.ask("POST", f"{here}/reveals", clerk, body) == {"fields": {"applicant.id_no": NUMBER}}
    (look,) = [each for each in await log(city) if each["what"] == "reveal"]
    assert (look["purpose"], look["fields"]) == ("核对身份证原件", ["applicant.id_no"])
    for wrong in ({"fields": ["form.child_name"]}, {"fields": ["form.none"]}):
        answer = await city.client.post(f"{here}/reveals", headers=clerk, json=body | wrong)
        assert answer.status_code == 409


async def test_what_cannot_be_recorded_is_not_shown(city: City) -> None:
    department = headers(city, "department", "of a step, health")
    path = f"/v1/cases/{city.words['first']}/application"
    with mock.patch.object(store_accesses, "add", side_effect=Unavailable("the disk is full")):
        answer = await city.client.get(path, headers=department)
    assert (answer.status_code, "示例" in answer.text) == (503, False)


async def test_a_record_that_cannot_be_written_is_kept_for_later(city: City) -> None:
    kept = city.parts.reading.accesses
    await kept.flush()
    supervisor = headers(city, "supervisor", "of the city")
    await city.ask("GET", f"/v1/cases/{city.words['first']}", supervisor)
    with mock.patch.object(store_accesses, "add", side_effect=Unavailable), pytest.raises(Unavailable):
        await kept.flush()
    assert [each["role"] for each in await log(city) if each["what"] == "case"][:1] == ["supervisor"]


# ---- the field rule in what is sent out


async def test_no_task_carries_a_number_that_its_item_does_not_need(city: City) -> None:
    first = UUID(city.words["first"])
    case = await cases.get(city.parts.database, city.parts.catalogue, first, EVERYTHING)
    assert {task.step for task in case.tasks.values()} == {"certificate"}
    for task in case.tasks.values():
        sheet = json.loads(task.payload)
        assert sheet["applicant"]["id_no"] == "320***********0024"
        assert sheet["form"]["mother_id_no"] == NUMBER
        assert "address" not in sheet["form"]


async def test_deliveries_carry_nothing_that_anybody_wrote(city: City) -> None:
    async with city.parts.database.read() as connection:
        payloads = (await connection.execute(select(tables.delivery.c.payload))).scalars().all()
    assert payloads
    assert not [payload for payload in payloads if NUMBER in payload or "示例" in payload]
