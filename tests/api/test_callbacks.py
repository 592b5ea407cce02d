"""Callbacks over HTTP: signed, applied once, refused in the words of the contract."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import httpx2
import pytest

from onenet.adapters import signing
from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain import note
from onenet.domain.sheet import TASK_PREFIX
from onenet.ids import from_text, to_text
from onenet.services import endpoints
from onenet.services.endpoints import Wanted
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import submission
from tests.peers.libraries import made_wrong
from tests.services.sealed import sealing

pytestmark = pytest.mark.anyio


@pytest.fixture
async def secret(database: Database, clock: FrozenClock, parts: Parts) -> str:
    """The secret of the health department's endpoint."""
    wanted = Wanted("department", "health", "https://health.example.org/tasks")
    return (await endpoints.register(database, wanted, clock.now())).endpoint.secrets[0]


@pytest.fixture
async def task(frontend: httpx2.AsyncClient, database: Database, secret: str) -> str:
    """The task of a new case's certificate."""
    await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    async with database.read() as connection:
        return to_text(TASK_PREFIX, (await connection.execute(tables.task.select())).mappings().one()["id"])


async def call(
    client: httpx2.AsyncClient, clock: FrozenClock, secret: str, data: Any, message_id: str = "msg-1"
) -> httpx2.Response:
    said = {"type": "task.outcome", "timestamp": clock.now().isoformat(), "data": data}
    body = json.dumps(said).encode()
    headers = signing.sign(body, [secret], message_id=message_id, at=clock.now())
    return await client.post(
        "/v1/callbacks/health", content=body, headers={**headers, "Content-Type": "application/json"}
    )


async def test_a_signed_answer_is_applied_and_its_repetition_is_not(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, secret: str, task: str
) -> None:
    data = {"task": task, "outcome": "accepted"}
    first = await call(anonymous, clock, secret, data)
    assert (first.status_code, first.json()["outcome"]) == (200, "applied"), first.text
    again = await call(anonymous, clock, secret, data)
    assert (again.status_code, again.content, again.headers["x-duplicate"]) == (200, first.content, "true")
    other = await call(anonymous, clock, secret, {"task": task, "outcome": "completed"})
    assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (409, "callback-conflict")


async def test_a_cloud_event_is_an_answer_where_the_department_is_registered_for_it(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, secret: str, task: str, database: Database
) -> None:
    data = {"task": task, "outcome": "accepted"}
    event = {"specversion": "1.0", "id": "m-1", "source": "/health", "type": "task.outcome", "data": data}
    body = json.dumps(event).encode()
    headers = signing.sign(body, [secret], message_id="m-1", at=clock.now())
    headers["content-type"] = "application/cloudevents+json; charset=utf-8"
    refused = await anonymous.post("/v1/callbacks/health", content=body, headers=headers)
    assert (refused.status_code, "not registered for CloudEvents" in refused.text) == (400, True)
    wanted = Wanted("department", "health", "https://health.example.org/", options={"format": "cloudevents"})
    await endpoints.register(database, wanted, clock.now())
    applied = await anonymous.post("/v1/callbacks/health", content=body, headers=headers)
    assert (applied.status_code, applied.json()["outcome"]) == (200, "applied")


async def test_each_answer_carries_the_newest_checkpoint_of_the_log(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, secret: str, task: str, database: Database
) -> None:
    await sealing(database, clock).all()
    answer = await call(anonymous, clock, secret, {"task": task, "outcome": "accepted"})
    carried = note.read(b64decode(answer.headers["onenet-log-checkpoint"]).decode())
    assert carried.checkpoint.size > 0


async def test_an_answer_that_the_state_does_not_allow_is_a_conflict_and_on_record(
    anonymous: httpx2.AsyncClient,
    auditor: httpx2.AsyncClient,
    clock: FrozenClock,
    secret: str,
    task: str,
) -> None:
    answer = await call(anonymous, clock, secret, {"task": task, "outcome": "resumed"})
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert answer.json()["type"].endswith("/problems/state-conflict")
    assert answer.json()["present"]["state"] == "dispatched"
    assert {"action": "accepted", "by": ["department"]} in answer.json()["allowed"]
    again = await call(anonymous, clock, secret, {"task": task, "outcome": "resumed"})
    assert again.json()["allowed"] == answer.json()["allowed"]
    case = (await auditor.get("/v1/cases")).json()["items"][0]
    events = (await auditor.get(case["links"]["events"])).json()["items"]
    assert "answer.refused" in [event["type"] for event in events]


async def test_a_department_is_told_why_an_answer_of_the_right_state_is_refused(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, secret: str, task: str
) -> None:
    anonymous.headers["Accept-Language"] = "en"
    await call(anonymous, clock, secret, {"task": task, "outcome": "accepted"})
    said = {"task": task, "outcome": "extended", "days": 10, "approved_by": "局长", "reason": "专家外出"}
    told = [await call(anonymous, clock, secret, said, "msg-2") for _ in range(2)]
    assert [each.status_code for each in told] == [409, 409]
    assert {each.json()["detail"] for each in told} == {
        "no limit of the step runs, or it is not accepted; it is on record"
    }


