"""Applying again over HTTP: in one commit with the old case, once, and for what was refused alone."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest

from onenet.api.case_shapes import CaseShape
from onenet.api.parts import Parts
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Completed, Outcome, Rejected, ResultGiven, TakenBack
from onenet.domain.visibility import EVERYTHING
from onenet.errors import Conflict
from onenet.services import cases, erasure, examination, record
from onenet.services.change import Change
from tests.api.test_cases import opened
from tests.documents.test_documents import submitted, uploaded

pytestmark = pytest.mark.anyio

REFUSED = Rejected("refused", "地址与户籍不符")


async def answer(parts: Parts, case_id: str, step: str, outcome: Outcome) -> None:
    """The department of the step says so."""
    case = await cases.get(parts.database, parts.catalogue, UUID(case_id), EVERYTHING)
    task = case.live_task(step)
    assert task is not None
    await parts.gate.submit(Change(case.id, RecordAnswer(task.id, outcome), f"department:{task.department}"))


async def refused(frontend: httpx2.AsyncClient, parts: Parts, key: str = "k-1") -> dict[str, Any]:
    """A case whose certificate was granted and whose household was refused."""
    case = await opened(frontend, key)
    await answer(parts, case["id"], "certificate", Completed((ResultGiven("birth_certificate", "B-1"),)))
    await answer(parts, case["id"], "household", REFUSED)
    return case


async def again(
    client: httpx2.AsyncClient, case: dict[str, Any], step: str = "household", key: str = "again", **body: Any
) -> httpx2.Response:
    path = f"/v1/cases/{case['id']}/steps/{step}/reapplications"
    return await client.post(path, json=body, headers={"Idempotency-Key": key})


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_a_refused_step_is_applied_for_alone(frontend: httpx2.AsyncClient, parts: Parts) -> None:
    case = await refused(frontend, parts)
    made = await again(frontend, case, form={"address": "示例路 2 号"})
    assert made.status_code == 202, made.text
    new = made.json()
    assert [step["state"] for step in new["steps"]] == ["skipped", "dispatched"]
    assert new["reapplies"] == {"case": case["id"], "number": case["number"], "step": "household"}
    old = (await frontend.get(case["links"]["self"])).json()
    assert old["state"] == "partly_completed"
    assert old["steps"][1]["reapplied_by"] == new["id"]
    said = (await frontend.get(f"/v1/cases/{new['id']}/application")).json()
    assert said["form"] == {"address": "示例路 2 号"}
    progress = {"Onenet-Tracking-Secret": new["tracking_secret"]}
    assert (await frontend.get(f"/v1/progress/{new['number']}", headers=progress)).status_code == 200
    assert (await record.verify(parts.database)).tamperings == ()


async def test_what_was_granted_before_is_listed_where_it_was_granted_and_stands_as_it_does_there(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await refused(frontend, parts)
    new = (await again(frontend, case)).json()
    await take_back(parts, case["id"])
    listed = {
        each["id"]: (await frontend.get(f"/v1/cases/{each['id']}/results")).json()["items"]
        for each in (case, new)
    }
    assert [each["state"] for each in listed[case["id"]]] == ["revoked"]
    assert listed[new["id"]] == []
    shown = {each["id"]: (await frontend.get(each["links"]["self"])).json() for each in (case, new)}
    stands = [shown[each["id"]]["steps"][0]["results"][0]["state"] for each in (case, new)]
    assert stands == ["revoked", "carried_over"]
    assert shown[new["id"]]["reapplies"]["case"] == case["id"]


async def take_back(parts: Parts, case_id: str) -> None:
    """The department of the certificate revokes what it issued, which it says at its task in that case."""
    case = await cases.get(parts.database, parts.catalogue, UUID(case_id), EVERYTHING)
    (task,) = (each for each in case.tasks.values() if each.step == "certificate")
    revoked = RecordAnswer(task.id, TakenBack("revoked", "示例"))
    await parts.gate.submit(Change(case.id, revoked, "department:health"))


async def test_what_is_revoked_in_the_first_case_holds_what_goes_on_with_it_in_those_after_it(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    first = await refused(frontend, parts)
    second = (await again(frontend, first)).json()
    await answer(parts, second["id"], "household", REFUSED)
    third = (await again(frontend, second, key="third")).json()
    await take_back(parts, first["id"])
    certificate, household = (await frontend.get(third["links"]["self"])).json()["steps"]
    assert (certificate["state"], certificate["results"][0]["state_reason"]) == ("skipped", "示例")
    assert household["state"] == "held"
    assert household["waiting"]["reason"] == "upstream_taken_back"
    assert household["waiting"]["refs"] == ["certificate"]
    assert (await record.verify(parts.database)).tamperings == ()
    looked = [each async for each in examination.examine(parts.database, parts.catalogue.bundle)]
    assert [each for each in looked if each.case_id == UUID(third["id"])] == []


async def test_nothing_is_applied_for_again_after_what_does_not_stand_any_more(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await refused(frontend, parts)
    await take_back(parts, case["id"])
    answered = await again(frontend, case)
    assert problem(answered) == (409, "state-conflict")
    assert "it comes after certificate, which does not stand any more" in answered.text
    assert "reapply" not in {each["action"] for each in answered.json()["allowed"]}


async def test_nothing_is_applied_for_again_of_which_all_that_was_said_is_erased(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await refused(frontend, parts)
    of: dict[str, Any] = {"basis": "asked", "actor": "operator:test", "now": parts.machine_clock.now()}
    await erasure.erase(parts.database, parts.gate, UUID(case["id"]), **of)
    assert problem(await again(frontend, case, form={"address": "示例路 2 号"})) == (409, "case-erased")


async def test_the_answer_that_is_kept_tells_no_result_after_both_cases_are_erased(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await opened(frontend, "k-1")
    result = ResultGiven("birth_certificate", "EN-77", name="示例的出生证", facts={"holder": "示例一"})
    await answer(parts, case["id"], "certificate", Completed((result,)))
    await answer(parts, case["id"], "household", REFUSED)
    first = await again(frontend, case)
    new = first.json()
    assert "EN-77" in first.text
    await frontend.post(new["links"]["withdrawal"], json={}, headers={"Idempotency-Key": "w"})
    of: dict[str, Any] = {"basis": "asked", "actor": "operator:test", "now": parts.machine_clock.now()}
    for id in (case["id"], new["id"]):
        await erasure.erase(parts.database, parts.gate, UUID(id), **of)
    second = await again(frontend, case)
    assert (second.status_code, second.headers["idempotency-replayed"]) == (202, "true")
    assert [word for word in ("EN-77", "示例的出生证", "holder", "示例一") if word in second.text] == []
    CaseShape.model_validate(second.json())
    same = ("id", "number", "state", "links", "tracking_secret")
    assert {name: second.json()[name] for name in same} == {name: new[name] for name in same}


async def test_a_case_is_erased_once_nobody_goes_on_with_what_it_issued(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await refused(frontend, parts)
    new = (await again(frontend, case)).json()
    of: dict[str, Any] = {"basis": "asked", "actor": "operator:test", "now": parts.machine_clock.now()}
    with pytest.raises(Conflict, match=new["number"]):
        await erasure.erase(parts.database, parts.gate, UUID(case["id"]), **of)
    assert (await frontend.get(f"/v1/cases/{case['id']}/application")).json()["form"]
    key = {"Idempotency-Key": "w"}
    assert (await frontend.post(new["links"]["withdrawal"], json={}, headers=key)).status_code == 200
    await erasure.erase(parts.database, parts.gate, UUID(case["id"]), **of)


async def test_a_repetition_is_answered_with_the_same_case(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await refused(frontend, parts)
    first, second = await again(frontend, case), await again(frontend, case)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    assert second.headers["idempotency-replayed"] == "true"


async def test_of_two_at_once_one_applies_again(frontend: httpx2.AsyncClient, parts: Parts) -> None:
    case = await refused(frontend, parts)
    answers = await asyncio.gather(*(again(frontend, case, key=f"k{number}") for number in range(8)))
    assert sorted(each.status_code for each in answers) == [202] + [409] * 7
    assert len((await frontend.get("/v1/cases")).json()["items"]) == 2
    made, *late = sorted(answers, key=lambda each: each.status_code)
    assert {each.json()["present"]["reapplied_by"] for each in late} == {made.json()["id"]}


async def test_what_is_refused_leaves_neither_a_case_nor_a_mark(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    """The new case and the mark in the old one are one commit."""
    case = await refused(frontend, parts)
    wrong = await again(frontend, case, form={"address": 7})
    strange = await again(frontend, case, key="k2", materials=[{"code": "record", "reference": "x"}])
    granted = await again(frontend, case, step="certificate", key="k3")
    assert problem(wrong) == (409, "form-invalid")
    assert problem(strange) == (409, "unknown-reference")
    assert problem(granted) == (409, "state-conflict")
    assert len((await frontend.get("/v1/cases")).json()["items"]) == 1
    assert "reapplied_by" not in (await frontend.get(case["links"]["self"])).json()["steps"][1]


async def test_nobody_else_applies_again(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient, parts: Parts
) -> None:
    case = await refused(frontend, parts)
    assert (await again(stranger, case)).status_code == 404
    assert (await again(frontend, case, step="nothing")).status_code == 404


async def test_documents_go_along_as_copies_without_another_consent(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    """The same application, for the same purpose, before the same departments."""
    document = (await uploaded(frontend))["id"]
    case = (await submitted(frontend, document)).json()
    await answer(parts, case["id"], "certificate", REFUSED)
    made = await again(frontend, case, step="certificate")
    assert made.status_code == 202, made.text
    (material,) = (await frontend.get(f"/v1/cases/{made.json()['id']}/application")).json()["materials"]
    assert material["document"] != document
    content = await frontend.get(f"/v1/documents/{material['document']}/content")
    assert content.content == (await frontend.get(f"/v1/documents/{document}/content")).content
    used = [
        each for each in (await frontend.get("/v1/me/access-log")).json()["items"] if each["what"] == "reuse"
    ]
    assert case["number"] in used[0]["purpose"]
