"""Upkeep: what a case took stays, what nobody came for goes, and what was half done is found."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import insert, select

from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.domain.case import MaterialGiven
from onenet.domain.commands import RecordAnswer
from onenet.domain.delegation import Owner
from onenet.domain.opinion_acts import AskOpinion
from onenet.domain.outcome import Accepted, SupplementNeeded, SupplementRequest
from onenet.domain.principal import Principal, Role
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.domain.visibility import EVERYTHING
from onenet.encryption import FileKeys, KeyRing
from onenet.ids import from_text, lane_of
from onenet.services import cases, custody, documents, encryption, erasure, uploads
from onenet.services.change import Change
from onenet.services.document_upkeep import look_round
from onenet.services.documents import Vault
from onenet.store import erasure_tables
from onenet.store.database import Database
from onenet.store.spool import Spool
from tests.documents.test_documents import CONTENT, OCTETS, begun, headers, submitted, uploaded
from tests.keys import key_ring

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest) -> str:
    """Both engines."""
    name: str = request.param
    return name


OWNER = Owner("app", "citizen-1")
OF_OWNER = Principal(Role.FRONTEND, "app", frozenset(), "citizen-1")
NEWER = f"2:std:{b64encode(b'nor has the newer one any secret').decode()}"
NEWER_ALONE = KeyRing(FileKeys.read(NEWER))


def files(folder: Path) -> int:
    return sum(path.is_file() for path in (folder / "documents").rglob("*"))


def id_of(made: dict[str, str]) -> UUID:
    found = from_text(DOCUMENT_PREFIX, made["id"])
    assert found is not None
    return found


async def test_what_nobody_came_for_goes_and_what_a_case_has_stays(
    frontend: httpx2.AsyncClient, vault: Vault, parts: Parts, clock: FrozenClock, tmp_path: Path
) -> None:
    left, taken = await uploaded(frontend), await uploaded(frontend)
    await submitted(frontend, taken["id"])
    for _ in range(3):
        clock.advance(timedelta(hours=25))
        await look_round(vault, parts.case_of)
    assert (await frontend.get(left["links"]["self"])).status_code == 404
    assert (await frontend.get(taken["links"]["content"])).content == CONTENT
    assert files(tmp_path) == 1


async def test_a_mark_of_a_case_that_never_came_is_taken_off(
    frontend: httpx2.AsyncClient, vault: Vault, parts: Parts, clock: FrozenClock
) -> None:
    made = await uploaded(frontend)
    material = MaterialGiven("record", None, document=id_of(made))
    await custody.take(vault, [material], owner=OWNER, case_id=uuid4())
    assert (await submitted(frontend, made["id"])).status_code == 409
    clock.advance(timedelta(hours=2))
    await look_round(vault, parts.case_of)
    assert (await submitted(frontend, made["id"])).status_code == 202


async def test_a_repetition_meets_its_own_mark(frontend: httpx2.AsyncClient, vault: Vault) -> None:
    """The first try put the document aside and was killed before the case was on disk."""
    made = await uploaded(frontend)
    seen: list[UUID] = []
    take = custody.take

    async def take_and_die(*given: object, **named: object) -> None:
        await take(*given, **named)  # type: ignore[arg-type]  # as it is called
        seen.append(named["case_id"])  # type: ignore[arg-type]
        raise RuntimeError("killed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(custody, "take", take_and_die)
        assert (await submitted(frontend, made["id"], "k-1")).status_code == 500
    again = await submitted(frontend, made["id"], "k-1")
    assert (again.status_code, again.json()["id"]) == (202, str(seen[0]))


async def test_what_was_being_stored_when_the_process_died_goes(
    frontend: httpx2.AsyncClient, vault: Vault, parts: Parts, clock: FrozenClock, tmp_path: Path
) -> None:
    def dies(*given: object) -> None:
        put(*given)  # type: ignore[arg-type]  # as it is called
        raise RuntimeError("killed")

    put = documents._put
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "_put", dies)
        broken = await frontend.post("/v1/documents", content=CONTENT, headers=headers())
    assert broken.status_code == 500
    assert files(tmp_path) == 1
    clock.advance(timedelta(hours=2))
    await look_round(vault, parts.case_of)
    assert files(tmp_path) == 0


async def test_parts_that_were_left_go(
    frontend: httpx2.AsyncClient, vault: Vault, parts: Parts, clock: FrozenClock, tmp_path: Path
) -> None:
    upload = await begun(frontend)
    await frontend.put(upload["links"]["next_part"], content=CONTENT[:1_000], headers=OCTETS)
    assert files(tmp_path) == 1
    clock.advance(timedelta(hours=25))
    await look_round(vault, parts.case_of)
    assert files(tmp_path) == 0


async def with_one_replaced(frontend: httpx2.AsyncClient, parts: Parts, clock: FrozenClock) -> UUID:
    """A case that was withdrawn: it had a document for good, and then another one in its place."""
    first, second = await uploaded(frontend), await uploaded(frontend)
    case = (await submitted(frontend, first["id"])).json()
    clock.advance(timedelta(hours=2))
    await look_round(parts.vault, parts.case_of)
    id = UUID(case["id"])
    (task,) = (await cases.get(parts.database, parts.catalogue, id, EVERYTHING)).tasks
    asked = SupplementNeeded((SupplementRequest("material", "record", "unreadable"),))
    await parts.gate.submit(Change(id, RecordAnswer(task, asked), "department:health"))
    body = {"step": "certificate", "materials": [{"code": "record", "document": second["id"]}]}
    for link, said in (("supplements", body), ("withdrawal", {})):
        done = await frontend.post(case["links"][link], json=said, headers={"Idempotency-Key": link})
        assert done.status_code == 200, done.text
    return id


async def test_a_document_that_another_came_for_goes_with_its_case(
    frontend: httpx2.AsyncClient, parts: Parts, clock: FrozenClock, tmp_path: Path
) -> None:
    id = await with_one_replaced(frontend, parts, clock)
    await erasure.erase(parts.database, parts.gate, id, basis="asked", actor="operator:test", now=clock.now())
    await look_round(parts.vault, parts.case_of)
    assert files(tmp_path) == 0


async def test_a_document_that_was_put_to_a_department_stays_for_it_to_answer(
    frontend: httpx2.AsyncClient, police: httpx2.AsyncClient, parts: Parts, clock: FrozenClock, tmp_path: Path
) -> None:
    """Another one came for it before anybody looked whose it is."""
    first, second = await uploaded(frontend), await uploaded(frontend)
    case = (await submitted(frontend, first["id"])).json()
    id = UUID(case["id"])
    (task,) = (await cases.get(parts.database, parts.catalogue, id, EVERYTHING)).tasks
    question = AskOpinion("certificate", "police", {"zh": "公安局"}, "？", "department:health", ("record",))
    wanted = SupplementNeeded((SupplementRequest("material", "record", "unreadable"),))
    for command in (RecordAnswer(task, Accepted()), question, RecordAnswer(task, wanted)):
        await parts.gate.submit(Change(id, command, "department:health"))
    body = {"step": "certificate", "materials": [{"code": "record", "document": second["id"]}]}
    done = await frontend.post(case["links"]["supplements"], json=body, headers={"Idempotency-Key": "s"})
    assert done.status_code == 200, done.text
    for _ in range(3):
        clock.advance(timedelta(hours=25))
        await look_round(parts.vault, parts.case_of)
    (asked,) = (await police.get("/v1/opinions")).json()["items"]
    paper = await police.get(f"/v1/opinions/{asked['id']}/documents/{first['id']}/content")
    assert (paper.status_code, paper.content) == (200, CONTENT)


async def test_what_an_earlier_process_left_of_an_erased_case_goes_by_itself(
    frontend: httpx2.AsyncClient, parts: Parts, clock: FrozenClock, tmp_path: Path
) -> None:
    """It wrote down that it was done, and knew of less that hangs on a case."""
    id = await with_one_replaced(frontend, parts, clock)
    done_at, row = clock.now(), erasure_tables.erasure
    done = {"basis": "asked", "actor": "operator:test", "decided_at": done_at, "erased_at": done_at}
    async with parts.database.transaction() as connection:
        await connection.execute(insert(row), done | {"lane": lane_of(id), "case_id": id})
    clock.advance(timedelta(minutes=1))
    rounds = [await erasure.round_of(parts.database, parts.gate, 0, clock.now()) for _ in range(2)]
    await look_round(parts.vault, parts.case_of)
    async with parts.database.read() as connection:
        assert (await connection.scalar(select(row.c.erased_at)), rounds) == (done_at, [1, 0])
    assert files(tmp_path) == 0


async def test_after_a_rotation_documents_open_without_the_older_key(
    frontend: httpx2.AsyncClient, vault: Vault, database_url: str, clock: FrozenClock
) -> None:
    """Their own keys are wrapped anew; the files stay as they are."""
    made, upload = await uploaded(frontend), await begun(frontend)
    await frontend.put(upload["links"]["next_part"], content=CONTENT[:1_000], headers=OCTETS)
    both, newer = (Database(database_url, ring=ring) for ring in (key_ring(NEWER), NEWER_ALONE))
    try:
        await encryption.check(vault.database, clock.now())
        done = await encryption.rotate(both, clock.now(), lambda number: None)
        assert (done.left, done.unreadable) == (0, 0)
        moved = replace(vault, database=newer, keys=newer.ring)
        found = documents.read(newer.ring, await documents.find(moved, id_of(made)))
        assert b"".join(await documents.content(moved, found)) == CONTENT
        part, _ = await uploads.get(moved, from_text("upl", upload["id"]) or UUID(int=0), OF_OWNER)
        with Spool(vault.folder) as spool:
            uploads._gather(moved, part, spool)
            assert spool.read(0, 2_000) == CONTENT[:1_000]
    finally:
        await both.close()
        await newer.close()
