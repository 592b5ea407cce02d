"""What must not be guessed cannot be, nobody is let in by default, and calls go out over verified TLS."""

from __future__ import annotations

import base64
import ssl
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import create_engine, func, select

from onenet.adapters import signing
from onenet.adapters.wire import Wire
from onenet.encryption import FileKeys, KeyRing
from onenet.encryption.kek import new_kek
from onenet.encryption.suites import SM, STD, Suite
from onenet.resources import migrations_dir
from onenet.services import keys
from onenet.store import tables
from onenet.store.migrating import Migrator
from tests.outward import HERE


def test_a_secret_has_128_bits_or_more() -> None:
    """An API key has 43 characters of 62 that are secret, a signing secret 32 bytes; none comes twice."""
    assert keys.TOKEN.pattern.endswith("[0-9A-Za-z]{43}")
    assert 62**43 > 2**256
    assert len(base64.b64decode(signing.new_secret().removeprefix("whsec_"))) == 32
    made = {keys._random(43) for _ in range(500)} | {signing.new_secret() for _ in range(500)}
    assert len(made) == 1_000


def test_a_new_database_lets_nobody_in(tmp_path: Path) -> None:
    """No account, no key, no address comes with the tables: whoever comes in is let in by somebody."""
    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    Migrator(url, migrations_dir()).upgrade("head", lambda step: None, datetime.now(UTC))
    engine = create_engine(url)
    with engine.connect() as connection:
        counts = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in tables.metadata.tables.items()
        }
    engine.dispose()
    assert {"api_key", "endpoint"} <= set(counts)
    assert {name: count for name, count in counts.items() if count} == {}


@pytest.mark.anyio
async def test_calls_go_out_over_verified_tls() -> None:
    wire = Wire(HERE, connect_s=1.0, connections_per_host=1)
    try:
        tls = wire._session.connector._ssl  # type: ignore[union-attr]  # the client keeps it to itself
        assert isinstance(tls, ssl.SSLContext)
        assert tls.verify_mode is ssl.CERT_REQUIRED
        assert tls.check_hostname
        assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2
    finally:
        await wire.aclose()


@pytest.mark.parametrize("suite", [STD, SM], ids=lambda suite: suite.name)
def test_no_nonce_comes_twice(suite: Suite) -> None:
    """Each is of 96 random bits, and a key is of one case: no key sees so many that two are alike."""
    key, _ = KeyRing(FileKeys({1: new_kek(1, suite)})).new_data_key()
    blobs = [key.encrypt(b"", place="case_content.content", row=UUID(int=1)) for _ in range(1_000)]
    assert len({blob[3:15] for blob in blobs}) == 1_000
