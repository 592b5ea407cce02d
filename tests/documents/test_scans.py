"""Scans: nothing is used before the scanner has said so, and nothing is lost while it is away."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from onenet.adapters.clamd import Clamd, ScannerAway
from onenet.api.parts import Parts
from onenet.clock import FrozenClock
from onenet.errors import MisconfiguredError
from onenet.services import scans
from onenet.services.document_upkeep import look_round
from onenet.services.documents import Vault
from tests.documents import making
from tests.documents.scanner import EICAR, Scanner, listening
from tests.documents.test_documents import fault_of, submitted, uploaded

pytestmark = pytest.mark.anyio

INFECTED = making.pdf(making.stream(EICAR, packed=False))
CLAMD = shutil.which("clamd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


@pytest.fixture
def vault(vault: Vault) -> Vault:
    """The same, with a scanner that has to see every document."""
    return replace(vault, is_scanned=True)


async def state_of(client: httpx2.AsyncClient, made: dict[str, object]) -> str:
    answer = await client.get(f"/v1/documents/{made['id']}")
    state: str = answer.json()["state"]
    assert ("retry-after" in answer.headers) is (state == "scanning")
    return state


async def test_a_document_can_be_used_when_it_is_clean_and_not_before(
    frontend: httpx2.AsyncClient, vault: Vault
) -> None:
    made = await uploaded(frontend)
    content = f"/v1/documents/{made['id']}/content"
    assert await state_of(frontend, made) == "scanning"
    assert (await frontend.get(content)).status_code == 404
    refused = await submitted(frontend, made["id"])
    assert fault_of(refused) == (409, "scanning", "/materials/0/document")
    async with listening(Scanner()) as scanner:
        assert await scans.scan_due(vault, Clamd(scanner.url)) == 1
        assert scanner.seen == [(await frontend.get(content)).content]
    assert await state_of(frontend, made) == "clean"
    assert (await submitted(frontend, made["id"])).status_code == 202


async def test_an_infected_document_is_never_used_and_never_given_out(
    frontend: httpx2.AsyncClient, vault: Vault, seen: list[dict[str, Any]]
) -> None:
    made = await uploaded(frontend, INFECTED)
    async with listening(Scanner()) as scanner:
        await scans.scan_due(vault, Clamd(scanner.url))
    assert await state_of(frontend, made) == "infected"
    assert [(each["event"], each["reason"]) for each in seen] == [("document_refused", "infected")]
    assert (await frontend.get(f"/v1/documents/{made['id']}/content")).status_code == 404
    assert fault_of(await submitted(frontend, made["id"])) == (409, "infected", "/materials/0/document")


@pytest.mark.parametrize("mood", ["error", "cut", "away"])
async def test_a_scanner_that_cannot_say_is_asked_again(
    frontend: httpx2.AsyncClient, vault: Vault, clock: FrozenClock, parts: Parts, mood: str
) -> None:
    made, scanner = await uploaded(frontend), Scanner()
    async with listening(scanner):
        pass  # it has a port by now, and nobody listens there
    scanner.mood = mood
    if mood == "away":
        assert await scans.scan_due(vault, Clamd(scanner.url)) == 0
    else:
        async with listening(scanner):
            assert await scans.scan_due(vault, Clamd(scanner.url)) == 0
    clock.advance(timedelta(hours=30))
    await look_round(vault, parts.case_of)
    assert await state_of(frontend, made) == "scanning", "it is not lost, however long it takes"
    scanner.mood = "well"
    async with listening(scanner):
        assert await scans.scan_due(vault, Clamd(scanner.url)) == 1
    assert await state_of(frontend, made) == "clean"


async def test_two_workers_do_not_scan_the_same_document(frontend: httpx2.AsyncClient, vault: Vault) -> None:
    from asyncio import gather

    await uploaded(frontend)
    async with listening(Scanner()) as scanner:
        done = await gather(*(scans.scan_due(vault, Clamd(scanner.url)) for _ in range(4)))
        assert (sum(done), len(scanner.seen)) == (1, 1)


@pytest.mark.parametrize(
    "url", ["http://a:1", "tcp://host", "tcp://host:x", "unix:relative", "", "unix://host/a"]
)
def test_an_address_of_another_form_stops_the_start(url: str) -> None:
    with pytest.raises(MisconfiguredError, match="ONENET_CLAMD_URL"):
        Clamd(url)


async def test_a_daemon_that_is_not_there_is_away() -> None:
    with pytest.raises(ScannerAway):
        await Clamd("unix:///nowhere/clamd.sock").scan(iter([b"x"]))


# ---- the real one


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real clamd with one signature, that of the EICAR test file."""
    if CLAMD is None:
        pytest.skip("no clamd on this machine (Debian: clamav-daemon)")
    folder = tmp_path_factory.mktemp("clamd")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "own.ndb").write_text(f"Eicar-Test-Signature:0:*:{EICAR.hex()}\n")
    (folder / "clamd.conf").write_text(
        f"TCPSocket {port}\nTCPAddr 127.0.0.1\nDatabaseDirectory {folder}\nForeground yes\n"
    )
    (folder / "own.ndb").chmod(0o644)
    Path(folder).chmod(0o755)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([CLAMD, "-c", folder / "clamd.conf"], stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    try:
        assert process.poll() is None, (folder / "log").read_text()
        yield f"tcp://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


async def test_a_real_clamd_tells_the_infected_from_the_clean(clamd: str) -> None:
    assert await Clamd(clamd).scan(iter([making.pdf()])) is None
    found = await Clamd(clamd).scan(iter([INFECTED[:700], INFECTED[700:]]))
    assert found is not None
    assert found.startswith("Eicar-Test-Signature")
