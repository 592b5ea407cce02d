"""A hearing over HTTP: an officer tells of the right, the applicant asks, the record has the minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Accepted
from onenet.services.change import Change
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import submission

pytestmark = pytest.mark.anyio


@pytest.fixture
async def case(frontend: httpx2.AsyncClient, database: Database, parts: Parts) -> str:
    """Where a case is whose certificate the department has accepted."""
    opened = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    async with database.read() as connection:
        rows = (await connection.execute(tables.task.select())).mappings().all()
    row = next(each for each in rows if each["step"] == "certificate")
    await parts.gate.submit(Change(row["case_id"], RecordAnswer(row["id"], Accepted()), "department:health"))
    return f"/v1/cases/{opened.json()['id']}"


async def post(client: httpx2.AsyncClient, path: str, **said: Any) -> httpx2.Response:
    """The answer to this body, sent once."""
    key = f"{path.rsplit('/', 1)[-1]}-{said['action']}"
    return await client.post(path, json=said, headers={"Idempotency-Key": key})


async def test_a_hearing_goes_from_the_right_to_the_minutes(
    frontend: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, clock: FrozenClock, case: str
) -> None:
    lead, wish = f"{case}/steps/certificate/hearings", f"{case}/hearings"
    early = await post(frontend, wish, step="certificate", action="ask")
    assert early.status_code == 409
    assert {"action": "tell_hearing", "by": ["officer", "supervisor"]} in early.json()["allowed"]
    assert (await post(supervisor, lead, action="tell", reason="邻里利益重大")).status_code == 200
    (right,) = [each for each in (await frontend.get(case)).json()["steps"] if each["code"] == "certificate"]
    # Told on Monday 23 November 2026, and five working days: Monday 30 ends there at 16:00 UTC.
    assert right["hearing"]["until"] == "2026-11-30T16:00:00.000Z"
    asked = await frontend.post(
        wish, json={"step": "certificate", "action": "ask"}, headers={"Idempotency-Key": "again"}
    )
    (step,) = [each for each in asked.json()["steps"] if each["code"] == "certificate"]
    assert (step["state"], step["hearing"]["state"]) == ("suspended", "asked")
    assert "until" not in step["hearing"]
    assert step["special_procedure"]["procedure"] == "hearing"
    soon = await post(supervisor, lead, action="set", on="2026-11-25", place="三楼")
    assert (soon.status_code, soon.json()["present"]["state"]) == (409, "suspended")
    far = {"action": "set", "on": "9999-12-31", "place": "三楼"}
    refused = await supervisor.post(lead, json=far, headers={"Idempotency-Key": "far"})
    assert refused.status_code == 409
    assert "until 2026-12-21" in refused.json()["detail"]
    later = {"action": "set", "on": "2026-12-08", "place": "三楼"}
    assert (await supervisor.post(lead, json=later, headers={"Idempotency-Key": "x"})).status_code == 200
    ahead = await supervisor.post(
        lead, json={"action": "record", "minutes": "未举行"}, headers={"Idempotency-Key": "ahead"}
    )
    assert ahead.json()["type"].endswith("/hearing-ahead")
    assert ahead.json()["present"]["hearing_on"] == "2026-12-08"
    offered = {each["action"] for each in ahead.json()["allowed"]}
    assert ("set_hearing" in offered, "record_hearing" in offered) == (True, False)
    clock.advance(timedelta(days=15))
    held = await post(supervisor, lead, action="record", minutes="各方意见均已记录")
    (step,) = [each for each in held.json()["steps"] if each["code"] == "certificate"]
    assert (step["state"], step["hearing"]["state"], step["hearing"]["on"]) == (
        "accepted",
        "held",
        "2026-12-08",
    )


async def test_nobody_asks_for_a_hearing_in_anothers_case(stranger: httpx2.AsyncClient, case: str) -> None:
    assert (await post(stranger, f"{case}/hearings", step="certificate", action="ask")).status_code == 404
