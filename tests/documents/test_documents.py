"""Documents over HTTP: uploaded, taken by a case, handed out to whom they concern, and to nobody else."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from onenet.clock import FrozenClock
from tests.api.conftest import submission
from tests.documents import making
from tests.documents.corpus import HOSTILE, PDF

pytestmark = pytest.mark.anyio

CONTENT = making.pdf(making.stream(b"a scan of something " * 20_000, packed=False))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def headers(key: str | None = None, *, kind: str = PDF, name: str = "scan.pdf") -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid4()), "Content-Type": kind, "Onenet-Filename": name}


async def uploaded(client: httpx2.AsyncClient, content: bytes = CONTENT) -> dict[str, Any]:
    response = await client.post("/v1/documents", content=content, headers=headers())
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


async def submitted(client: httpx2.AsyncClient, document: str, key: str | None = None) -> httpx2.Response:
    body = submission(materials=[{"code": "record", "document": document}])
    return await client.post("/v1/cases", json=body, headers={"Idempotency-Key": key or str(uuid4())})


def fault_of(response: httpx2.Response) -> tuple[int, str, str]:
    (fault,) = response.json()["errors"]
    return response.status_code, fault["code"], fault.get("pointer", "")


async def test_a_document_is_uploaded_and_given_back_as_it_was(frontend: httpx2.AsyncClient) -> None:
    made = await uploaded(frontend)
    assert (made["filename"], made["size"], made["sha256"]) == ("scan.pdf", len(CONTENT), SHA256)
    shown = (await frontend.get(made["links"]["self"])).json()
    assert shown == made
    content = await frontend.get(made["links"]["content"])
    assert content.content == CONTENT


async def test_a_file_is_handed_out_so_that_no_browser_shows_or_runs_it(frontend: httpx2.AsyncClient) -> None:
    sent = headers(name="%E6%96%B0%22%3Cb%3E.pdf")
    assert (await frontend.post("/v1/documents", content=CONTENT, headers=sent)).status_code == 400
    sent = headers(name="%E6%96%B0%E7%94%9F.pdf")
    made = (await frontend.post("/v1/documents", content=CONTENT, headers=sent)).json()
    assert made["filename"] == "新生.pdf"
    answer = await frontend.get(made["links"]["content"])
    said = answer.headers
    assert said["content-disposition"] == (
        "attachment; filename=\"document.pdf\"; filename*=UTF-8''%E6%96%B0%E7%94%9F.pdf"
    )
    assert said["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert (said["x-content-type-options"], said["content-type"]) == ("nosniff", PDF)
    assert said["cache-control"] == "private, no-store"


async def test_the_same_upload_under_one_key_is_one_document(frontend: httpx2.AsyncClient) -> None:
    first = await frontend.post("/v1/documents", content=CONTENT, headers=headers("k-1"))
    again = await frontend.post("/v1/documents", content=CONTENT, headers=headers("k-1"))
    other = await frontend.post("/v1/documents", content=making.pdf(), headers=headers("k-1"))
    renamed = await frontend.post("/v1/documents", content=CONTENT, headers=headers("k-1", name="b.pdf"))
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, renamed.status_code) == (422, 422)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Idempotency-Key": ""}, 400),
        ({"Onenet-Filename": ""}, 400),
        ({"Onenet-Filename": "..%2Fscan.pdf"}, 400),
        ({"Onenet-Filename": "a%E2%80%AEfdp.pdf"}, 400),
        ({"Onenet-Filename": "%FF%FE.pdf"}, 400),
        ({"Onenet-Filename": f"{'a' * 200}.pdf"}, 400),
        ({"Content-Type": "text/html"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
    ],
)
async def test_an_upload_that_is_not_as_described_is_refused(
    frontend: httpx2.AsyncClient, change: dict[str, str], status: int
) -> None:
    sent = {name: value for name, value in (headers() | change).items() if value}
    assert (await frontend.post("/v1/documents", content=CONTENT, headers=sent)).status_code == status


async def test_more_than_a_file_may_have_is_refused_on_its_announcement_and_on_the_way(
    frontend: httpx2.AsyncClient,
) -> None:
    async def endless() -> Any:
        for _ in range(30):
            yield b"%PDF-1.7" + bytes(1_000_000)

    announced = headers() | {"Content-Length": "20000001"}
    assert (await frontend.post("/v1/documents", content=b"%PDF", headers=announced)).status_code == 413
    assert (await frontend.post("/v1/documents", content=endless(), headers=headers())).status_code == 413


async def test_every_hostile_file_is_refused_over_http_with_its_reason(frontend: httpx2.AsyncClient) -> None:
    wrong = {}
    for which, made in HOSTILE.items():
        content = made.make()
        sent = headers(kind=made.media_type, name=made.name)
        response = await frontend.post("/v1/documents", content=content, headers=sent)
        if len(content) > 20_000_000:
            expected: tuple[int, str, str] = (413, "too_large", "")
        else:
            expected = (400, str(made.reason), "")
        if fault_of(response) != expected:
            wrong[which] = response.text
    assert wrong == {}


async def test_nothing_is_kept_of_a_file_that_was_refused(
    frontend: httpx2.AsyncClient, tmp_path: Path
) -> None:
    await frontend.post("/v1/documents", content=HOSTILE["pdf: JavaScript"].make(), headers=headers())
    assert [path for path in (tmp_path / "documents").rglob("*") if path.is_file()] == []


async def test_what_is_on_disk_tells_nothing(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient, tmp_path: Path
) -> None:
    await uploaded(frontend)
    await uploaded(frontend)
    await uploaded(stranger)
    files = [path for path in (tmp_path / "documents").rglob("*") if path.is_file()]
    assert len({path.name for path in files}) == 3, "equal files of two people have nothing in common"
    assert not any(b"a scan of something" in path.read_bytes() for path in files)
    assert not any(SHA256[:16] in path.name for path in files)


async def test_a_document_of_somebody_else_is_not_there(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient, department: httpx2.AsyncClient
) -> None:
    made = await uploaded(frontend)
    missing = "/v1/documents/doc_00000000000000000000000000"
    for client in (stranger, department):
        for tail in ("", "/content"):
            theirs = await client.get(made["links"]["self"] + tail)
            none = await client.get(missing + tail)
            assert theirs.status_code == none.status_code == 404
            assert theirs.json()["title"] == none.json()["title"]
    refused = await submitted(stranger, made["id"])
    assert fault_of(refused) == (409, "unknown", "/materials/0/document")


async def test_a_case_takes_a_document_and_no_other_case_can_without_consent(
    frontend: httpx2.AsyncClient,
) -> None:
    made = await uploaded(frontend)
    first = await submitted(frontend, made["id"], "k-1")
    assert first.status_code == 202, first.text
    assert (await frontend.get(made["links"]["self"])).json()["case"] == first.json()["id"]
    again = await submitted(frontend, made["id"], "k-1")
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert fault_of(await submitted(frontend, made["id"])) == (409, "consent", "/materials/0/document")


async def test_a_case_that_is_refused_leaves_its_documents_free(frontend: httpx2.AsyncClient) -> None:
    made = await uploaded(frontend)
    body = submission(materials=[{"code": "record", "document": made["id"]}], form={})
    refused = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": "k-1"})
    assert refused.status_code == 409
    assert (await submitted(frontend, made["id"])).status_code == 202


async def test_a_department_sees_the_documents_that_its_steps_need(
    frontend: httpx2.AsyncClient,
    department: httpx2.AsyncClient,
    administrator: httpx2.AsyncClient,
    police: httpx2.AsyncClient,
) -> None:
    made = await uploaded(frontend)
    assert (await submitted(frontend, made["id"])).status_code == 202
    assert (await department.get(made["links"]["content"])).content == CONTENT
    assert (await police.get(made["links"]["content"])).status_code == 404, "its step needs another material"
    assert (await administrator.get(made["links"]["content"])).status_code == 403, "it reads no case"


async def test_a_reference_of_the_front_end_is_still_a_material(frontend: httpx2.AsyncClient) -> None:
    body = submission(materials=[{"code": "record", "reference": "mine/1"}])
    assert (await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": "k"})).status_code == 202
    body = submission(materials=[{"code": "record", "reference": "mine/1", "document": "doc_0"}])
    assert (await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": "l"})).status_code == 400


async def test_there_is_an_end_to_what_a_subject_may_leave_lying(
    frontend: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onenet.services.documents.MAX_FREE_DOCUMENTS", 2)
    for _ in range(2):
        await uploaded(frontend, making.pdf())
    refused = await frontend.post("/v1/documents", content=making.pdf(), headers=headers())
    assert fault_of(refused) == (409, "quota", "")


async def test_there_is_an_end_to_what_a_case_may_hold(
    frontend: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onenet.services.custody.MAX_CASE_BYTES", len(CONTENT) - 1)
    made = await uploaded(frontend)
    assert fault_of(await submitted(frontend, made["id"])) == (409, "quota", "/materials")


async def test_a_document_whose_object_is_damaged_is_never_given_out(
    frontend: httpx2.AsyncClient, tmp_path: Path
) -> None:
    made = await uploaded(frontend)
    (file,) = [path for path in (tmp_path / "documents").rglob("*") if path.is_file()]
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RuntimeError):  # in the place of which a server closes the connection
        await frontend.get(made["links"]["content"])
    file.unlink()
    assert (await frontend.get(made["links"]["content"])).status_code == 503


# ---- by parts


async def begun(client: httpx2.AsyncClient, size: int = len(CONTENT)) -> dict[str, Any]:
    said = {"filename": "scan.pdf", "media_type": PDF, "size": size}
    response = await client.post("/v1/document-uploads", json=said, headers={"Idempotency-Key": str(uuid4())})
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


OCTETS = {"Content-Type": "application/octet-stream"}


async def test_a_part_that_is_packed_is_refused_and_not_stored(frontend: httpx2.AsyncClient) -> None:
    upload = await begun(frontend)
    packed = OCTETS | {"Content-Encoding": "gzip"}
    assert (await frontend.put(upload["links"]["next_part"], content=b"x", headers=packed)).status_code == 415
    assert (await frontend.get(upload["links"]["self"])).json()["received"] == 0


async def test_a_document_comes_in_parts_and_goes_on_after_a_broken_line(
    frontend: httpx2.AsyncClient, tmp_path: Path
) -> None:
    upload = await begun(frontend)
    for size in (1, 100_000, 150_000, len(CONTENT)):
        at = upload["received"]
        upload = (
            await frontend.put(upload["links"]["next_part"], content=CONTENT[at : at + size], headers=OCTETS)
        ).json()
    assert upload["received"] == len(CONTENT)
    body, key = {"sha256": SHA256}, {"Idempotency-Key": "done"}
    made = await frontend.post(upload["links"]["completion"], json=body, headers=key)
    assert made.status_code == 201, made.text
    again = await frontend.post(upload["links"]["completion"], json=body, headers=key)
    assert again.json() == made.json()
    assert (await frontend.get(made.json()["links"]["content"])).content == CONTENT
    shown = (await frontend.get(upload["links"]["self"])).json()
    assert shown["links"]["document"] == made.json()["links"]["self"]
    assert not (tmp_path / "documents" / "incoming").exists() or not any(
        path.is_file() for path in (tmp_path / "documents" / "incoming").rglob("*")
    )


async def test_a_part_out_of_its_place_is_refused_and_told_where_to_go_on(
    frontend: httpx2.AsyncClient,
) -> None:
    upload = await begun(frontend)
    first = upload["links"]["next_part"]
    assert (await frontend.put(first, content=CONTENT[:1_000], headers=OCTETS)).status_code == 200
    again = await frontend.put(first, content=CONTENT[:1_000], headers=OCTETS)
    assert again.status_code == 409
    assert again.json()["errors"][0]["message_en"] == "Expected to go on from byte 1000"
    early = await frontend.post(
        upload["links"]["completion"], json={"sha256": SHA256}, headers={"Idempotency-Key": "k"}
    )
    assert early.status_code == 409


async def test_a_part_of_nothing_is_refused(frontend: httpx2.AsyncClient) -> None:
    upload = await begun(frontend)
    answer = await frontend.put(upload["links"]["next_part"], headers=OCTETS)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "expected at least one byte in the body"


async def test_more_parts_than_were_announced_are_refused(frontend: httpx2.AsyncClient) -> None:
    upload = await begun(frontend, 1_000)
    answer = await frontend.put(upload["links"]["next_part"], content=CONTENT[:1_001], headers=OCTETS)
    assert answer.status_code == 413
    assert (await frontend.get(upload["links"]["self"])).json()["received"] == 0


async def test_what_is_not_what_was_sent_becomes_no_document(frontend: httpx2.AsyncClient) -> None:
    upload = await begun(frontend)
    await frontend.put(upload["links"]["next_part"], content=CONTENT[:-1] + b"x", headers=OCTETS)
    answer = await frontend.post(
        upload["links"]["completion"], json={"sha256": SHA256}, headers={"Idempotency-Key": "k"}
    )
    assert fault_of(answer) == (409, "sha256", "/sha256")


async def test_a_hostile_file_in_parts_is_refused_as_well(frontend: httpx2.AsyncClient) -> None:
    content = HOSTILE["pdf: JavaScript in an object stream"].make()
    upload = await begun(frontend, len(content))
    await frontend.put(upload["links"]["next_part"], content=content, headers=OCTETS)
    said = {"sha256": hashlib.sha256(content).hexdigest()}
    answer = await frontend.post(upload["links"]["completion"], json=said, headers={"Idempotency-Key": "k"})
    assert fault_of(answer) == (400, "active_content", "")


async def test_an_upload_of_somebody_else_is_not_there(
    frontend: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    upload = await begun(frontend)
    assert (await stranger.get(upload["links"]["self"])).status_code == 404
    assert (await stranger.put(upload["links"]["next_part"], content=b"x", headers=OCTETS)).status_code == 404


async def test_an_upload_that_was_left_is_not_there_any_more(
    frontend: httpx2.AsyncClient, clock: FrozenClock
) -> None:
    upload = await begun(frontend)
    clock.advance(timedelta(hours=25))
    assert (await frontend.get(upload["links"]["self"])).status_code == 404
