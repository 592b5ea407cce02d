"""dispatch.vs_client: tasks handed to twenty departments over real HTTP, beside the bare client."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg

from bench import backlog, serving, town
from bench.ground import Ground, tell
from bench.measure import Figure, beside

NAMES = ("dispatch.vs_client",)
CALLS = 3_000


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figure."""
    with serving.receivers(len(town.DEPARTMENTS)) as ports:
        bodies = _bodies(ground)
        measures = {
            "onenet": lambda: _onenet(ground, ports),
            "httpx2 alone": lambda: _client(ground, ports, bodies),
        }
        yield from beside("dispatch.vs_client", "calls/s", measures, ground.runs, tell)


def _cases(ground: Ground) -> int:
    return ground.count(CALLS // len(town.DEPARTMENTS))


def _onenet(ground: Ground, ports: list[int]) -> float:
    """From the start of the worker to the last answer on record."""
    addresses = {
        code: f"http://127.0.0.1:{port}/" for code, port in zip(town.DEPARTMENTS, ports, strict=True)
    }
    with ground.database() as url:
        town.move(url, addresses)
        return len(ports) * backlog.rate(ground, url, 1, _cases(ground), bundle="wide")


def _bodies(ground: Ground) -> list[str]:
    """What the webhook adapter sends for real tasks."""
    with ground.database() as url:
        ground.own("backlog", "fill", url, "--cases", 10, "--bundle", "wide")
        with psycopg.connect(url) as connection:
            payloads = [row[0] for row in connection.execute("SELECT payload FROM task")]
    stamps = [json.dumps(json.loads(payload)["created_at"]) for payload in payloads]
    return [
        f'{{"type":"step.requested","timestamp":{stamp},"data":{payload}}}'
        for stamp, payload in zip(stamps, payloads, strict=True)
    ]


def _client(ground: Ground, ports: list[int], bodies: list[str]) -> float:
    asked = {"ports": ports, "bodies": bodies, "calls": _cases(ground) * len(ports)}
    return float(ground.own("client", asked=json.dumps(asked))["rate"])
