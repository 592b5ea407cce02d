"""Cases over HTTP: sent in, looked at, waited for, changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import anyio
import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.api.shapes import moment
from onenet.clock import FrozenClock
from onenet.domain.breaker import CLOSED, FIRST_OPEN, Calls, after_calls
from onenet.store import health
from onenet.store.health import Health
from tests.api.conftest import Tokens, acting, submission
from tests.factories import NOW
from tests.store.seeding import save_department

pytestmark = pytest.mark.anyio


async def opened(client: httpx2.AsyncClient, key: str = "k-1", **changes: Any) -> dict[str, Any]:
    answer = await client.post("/v1/cases", json=submission(**changes), headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    case: dict[str, Any] = answer.json()
    return case


async def test_an_application_is_accepted_with_where_to_go_on(frontend: httpx2.AsyncClient) -> None:
    answer = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k-1"})
    assert answer.status_code == 202, answer.text
    case = answer.json()
    assert answer.headers["location"] == f"/v1/cases/{case['id']}" == case["links"]["self"]
    assert case["number"] == "32058320261123000001"
    assert case["created_at"] == "2026-11-23T01:00:00.000Z"
    assert [(step["code"], step["state"]) for step in case["steps"]] == [
        ("certificate", "dispatched"),
        ("household", "waiting"),
    ]
    read = await frontend.get(case["links"]["self"])
    assert read.headers["etag"] == answer.headers["etag"]
    assert {**read.json(), "tracking_secret": case["tracking_secret"]} == case
    for link in ("events", "steps"):
        assert (await frontend.get(case["links"][link])).status_code == 200


async def test_a_step_says_that_its_department_cannot_be_reached_and_until_when(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    """Its task is new and nobody called yet, so that no row of the case says so."""
    case = await opened(frontend)
    before = (await frontend.get(case["links"]["self"])).json()["steps"][0]["waiting"]
    endpoint = await save_department(parts.database, "health", "http://127.0.0.1:9/")
    failed = after_calls(CLOSED, Calls(failed=5, failed_last=5), NOW)
    async with parts.database.transaction() as connection:
        await health.write(connection, Health(endpoint.id, "department", "health", breaker=failed))
    assert isinstance(parts.machine_clock, FrozenClock)
    parts.machine_clock.advance(timedelta(seconds=2))
    here = case["links"]["self"]
    shown = [(await frontend.get(path)).json() for path in (here, f"{here}/steps", "/v1/cases")]
    steps = [shown[0]["steps"], shown[1]["items"], shown[2]["items"][0]["steps"]]
    said = {"waits_for": "department", "reason": "department_unreachable", "refs": ["health"]}
    said["until"] = moment(NOW + FIRST_OPEN)
    assert before["reason"] == "with_department"
    assert [each[0]["waiting"] for each in steps] == [said] * 3


async def test_answers_decide_the_steps(frontend: httpx2.AsyncClient) -> None:
    form = {key: value for key, value in submission()["form"].items() if key != "address"}
    case = await opened(frontend, answers={"local": False}, form=form)
    assert {step["code"]: step["state"] for step in case["steps"]} == {
        "certificate": "dispatched",
        "household": "skipped",
    }


async def test_other_peoples_cases_are_not_there(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, tokens: Tokens
) -> None:
    case = await opened(frontend)
    here, missing = case["links"]["self"], "/v1/cases/01936d2e-4c00-7a11-9c3e-5f2b6d0e8a42"
    for path in ("", "/steps", "/events"):
        theirs, none = await stranger.get(here + path), await stranger.get(missing + path)
        assert (theirs.status_code, none.status_code) == (404, 404)
        assert {**theirs.json(), "instance": ""} == {**none.json(), "instance": ""}
    for path, body in (("/withdrawal", {}), ("/supplements", {"step": "certificate"})):
        answer = await stranger.post(here + path, json=body, headers={"Idempotency-Key": "x"})
        assert answer.status_code == 404
    assert (await stranger.get("/v1/cases")).json()["items"] == []
    assert (await acting(anonymous, tokens.frontend, "citizen-1").get(here)).status_code == 200


async def test_a_department_sees_the_cases_it_has_a_step_in_and_only_that_step(
    frontend: httpx2.AsyncClient, department: httpx2.AsyncClient
) -> None:
    case = await opened(frontend)
    seen = await department.get(case["links"]["self"])
    assert [step["code"] for step in seen.json()["steps"]] == ["certificate"]
    assert [entry["id"] for entry in (await department.get("/v1/cases")).json()["items"]] == [case["id"]]
    events = (await department.get(case["links"]["events"])).json()["items"]
    assert {event["step"] for event in events} == {"certificate"}
    assert seen.headers["etag"] != (await frontend.get(case["links"]["self"])).headers["etag"]
    assert "示例" not in seen.text


async def test_an_auditor_sees_who_did_what_and_nothing_that_was_written(
    frontend: httpx2.AsyncClient, auditor: httpx2.AsyncClient
) -> None:
    case = await opened(frontend)
    await frontend.post(
        case["links"]["withdrawal"], json={"reason": "示例"}, headers={"Idempotency-Key": "w"}
    )
    events = (await auditor.get(case["links"]["events"])).json()["items"]
    assert events[0]["actor"] == "frontend:app/citizen-1"
    assert len(events) == events[-1]["seq"]
    assert "示例" not in (await auditor.get(case["links"]["self"])).text
    assert "actor" not in (await frontend.get(case["links"]["events"])).text


async def test_pages_hold_every_case_once(frontend: httpx2.AsyncClient) -> None:
    made = [(await opened(frontend, f"k-{number}"))["id"] for number in range(5)]
    found, path = [], "/v1/cases?limit=2&bundle=newborn"
    while path:
        page = (await frontend.get(path)).json()
        assert len(page["items"]) <= 2
        found += [case["id"] for case in page["items"]]
        path = page["links"].get("next", "")
        assert ("next_cursor" in page) == bool(path)
    assert sorted(found) == sorted(made)


async def test_a_list_shows_each_case_as_it_is_when_it_is_looked_at_by_itself(
    frontend: httpx2.AsyncClient,
) -> None:
    made = [(await opened(frontend, f"k-{number}"))["id"] for number in range(2)]
    before = (await frontend.get("/v1/cases")).json()["items"]
    await frontend.post(
        f"/v1/cases/{made[0]}/withdrawal", json={"reason": "示例"}, headers={"Idempotency-Key": "away"}
    )
    after = {case["id"]: case for case in (await frontend.get("/v1/cases")).json()["items"]}
    assert {case["state"] for case in before} == {"received"}
    assert after == {id: (await frontend.get(f"/v1/cases/{id}")).json() for id in made}
    assert after[made[0]]["state"] == "withdrawn"


async def test_a_cursor_of_another_list_is_refused(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    for number in range(2):
        await opened(frontend, f"k-{number}")
    cursor = (await frontend.get("/v1/cases?limit=1")).json()["next_cursor"]
    for client, query in ((frontend, "state=received&"), (stranger, "")):
        answer = await client.get(f"/v1/cases?{query}cursor={cursor}")
        assert answer.json()["type"].endswith("/problems/bad-cursor")


async def test_filters_choose(frontend: httpx2.AsyncClient) -> None:
    await opened(frontend)
    assert len((await frontend.get("/v1/cases?state=received")).json()["items"]) == 1
    assert (await frontend.get("/v1/cases?state=completed")).json()["items"] == []
    assert (await frontend.get("/v1/cases?bundle=other")).json()["items"] == []


@pytest.mark.parametrize(
    "case_id",
    ["x", "01936D2E-4C00-7A11-9C3E-5F2B6D0E8A42", "{01936d2e-4c00-7a11-9c3e-5f2b6d0e8a42}", "1", "%00", "０"],
)
async def test_what_can_be_no_case_is_404(frontend: httpx2.AsyncClient, case_id: str) -> None:
    assert (await frontend.get(f"/v1/cases/{case_id}")).status_code == 404


async def test_what_the_caller_has_already_is_304_without_a_body(frontend: httpx2.AsyncClient) -> None:
    case = await opened(frontend)
    for path in (
        case["links"]["self"],
        case["links"]["steps"],
        case["links"]["events"],
        "/v1/bundles/newborn",
    ):
        first = await frontend.get(path)
        tag = first.headers["etag"]
        for sent in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            again = await frontend.get(path, headers={"If-None-Match": sent})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert again.headers["vary"] == "Authorization, Accept"
            assert again.headers["cache-control"] == first.headers["cache-control"]
        assert (await frontend.get(path, headers={"If-None-Match": '"x"'})).status_code == 200


async def test_a_personal_answer_is_not_kept(frontend: httpx2.AsyncClient) -> None:
    case = await opened(frontend)
    for path in (case["links"]["self"], "/v1/cases", case["links"]["events"]):
        assert (await frontend.get(path)).headers["cache-control"] == "private, no-store"


async def test_a_withdrawal_is_made_if_the_case_is_as_it_was_seen(frontend: httpx2.AsyncClient) -> None:
    answer = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    case, tag = answer.json(), answer.headers["etag"]

    async def withdraw(key: str, if_match: str | None) -> httpx2.Response:
        headers = {"Idempotency-Key": key} | ({"If-Match": if_match} if if_match else {})
        return await frontend.post(case["links"]["withdrawal"], json={"reason": "改天再办"}, headers=headers)

    assert (await withdraw("w-1", '"foreign"')).status_code == 412
    assert (await withdraw("w-2", f"W/{tag}")).status_code == 412
    assert (await withdraw("w-3", "nonsense")).status_code == 400
    done = await withdraw("w-4", f'"x", {tag}')
    assert (done.status_code, done.json()["state"]) == (200, "withdrawn")
    assert "tracking_secret" not in done.json()
    assert (await withdraw("w-5", tag)).status_code == 412
    assert (await withdraw("w-6", "*")).status_code == 409
    refused = (await withdraw("w-7", None)).json()
    assert refused["type"].endswith("/problems/state-conflict")
    assert (refused["present"], refused["allowed"]) == (
        {"case": "withdrawn"},
        [{"action": "erase", "by": ["administrator"]}],
    )


async def test_what_nobody_asked_for_cannot_be_supplemented(frontend: httpx2.AsyncClient) -> None:
    case = await opened(frontend)
    for body in (
        {"step": "certificate", "materials": [{"code": "record", "reference": "r"}]},
        {"step": "nothing", "form": {"child_name": "新"}},
        {"step": "certificate", "form": {"nothing": 1}},
        {"step": "certificate"},
    ):
        answer = await frontend.post(
            case["links"]["supplements"], json=body, headers={"Idempotency-Key": "s"}
        )
        assert answer.status_code in (404, 409), answer.text


async def test_a_step_that_is_not_held_cannot_be_decided(
    frontend: httpx2.AsyncClient, supervisor: httpx2.AsyncClient
) -> None:
    case = await opened(frontend)
    for step, status in (("certificate", 409), ("nothing", 404)):
        path = f"{case['links']['self']}/steps/{step}/decisions"
        answer = await supervisor.post(
            path, json={"action": "release", "reason": "查过"}, headers={"Idempotency-Key": f"d-{step}"}
        )
        assert (step, answer.status_code) == (step, status), answer.text


async def test_progress_needs_the_number_and_the_secret(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient
) -> None:
    case = await opened(frontend)
    path = case["links"]["progress"]
    right = {"Onenet-Tracking-Secret": case["tracking_secret"]}
    shown = await anonymous.get(path, headers=right)
    assert shown.json()["number"] == case["number"]
    assert "示例" not in shown.text
    wrong = await anonymous.get(path, headers={"Onenet-Tracking-Secret": "x" * 22})
    missing = await anonymous.get("/v1/progress/1", headers=right)
    assert (wrong.status_code, missing.status_code) == (404, 404)
    assert (await anonymous.get(path)).json()["errors"][0]["header"] == "Onenet-Tracking-Secret"


async def test_no_address_takes_the_secret(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient
) -> None:
    """Addresses are logged on the way (ASVS 5.0 14.2.1)."""
    case = await opened(frontend)
    answer = await anonymous.get(case["links"]["progress"], params={"secret": case["tracking_secret"]})
    assert answer.status_code == 400


async def test_a_waiting_reader_is_answered_when_something_happens(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await opened(frontend)
    answers = []

    async def read() -> None:
        answers.append(await frontend.get(f"{case['links']['self']}?wait=20&since={case['seq']}"))

    async def read_events() -> None:
        answers.append(await frontend.get(f"{case['links']['events']}?wait=20&since={case['seq']}"))

    with anyio.fail_after(15):
        async with anyio.create_task_group() as group:
            group.start_soon(read)
            group.start_soon(read_events)
            while len(parts.watch._waiting.get(UUID(case["id"]), ())) < 2:  # noqa: ASYNC110  # no event to await
                await anyio.sleep(0.01)
            await frontend.post(case["links"]["withdrawal"], json={}, headers={"Idempotency-Key": "w"})
    assert answers[0].status_code == answers[1].status_code == 200
    seen = [answer.json() for answer in answers]
    assert any(body.get("state") == "withdrawn" for body in seen)
    assert any("case.withdrawn" in [e["type"] for e in body.get("items", [])] for body in seen)


async def test_a_wait_ends_with_the_unchanged_case(frontend: httpx2.AsyncClient) -> None:
    case = await opened(frontend)
    answer = await frontend.get(f"{case['links']['self']}?wait=1")
    assert answer.json()["seq"] == case["seq"]
    assert answer.headers["retry-after"] in ("2", "60")


async def test_a_closed_case_is_not_waited_for(frontend: httpx2.AsyncClient) -> None:
    case = await opened(frontend)
    await frontend.post(case["links"]["withdrawal"], json={}, headers={"Idempotency-Key": "w"})
    with anyio.fail_after(5):
        answer = await frontend.get(f"{case['links']['self']}?wait=25")
    assert answer.json()["state"] == "withdrawn"
    assert "retry-after" not in answer.headers


async def test_prefer_wait_says_what_it_did(frontend: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k", "Prefer": "wait=1"}
    answer = await frontend.post("/v1/cases", json=submission(), headers=headers)
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=1")
    for number, ignored in enumerate(("respond-async, wait=9", "wait=x", "handling=lenient")):
        headers = {"Idempotency-Key": f"k-{number}", "Prefer": ignored}
        answer = await frontend.post("/v1/cases", json=submission(), headers=headers)
        assert "preference-applied" not in answer.headers


async def test_events_go_on_where_the_last_look_ended(frontend: httpx2.AsyncClient) -> None:
    case = await opened(frontend)
    first = (await frontend.get(f"{case['links']['events']}?limit=2")).json()
    rest = (await frontend.get(first["links"]["next"])).json()
    seqs = [event["seq"] for event in first["items"] + rest["items"]]
    assert seqs == sorted(set(seqs))
    assert rest["next_since"] == case["seq"]
    assert first["items"][0]["type"] == "case.received"
