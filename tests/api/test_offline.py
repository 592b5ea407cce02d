"""A step that is handled at the counter: an officer records its outcome, with what was issued there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.catalogue.build import content_text
from onenet.services import record
from onenet.store import catalogue as store_catalogue
from onenet.store.catalogue import Version
from tests.api.conftest import Tokens, acting, city_bundle
from tests.api.test_cases import opened
from tests.factories import NOW

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]


@pytest.fixture
async def parts(parts: Parts) -> Parts:
    """The certificate is given at the counter alone."""
    known = city_bundle()
    members = tuple(replace(member, offline=member.code == "certificate") for member in known.members)
    bundle = replace(known, members=members, version=2)
    async with parts.database.transaction() as connection:
        await store_catalogue.add(connection, Version("newborn", 2, "1" * 64, NOW), content_text(bundle))
    return parts


@pytest.fixture
def officer(anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    """An officer of the health department."""
    return acting(anonymous, tokens.officer)


async def decide(officer: httpx2.AsyncClient, case: dict[str, Any], key: str, **said: Any) -> httpx2.Response:
    path = f"{case['links']['self']}/steps/certificate/decisions"
    return await officer.post(path, json=said, headers={"Idempotency-Key": key})


async def test_an_officer_records_what_the_counter_issued(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await opened(frontend)
    assert case["steps"][0]["waiting"]["reason"] == "offline"
    issued = [{"code": "birth_certificate", "number": "O320000001"}]
    wrong = await decide(officer, case, "a", action="complete", reason="已核验", results=[{"code": "other"}])
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (409, "/results/0/code")
    needless = await decide(officer, case, "b", action="reject", reason="不符合条件", results=issued)
    assert (needless.status_code, needless.json()["errors"][0]["pointer"]) == (400, "/results")
    over = [issued[0] | {"valid_from": "2026-12-02", "valid_until": "2026-12-01"}]
    ended = await decide(officer, case, "d", action="complete", reason="已核验", results=over)
    assert (ended.status_code, ended.json()["errors"][0]["pointer"]) == (409, "/results/0/valid_until")
    assert ended.json()["errors"][0]["message_en"] == "Expected no day before valid_from"
    issued[0] |= {"name": "出生医学证明", "issuer": "示例妇幼保健院", "valid_from": "2026-12-01"}
    done = await decide(officer, case, "c", action="complete", reason="已核验", results=issued)
    assert done.status_code == 200, done.text
    certificate, household = (await frontend.get(case["links"]["self"])).json()["steps"]
    assert (certificate["state"], certificate["reason"]) == ("completed", "已核验")
    assert certificate["results"] == [issued[0] | {"state": "issued"}]
    assert household["state"] == "dispatched"
    assert (await record.verify(parts.database)).tamperings == ()


async def test_whom_an_officer_refuses_is_told_the_remedies(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient
) -> None:
    case = await opened(frontend)
    refused = await decide(officer, case, "a", action="reject", reason="不符合条件")
    assert refused.status_code == 200, refused.text
    certificate = (await frontend.get(case["links"]["self"])).json()["steps"][0]
    refusal = certificate["refusal"]
    assert (certificate["reason"], refusal["reason_code"]) == ("不符合条件", "refused")
    assert [each["way"] for each in refusal["remedies"]] == ["administrative_review", "lawsuit"]
