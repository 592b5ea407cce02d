"""Whether a result still stands: by its number and its code, told to anybody, of nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select, text

from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Completed, Outcome, ResultGiven, TakenBack
from onenet.domain.visibility import EVERYTHING
from onenet.services import cases, erasure, keys, record, results
from onenet.services.cases import Replying, change
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import Tokens, acting
from tests.api.test_cases import opened
from tests.api.test_lookups import statements, words
from tests.api.test_quotas import with_quotas

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

GIVEN: dict[str, Any] = {
    "code": "birth_certificate", "number": "O320000001", "name": "出生医学证明", "issuer": "示例妇幼保健院",
    "valid_from": "2026-11-23", "valid_until": "2026-12-31",
}  # fmt: skip


async def answered(parts: Parts, id: str, outcome: Outcome) -> None:
    """The health department says that of the certificate."""
    case = await cases.get(parts.database, parts.catalogue, UUID(id), EVERYTHING)
    (task,) = (task for task in case.tasks.values() if task.step == "certificate")
    await parts.gate.submit(change(case.id, RecordAnswer(task.id, outcome), Replying("department:health")))


async def issued(parts: Parts, frontend: httpx2.AsyncClient, key: str = "k", **result: Any) -> dict[str, Any]:
    """A case whose certificate was issued: what is listed of it, with the case."""
    case = await opened(frontend, key)
    await answered(parts, case["id"], Completed((ResultGiven(**GIVEN | result),)))
    (found,) = (await frontend.get(f"{case['links']['self']}/results")).json()["items"]
    return {"case": case, "path": f"{case['links']['self']}/results", **found}


async def verify(anonymous: httpx2.AsyncClient, number: str, code: str) -> httpx2.Response:
    return await anonymous.post("/v1/results/verifications", json={"number": number, "code": code})


async def test_who_has_number_and_code_is_told_that_it_stands_and_nothing_of_whose_it_is(
    parts: Parts, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient
) -> None:
    found = await issued(parts, frontend)
    said = await verify(anonymous, "O320000001", found["verification_code"])
    assert said.json() == {
        "number": "O320000001",
        "name": {"zh": "出生医学证明", "en": "出生医学证明"},
        "issuer": {"zh": "示例妇幼保健院", "en": "示例妇幼保健院"},
        "valid_from": "2026-11-23",
        "valid_until": "2026-12-31",
        "state": "issued",
        "since": found["issued_on"],
    }
    typed = await verify(anonymous, "O320000001", found["verification_code"].lower().replace("-", ""))
    assert typed.json() == said.json()
    assert (await record.verify(parts.database)).tamperings == ()


async def test_what_the_department_does_not_say_is_the_catalogues_and_its_own(
    parts: Parts, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient
) -> None:
    bare: dict[str, Any] = dict.fromkeys(("name", "issuer", "valid_from", "valid_until"))
    found = await issued(parts, frontend, **bare)
    said = (await verify(anonymous, "O320000001", found["verification_code"])).json()
    assert said.keys() == {"number", "name", "issuer", "state", "since"}
    assert (said["name"]["zh"], said["issuer"]["zh"]) == ("birth_certificate", "health")


async def test_only_the_applicant_is_told_the_code(
    parts: Parts, tokens: Tokens, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient,
    department: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, auditor: httpx2.AsyncClient,
    stranger: httpx2.AsyncClient,
) -> None:  # fmt: skip
    path = (await issued(parts, frontend))["path"]
    for who in (acting(anonymous, tokens.officer), department, supervisor):
        (seen,) = (await who.get(path)).json()["items"]
        assert seen["number"] == "O320000001"
        assert "verification_code" not in seen
    assert (await auditor.get(path)).json() == {"items": []}
    assert (await stranger.get(path)).status_code == 404


async def test_another_department_of_the_case_is_told_of_no_results_but_its_own(
    parts: Parts, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    path = (await issued(parts, frontend))["path"]
    police = await keys.create(parts.database, kind="officer", client="police", now=clock.now())
    shown = await acting(anonymous, police.token).get(path)
    assert (shown.status_code, shown.json()) == (200, {"items": []})


async def test_the_code_of_one_result_proves_no_other_and_all_that_is_wrong_is_told_alike(
    parts: Parts, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, database: Database
) -> None:
    mine = await issued(parts, frontend)
    other = await issued(parts, frontend, "other", number="O320000002")
    code, foreign = mine["verification_code"], other["verification_code"]
    assert code != foreign
    last = "0" if code[-1] != "0" else "1"
    asked = [
        ("O320000001", foreign),  # another case's
        ("O320000002", code),
        ("O320000009", code),  # a number that nobody issued
        ("O320000001", code[:-1] + last),  # finds the step, and proves nothing
        ("O320000001", foreign[:7] + code[7:]),
        ("O320000001", "0000-0000-0000-0000"),
        ("O320000001", "no code"),
    ]
    told = []
    for number, wrong in asked:
        with statements(database) as seen:
            answer = await verify(anonymous, number, wrong)
        told.append((words(answer), seen))
        assert answer.status_code == 404
        assert number not in answer.text
    assert all(each == told[0] for each in told)
    assert (await verify(anonymous, "O320000001", code)).status_code == 200


async def test_it_expires_after_its_last_day_and_nothing_is_stored_of_that(
    parts: Parts, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    found = await issued(parts, frontend, valid_until="2026-11-30")

    async def told() -> tuple[str, str]:
        said = (await verify(anonymous, "O320000001", found["verification_code"])).json()
        (listed,) = (await frontend.get(found["path"])).json()["items"]
        # Whether it has reached the applicant is nobody else's business.
        assert said["state"] == {"delivered": "issued"}.get(listed["state"], listed["state"])
        assert said["since"] == listed["since"]
        return said["state"], said["since"]

    # The last minute of 30 November in Suzhou is 15:59 in UTC.
    clock.advance(datetime(2026, 11, 30, 15, 59, tzinfo=UTC) - clock.now())
    assert await told() == ("issued", found["issued_on"])
    clock.advance(timedelta(minutes=1))
    assert await told() == ("expired", "2026-12-01")
    (step, *_) = (await frontend.get(found["case"]["links"]["self"])).json()["steps"]
    assert step["results"][0]["state"] == "issued"


@pytest.mark.parametrize("word", ["recalled", "revoked"])
async def test_what_was_taken_back_says_so_with_its_day_and_not_why(
    parts: Parts, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, clock: FrozenClock, word: Any
) -> None:
    found = await issued(parts, frontend)
    clock.advance(timedelta(days=400))
    await answered(parts, found["case"]["id"], TakenBack(word, "虚假材料"))
    said = await verify(anonymous, "O320000001", found["verification_code"])
    # NOW is 23 November 2026 in Suzhou; 400 days on it has expired too, which is less.
    assert (said.json()["state"], said.json()["since"]) == (word, "2027-12-28")
    assert "虚假材料" not in said.text


async def test_of_an_erased_case_nothing_is_told(
    parts: Parts, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    found = await issued(parts, frontend)
    withdrawal = f"{found['case']['links']['self']}/withdrawal"
    assert (await frontend.post(withdrawal, json={}, headers={"Idempotency-Key": "w"})).status_code == 200
    assert (await verify(anonymous, "O320000001", found["verification_code"])).status_code == 200
    of: dict[str, Any] = {"basis": "asked", "actor": "operator:test", "now": clock.now()}
    await erasure.erase(parts.database, parts.gate, UUID(found["case"]["id"]), **of)
    assert (await verify(anonymous, "O320000001", found["verification_code"])).status_code == 404
    async with parts.database.read() as connection:
        kept = (await connection.execute(select(tables.step.c.result_locator))).scalars().all()
    assert set(kept) == {None}


async def test_what_was_issued_anew_has_a_code_of_its_own(
    parts: Parts, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient
) -> None:
    old = await issued(parts, frontend)
    new = await issued(parts, frontend, "again")  # the same number, in another case
    assert old["verification_code"] != new["verification_code"]
    for each in (old, new):
        assert (await verify(anonymous, "O320000001", each["verification_code"])).status_code == 200


async def test_guessing_is_limited_and_who_is_right_still_comes_in(
    parts: Parts, frontend: httpx2.AsyncClient
) -> None:
    found = await issued(parts, frontend)
    client = with_quotas(parts, lookup=100, failures=3)
    told = [(await verify(client, "O320000001", f"0000-0000-0000-000{n}")).status_code for n in range(5)]
    assert told == [404, 404, 404, 429, 429]
    assert (await verify(client, "O320000001", found["verification_code"])).status_code == 200
    few = with_quotas(parts, lookup=2)
    told = [(await verify(few, "O320000001", found["verification_code"])).status_code for _ in range(3)]
    assert told == [200, 200, 429]


async def test_a_copy_of_the_database_makes_no_code_and_a_new_key_encryption_key_keeps_them(
    parts: Parts, frontend: httpx2.AsyncClient
) -> None:
    found = await issued(parts, frontend)
    code = found["verification_code"].replace("-", "")
    async with parts.database.read() as connection:
        dump = [
            str(dict(row))
            for table in (tables.cases, tables.step, tables.event, tables.case_content)
            for row in (await connection.execute(select(table))).mappings()
        ]
    assert not any(word in row for row in dump for word in (code, code[6:], "O320000001"))
    case = await cases.get(parts.database, parts.catalogue, UUID(found["case"]["id"]), EVERYTHING)
    ring = parts.database.ring
    rewrapped = results.codes(ring, case._replace(data_key=ring.rewrap(case.data_key or b"")))
    assert rewrapped == {("certificate", "birth_certificate", "O320000001"): found["verification_code"]}
    # What the rows hold beside the wrapped key is the same here, and another key makes another code.
    other = results.codes(ring, case._replace(data_key=ring.new_data_key()[1]))
    assert other.keys() == rewrapped.keys()
    assert other != rewrapped


async def test_results_are_found_by_an_index(parts: Parts) -> None:
    async with parts.database.read() as connection:
        plan = await connection.execute(
            text("EXPLAIN QUERY PLAN SELECT case_id FROM step WHERE lane = 0 AND result_locator = 5 LIMIT 20")
        )
        assert "ix_step_result" in str(plan.all())


async def test_pages_show_the_code_to_the_applicant_and_whether_it_stands_to_anybody(
    parts: Parts, frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient
) -> None:
    found = await issued(parts, frontend)
    number, secret = found["case"]["number"], found["case"]["tracking_secret"]
    entered = await anonymous.post("/track", data={"number": number, "secret": secret})
    shown = await anonymous.get(entered.headers["location"])
    assert f"O320000001（核验码 {found['verification_code']}）" in shown.text
    right = {"number": "O320000001", "code": found["verification_code"]}
    assert "Verification code" in (await anonymous.get("/verify?lang=en")).text
    said = await anonymous.post("/verify?lang=en", data=right)
    assert said.status_code == 200
    for word in ("It stands", "O320000001", "示例妇幼保健院", "2026-12-31"):
        assert word in said.text
    wrong = await anonymous.post("/verify", data=right | {"number": "<b>O320000009"})
    assert wrong.status_code == 404
    assert "O320000009" not in wrong.text
