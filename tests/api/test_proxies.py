"""Whose word counts for where a request came from: that of the proxies that were named, and nobody else's."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from onenet import security_log
from onenet.app import Application
from onenet.bootstrap import _server_config
from onenet.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

PROXY = "10.0.0.5"
CALLER = "203.0.113.9"


class Seen:
    """Takes events instead of a logger."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def warning(self, kind: str, **said: Any) -> None:
        self.addresses.append(said["address"])


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    taken = Seen()
    monkeypatch.setattr(security_log, "_stream", security_log.Stream(taken))
    return taken


async def address_of(app: Application, seen: Seen, named: str | None, peer: str, said: str) -> str:
    """The address that a refused request is told with, behind the server as `serve` sets it up."""
    config = _server_config(app, Settings(trusted_proxies=named))
    config.load()
    transport = httpx2.ASGITransport(config.loaded_app, client=(peer, 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url="https://onenet.example") as client:
        headers = {
            "X-Forwarded-For": said,
            "X-Real-IP": said,
            "Forwarded": f"for={said}",
            "X-Client-IP": said,
        }
        assert (await client.get("/v1/cases", headers=headers)).status_code == 401
    return seen.addresses[-1]


@pytest.mark.parametrize(
    ("named", "peer", "said", "counts"),
    [
        (None, CALLER, "198.51.100.1", CALLER),
        (None, "127.0.0.1", "198.51.100.1", "127.0.0.1"),
        (PROXY, CALLER, "198.51.100.1", CALLER),
        (PROXY, PROXY, CALLER, CALLER),
        (PROXY, PROXY, f"198.51.100.1, {CALLER}", CALLER),
        (f"{PROXY},10.1.0.0/16", PROXY, f"198.51.100.1, {CALLER}, 10.1.2.3", CALLER),
    ],
)
async def test_the_address_of_a_caller_is_what_a_named_proxy_says_and_nobody_else(
    app: Application, seen: Seen, named: str | None, peer: str, said: str, counts: str
) -> None:
    assert await address_of(app, seen, named, peer, said) == counts


async def test_no_header_changes_the_addresses_that_answers_name(app: Application) -> None:
    config = _server_config(app, Settings())
    config.load()
    transport = httpx2.ASGITransport(config.loaded_app, client=(CALLER, 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url="https://evil.example") as client:
        said = {
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "http",
            "X-Original-URL": "/health/live",
        }
        answer = await client.get("/nowhere", headers=said)
    assert (answer.status_code, answer.json()["type"]) == (404, "https://onenet.example/problems/not-found")
    assert "evil" not in answer.text + str(answer.headers)


def test_no_web_socket_is_opened(app: Application) -> None:
    assert _server_config(app, Settings()).ws == "none"
