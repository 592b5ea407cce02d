"""The stream of a case's events (Server-Sent Events), from a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from onenet.api import examples
from tests.api.live import Live, live

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("test_streams"), pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("streams")) as started:
        yield started


@pytest.fixture
def client(server: Live) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, headers=server.headers(server.frontend), timeout=20) as opened:
        yield opened


def open_case(client: httpx2.Client, key: str) -> dict[str, Any]:
    answer = client.post("/v1/cases", json=examples.SUBMISSION, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    case: dict[str, Any] = answer.json()
    return case


def frames(response: httpx2.Response) -> Iterator[dict[str, str]]:
    """The events of a stream, field by field; comments and the retry field aside."""
    frame: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if not line and "id" in frame:
            yield frame
        frame = {**frame, name: value} if line and name else {}


def stream(client: httpx2.Client, case: dict[str, Any], **headers: str) -> Any:
    return client.stream("GET", case["links"]["events"], headers={"Accept": "text/event-stream", **headers})


def test_a_stream_tells_what_was_and_what_comes(client: httpx2.Client) -> None:
    case = open_case(client, "k-1")
    with stream(client, case) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        found = frames(response)
        first = next(found)
        assert (first["id"], first["event"]) == ("1", "case.received")
        assert json.loads(first["data"])["seq"] == 1
        client.post(case["links"]["withdrawal"], json={}, headers={"Idempotency-Key": "w-1"})
        assert "case.withdrawn" in (frame["event"] for frame in found)


def test_a_broken_stream_goes_on_without_gap_or_repeat(client: httpx2.Client) -> None:
    case = open_case(client, "k-2")
    with stream(client, case) as response:
        last = next(frames(response))["id"]
    with stream(client, case, **{"Last-Event-ID": last}) as response:
        assert int(next(frames(response))["id"]) == int(last) + 1


def test_a_stream_of_somebody_elses_case_is_not_there(server: Live, client: httpx2.Client) -> None:
    case = open_case(client, "k-3")
    with stream(client, case, **{"Onenet-Subject": "citizen-2"}) as response:
        assert response.status_code == 404
    with stream(client, case, **{"Last-Event-ID": "x"}) as response:
        assert response.status_code == 400


def test_head_of_a_stream_ends_at_once(client: httpx2.Client) -> None:
    case = open_case(client, "k-4")
    answer = client.head(case["links"]["events"], headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_server_that_was_told_to_stop_ends_its_streams(tmp_path: Path) -> None:
    """`live` fails when the server does not stop in time."""
    with live(tmp_path) as server, httpx2.Client(base_url=server.url, timeout=40) as client:
        client.headers.update(server.headers(server.frontend))
        case = open_case(client, "k-5")
        opened = stream(client, case)
        next(frames(opened.__enter__()))
