"""What administrators do about endpoints, over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from onenet.adapters import signing
from onenet.clock import FrozenClock
from onenet.services import steps
from onenet.store import queue
from onenet.store.database import Database
from onenet.store.queue import DELIVERIES
from tests.adapters.loopback import answer, loopback
from tests.api.conftest import submission
from tests.api.test_endpoints import register

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]


async def post(
    client: httpx2.AsyncClient, path: str, once: str | None = None, **body: Any
) -> httpx2.Response:
    return await client.post(f"/v1{path}", json=body, headers={"Idempotency-Key": once or str(uuid4())})


async def test_a_rotation_tells_the_new_secret_once_and_its_repetition_makes_no_other(
    administrator: httpx2.AsyncClient, seen: list[dict[str, Any]]
) -> None:
    made = (await register(administrator, signs="both")).json()
    path = f"/endpoints/{made['id']}/rotations"
    done = await post(administrator, path, "r-1")
    again = await post(administrator, path, "r-1")
    assert (done.status_code, done.content) == (201, again.content)
    said = done.json()
    assert said["secret"] != made["secret"]
    assert [(key["kind"], "until" in key) for key in said["keys"]] == [
        ("v1", False), ("v1a", False), ("v1", True), ("v1a", True),
    ]  # fmt: skip
    listed = await administrator.get("/v1/endpoints")
    assert listed.json()["items"][0]["keys"] == said["keys"]
    assert "whsec_" not in listed.text
    assert [(each["event"], each["client"]) for each in seen if each["event"] == "secret_rotated"] == [
        ("secret_rotated", "administrator:root")
    ]


async def test_a_rotation_of_an_endpoint_that_is_not_there_is_404(administrator: httpx2.AsyncClient) -> None:
    refused = await post(administrator, "/endpoints/ept_00000000000000000000000000/rotations")
    assert refused.status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"grace_seconds": -1},
        {"grace_seconds": 604_801},
        {"key": "whsec_short"},
        {"key": "whsk_" + "A" * 44},
    ],
)
async def test_a_grace_of_more_than_a_week_or_a_key_that_is_none_is_refused(
    administrator: httpx2.AsyncClient, wrong: dict[str, Any]
) -> None:
    made = (await register(administrator)).json()
    refused = await post(administrator, f"/endpoints/{made['id']}/rotations", **wrong)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, f"/{next(iter(wrong))}")


async def test_a_pause_is_told_with_its_reason_and_a_resumption_is_a_job(
    administrator: httpx2.AsyncClient, frontend: httpx2.AsyncClient, seen: list[dict[str, Any]]
) -> None:
    made = (await register(administrator, kind="department", owner="health")).json()
    path = f"/endpoints/{made['id']}"
    paused = await post(administrator, f"{path}/pauses", "p-1", reason="系统升级，13800138000")
    again = await post(administrator, f"{path}/pauses", "p-1", reason="系统升级，13800138000")
    assert (paused.status_code, paused.content) == (201, again.content)
    assert (paused.json()["state"], "13800138000" in paused.text) == ("held", False)
    case = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    (first, *_) = case.json()["steps"]
    assert first["waiting"]["reason"] == "endpoint_held"
    resumed = await post(administrator, f"{path}/resumptions")
    assert (resumed.status_code, resumed.json()["total"]) == (202, 0)
    followed = await administrator.get(resumed.headers["location"])
    assert followed.json() == resumed.json()
    told = [each["event"] for each in seen if each["event"].startswith("endpoint_")]
    assert told == ["endpoint_held", "endpoint_resumed"]


async def test_frain_dev_convoy_2755_a_job_is_found_at_its_own_endpoint_only(
    administrator: httpx2.AsyncClient,
) -> None:
    """There, look-ups were not confined to whom the object belongs to."""
    mine, other = [(await register(administrator)).json()["id"] for _ in range(2)]
    job = (await post(administrator, f"/endpoints/{mine}/resumptions")).json()["id"]
    found = [
        (await administrator.get(f"/v1/endpoints/{whose}/{kind}/{job}")).status_code
        for whose, kind in ((mine, "resumptions"), (other, "resumptions"), (mine, "replays"))
    ]
    assert found == [200, 404, 404]


async def test_an_attempt_is_sent_again_by_its_id_and_none_other_is(
    administrator: httpx2.AsyncClient, frontend: httpx2.AsyncClient, database: Database, clock: FrozenClock
) -> None:
    await register(administrator, events=["case.received"])
    await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    ((row, token),) = [(each.row, each.token) for each in await steps.claim(database, DELIVERIES, clock, 1)]
    (listed,) = (await administrator.get("/v1/deliveries")).json()["items"]
    (attempt,) = (await administrator.get(f"/v1/deliveries/{listed['id']}/attempts")).json()["items"]
    assert (attempt["trigger"], attempt["number"]) == ("auto", 1)
    path = f"/attempts/{attempt['id']}/resends"
    assert (await post(administrator, path)).status_code == 409  # it is being sent now
    async with database.transaction() as connection:
        await queue.give_back(connection, DELIVERIES, [(row, token)], clock.now())
    sent = await post(administrator, path, "s-1")
    again = await post(administrator, path, "s-1")
    assert (sent.status_code, sent.content, sent.json()["id"]) == (202, again.content, listed["id"])
    unknown = [path.replace("_1/", "_2/"), "/attempts/att_00000000000000000000000000_1/resends"]
    assert [(await post(administrator, each)).status_code for each in unknown] == [404, 404]


async def test_a_dry_run_of_a_replay_counts_and_what_does_not_fit_is_409(
    administrator: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    made = (await register(administrator, kind="department", owner="health")).json()
    path, since = f"/endpoints/{made['id']}/replays", (clock.now() - timedelta(days=1)).isoformat()
    counted = await post(administrator, path, since=since, dry_run=True)
    assert (counted.status_code, counted.json()) == (200, {"endpoint": made["id"], "total": 0})
    for unfit in ({"states": ["done"]}, {"types": ["case.completed"]}, {"until": "2020-01-01T00:00:00Z"}):
        assert (await post(administrator, path, since=since, **unfit)).status_code == 409
    begun = await post(administrator, path, since=since)
    assert (begun.status_code, begun.json()["state"]) == (202, "ended")
    assert (await administrator.get(begun.headers["location"])).json() == begun.json()


async def test_a_test_shows_what_was_signed_and_what_was_answered_and_is_sent_once_under_its_key(
    administrator: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    async with loopback(answer(401, b"call 13800138000")) as department:
        made = (await register(administrator, kind="department", owner="health", url=department.url)).json()
        path = f"/endpoints/{made['id']}/tests"
        tried = await post(administrator, path, "t-1")
        again = await post(administrator, path, "t-1")
    (heard,) = department.heard
    said = tried.json()
    assert (tried.status_code, tried.content) == (200, again.content)
    assert said["signed"].split(".", 2) == [
        heard.headers["webhook-id"], heard.headers["webhook-timestamp"], heard.body.decode(),
    ]  # fmt: skip
    assert signing.verify(said["headers"], heard.body, [made["secret"]], now=clock.now()) is None
    assert (said["status"], "13800138000" in tried.text) == (401, False)
    assert json.loads(heard.body)["type"] == "endpoint.test"


async def test_only_where_signed_webhooks_go_is_there_a_test(administrator: httpx2.AsyncClient) -> None:
    body = {"kind": "department", "owner": "health", "adapter": "pull"}
    made = await administrator.post("/v1/endpoints", json=body, headers={"Idempotency-Key": "k"})
    assert (await post(administrator, f"/endpoints/{made.json()['id']}/tests")).status_code == 409
