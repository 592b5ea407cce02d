"""Supervision over HTTP: what is late, who may urge, who answers, and figures that agree with the record."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select

from onenet.api import cursors
from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain.bundle import Limit
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Accepted, Completed
from onenet.services import dues
from onenet.services.change import Change
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import Tokens, acting, city_bundle, publish, submission

pytestmark = pytest.mark.anyio
sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what depends on no engine."""

STEP = "certificate"


@pytest.fixture
async def case_id(frontend: httpx2.AsyncClient, database: Database, parts: Parts, clock: FrozenClock) -> str:
    """Received on Monday 23 November and accepted; its five working days ended on the Monday after."""
    bundle = city_bundle()
    certificate = replace(bundle.member(STEP), promised=Limit(5, "workdays"))
    await publish(database, replace(bundle, code="moving", members=(certificate, *bundle.members[1:])))
    answer = await frontend.post(
        "/v1/cases", json=submission(bundle="moving"), headers={"Idempotency-Key": "k"}
    )
    case_id = str(answer.json()["id"])
    await says(parts, case_id, Accepted())
    await passes(parts, clock, 9)
    return case_id


async def says(parts: Parts, case_id: str, outcome: Accepted | Completed) -> None:
    """The health department's answer."""
    async with parts.database.read() as connection:
        t = tables.task.c
        ours = select(t.id).where(t.case_id == UUID(case_id), t.department == "health")
        id = (await connection.execute(ours)).scalar_one()
    await parts.gate.submit(Change(UUID(case_id), RecordAnswer(id, outcome), "department:health"))


async def passes(parts: Parts, clock: FrozenClock, days: int) -> None:
    """Time passes, and the worker looks."""
    clock.advance(timedelta(days=days))
    await dues.let_pass(parts.database, parts.gate, clock, 10)


