"""A time-stamping authority on the loopback: openssl's `ts` behind real HTTP."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.adapters.loopback import Loopback, answer, loopback

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="no openssl to be the authority")

CONFIG = """[tsa]
default_tsa = here
[here]
serial = {folder}/serial
default_policy = 1.2.3.4
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
"""


@dataclass
class TimeAuthority:
    """Signs what it is asked to: in `folder` its certificates and its key, `root` in PEM."""

    folder: Path
    root: str

    def reply(self, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        words = "-reply -queryfile query -signer signer -inkey key -config config"
        return self._openssl(words, check=True).stdout

    def approves(self, reply: bytes, text: bytes) -> bool:
        """What openssl says of a stamp, as anybody could ask it."""
        for name, content in (("reply", reply), ("text", text)):
            (self.folder / name).write_bytes(content)
        return self._openssl("-verify -data text -in reply -CAfile root").returncode == 0

    def _openssl(self, words: str, *, check: bool = False) -> subprocess.CompletedProcess[bytes]:
        command = [OPENSSL or "", "ts", *words.split()]
        return subprocess.run(command, cwd=self.folder, capture_output=True, check=check)


def make_authority(folder: Path) -> TimeAuthority:
    """A root, and under it the certificate that signs stamps."""
    folder.mkdir()
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("root", root_key, root_key).sign(root_key, hashes.SHA256())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    signer = _certificate("signer", key, root_key).add_extension(usage, critical=True)
    pem = root.public_bytes(Encoding.PEM)
    (folder / "root").write_bytes(pem)
    (folder / "signer").write_bytes(signer.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "config").write_text(CONFIG.format(folder=folder))
    return TimeAuthority(folder, pem.decode())


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named("root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=key is issuer, path_length=None), critical=True)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


Reply = Callable[[bytes], bytes]


@asynccontextmanager
async def open_for_queries(reply: Reply) -> AsyncIterator[Loopback]:
    """Answers each query with what `reply` makes of it."""

    async def conduct(writer: asyncio.StreamWriter) -> None:
        made = await asyncio.to_thread(reply, running.heard[-1].body)
        writer.write(answer(200, made, content_type="application/timestamp-reply"))
        await writer.drain()

    async with loopback(conduct) as running:
        yield running
