"""A document of an earlier case goes into a new one under a consent, and not without."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from onenet.api.parts import Parts
from onenet.app import create_app
from onenet.catalogue.build import content_text
from onenet.clock import FrozenClock
from onenet.domain.bundle import Bundle
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.ids import from_text
from onenet.quotas import Policy, Quotas
from onenet.services import custody, document_upkeep, documents, keys
from onenet.store import catalogue as store_catalogue
from onenet.store import documents as store_documents
from onenet.store.catalogue import Version
from onenet.store.database import Database
from onenet.store.objects import Folder
from tests.api.conftest import PUBLIC_URL, acting, city_bundle, submission
from tests.documents import making
from tests.documents.test_documents import CONTENT, fault_of, submitted, uploaded
from tests.factories import NOW

pytestmark = pytest.mark.anyio

PURPOSE = "再次使用出生记录扫描件"
NEVER = "doc_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
"""A document that nobody has."""


def wanted(document: str, **changes: Any) -> dict[str, Any]:
    return {
        "document": document, "bundle": "newborn", "departments": ["health"], "purpose": PURPOSE,
        "ends_at": "2026-12-23T00:00:00Z",
    } | changes  # fmt: skip


async def consents(client: httpx2.AsyncClient, body: dict[str, Any]) -> httpx2.Response:
    return await client.post("/v1/me/consents", json=body, headers={"Idempotency-Key": str(uuid4())})


async def held(client: httpx2.AsyncClient) -> tuple[str, str]:
    """A document that a case has, and that case."""
    document = (await uploaded(client))["id"]
    opened = await submitted(client, document)
    assert opened.status_code == 202, opened.text
    return document, opened.json()["id"]


async def document_of(client: httpx2.AsyncClient, case: str) -> str:
    said = (await client.get(f"/v1/cases/{case}/application")).json()
    (material,) = said["materials"]
    return str(material["document"])


def stored(folder: Path) -> list[Path]:
    """The files that are kept of all documents."""
    return sorted(path for path in (folder / "documents").rglob("*") if path.is_file())


async def uses(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    """What the access log says was used again."""
    items = (await client.get("/v1/me/access-log")).json()["items"]
    return [each for each in items if each["what"] == "reuse"]


async def delegated(owner: httpx2.AsyncClient, delegate: str) -> dict[str, str]:
    """The headers of the delegate, who may now open such cases for the owner."""
    given = {"delegate": {"subject": delegate}, "bundles": ["newborn"], "ends_at": "2027-01-01T00:00:00Z"}
    made = await owner.post("/v1/delegations", json=given, headers={"Idempotency-Key": "d"})
    return {"Idempotency-Key": "b", "Onenet-Delegation": made.json()["id"]}


async def test_with_a_consent_the_new_case_gets_a_copy_of_its_own(
    frontend: httpx2.AsyncClient, department: httpx2.AsyncClient
) -> None:
    document, earlier = await held(frontend)
    assert fault_of(await submitted(frontend, document)) == (409, "consent", "/materials/0/document")
    assert (await consents(frontend, wanted(document))).status_code == 201
    opened = await submitted(frontend, document)
    assert opened.status_code == 202, opened.text
    copy = await document_of(frontend, opened.json()["id"])
    assert copy != document
    assert await document_of(frontend, earlier) == document
    for who in (frontend, department):
        assert (await who.get(f"/v1/documents/{copy}/content")).content == CONTENT
    said = (await frontend.get(f"/v1/documents/{copy}")).json()
    assert (said["case"], said["filename"]) == (opened.json()["id"], "scan.pdf")


async def test_the_owner_reads_what_was_used_again_and_what_for(frontend: httpx2.AsyncClient) -> None:
    document, earlier = await held(frontend)
    await consents(frontend, wanted(document))
    await submitted(frontend, document)
    (record,) = await uses(frontend)
    assert (record["case"], record["fields"], record["purpose"]) == (earlier, [document], PURPOSE)


@pytest.mark.parametrize(
    "changes",
    [{"bundle": "moving"}, {"departments": ["police"]}, {"ends_at": "2026-11-23T01:00:10Z"}],
    ids=["of another bundle", "to another department", "ended"],
)
async def test_a_consent_covers_what_it_says_and_nothing_else(
    frontend: httpx2.AsyncClient, database: Database, clock: FrozenClock, changes: dict[str, Any]
) -> None:
    await publish_another(database)
    document, _ = await held(frontend)
    assert (await consents(frontend, wanted(document, **changes))).status_code == 201
    clock.advance(timedelta(seconds=20))
    assert fault_of(await submitted(frontend, document))[:2] == (409, "consent")


async def test_what_is_taken_back_ends_further_use_and_leaves_what_was_used(
    frontend: httpx2.AsyncClient,
) -> None:
    document, _ = await held(frontend)
    id = (await consents(frontend, wanted(document))).json()["id"]
    opened = (await submitted(frontend, document, "first")).json()
    for _ in range(2):
        done = await frontend.post(f"/v1/me/consents/{id}/revocation")
        assert (done.status_code, done.json()["revoked_at"]) == (200, "2026-11-23T01:00:00.000Z")
    assert fault_of(await submitted(frontend, document))[:2] == (409, "consent")
    copy = await document_of(frontend, opened["id"])
    assert (await frontend.get(f"/v1/documents/{copy}/content")).content == CONTENT
    replayed = await submitted(frontend, document, "first")
    assert (replayed.status_code, replayed.json()["id"]) == (202, opened["id"])


async def test_a_repetition_is_answered_and_copies_nothing_again(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document))
    said = [await submitted(frontend, document, "again") for _ in range(2)]
    assert said[0].json() == said[1].json()
    async with parts.database.read() as connection:
        rows = await store_documents.of_subject(connection, "app", "citizen-1", after=None, limit=9)
    assert len(rows) == 2


async def test_nothing_is_copied_for_a_case_that_brings_an_unknown_document(
    frontend: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document))
    written: list[str] = []
    monkeypatch.setattr(Folder, "put", lambda folder, name, blocks: written.append(name))
    body = submission(
        materials=[{"code": "record", "document": document}, {"code": "consent", "document": NEVER}]
    )
    answer = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": "refused"})
    assert fault_of(answer) == (409, "unknown", "/materials/1/document")
    assert written == []


@pytest.mark.parametrize(("limit", "most"), [("MAX_FREE_BYTES", len(CONTENT) - 1), ("MAX_FREE_DOCUMENTS", 0)])
async def test_copies_count_as_what_is_uploaded(
    frontend: httpx2.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document))
    before = stored(tmp_path)
    monkeypatch.setattr(documents, limit, most)
    assert fault_of(await submitted(frontend, document))[:2] == (409, "quota")
    assert stored(tmp_path) == before


async def test_copies_are_counted_with_the_files_that_are_sent_in(
    frontend: httpx2.AsyncClient, parts: Parts, tmp_path: Path
) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document))
    before = stored(tmp_path)
    few = create_app(replace(parts, quotas=Quotas({"uploads": Policy(1, 3_600, "")})))
    transport = httpx2.ASGITransport(few)
    async with httpx2.AsyncClient(
        transport=transport, base_url=PUBLIC_URL, headers=frontend.headers
    ) as client:
        await uploaded(client, making.pdf())
        answer = await submitted(client, document)
    assert (answer.status_code, answer.json()["violated-policies"]) == (429, ["uploads"])
    assert len(stored(tmp_path)) == len(before) + 1


async def test_the_copies_of_a_case_that_is_refused_afterwards_are_erased(
    frontend: httpx2.AsyncClient, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document))
    before = stored(tmp_path)
    monkeypatch.setattr(custody, "MAX_CASE_BYTES", len(CONTENT) - 1)
    assert fault_of(await submitted(frontend, document))[:2] == (409, "quota")
    async with parts.database.read() as connection:
        rows = await store_documents.of_subject(connection, "app", "citizen-1", after=None, limit=9)
    assert (stored(tmp_path), len(rows)) == (before, 1)


async def test_what_was_refused_is_on_no_access_log(
    frontend: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document))
    monkeypatch.setattr(custody, "MAX_CASE_BYTES", len(CONTENT) - 1)
    await submitted(frontend, document)
    assert await uses(frontend) == []


async def test_a_consent_that_is_taken_back_while_its_document_is_copied_is_not_used(
    frontend: httpx2.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, _ = await held(frontend)
    id = (await consents(frontend, wanted(document))).json()["id"]
    before, copied, may_go_on, put = stored(tmp_path), threading.Event(), threading.Event(), Folder.put

    def put_slowly(folder: Folder, name: str, blocks: Iterable[bytes]) -> None:
        put(folder, name, blocks)
        copied.set()
        assert may_go_on.wait(10)

    monkeypatch.setattr(Folder, "put", put_slowly)
    under_way = asyncio.create_task(submitted(frontend, document))
    assert await asyncio.to_thread(copied.wait, 10)
    assert (await frontend.post(f"/v1/me/consents/{id}/revocation")).status_code == 200
    may_go_on.set()
    assert fault_of(await under_way)[:2] == (409, "consent")
    assert stored(tmp_path) == before


async def test_a_missing_consent_is_a_problem_of_its_own(frontend: httpx2.AsyncClient) -> None:
    document, _ = await held(frontend)
    said = (await submitted(frontend, document)).json()
    assert said["type"].endswith("/problems/consent-missing")
    assert "consented" in said["title"]


async def test_a_key_that_is_confined_reaches_no_document_of_another_place(
    frontend: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, database: Database, clock: FrozenClock
) -> None:
    document = (await uploaded(frontend))["id"]
    said = submission(jurisdiction="suzhou", materials=[{"code": "record", "document": document}])
    case = (await frontend.post("/v1/cases", json=said, headers={"Idempotency-Key": "s"})).json()
    created = await keys.create(
        database, kind="frontend", client="app", now=clock.now(), jurisdictions=frozenset({"kunshan"})
    )
    confined = acting(anonymous, created.token, "citizen-1")
    refused = await consents(confined, wanted(document))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/document")
    assert (await consents(frontend, wanted(document))).status_code == 201
    assert fault_of(await submitted(confined, document))[0] == 409
    assert case["number"] not in (await confined.get("/v1/me/data")).text
    assert case["number"] in (await frontend.get("/v1/me/data")).text


async def test_an_owner_uses_again_what_a_delegate_brought(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient, parts: Parts
) -> None:
    by = await delegated(frontend, "citizen-2")
    brought = (await uploaded(stranger))["id"]
    body = submission(materials=[{"code": "record", "document": brought}])
    assert (await stranger.post("/v1/cases", json=body, headers=by)).status_code == 202
    assert (await consents(frontend, wanted(brought))).status_code == 201
    opened = await submitted(frontend, brought)
    assert opened.status_code == 202, opened.text
    copy = await document_of(frontend, opened.json()["id"])
    row = await documents.find(parts.vault, from_text(DOCUMENT_PREFIX, copy))  # type: ignore[arg-type]  # it is one of ours
    assert (row.client, row.subject) == ("app", "citizen-1")


async def test_an_infected_document_is_not_used_again(frontend: httpx2.AsyncClient, parts: Parts) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document))
    id = from_text(DOCUMENT_PREFIX, document)
    assert id is not None
    async with parts.database.transaction() as connection:
        await store_documents.change(connection, id, state="infected")
    assert fault_of(await submitted(frontend, document)) == (409, "infected", "/materials/0/document")


async def test_the_earlier_case_can_lose_its_document_and_the_new_one_keeps_the_copy(
    frontend: httpx2.AsyncClient, parts: Parts
) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document))
    opened = (await submitted(frontend, document)).json()
    row = await documents.find(parts.vault, from_text(DOCUMENT_PREFIX, document))  # type: ignore[arg-type]  # the same
    await documents.erase(parts.vault, row)
    parts.vault.clock.advance(timedelta(days=2))  # type: ignore[attr-defined]  # a frozen clock
    await document_upkeep.look_round(parts.vault, parts.case_of)
    copy = await document_of(frontend, opened["id"])
    assert (await frontend.get(f"/v1/documents/{copy}/content")).content == CONTENT


async def test_nobody_consents_to_what_is_not_of_an_own_case(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    """Another's, one that is free, one that was brought to another's case, and one that never was."""
    document, _ = await held(frontend)
    free = (await uploaded(frontend))["id"]
    by = await delegated(frontend, "citizen-2")
    brought = (await uploaded(stranger))["id"]
    body = submission(materials=[{"code": "record", "document": brought}])
    assert (await stranger.post("/v1/cases", json=body, headers=by)).status_code == 202
    for who, what in ((stranger, document), (frontend, free), (stranger, brought), (frontend, NEVER)):
        assert fault_of(await consents(who, wanted(what))) == (409, "unknown", "/document")


async def test_another_persons_document_is_unknown_whoever_consented(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document))
    assert fault_of(await submitted(stranger, document))[:2] == (409, "unknown")
    by = await delegated(stranger, "citizen-1")
    body = submission(materials=[{"code": "record", "document": document}])
    assert fault_of(await frontend.post("/v1/cases", json=body, headers=by))[:2] == (409, "taken")


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"bundle": "nothing"}, 409, "/bundle"), ({"departments": ["bank"]}, 409, "/departments/0"),
        ({"departments": []}, 400, "/departments"), ({"purpose": "x"}, 400, "/purpose"),
        ({"ends_at": "2026-11-22T00:00:00Z"}, 409, "/ends_at"),
        ({"ends_at": "2028-11-22T00:00:00Z"}, 409, "/ends_at"),
    ],
)  # fmt: skip
async def test_a_wrong_consent_is_refused(
    frontend: httpx2.AsyncClient, changes: dict[str, Any], status: int, pointer: str
) -> None:
    document, _ = await held(frontend)
    answer = await consents(frontend, wanted(document, **changes))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer)


async def test_consents_are_listed_and_exported_to_their_owner_alone(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    document, _ = await held(frontend)
    made = (await consents(frontend, wanted(document))).json()
    assert (await frontend.get("/v1/me/consents")).json() == {"items": [made]}
    assert (await stranger.get("/v1/me/consents")).json() == {"items": []}
    assert (await stranger.post(f"/v1/me/consents/{made['id']}/revocation")).status_code == 404
    texts = [(await each.get("/v1/me/data")).text for each in (frontend, stranger)]
    assert [PURPOSE in text for text in texts] == [True, False]


async def test_the_purpose_of_a_consent_is_sealed(frontend: httpx2.AsyncClient, database: Database) -> None:
    document, _ = await held(frontend)
    await consents(frontend, wanted(document))
    async with database.read() as connection:
        stored = (await connection.exec_driver_sql("SELECT purpose FROM consent")).scalar_one()
    assert PURPOSE not in stored


async def publish_another(database: Database) -> None:
    """A second bundle, to consent to."""
    other = city_bundle()
    members = {name: getattr(other, name) for name in Bundle.__dataclass_fields__} | {"code": "moving"}
    text = content_text(Bundle(**members))
    async with database.transaction() as connection:
        await store_catalogue.add(connection, Version("moving", 1, "1" * 64, NOW), text)
