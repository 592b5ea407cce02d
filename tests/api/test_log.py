"""The log over HTTP: a checkpoint for everybody, a proof for whoever sees the case, and both hold by hand."""

from __future__ import annotations

from hashlib import sha256

import httpx2
import pytest

from onenet.clock import FrozenClock
from onenet.domain import note
from onenet.services.log_key import is_signed_by
from onenet.services.proofs import Checkpoints
from onenet.store.database import Database
from tests.api.conftest import submission
from tests.services.sealed import sealing

pytestmark = pytest.mark.anyio


@pytest.fixture
async def case(frontend: httpx2.AsyncClient) -> str:
    """A new case; nothing is sealed yet."""
    opened = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "k"})
    return f"/v1/cases/{opened.json()['id']}"


async def test_a_proof_leads_from_the_event_to_the_signed_root(
    frontend: httpx2.AsyncClient, database: Database, clock: FrozenClock, case: str
) -> None:
    """Reckoned as docs/frontend.md says, with nothing of ours but the form of the note."""
    await sealing(database, clock).all()
    found = (await frontend.get(f"{case}/events/2/proof")).json()
    signed = note.read(found["checkpoint"])
    assert is_signed_by(signed, note.read_key(found["key"]))
    hashed = sha256(b"\0" + bytes.fromhex(found["hash"])).digest()
    at, last = found["leaf"], signed.checkpoint.size - 1
    for sibling in map(bytes.fromhex, found["hashes"]):
        if at % 2 or at == last:
            hashed = sha256(b"\1" + sibling + hashed).digest()
            while not at % 2 and at:
                at, last = at // 2, last // 2
        else:
            hashed = sha256(b"\1" + hashed + sibling).digest()
        at, last = at // 2, last // 2
    assert hashed == signed.checkpoint.root


async def test_an_event_that_is_not_sealed_yet_is_a_409_and_one_that_is_none_a_404(
    frontend: httpx2.AsyncClient, case: str
) -> None:
    assert (await frontend.get(f"{case}/events/1/proof")).status_code == 409
    assert (await frontend.get(f"{case}/events/999/proof")).status_code == 404


async def test_the_proof_of_an_event_of_anothers_case_is_a_404_like_that_of_none(
    frontend: httpx2.AsyncClient, database: Database, clock: FrozenClock, case: str
) -> None:
    await sealing(database, clock).all()
    answers = [
        await frontend.get(f"{where}/events/1/proof", headers={"Onenet-Subject": "somebody-else"})
        for where in (case, "/v1/cases/01939a2e-2b00-7000-8000-000000000000")
    ]
    bodies = [{**answer.json(), "instance": None, "request_id": None} for answer in answers]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert bodies[0] == bodies[1]


async def test_there_is_no_checkpoint_before_the_first_and_then_everybody_gets_it(
    frontend: httpx2.AsyncClient,
    database: Database,
    clock: FrozenClock,
    case: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("onenet.services.proofs.KEPT_S", 0.0)
    assert (await frontend.get("/v1/log/checkpoint")).status_code == 404
    await sealing(database, clock).all()
    found = (await frontend.get("/v1/log/checkpoint")).json()
    assert is_signed_by(note.read(found["checkpoint"]), note.read_key(found["key"]))


async def test_the_newest_checkpoint_is_asked_for_once_in_some_seconds(
    database: Database, clock: FrozenClock, case: str
) -> None:
    await sealing(database, clock).all()
    kept = Checkpoints()
    newest = await kept.newest(database)
    await database.close()
    assert newest is not None
    assert await kept.newest(Database("sqlite:////nowhere/x.sqlite3")) == newest
