"""Withdrawals over HTTP: departments at work are told, and people where a system has no word for it."""

from __future__ import annotations

import json
from typing import Any, Literal
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select

from onenet.adapters.transport import Transport
from onenet.api.parts import Parts
from onenet.domain.commands import DecideStep
from onenet.ids import to_text
from onenet.services import endpoints, erasure, record, steps
from onenet.services.change import Change
from onenet.services.endpoints import ENDPOINT_PREFIX, Wanted
from onenet.store import log_tables, queue, tables
from tests.adapters.loopback import answer, loopback
from tests.api.conftest import Tokens, acting
from tests.api.test_cases import opened
from tests.outward import HERE
from tests.store.seeding import save_department

pytestmark = pytest.mark.anyio


async def work(parts: Parts) -> None:
    """A worker does what is due."""
    async with Transport(destinations=HERE) as transport:
        for claimed in await steps.claim(parts.database, queue.TASKS, parts.machine_clock, 50):
            await steps.dispatch(parts.gate, transport, parts.machine_clock, claimed)


async def withdraw(frontend: httpx2.AsyncClient, case: dict[str, Any], **said: Any) -> httpx2.Response:
    return await frontend.post(case["links"]["withdrawal"], json=said, headers={"Idempotency-Key": "w"})


async def certificate(frontend: httpx2.AsyncClient, case: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await frontend.get(case["links"]["self"])).json()["steps"][0]
    return found


