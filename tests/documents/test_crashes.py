"""kill -9 of a server while files come in: none that was answered for is lost, and none is there by half.

The control answers before the row is committed; it has to lose documents, or the test could not see a loss.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest

from onenet.services import keys
from onenet.store import sealed
from onenet.store.database import Database
from onenet.store.objects import Folder
from tests.documents import making
from tests.documents.corpus import PDF
from tests.documents.vaults import RING
from tests.forking import Forked
from tests.keys import KEK
from tests.outward import NO_TLS

KILLS = int(os.environ.get("DOCUMENT_KILLS", "1"))
"""A hundred of them are worth their hour before a release."""

Answer = httpx2.Response
BETWEEN = 8
"""Documents that are answered for before the next kill."""

CLIENTS = 4
DEADLINE_S = 30
SUBJECTS = 40
POINTS = ("before_document_flush", "after_document_stored", "after_document_commit")

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]


class City:
    """A server that is killed and started again, and what it answered for."""

    def __init__(self, folder: Path, token: str, *, early: bool) -> None:
        self.folder, self.early = folder, early
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        plain = {name: value for name, value in os.environ.items() if not name.startswith("ONENET_")}
        self.environment = plain | {
            "ONENET_DATA_DIR": str(folder),
            "ONENET_PORT": str(self.port),
            "ONENET_KEK": KEK,
        }
        self.token = token
        self.answered: dict[str, tuple[int, str]] = {}
        self.process: Forked | None = None

    def start(self, **settings: str) -> None:
        module = "tests.documents.early" if self.early else "onenet"
        log = self.folder / "server.log"
        self.process = Forked(("-m", module, "serve", "--no-worker"), self.environment | settings, log, log)
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, log.read_text()[-3_000:]
            try:
                if httpx2.get(f"{self.url}/health/ready", trust_env=False, verify=NO_TLS).status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.05)
        raise AssertionError("the server did not become ready")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def headers(self, subject: int) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Onenet-Subject": f"citizen-{subject}"}

    async def send(self, number: int, ends: asyncio.Event) -> None:
        """Uploads one file after the other, at once or by parts, and notes what was answered for."""
        chance = random.Random(number)
        async with httpx2.AsyncClient(base_url=self.url, trust_env=False, timeout=10) as client:
            while not ends.is_set():
                subject = chance.randrange(SUBJECTS)
                noise = chance.randbytes(chance.randrange(200, 400_000))
                content = making.pdf(making.stream(noise, packed=False))
                way = self._at_once if chance.random() < 0.6 else self._by_parts
                try:
                    response = await way(client, subject, content)
                except httpx2.TransportError:
                    await asyncio.sleep(0.05)
                    continue
                if response.status_code == 201:
                    digest = hashlib.sha256(content).hexdigest()
                    self.answered[response.json()["id"]] = (subject, digest)
                else:
                    assert response.status_code in (409, 503), response.text

    async def _at_once(self, client: httpx2.AsyncClient, subject: int, content: bytes) -> Answer:
        said = {"Content-Type": PDF, "Onenet-Filename": "a.pdf", "Idempotency-Key": str(uuid4())}
        return await client.post("/v1/documents", content=content, headers=self.headers(subject) | said)

    async def _by_parts(self, client: httpx2.AsyncClient, subject: int, content: bytes) -> Answer:
        headers = self.headers(subject)
        new = {"filename": "a.pdf", "media_type": PDF, "size": len(content)}
        begun = await client.post(
            "/v1/document-uploads", json=new, headers=headers | {"Idempotency-Key": str(uuid4())}
        )
        if begun.status_code != 201:
            return begun
        upload, half = begun.json(), len(content) // 2
        for part in (content[:half], content[half:]):
            sent = headers | {"Content-Type": "application/octet-stream"}
            put = await client.put(upload["links"]["next_part"], content=part, headers=sent)
            if put.status_code != 200:
                return put
            upload = put.json()
        done = {"sha256": hashlib.sha256(content).hexdigest()}
        return await client.post(
            upload["links"]["completion"], json=done, headers=headers | {"Idempotency-Key": str(uuid4())}
        )

    def lost(self) -> list[str]:
        """What was answered for and is not there, or not as it was."""
        found = []
        with httpx2.Client(base_url=self.url, trust_env=False) as client:
            for id, (subject, digest) in self.answered.items():
                answer = client.get(f"/v1/documents/{id}/content", headers=self.headers(subject))
                if answer.status_code != 200 or hashlib.sha256(answer.content).hexdigest() != digest:
                    found.append(id)
        return found

    def halves(self) -> list[str]:
        """Objects that are there by half: each object of a row must open to its end, or be absent."""
        objects, broken = Folder(self.folder / "documents"), []
        with sqlite3.connect(self.folder / "onenet.sqlite3") as database:
            rows = database.execute("SELECT id, data_key, object, state FROM document").fetchall()
        for id, key, name, state in rows:
            try:
                for _ in sealed.unseal(RING.open(key), UUID(id), objects.read(name)):
                    pass
            except LookupError:
                if state != "storing":
                    broken.append(name)
            except ValueError:
                broken.append(name)
        return broken


@pytest.fixture
async def city(tmp_path: Path, sqlite_template: Path) -> Callable[..., AbstractContextManager[City]]:
    """Makes a city over a database of its own."""
    database = Database(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'onenet.sqlite3')}", ring=RING)
    made = await keys.create(database, kind="frontend", client="app", now=datetime.now(UTC))
    await database.close()
    return partial(running, tmp_path, made.token)


@contextmanager
def running(folder: Path, token: str, *, early: bool = False) -> Iterator[City]:
    made = City(folder, token, early=early)
    try:
        yield made
    finally:
        if made.process is not None:
            made.kill()


async def storm(made: City, kills: int) -> None:
    chance = random.Random(7)
    for _ in range(kills):
        made.start()
        ends = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(made.send(len(made.answered) * 100 + number, ends))
            before, deadline = len(made.answered), time.monotonic() + DEADLINE_S
            while len(made.answered) < before + BETWEEN and time.monotonic() < deadline:  # noqa: ASYNC110  # answers of processes
                await asyncio.sleep(0.01)
            await asyncio.sleep(chance.random() * 0.1)
            made.kill()
            ends.set()
    made.start()


Cities = Callable[..., AbstractContextManager[City]]


async def test_no_document_that_was_answered_for_is_lost_and_none_is_there_by_half(city: Cities) -> None:
    with city() as made:
        await storm(made, KILLS)
        assert len(made.answered) >= KILLS * BETWEEN, "the storm never came to anything"
        assert (made.lost(), made.halves()) == ([], [])
        print(f"{KILLS} kills, {len(made.answered)} answered, 0 lost")


async def test_control_a_server_that_answers_too_early_is_caught(city: Cities) -> None:
    with city(early=True) as made:
        await storm(made, KILLS)
        assert made.lost() != []


async def test_a_server_that_dies_at_a_point_answers_for_all_or_nothing(city: Cities) -> None:
    content, digest = making.pdf(), hashlib.sha256(making.pdf()).hexdigest()
    with city() as made:

        def send(key: str) -> httpx2.Response:
            said = {"Content-Type": PDF, "Onenet-Filename": "a.pdf", "Idempotency-Key": key}
            said |= made.headers(1)
            return httpx2.post(
                f"{made.url}/v1/documents", content=content, headers=said, trust_env=False, verify=NO_TLS
            )

        def note(answer: httpx2.Response, *, replayed: bool) -> None:
            assert answer.status_code == 201
            assert ("idempotency-replayed" in answer.headers) is replayed
            made.answered[answer.json()["id"]] = (1, digest)

        for point in POINTS:
            made.start(ONENET_TEST_MODE="true", ONENET_CRASH=f"{point}:1")
            with pytest.raises(httpx2.TransportError):
                send(point)
            assert made.process is not None
            made.process.wait(DEADLINE_S)
            assert made.halves() == []
        made.start()
        for point in POINTS:
            note(send(point), replayed=point == "after_document_commit")
        assert made.lost() == []