async def test_a_department_tells_of_a_hearing_by_callback(
    anonymous: httpx2.AsyncClient,
    frontend: httpx2.AsyncClient,
    clock: FrozenClock,
    secret: str,
    task: str,
) -> None:
    told = {"task": task, "outcome": "hearing_told", "reason": "邻里利益重大"}
    early = await call(anonymous, clock, secret, told, "msg-1")
    assert early.status_code == 409
    await call(anonymous, clock, secret, {"task": task, "outcome": "accepted"}, "msg-2")
    replies = [(await call(anonymous, clock, secret, told, f"msg-{n}")).json()["outcome"] for n in (3, 4)]
    assert replies == ["applied", "unchanged"]
    case = (await frontend.get("/v1/cases")).json()["items"][0]
    whole = (await frontend.get(case["links"]["self"])).json()
    assert whole["steps"][0]["hearing"]["reason"] == "邻里利益重大"


async def test_a_department_that_passes_over_a_hearing_is_told_what_comes_first(
    anonymous: httpx2.AsyncClient,
    frontend: httpx2.AsyncClient,
    clock: FrozenClock,
    secret: str,
    task: str,
) -> None:
    accepted = {"task": task, "outcome": "accepted"}
    told = {"task": task, "outcome": "hearing_told", "reason": "邻里利益重大"}
    for number, said in enumerate((accepted, told)):
        await call(anonymous, clock, secret, said, f"before-{number}")
    hasty = (await call(anonymous, clock, secret, {"task": task, "outcome": "completed"}, "hasty")).json()
    assert hasty["present"]["hearing"] == "told"
    assert {"action": "ask_hearing", "by": ["applicant"]} in hasty["allowed"]
    case = (await frontend.get("/v1/cases")).json()["items"][0]
    step = (await frontend.get(case["links"]["self"])).json()["steps"][0]["code"]
    asked = await frontend.post(
        f"{case['links']['self']}/hearings",
        json={"step": step, "action": "ask"},
        headers={"Idempotency-Key": "wish"},
    )
    assert asked.status_code == 200
    resumed = await call(anonymous, clock, secret, {"task": task, "outcome": "resumed"}, "resumed")
    assert (resumed.status_code, resumed.json()["present"]["hearing"]) == (409, "asked")
    assert resumed.json()["detail"].startswith("a hearing can still be asked for or is to be held")
    assert {"action": "hearing_set", "by": ["department"]} in resumed.json()["allowed"]


async def test_a_front_end_does_not_see_what_was_refused(
    anonymous: httpx2.AsyncClient, frontend: httpx2.AsyncClient, clock: FrozenClock, secret: str, task: str
) -> None:
    await call(anonymous, clock, secret, {"task": task, "outcome": "resumed"})
    case = (await frontend.get("/v1/cases")).json()["items"][0]
    listed = (await frontend.get(case["links"]["events"])).json()
    assert "answer.refused" not in [event["type"] for event in listed["items"]]
    assert listed["next_since"] == case["seq"]


async def test_what_is_not_signed_rightly_is_401(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, secret: str, task: str
) -> None:
    data = {"task": task, "outcome": "accepted"}
    wrong = await call(anonymous, clock, signing.new_secret(), data)
    unsigned = await anonymous.post("/v1/callbacks/health", json=data)
    nobody = await anonymous.post("/v1/callbacks/nobody", json=data)
    for answer in (wrong, unsigned, nobody):
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


async def test_what_is_made_wrong_is_401_and_leaves_nothing_but_a_security_event(
    anonymous: httpx2.AsyncClient,
    clock: FrozenClock,
    secret: str,
    task: str,
    database: Database,
    seen: list[dict[str, Any]],
) -> None:
    data = {"task": task, "outcome": "accepted"}
    said = {"type": "task.outcome", "timestamp": clock.now().isoformat(), "data": data}
    body = json.dumps(said).encode()
    right = signing.sign(body, [secret], message_id="msg-1", at=clock.now())
    right["content-type"] = "application/json"
    before = await rows(database)
    for name, (wrong, headers) in made_wrong(body, right, secret, clock.now()).items():
        seen.clear()
        answer = await anonymous.post("/v1/callbacks/health", content=wrong, headers=dict(headers))
        assert (name, answer.status_code) == (name, 401)
        assert (name, [event["event"] for event in seen]) == (name, ["signature_refused"])
    assert await rows(database) == before
    answer = await anonymous.post("/v1/callbacks/health", content=body, headers=right)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "applied")


async def rows(database: Database) -> dict[str, list[Any]]:
    """Every row there is, by its table."""
    async with database.read() as connection:
        return {
            name: sorted(map(repr, (await connection.execute(table.select())).all()))
            for name, table in tables.metadata.tables.items()
        }


async def test_an_unknown_task_is_404_and_an_unreadable_body_400(
    anonymous: httpx2.AsyncClient, clock: FrozenClock, secret: str, task: str
) -> None:
    found = from_text(TASK_PREFIX, task)
    assert found is not None
    missing = {"task": task[:-1] + ("0" if task[-1] != "0" else "1"), "outcome": "accepted"}
    assert (await call(anonymous, clock, secret, missing)).status_code == 404
    unreadable: list[Any] = [{}, [], None, {"task": 1, "outcome": "accepted"}]
    for data in unreadable:
        answer = await call(anonymous, clock, secret, data, message_id="msg-x")
        assert answer.status_code == 400, (data, answer.text)
