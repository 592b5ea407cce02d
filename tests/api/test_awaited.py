"""What is awaited of promises, over HTTP: each department sees its own, the first days first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain.bundle import Bundle, CommitmentTerms, Limit, Terms
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Completed
from onenet.services import keys
from onenet.services.change import Change
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import Tokens, acting, city_bundle, publish, submission
from tests.factories import make_material

pytestmark = pytest.mark.anyio

SIGNED = {"step": "certificate", "text_version": "2026-1", "signed_by": "示例一"}
LATER = SIGNED | {"materials": [{"code": "lease", "due_on": "2026-11-25"}]}


def trusting() -> Bundle:
    """The city's bundle, with a commitment, and a lease that may follow."""
    bundle, text = city_bundle(), {"zh": "符合条件", "en": "It meets the conditions"}
    certificate = bundle.member("certificate")
    certificate = replace(
        certificate, materials=(*certificate.materials, "lease"), promised=Limit(5, "workdays"),
        tolerance=Terms("2026-1", text), commitment=CommitmentTerms("2026-1", text, Limit(5, "workdays")),
    )  # fmt: skip
    lease = replace(make_material("lease"), need="secondary")
    materials = {**bundle.materials, "lease": lease}
    return replace(bundle, members=(certificate, *bundle.members[1:]), materials=materials, version=2)


async def granted(
    frontend: httpx2.AsyncClient, parts: Parts, key: str, *, deficient: bool = False
) -> dict[str, Any]:
    """A case whose certificate was granted on a commitment, perhaps although the lease is to follow."""
    signed = {"commitments": [SIGNED]} | ({"undertakings": [LATER]} if deficient else {})
    made = submission(**signed)
    if not deficient:
        made["materials"] = [*made["materials"], {"code": "lease", "reference": "mine/lease"}]
    answer = await frontend.post("/v1/cases", json=made, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    async with parts.database.read() as connection:
        rows = (await connection.execute(tables.task.select())).mappings().all()
    (row,) = (each for each in rows if str(each["case_id"]) == answer.json()["id"])
    said = RecordAnswer(row["id"], Completed(deficiency_open=deficient))
    await parts.gate.submit(Change(row["case_id"], said, "department:health"))
    return dict(answer.json())


@pytest.fixture
async def officer(database: Database, anonymous: httpx2.AsyncClient, tokens: Tokens) -> httpx2.AsyncClient:
    """An officer of the health department."""
    await publish(database, trusting())
    return acting(anonymous, tokens.officer)


async def listed(client: httpx2.AsyncClient, path: str = "/v1/desk/awaited") -> list[dict[str, Any]]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_what_is_to_be_looked_at_is_listed_by_its_day_until_it_was(
    frontend: httpx2.AsyncClient, officer: httpx2.AsyncClient, parts: Parts, clock: FrozenClock
) -> None:
    # Monday 23 November 2026: the check is due on Monday 30, the lease on Wednesday 25.
    checked = await granted(frontend, parts, "one")
    both = await granted(frontend, parts, "two", deficient=True)
    first, second = await listed(officer)
    assert (first["case"], first["due_on"]) == (both["id"], "2026-11-25")
    assert [(each["what"], each.get("material")) for each in first["awaited"]] == [
        ("material", "lease"),
        ("check", None),
    ]
    assert (second["case"], second["state"]) == (checked["id"], "completed")
    assert second["awaited"] == [{"what": "check", "due_on": "2026-11-30", "is_overdue": False}]
    pages = [(await officer.get("/v1/desk/awaited?limit=1")).json()]
    pages.append((await officer.get(pages[0]["links"]["next"])).json())
    assert [page["items"][0]["case"] for page in pages] == [both["id"], checked["id"]]
    clock.advance(timedelta(days=9))
    assert [each["is_overdue"] for each in (await listed(officer))[1]["awaited"]] == [True]
    kept = {"finding": "kept", "reason": "现场符合"}
    made = await officer.post(second["links"]["checks"], json=kept, headers={"Idempotency-Key": "c"})
    assert made.status_code == 200, made.text
    assert [each["case"] for each in await listed(officer)] == [both["id"]]


async def test_a_department_sees_its_own_and_a_supervisor_all(
    frontend: httpx2.AsyncClient,
    officer: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    anonymous: httpx2.AsyncClient,
    parts: Parts,
    clock: FrozenClock,
) -> None:
    await granted(frontend, parts, "one")
    made = await keys.create(parts.database, kind="officer", client="police", now=clock.now())
    assert (len(await listed(officer)), len(await listed(supervisor))) == (1, 1)
    assert await listed(acting(anonymous, made.token)) == []
    assert (await frontend.get("/v1/desk/awaited")).status_code == 403
