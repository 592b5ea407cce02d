"""Links: a task hands each department what its step needs, once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import select

from onenet.adapters.base import TaskSheet
from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.errors import NotFound
from onenet.services import cases, document_links
from onenet.services.document_links import Links
from onenet.store import document_tables
from tests.documents.test_documents import CONTENT, SHA256, submitted, uploaded

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest) -> str:
    """Both engines."""
    name: str = request.param
    return name


PUBLIC_URL = "https://onenet.example"


async def sheet_of(parts: Parts, case: dict[str, Any], step: str = "certificate") -> tuple[TaskSheet, Any]:
    """The sheet of the task of a step, and the task."""
    found = await cases.of_document(parts.database, parts.catalogue, UUID(case["id"]))
    assert found is not None
    task = next(task for task in found.tasks.values() if task.step == step)
    return TaskSheet("tsk_1", task.payload, json.loads(task.payload)), task


async def told(parts: Parts, case: dict[str, Any]) -> tuple[dict[str, Any], TaskSheet]:
    """What the department is told of the document, and the whole sheet."""
    sheet, task = await sheet_of(parts, case)
    sent = await Links(parts.vault, PUBLIC_URL).put_in(sheet, task.id, UUID(case["id"]), task.department)
    return next(m["document"] for m in sent.content["materials"] if "document" in m), sent


@pytest.fixture
async def case(frontend: httpx2.AsyncClient) -> dict[str, Any]:
    made = await uploaded(frontend)
    found: dict[str, Any] = (await submitted(frontend, made["id"])).json()
    return found


async def test_a_task_has_a_link_in_the_place_of_a_document(parts: Parts, case: dict[str, Any]) -> None:
    document, sent = await told(parts, case)
    assert (document["sha256"], document["size"], document["media_type"]) == (
        SHA256, len(CONTENT), "application/pdf",
    )  # fmt: skip
    assert json.loads(sent.payload) == sent.content
    assert "reference" not in next(m for m in sent.content["materials"] if m["code"] == "record")


async def test_each_try_of_a_task_is_the_same_bytes(
    parts: Parts, case: dict[str, Any], clock: FrozenClock
) -> None:
    _, first = await told(parts, case)
    clock.advance(timedelta(hours=5))
    _, again = await told(parts, case)
    assert first.payload == again.payload


async def test_a_link_is_good_once(parts: Parts, case: dict[str, Any], anonymous: httpx2.AsyncClient) -> None:
    link = (await told(parts, case))[0]["link"]
    assert (await anonymous.head(link)).headers["content-length"] == str(len(CONTENT))
    first = await anonymous.get(link)
    assert (first.content, first.headers["content-disposition"][:10]) == (CONTENT, "attachment")
    never = await anonymous.get(f"{PUBLIC_URL}/v1/document-links/dlk_{'A' * 22}")
    used = await anonymous.get(link)
    assert (used.status_code, used.json()["title"]) == (never.status_code, never.json()["title"])
    assert used.status_code == 404


async def test_a_further_try_does_not_make_a_used_link_good(
    parts: Parts, case: dict[str, Any], anonymous: httpx2.AsyncClient
) -> None:
    link = (await told(parts, case))[0]["link"]
    assert (await anonymous.get(link)).status_code == 200
    assert (await told(parts, case))[0]["link"] == link
    assert (await anonymous.get(link)).status_code == 404


async def test_a_link_ends(
    parts: Parts, case: dict[str, Any], anonymous: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    link = (await told(parts, case))[0]["link"]
    clock.advance(timedelta(hours=73))
    assert (await anonymous.get(link)).status_code == 404
    await told(parts, case)
    assert (await anonymous.get(link)).status_code == 200, "a further try of the task makes it last"


async def test_a_link_is_no_good_to_another_department(
    parts: Parts, case: dict[str, Any], police: httpx2.AsyncClient, department: httpx2.AsyncClient
) -> None:
    link = (await told(parts, case))[0]["link"]
    assert (await police.get(link)).status_code == 404
    assert (await department.get(link)).status_code == 200


async def test_the_database_does_not_have_the_token(parts: Parts, case: dict[str, Any]) -> None:
    token = (await told(parts, case))[0]["link"].rpartition("/")[2]
    async with parts.database.read() as connection:
        rows = [
            dict(row) for row in (await connection.execute(select(document_tables.document_link))).mappings()
        ]
    assert len(rows) == 1
    assert token not in str(rows)
    assert token[4:] not in str(rows)


async def test_a_document_of_another_case_gets_no_link(parts: Parts, case: dict[str, Any]) -> None:
    sheet, task = await sheet_of(parts, case)
    sent = await Links(parts.vault, PUBLIC_URL).put_in(sheet, task.id, uuid4(), task.department)
    assert "link" not in sent.payload


async def test_a_link_that_breaks_off_is_good_again(
    parts: Parts, case: dict[str, Any], anonymous: httpx2.AsyncClient
) -> None:
    token = (await told(parts, case))[0]["link"].rpartition("/")[2]
    link, *_ = await document_links.find(parts.vault, token, parts.case_of, department=None)
    used = await document_links.use(parts.vault, link)
    with pytest.raises(NotFound):
        await document_links.find(parts.vault, token, parts.case_of, department=None)
    await document_links.give_back(parts.vault, used)
    assert (await anonymous.get(f"{PUBLIC_URL}/v1/document-links/{token}")).content == CONTENT


async def test_of_two_who_come_at_once_one_gets_the_document(parts: Parts, case: dict[str, Any]) -> None:
    token = (await told(parts, case))[0]["link"].rpartition("/")[2]
    link, *_ = await document_links.find(parts.vault, token, parts.case_of, department=None)
    await document_links.use(parts.vault, link)
    with pytest.raises(NotFound):
        await document_links.use(parts.vault, link)


async def test_a_fetch_by_link_is_on_the_owner_s_access_log(
    parts: Parts, case: dict[str, Any], anonymous: httpx2.AsyncClient, frontend: httpx2.AsyncClient
) -> None:
    material = (await told(parts, case))[0]
    await anonymous.get(material["link"])
    log = (await frontend.get("/v1/me/access-log")).json()["items"]
    looks = [(each["who"], each["fields"]) for each in log if each["what"] == "document"]
    assert looks == [("department:health", [material["id"]])]
