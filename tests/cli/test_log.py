"""The log: JSON lines on standard error, which hold nobody's data."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy import text

from onenet import cli
from onenet.store.database import Database

pytestmark = pytest.mark.anyio

SECRET = "320599199201010024"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the log says, set up as `main` does it."""
    before, said = structlog.get_config(), io.StringIO()
    monkeypatch.setattr("sys.stderr", said)
    cli._configure_log("info")
    yield said
    structlog.configure(**before)


async def test_an_error_is_told_by_its_class_and_its_places_and_not_in_its_words(
    database: Database, log: io.StringIO
) -> None:
    """The database says which row it refused, SQLAlchemy with which parameters."""
    insert = text("INSERT INTO case_counter (scope) VALUES (:value)")
    try:
        async with database.transaction() as connection:
            await connection.execute(insert, {"value": SECRET})
    except Exception:  # noqa: BLE001  # as loops catch what nobody foresaw
        structlog.get_logger().exception("work_failed")
    assert SECRET not in log.getvalue()
    told = json.loads(log.getvalue().splitlines()[-1])["exception"]
    assert "IntegrityError" in told
    assert "test_log.py" in told
