"""dispatch.*: tasks handed to twenty departments over real HTTP, beside the client alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import psycopg

from bench import backlog, serving, town
from bench.ground import Ground, tell
from bench.keys import key_ring
from bench.measure import Figure, figure, interleave
from onenet.store.sealing import PAYLOAD, key_of, unseal

YARDSTICKS = {
    "dispatch.vs_client": "httpx2's client alone",
    "dispatch.vs_transport": "httpx2's transport alone",
    "dispatch.vs_aiohttp": "aiohttp alone",
}
NAMES = tuple(YARDSTICKS)
CALLS = 3_000


def measure(ground: Ground, names: list[str]) -> Iterator[Figure]:
    """The figures of these names, all measured in the same rounds."""
    with serving.receivers(len(town.DEPARTMENTS)) as ports:
        bodies = _bodies(ground)
        measures = {"onenet": partial(_onenet, ground, ports)}
        for name in names:
            measures[YARDSTICKS[name]] = partial(_alone, ground, name, ports, bodies)
        given = interleave(ground.runs, measures, tell)
    for name in names:
        yardstick = YARDSTICKS[name]
        if {"onenet", yardstick} <= given.keys():
            yield figure(name, "calls/s", given["onenet"], yardstick, given[yardstick])


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
            found = connection.execute(
                "SELECT payload, task.id, data_key FROM task"
                " JOIN cases ON (cases.lane, cases.id) = (task.lane, task.case_id)"
            ).fetchall()
    ring = key_ring()
    payloads = [unseal(key_of(ring, key), payload, PAYLOAD, id) for payload, id, key in found]
    stamps = [json.dumps(json.loads(payload)["created_at"]) for payload in payloads]
    return [
        f'{{"type":"step.requested","timestamp":{stamp},"data":{payload}}}'
        for stamp, payload in zip(stamps, payloads, strict=True)
    ]


def _alone(ground: Ground, name: str, ports: list[int], bodies: list[str]) -> float:
    asked = {"ports": ports, "bodies": bodies, "calls": _cases(ground) * len(ports)}
    way = name.removeprefix("dispatch.vs_")
    return float(ground.own("client", way, asked=json.dumps(asked))["rate"])
