"""Agents and helpers over HTTP: whose mandate, for what, until when; who is told; what stands in the record.

Source of the rules: LIC article 29(2); GB/T 39046 table 5 (agent) and A.5 (channel); SHA article 25 (help).
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select

from onenet.api.parts import Parts
from onenet.catalogue.build import content_text
from onenet.clock import FrozenClock
from onenet.domain.bundle import AgentPolicy, Bundle
from onenet.domain.visibility import EVERYTHING
from onenet.services import cases, record
from onenet.store import catalogue as store_catalogue
from onenet.store import tables
from onenet.store.catalogue import Version
from tests.api.conftest import Tokens, acting, city_bundle, submission

pytestmark = pytest.mark.anyio

MANDATE = {"begins_on": "2026-11-23", "ends_on": "2026-11-30", "material": "mandate"}
"""NOW is 2026-11-23 09:00 in Suzhou: the first day of it, and the last is a week later."""

AGENT: dict[str, Any] = {
    "name": "示例代",
    "id_type": "resident_identity_card",
    "id_no": "320599199102020024",
    "phone": "10000000009",
    "relation": "配偶",
    "mandate": MANDATE,
}
PAPERS = [{"code": "record", "reference": "r"}, {"code": "mandate", "reference": "m"}]


@pytest.fixture
def backend() -> str:
    """SQLite: nothing here differs between engines."""
    return "sqlite"


async def publish(parts: Parts, version: int, **agents: AgentPolicy) -> None:
    """The bundle with a mandate among its materials; `agents`: what its items say of agents."""
    bundle = city_bundle()
    mandate = replace(bundle.materials["record"], code="mandate", mode=4, need="secondary")
    members = tuple(
        replace(member, agent=agents.get(member.code, "allowed"), materials=(*member.materials, "mandate"))
        for member in bundle.members
    )
    made: Bundle = replace(bundle, members=members, materials={**bundle.materials, "mandate": mandate})
    async with parts.database.transaction() as connection:
        row = Version(made.code, version, str(version) * 64, parts.machine_clock.now())
        await store_catalogue.add(connection, row, content_text(made))


@pytest.fixture
async def offered(parts: Parts) -> None:
    """Agents are allowed, and the first department is told of them."""
    await publish(parts, 2, certificate="told")


async def applied(
    client: httpx2.AsyncClient, agent: dict[str, Any] | None = None, key: str = "a", **changes: Any
) -> httpx2.Response:
    body = submission(**{"materials": PAPERS, **({"agent": agent} if agent else {}), **changes})
    headers = {"Idempotency-Key": key}
    if (delegation := body.pop("delegation", None)) is not None:
        headers["Onenet-Delegation"] = delegation
    return await client.post("/v1/cases", json=body, headers=headers)


def problem_of(answer: httpx2.Response) -> tuple[int, str, list[tuple[str, str]]]:
    said = answer.json()
    faults = [(each["code"], each.get("pointer", "")) for each in said.get("errors", [])]
    return answer.status_code, said["type"].rpartition("/")[2], faults


async def sheet_of(parts: Parts, case_id: str) -> dict[str, Any]:
    """What the first department is told."""
    case = await cases.get(parts.database, parts.catalogue, UUID(case_id), EVERYTHING)
    sheet: dict[str, Any] = json.loads(next(iter(case.tasks.values())).payload)
    return sheet


async def actors(parts: Parts) -> list[str]:
    async with parts.database.read() as connection:
        return list((await connection.execute(select(tables.event.c.actor))).scalars())


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    # 2026-11-24 is tomorrow, 2026-11-22 was yesterday, in the place's own days.
    "not yet": ({"begins_on": "2026-11-24"}, "not_yet", "begins_on"),
    "expired": ({"begins_on": "2026-11-01", "ends_on": "2026-11-22"}, "expired", "ends_on"),
    "for one of two items": ({"items": ["certificate"]}, "out_of_scope", "items"),
    "without its paper": ({"material": "consent"}, "no_proof", "material"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
async def test_a_mandate_that_does_not_hold_opens_nothing(
    frontend: httpx2.AsyncClient, offered: None, case: tuple[dict[str, Any], str, str]
) -> None:
    """LIC article 29(2): who acts for somebody else shows the mandate."""
    changes, code, member = case
    answer = await applied(frontend, {**AGENT, "mandate": {**MANDATE, **changes}})
    assert problem_of(answer) == (409, "mandate-invalid", [(code, f"/agent/mandate/{member}")])
    assert (await frontend.get("/v1/cases")).json()["items"] == []


async def test_the_last_day_of_a_mandate_is_the_places_own(
    frontend: httpx2.AsyncClient, offered: None, clock: FrozenClock
) -> None:
    """2026-11-30 23:59 in Suzhou is 15:59 in UTC; a minute later the day is over."""
    clock.advance(timedelta(days=7, hours=14, minutes=59))
    assert (await applied(frontend, AGENT, "last")).status_code == 202
    clock.advance(timedelta(minutes=1))
    assert problem_of(await applied(frontend, AGENT, "late"))[1] == "mandate-invalid"


async def test_an_item_that_needs_presence_is_refused_by_name(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    await publish(parts, 2, household="refused")
    answer = await applied(frontend, AGENT)
    assert problem_of(answer) == (409, "presence-needed", [("presence", "/agent")])
    assert "household" in answer.text
    without = {code: value for code, value in submission()["form"].items() if code != "address"}
    alone = await applied(frontend, AGENT, "b", answers={"local": False}, form=without)
    assert alone.status_code == 202  # that item does not apply
    assert (await applied(frontend, None, "c")).status_code == 202


async def test_both_identities_are_on_every_event_that_the_agent_causes(
    frontend: httpx2.AsyncClient, offered: None, parts: Parts
) -> None:
    case = (await applied(frontend, AGENT)).json()
    (received, *_) = (await frontend.get(case["links"]["events"])).json()["items"]
    assert received["data"]["by_agent"] is True
    await frontend.post(case["links"]["withdrawal"], json={}, headers={"Idempotency-Key": "w"})
    assert set(await actors(parts)) == {"frontend:app/citizen-1 for the applicant"}
    said = (await frontend.get(f"{case['links']['self']}/application")).json()
    assert said["agent"] == {**AGENT, "mandate": {**MANDATE, "items": []}}
    assert said["applicant"]["id_no"] != said["agent"]["id_no"]
    assert (await record.verify(parts.database)).tamperings == ()


async def test_an_agent_whose_mandate_has_expired_changes_nothing_any_more(
    frontend: httpx2.AsyncClient, offered: None, clock: FrozenClock
) -> None:
    case = (await applied(frontend, AGENT)).json()
    clock.advance(timedelta(days=8))
    answer = await frontend.post(case["links"]["withdrawal"], json={}, headers={"Idempotency-Key": "w"})
    assert problem_of(answer)[:2] == (409, "mandate-invalid")
    wish = {"step": "certificate", "action": "waive"}
    hearings = f"{case['links']['self']}/hearings"
    answer = await frontend.post(hearings, json=wish, headers={"Idempotency-Key": "h"})
    assert problem_of(answer)[:2] == (409, "mandate-invalid")
    assert (await frontend.get(case["links"]["self"])).json()["state"] == "received"


async def test_what_an_agent_was_given_is_not_given_on_and_lasts_for_nobody_beyond_its_day(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, tokens: Tokens, offered: None,
    clock: FrozenClock,
) -> None:  # fmt: skip
    case = (await applied(frontend, AGENT)).json()
    wanted = {
        "delegate": {"subject": "helper"},
        "ends_at": (clock.now() + timedelta(days=90)).isoformat(),
    }
    for n, (scope, status) in enumerate((({"case": case["id"]}, 409), ({"bundles": ["newborn"]}, 201))):
        key = {"Idempotency-Key": f"g-{n}"}
        given = await frontend.post("/v1/delegations", json=wanted | scope, headers=key)
        assert given.status_code == status, given.text
    clock.advance(timedelta(days=8))
    helper = acting(anonymous, tokens.frontend, "helper")
    answer = await helper.post(case["links"]["withdrawal"], json={}, headers={"Idempotency-Key": "w"})
    assert problem_of(answer)[:2] == (409, "mandate-invalid")


async def test_only_a_department_whose_item_needs_it_is_told_of_the_agent(
    frontend: httpx2.AsyncClient, department: httpx2.AsyncClient, parts: Parts
) -> None:
    await publish(parts, 2, certificate="told")
    await publish(parts, 3)
    told = (await applied(frontend, AGENT, "told", version=2)).json()
    untold = (await applied(frontend, AGENT, "untold", version=3)).json()
    assert (await sheet_of(parts, told["id"]))["agent"]["relation"] == "配偶"
    assert "agent" not in await sheet_of(parts, untold["id"])
    shown = [await department.get(f"{case['links']['self']}/application") for case in (told, untold)]
    assert [each.json().get("agent", {}).get("name") for each in shown] == ["示例代", None]


async def test_with_a_delegation_it_is_the_mandate(
    frontend: httpx2.AsyncClient,
    anonymous: httpx2.AsyncClient,
    tokens: Tokens,
    parts: Parts,
    clock: FrozenClock,
) -> None:
    await publish(parts, 2, certificate="refused")
    await publish(parts, 3, certificate="told")
    body = {
        "delegate": {"subject": "helper"},
        "bundles": ["newborn"],
        "ends_at": (clock.now() + timedelta(days=9)).isoformat(),
    }
    given = await frontend.post("/v1/delegations", json=body, headers={"Idempotency-Key": "g"})
    helper, by = acting(anonymous, tokens.frontend, "helper"), {"delegation": given.json()["id"]}
    twice = await applied(helper, AGENT, "1", **by)
    assert problem_of(twice) == (409, "mandate-invalid", [("delegation", "/agent/mandate")])
    agent = {name: value for name, value in AGENT.items() if name != "mandate"}
    alone = await applied(frontend, agent, "2")
    assert problem_of(alone) == (409, "mandate-invalid", [("missing", "/agent/mandate")])
    made = await applied(helper, agent, "3", **by)
    assert made.status_code == 202
    assert set(await actors(parts)) == {"frontend:app/helper for app/citizen-1"}
    assert (await frontend.get(made.json()["links"]["self"])).status_code == 200
    refused = await applied(helper, None, "4", version=2, **by)
    assert problem_of(refused)[1] == "presence-needed"


async def test_an_agents_number_is_masked_where_numbers_are(
    frontend: httpx2.AsyncClient, offered: None, department: httpx2.AsyncClient
) -> None:
    case = (await applied(frontend, AGENT)).json()
    seen = (await department.get(f"{case['links']['self']}/application")).json()
    assert seen["agent"]["id_no"] == "320***********0024"
    assert "agent.id_no" in seen["masked"]


async def test_the_channel_is_kept_and_told(
    frontend: httpx2.AsyncClient, auditor: httpx2.AsyncClient
) -> None:
    case = (await applied(frontend, None, channel="mobile", materials=PAPERS[:1])).json()
    assert case["channel"] == "mobile"
    assert (await frontend.get(case["links"]["self"])).json()["channel"] == "mobile"
    (received, *_) = (await auditor.get(case["links"]["events"])).json()["items"]
    assert received["data"]["channel"] == "mobile"


async def test_only_who_stands_at_a_counter_helps(frontend: httpx2.AsyncClient) -> None:
    answer = await applied(frontend, None, assistance={"consent": "spoken"}, materials=PAPERS[:1])
    assert problem_of(answer) == (403, "forbidden", [("assistance", "/assistance")])


async def test_a_draft_keeps_an_agent_and_tells_what_is_missing(
    frontend: httpx2.AsyncClient, offered: None
) -> None:
    body = submission(materials=PAPERS, agent={"name": "示例代"}, channel="pc")
    made = await frontend.post("/v1/drafts", json=body, headers={"Idempotency-Key": "d"})
    here, tag = made.headers["location"], made.headers["etag"]
    assert "/agent" in {each["pointer"] for each in made.json()["findings"]}
    saved = await frontend.put(here, json={**body, "agent": AGENT}, headers={"If-Match": tag})
    assert saved.json()["is_complete"]
    sent = await frontend.post(f"{here}/submission", json={}, headers={"Idempotency-Key": "s"})
    assert (sent.status_code, sent.json()["channel"]) == (202, "pc")
    said = (await frontend.get(f"{sent.json()['links']['self']}/application")).json()
    assert said["agent"]["name"] == "示例代"
