"""The city of the API's tests, with a place for documents, and a department that is not concerned."""

from __future__ import annotations

import httpx2
import pytest

from onenet.clock import FrozenClock
from onenet.services import keys
from onenet.store.database import Database
from tests.api.conftest import (  # noqa: F401  # fixtures
    acting,
    administrator,
    anonymous,
    app,
    department,
    frontend,
    parts,
    stranger,
    tokens,
    vault,
)


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    """What is asked of the database is asked on both engines by `test_upkeep` and `test_links`."""
    name: str = request.param
    return name


@pytest.fixture
async def police(
    anonymous: httpx2.AsyncClient,  # noqa: F811  # the fixture above
    database: Database,
    clock: FrozenClock,
) -> httpx2.AsyncClient:
    """The police department, whose step comes later and needs no material."""
    made = await keys.create(database, kind="department", client="police", now=clock.now())
    return acting(anonymous, made.token)