@pytest.fixture
def supervisor(anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    return acting(anonymous, tokens.supervisor)


@pytest.fixture
def officer(anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    return acting(anonymous, tokens.officer)


async def looked_at(client: httpx2.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/supervision/steps", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def post(client: httpx2.AsyncClient, path: str, key: str = "u", **body: Any) -> Any:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


async def test_what_is_late_is_on_the_list_of_its_department_and_of_supervision(
    supervisor: httpx2.AsyncClient, department: httpx2.AsyncClient, case_id: str
) -> None:
    for client in (supervisor, department):
        (step,) = await looked_at(client, light="red")
        assert (step["case"], step["step"], step["light"]) == (case_id, STEP, "red")
        assert step["promised_due_at"] == "2026-11-30T16:00:00.000Z"
        assert [each["by"] for each in step["urgings"]] == ["system:light"]
    assert await looked_at(supervisor, light="yellow") == []
    assert len(await looked_at(supervisor, urged="true")) == 1


async def test_another_departments_steps_are_not_there(
    anonymous: httpx2.AsyncClient, tokens: Tokens, department: httpx2.AsyncClient, case_id: str
) -> None:
    assert await looked_at(department, department="police") == []
    asked = await department.get(f"/v1/cases/{case_id}/steps/household/urgings")
    assert asked.status_code == 404


async def test_a_supervisor_urges_and_the_department_answers(
    supervisor: httpx2.AsyncClient, officer: httpx2.AsyncClient, case_id: str
) -> None:
    here = f"/v1/cases/{case_id}/steps/{STEP}/urgings"
    urged = await post(supervisor, here, level="supervision", reason="the family waits")
    assert urged.status_code == 200, urged.text
    assert [each["level"] for each in urged.json()["items"]] == ["urging", "supervision"]
    again = await post(supervisor, here, "v", level="supervision", reason="the family waits")
    assert again.status_code == 409
    repeated = await post(supervisor, here, level="supervision", reason="the family waits")
    assert repeated.json() == urged.json()
    answered = await post(officer, f"{here}/2/answers", answer="decided tomorrow")
    assert answered.json()["items"][-1]["answered_by"] == "officer:health"
    assert (await post(officer, f"{here}/9/answers", "w", answer="which")).status_code == 404


@sqlite
async def test_only_supervisors_urge_and_only_departments_answer(
    supervisor: httpx2.AsyncClient, officer: httpx2.AsyncClient, frontend: httpx2.AsyncClient, case_id: str
) -> None:
    here = f"/v1/cases/{case_id}/steps/{STEP}/urgings"
    assert (await post(officer, here, reason="x")).status_code == 403
    assert (await post(supervisor, f"{here}/1/answers", answer="x")).status_code == 403
    assert (await frontend.get("/v1/supervision/steps")).status_code == 403


async def test_the_figures_are_those_of_a_recount_from_the_events(
    supervisor: httpx2.AsyncClient, parts: Parts, database: Database, case_id: str
) -> None:
    async with database.read() as connection:
        e = tables.event.c
        rows = (await connection.execute(select(e.step, e.type, e.data).order_by(e.seq))).all()
    lit = {step: "red" if "red" in data else "yellow" for step, type, data in rows if type == "step.light"}
    told = await supervisor.get("/v1/supervision/figures", params={"from": "2026-11-23", "to": "2026-11-23"})
    counted = Counter[str]()
    for each in told.json()["items"]:
        counted += Counter({light: each["open"][light] + each["closed"][light] for light in each["open"]})
    assert {light: n for light, n in counted.items() if light != "green"} == Counter(lit.values())
    await says(parts, case_id, Completed())
    told = await supervisor.get("/v1/supervision/figures", params={"from": "2026-11-23", "to": "2026-11-23"})
    (health,) = [each for each in told.json()["items"] if each["department"] == "health"]
    assert health["closed"] == {"green": 0, "yellow": 0, "red": 1}


@sqlite
@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-11-24", "2026-11-23"),
        ("2025-01-01", "2026-11-23"),
        ("0001-01-01", "0001-01-02"),
        ("9999-12-30", "9999-12-31"),
    ],
)
async def test_a_period_is_ordered_and_not_too_long(
    supervisor: httpx2.AsyncClient, first: str, last: str
) -> None:
    told = await supervisor.get("/v1/supervision/figures", params={"from": first, "to": last})
    assert told.status_code == 400
    assert told.json()["errors"][0]["parameter"] == "to"


@sqlite
async def test_an_auditor_sees_that_somebody_urged_and_no_word_of_it(
    anonymous: httpx2.AsyncClient, tokens: Tokens, supervisor: httpx2.AsyncClient, case_id: str
) -> None:
    here = f"/v1/cases/{case_id}/steps/{STEP}/urgings"
    await post(supervisor, here, level="supervision", reason="the family waits")
    auditor = acting(anonymous, tokens.auditor)
    told = (await auditor.get(here)).json()["items"] + (await looked_at(auditor))[0]["urgings"]
    assert [each["number"] for each in told] == [1, 2, 1, 2]
    assert not any("reason" in each or "answer" in each for each in told)


@sqlite
@pytest.mark.parametrize("reason", [" ", "\u3000 ", "\n\t "])
async def test_a_reason_of_blanks_is_none(supervisor: httpx2.AsyncClient, case_id: str, reason: str) -> None:
    urged = await post(supervisor, f"/v1/cases/{case_id}/steps/{STEP}/urgings", reason=reason)
    assert (urged.status_code, urged.json()["errors"][0]["pointer"]) == (400, "/reason")


@sqlite
async def test_a_cursor_of_half_a_character_is_no_cursor(
    supervisor: httpx2.AsyncClient, case_id: str
) -> None:
    filters = {"list": "supervision", "of": "supervisor:city", "light": None, "urged": "False"}
    filters |= {"department": None}
    said = json.dumps([cursors._mark(filters), case_id, "\ud800"])
    cursor = base64.urlsafe_b64encode(said.encode()).rstrip(b"=").decode()
    told = await supervisor.get("/v1/supervision/steps", params={"cursor": cursor})
    assert (told.status_code, told.json()["type"].rpartition("/")[2]) == (400, "bad-cursor")
