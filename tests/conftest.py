"""What every test may ask for."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """asyncio is the one event loop that onenet runs on."""
    return "asyncio"
