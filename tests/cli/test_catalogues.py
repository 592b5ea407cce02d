"""onenet catalogue, as an administrator runs it: by which clock it publishes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from onenet.store import catalogue
from onenet.store.database import Database
from tests.cli.commands import run

pytestmark = pytest.mark.anyio


async def test_it_publishes_at_the_legal_time_of_the_servers(database: Database, database_url: str) -> None:
    """When deadlines are looked at again is compared with that time."""
    origin = datetime(2031, 1, 1, tzinfo=UTC)
    status, _, _ = run(database_url, "catalogue", "publish", ONENET_CLOCK_ORIGIN=origin.isoformat())
    assert status == 0
    async with database.read() as connection:
        versions = await catalogue.latest(connection)
    assert {version.published_at - origin < timedelta(days=1) for version in versions} == {True}
    assert min(version.published_at for version in versions) >= origin
