"""What is refused at the door is a security event, with the request it was, and without what was sent."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import pytest

from onenet import security_log
from onenet.api.parts import Parts
from onenet.app import Application
from onenet.clock import FrozenClock
from onenet.domain.principal import Role, usual
from onenet.services import keys
from tests.api.conftest import PUBLIC_URL, Tokens, acting, submission
from tests.documents.corpus import HOSTILE

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

CANARY = "canary-110105194912310021"


async def test_a_wrong_key_is_told(anonymous: httpx2.AsyncClient, seen: list[dict[str, Any]]) -> None:
    answer = await acting(anonymous, CANARY).get("/v1/cases", headers={"X-Request-Id": "r-1"})
    assert answer.status_code == 401
    [event] = seen
    assert (event["event"], event["reason"]) == ("authentication_failed", "malformed")
    assert (event["request_id"], event["route"], event["address"]) == ("r-1", "/v1/cases", "127.0.0.1")
    assert CANARY not in str(seen)


async def test_who_lacks_a_scope_is_told_which_and_who_can_never_have_it_is_not(
    parts: Parts, clock: FrozenClock, anonymous: httpx2.AsyncClient
) -> None:
    of_before = usual(Role.SUPERVISOR) - {"tickets:read"}
    made = await keys.create(
        parts.database, kind="supervisor", client="city", now=clock.now(), scopes=of_before
    )
    supervisor = acting(anonymous, made.token)
    supervisor.headers["Accept-Language"] = "en"
    refused = [await supervisor.get(path) for path in ("/v1/tickets", "/v1/drafts")]
    assert [answer.status_code for answer in refused] == [403, 403]
    assert "lacks the scope tickets:read" in refused[0].json()["detail"]
    assert "detail" not in refused[1].json()


async def test_a_right_key_where_it_may_not_is_told_with_its_client(
    department: httpx2.AsyncClient, seen: list[dict[str, Any]]
) -> None:
    answer = await department.post("/v1/endpoints", json={"owner": CANARY}, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 403
    [event] = seen
    assert (event["event"], event["client"]) == ("authorisation_denied", "department:health")
    assert CANARY not in str(seen)


async def test_a_wrong_signature_is_told_once_and_why(
    anonymous: httpx2.AsyncClient, seen: list[dict[str, Any]]
) -> None:
    for department in ("health", CANARY.replace("-", "_")):
        body = {"headers": {"Content-Type": "application/json"}, "content": b"{}"}
        answer = await anonymous.post(f"/v1/callbacks/{department}", **body)  # type: ignore[arg-type]  # of any kind
        assert answer.status_code == 401
    assert [event["event"] for event in seen] == ["signature_refused"] * 2
    assert all(event["reason"] for event in seen)
    assert CANARY.replace("-", "_") not in str(seen)


async def test_too_large_a_body_and_a_query_are_told(
    frontend: httpx2.AsyncClient, seen: list[dict[str, Any]]
) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    assert (await frontend.post("/v1/cases", content=b" " * 1_000_001, headers=headers)).status_code == 413
    assert (await frontend.get(f"/v1/cases?{'x' * 9_000}")).status_code == 400
    assert [(event["event"], event["reason"]) for event in seen] == [
        ("oversized", "payload-too-large"), ("oversized", "query"),
    ]  # fmt: skip


async def test_a_case_that_is_not_there_or_not_ones_own_is_told_with_who_asked(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient, seen: list[dict[str, Any]]
) -> None:
    made = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    for address in (made.headers["location"], "/v1/cases/00000000-0000-7000-8000-000000000000"):
        assert (await stranger.get(address)).status_code == 404
    told = [(event["event"], event["client"], event["route"]) for event in seen]
    assert told == [("asked_in_vain", "frontend:app", "/v1/cases/{case_id}")] * 2
    assert made.json()["id"] not in str(seen)


async def test_a_right_key_is_told_once_for_an_address_and_an_hour(
    anonymous: httpx2.AsyncClient, app: Application, tokens: Tokens, arrivals: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for _ in range(3):
        assert (await acting(anonymous, tokens.department).get("/v1/cases")).status_code == 200
    elsewhere = httpx2.ASGITransport(app, client=("192.0.2.9", 40_000))
    async with httpx2.AsyncClient(transport=elsewhere, base_url=PUBLIC_URL) as client:
        await acting(client, tokens.department).get("/v1/cases")
    hour_later = time.monotonic() + security_log.TOLD_AGAIN_AFTER_S
    monkeypatch.setattr("time.monotonic", lambda: hour_later)
    await acting(anonymous, tokens.department).get("/v1/cases")
    name = tokens.department[:12]
    told = [(each["reason"], each["who"], each["client"], each["address"]) for each in arrivals]
    assert told == [
        ("api_key", name, "department:health", address)
        for address in ("127.0.0.1", "192.0.2.9", "127.0.0.1")
    ]  # fmt: skip
    assert tokens.department[13:] not in str(arrivals)


async def test_a_wrong_key_does_not_come_in(
    anonymous: httpx2.AsyncClient, tokens: Tokens, arrivals: list[dict[str, Any]]
) -> None:
    await acting(anonymous, tokens.department[:-1] + "_").get("/v1/cases")
    assert arrivals == []


async def test_what_goes_well_is_no_event(
    frontend: httpx2.AsyncClient, tokens: Tokens, seen: list[dict[str, Any]]
) -> None:
    assert (await frontend.get("/v1/cases")).status_code == 200
    assert (await frontend.get("/v1/bundles/nothing")).status_code == 404
    assert seen == []


async def test_a_file_that_is_refused_is_told_with_its_reason(
    frontend: httpx2.AsyncClient, seen: list[dict[str, Any]]
) -> None:
    hostile = HOSTILE["pdf: JavaScript"]
    headers = {"Idempotency-Key": "k", "Content-Type": hostile.media_type, "Onenet-Filename": f"{CANARY}.pdf"}
    assert (await frontend.post("/v1/documents", content=hostile.make(), headers=headers)).status_code == 400
    [event] = seen
    assert (event["event"], event["reason"]) == ("document_refused", "active_content")
    assert (event["route"], event["client"]) == ("/v1/documents", "frontend:app")
    assert CANARY not in str(seen)