async def test_a_department_at_work_gets_a_signed_notice_under_a_key_of_its_own(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    async with loopback(answer(202), answer(204)) as serving:
        await save_department(parts.database, "health", serving.url)
        case = await opened(frontend)
        await work(parts)
        assert (await withdraw(frontend, case, reason="搬家了")).status_code == 200
        assert (await certificate(frontend, case))["withdrawal"]["state"] == "outstanding"
        await work(parts)
    task, notice = (json.loads(heard.body) for heard in serving.heard)
    assert (notice["type"], notice["data"]["withdraws"]) == ("step.withdrawn", task["data"]["task"])
    assert serving.heard[1].headers["webhook-id"] == notice["data"]["task"]
    assert (await certificate(frontend, case))["withdrawal"]["state"] == "confirmed"
    assert (await record.verify(parts.database)).tamperings == ()


@pytest.fixture
def officer(anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    """An officer of the health department."""
    return acting(anonymous, tokens.officer)


@pytest.fixture
async def at_desk(parts: Parts) -> Parts:
    """The health department has no system."""
    at = parts.machine_clock.now()
    await endpoints.register(parts.database, Wanted("department", "health", adapter="desk"), at)
    return parts


async def test_where_there_is_no_system_a_person_of_the_department_confirms(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, at_desk: Parts
) -> None:
    case = await opened(frontend)
    await work(at_desk)
    await withdraw(frontend, case)
    await work(at_desk)
    (listed,) = (await officer.get("/v1/desk/withdrawals")).json()["items"]
    assert (listed["number"], listed["step"], listed["state"]) == (
        case["number"],
        "certificate",
        "outstanding",
    )
    path = f"/v1/desk/withdrawals/{listed['task']}/confirmations"
    done = await officer.post(path, json={"opinion": "已知悉"}, headers={"Idempotency-Key": "c"})
    assert (done.status_code, done.json()["state"]) == (200, "confirmed")
    assert (await officer.get("/v1/desk/withdrawals")).json()["items"] == []
    assert (await certificate(frontend, case))["withdrawal"]["state"] == "confirmed"
    events = (await frontend.get(case["links"]["events"])).json()["items"]
    assert [e["type"] for e in events if e["type"].startswith("withdrawal")] == [
        "withdrawal.due", "withdrawal.confirmed",
    ]  # fmt: skip


async def erase(parts: Parts, case: dict[str, Any]) -> None:
    id, now = UUID(case["id"]), parts.machine_clock.now()
    await erasure.erase(parts.database, parts.gate, id, basis="asked", actor="operator:test", now=now)


async def test_whoever_confirms_after_the_case_was_erased_leaves_no_words_in_it(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, at_desk: Parts
) -> None:
    case = await opened(frontend)
    await work(at_desk)
    await withdraw(frontend, case)
    await work(at_desk)
    await erase(at_desk, case)
    (listed,) = (await officer.get("/v1/desk/withdrawals")).json()["items"]
    path = f"/v1/desk/withdrawals/{listed['task']}/confirmations"
    done = await officer.post(path, json={"opinion": "LATEWORDS"}, headers={"Idempotency-Key": "c"})
    assert (done.status_code, done.json()["state"]) == (200, "confirmed")
    events = await officer.get(case["links"]["events"])
    assert events.json()["items"][-1]["type"] == "withdrawal.confirmed"
    assert "LATEWORDS" not in events.text
    async with at_desk.database.read() as connection:
        assert (await connection.execute(select(log_tables.event_private))).all() == []


async def test_a_department_hears_of_a_withdrawal_also_after_the_case_was_erased(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    async with loopback(answer(202), answer(204)) as serving:
        await save_department(parts.database, "health", serving.url)
        case = await opened(frontend)
        await work(parts)
        await withdraw(frontend, case)
        await erase(parts, case)
        await work(parts)
    task, notice = (json.loads(heard.body) for heard in serving.heard)
    assert (notice["type"], notice["data"]["withdraws"]) == ("step.withdrawn", task["data"]["task"])
    assert notice["data"]["reason"] == "withdrawn_by_applicant"


async def test_it_does_not_hear_then_what_a_person_wrote_about_it(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    async with loopback(answer(202), answer(204)) as serving:
        await save_department(parts.database, "health", serving.url)
        case = await opened(frontend)
        await work(parts)
        actions: tuple[Literal["hold", "cancel"], ...] = ("hold", "cancel")
        for action in actions:
            decision = DecideStep("certificate", action, "WORDS")
            await parts.gate.submit(Change(UUID(case["id"]), decision, "officer:health"))
        await withdraw(frontend, case)
        await erase(parts, case)
        await work(parts)
    notice = json.loads(serving.heard[1].body)
    assert (notice["type"], "reason" in notice["data"]) == ("step.withdrawn", False)


async def test_what_a_call_brings_that_was_under_way_when_the_case_was_erased_is_not_kept(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    """That it was called is, and how that ended."""
    async with loopback(answer(202), answer(400, b"LATEWORDS")) as serving:
        await save_department(parts.database, "health", serving.url)
        case = await opened(frontend)
        await work(parts)
        await withdraw(frontend, case)
        (notice,) = await steps.claim(parts.database, queue.TASKS, parts.machine_clock, 50)
        await erase(parts, case)
        async with Transport(destinations=HERE) as transport:
            await steps.dispatch(parts.gate, transport, parts.machine_clock, notice)
    columns = tables.attempt.c
    async with parts.database.read() as connection:
        calls = select(columns.status, columns.excerpt, columns.reason).order_by(columns.started_at)
        assert (await connection.execute(calls)).all() == [(202, None, None), (400, None, None)]


async def test_a_task_is_no_withdrawal_and_what_is_of_others_is_not_there(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, at_desk: Parts
) -> None:
    await opened(frontend)
    await work(at_desk)
    (task,) = (await officer.get("/v1/desk/tasks")).json()["items"]
    for key in (task["task"], "tsk_00000000000000000000000000"):
        path = f"/v1/desk/withdrawals/{key}/confirmations"
        assert (await officer.post(path, json={}, headers={"Idempotency-Key": key})).status_code == 404


async def test_a_step_alone_is_not_withdrawn_where_the_bundle_does_not_let_it_be(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await opened(frontend)
    refused = await withdraw(frontend, case, step="certificate")
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "no single step of this case can be withdrawn",
    )
    assert (await certificate(frontend, case))["state"] == "dispatched"


async def test_a_department_that_fetches_finds_the_notice_in_its_queue(
    frontend: httpx2.AsyncClient, department: httpx2.AsyncClient, parts: Parts
) -> None:
    at = parts.machine_clock.now()
    made = await endpoints.register(parts.database, Wanted("department", "health", adapter="pull"), at)
    case = await opened(frontend)
    await work(parts)
    queue_of = f"/v1/endpoints/{to_text(ENDPOINT_PREFIX, made.endpoint.id)}/queue/leases"
    leased = (await department.post(queue_of, json={})).json()
    receipt = f"{queue_of}/{leased['lease']}/receipts"
    await department.post(receipt, json={"task": leased["items"][0]["task"]})
    await withdraw(frontend, case)
    await work(parts)
    again = (await department.post(queue_of, json={})).json()
    (notice,) = again["items"]
    assert notice["sheet"]["withdraws"] == leased["items"][0]["task"]
    receipt = f"{queue_of}/{again['lease']}/receipts"
    assert (await department.post(receipt, json={"task": notice["task"]})).json()["outcome"] == "applied"
    assert (await certificate(frontend, case))["withdrawal"]["state"] == "confirmed"
