"""A department behind an authority of its own, that asks for onenet's certificate: over real TLS."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from onenet.adapters.rest import Rest
from onenet.adapters.transport import Attempt, Transport
from onenet.domain.outcome import Received, TryLater
from tests.adapters import loopback as servers
from tests.adapters.factories import KEY, NOW, make_endpoint, make_task
from tests.adapters.loopback import answer
from tests.outward import HERE

OPENSSL = shutil.which("openssl")

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(OPENSSL is None, reason="certificates are made with the openssl command"),
]


def openssl(folder: Path, *words: str) -> None:
    assert OPENSSL is not None
    subprocess.run([OPENSSL, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ca.pem`, and with their keys `server.pem` and `client.pem`, which it signed, and a `stranger.pem`."""
    made = tmp_path_factory.mktemp("certificates")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
    for name in ("ca", "other"):
        openssl(
            made,
            "req",
            "-x509",
            *key,
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
        )
    for name in ("server", "client"):
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        openssl(
            made,
            "req",
            "-x509",
            *key,
            *signed,
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.crt",
        )
    for name in ("server", "client"):
        whole = (made / f"{name}.crt").read_text() + (made / f"{name}.key").read_text()
        (made / f"{name}.pem").write_text(whole)
    (made / "stranger.pem").write_text((made / "other.pem").read_text() + (made / "other.key").read_text())
    return made


async def submit(
    folder: Path, auth: dict[str, Any], *, asks: bool = True, certificate: str = "client"
) -> Attempt:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / "server.pem")
    if asks:
        server_side.verify_mode = ssl.CERT_REQUIRED
        server_side.load_verify_locations(folder / "ca.pem")
    options = {
        "request": {"body": {}}, "auth": auth,
        "answer": {"word": "/state", "words": {"ok": {"outcome": "accepted"}}},
    }  # fmt: skip
    own = {"pem": (folder / f"{certificate}.pem").read_text()}
    async with (
        servers.loopback(answer(202), tls=server_side) as server,
        Transport(destinations=HERE) as transport,
    ):
        endpoint = make_endpoint(server.url, "rest", options=options, credentials=own)
        talk = Rest(endpoint).submit(make_task())
        return await transport.drive(talk, endpoint=endpoint, key=KEY, now=NOW)


async def test_a_department_of_an_authority_of_its_own_is_shown_our_certificate(folder: Path) -> None:
    auth = {"certificate": "${/pem}", "authority": (folder / "ca.pem").read_text()}
    assert (await submit(folder, auth)).outcome == Received()


async def test_without_a_certificate_or_with_a_strangers_nothing_is_taken(folder: Path) -> None:
    authority = (folder / "ca.pem").read_text()
    without = await submit(folder, {"authority": authority})
    stranger = await submit(
        folder, {"certificate": "${/pem}", "authority": authority}, certificate="stranger"
    )
    assert (without.failure, stranger.failure) == ("transient", "transient")


async def test_another_authority_vouches_for_nobody(folder: Path) -> None:
    attempt = await submit(folder, {"authority": (folder / "other.pem").read_text()}, asks=False)
    assert attempt.outcome == TryLater("transient", "no secure connection")


async def test_what_is_no_certificate_is_not_called_and_not_repeated(folder: Path) -> None:
    (folder / "broken.pem").write_text("geheim")
    attempt = await submit(folder, {"certificate": "${/pem}"}, certificate="broken")
    assert attempt.outcome == TryLater(
        "refused", "expected PEM of a certificate with its key, and of an authority"
    )
