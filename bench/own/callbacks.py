"""How long the next department waits for its task once the one before has called back, under load.

Five departments in this process take each task with 202 and call back at once, signed, over HTTP. First many
cases are sent in together, which tells how many a second the service brings to their end; then cases come
steadily, at half that rate. What is told is of the steady part: milliseconds from the moment at which a
callback was sent to the arrival of the next step's task, for four of five steps.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
import uuid
from collections import deque
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bench import load
from bench.keys import key_ring
from bench.own.city import at_once
from bench.own.receivers import Receiver
from bench.town import DEPARTMENTS, SHAPES, TOWN
from onenet import bootstrap
from onenet.adapters import signing
from onenet.services import endpoints
from onenet.services.endpoints import Wanted
from onenet.store.database import Database

STEPS = 5
HANDS = 32
LIMIT_S = 120.0
_TAKEN = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_CASE = json.dumps(
    {
        "bundle": SHAPES["five"][0], "jurisdiction": TOWN, "form": {},
        "applicant": {"kind": "natural_person", "name": "张三", "id_type": "other", "id_no": "T-001"},
    }
).encode()  # fmt: skip


class Street:
    """The departments, and the connections over which they and the front-end speak to the service."""

    def __init__(self, port: int, key: str) -> None:
        self.waited_ms: list[float] = []
        self._port = port
        self._front = {"Authorization": f"Bearer {key}", "Onenet-Subject": "s-1"}
        self._secrets = {code: signing.new_secret() for code in DEPARTMENTS[:STEPS]}
        self._free: deque[Any] = deque()
        self._called_back_at: dict[str, float] = {}
        self._tasks = self._completed = 0
        self._grown = asyncio.Event()
        self._group = asyncio.TaskGroup()

    async def open(self, group: asyncio.TaskGroup, url: str) -> None:
        """Lets the departments listen, each at an address that the service is told."""
        self._group = group
        loop, database = asyncio.get_running_loop(), Database(url, ring=key_ring())
        for code, secret in self._secrets.items():
            server = await loop.create_server(
                partial(Receiver, _TAKEN, partial(self._on_task, code)), "127.0.0.1", 0
            )
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            wanted = Wanted("department", code, address, secret=secret, rate_per_s=0)
            await endpoints.register(database, wanted, datetime.now(UTC))
        await database.close()

    async def together(self, cases: int) -> float:
        """Cases a second, from the first submission to the last completion."""
        began, before = time.perf_counter(), self._completed
        await at_once(cases, HANDS, self._submit)
        await self._until_completed(before + cases)
        return cases / (time.perf_counter() - began)

    async def steadily(self, cases: int, per_second: float) -> None:
        """So many cases at this rate, whatever becomes of those before; to the last completion."""
        began, before = time.perf_counter(), self._completed
        self.waited_ms.clear()
        for number in range(cases):
            await asyncio.sleep(began + number / per_second - time.perf_counter())
            self._group.create_task(self._submit())
        await self._until_completed(before + cases)

    def check(self, cases: int) -> None:
        """Each department got each task once."""
        assert self._tasks == STEPS * cases, f"{self._tasks} tasks arrived for {cases} cases"

    async def _until_completed(self, count: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while self._completed < count:
                self._grown.clear()
                await self._grown.wait()

    async def _submit(self) -> None:
        await self._post("/v1/cases", self._front | {"Idempotency-Key": str(uuid.uuid4())}, _CASE, 202)

    def _on_task(self, code: str, body: bytes) -> None:
        arrived = time.perf_counter()
        self._tasks += 1
        data = json.loads(body)["data"]
        case = data["case"]["id"]
        if case in self._called_back_at:
            self.waited_ms.append((arrived - self._called_back_at.pop(case)) * 1_000)
        self._group.create_task(self._call_back(code, case, data["task"]))

    async def _call_back(self, code: str, case: str, task: str) -> None:
        now = datetime.now(UTC)
        said = {"task": task, "seq": 1, "outcome": "completed"}
        body = json.dumps({"type": "task.outcome", "timestamp": now.isoformat(), "data": said}).encode()
        headers = signing.sign(body, [self._secrets[code]], message_id=f"{task}_1", at=now)
        is_last = code == DEPARTMENTS[STEPS - 1]
        if not is_last:
            self._called_back_at[case] = time.perf_counter()
        await self._post(f"/v1/callbacks/{code}", headers, body, 200)
        if is_last:
            self._completed += 1
            self._grown.set()

    async def _post(self, path: str, headers: dict[str, str], body: bytes, status: int) -> None:
        connection = self._free.popleft() if self._free else await load._connect(self._port)
        sent = load.request("POST", path, headers | {"Content-Type": "application/json"}, body)
        got = await connection.ask(sent)
        assert got == status, f"{path} was answered with {got}: {connection.body[:300]!r}"
        self._free.append(connection)


async def run(url: str, port: int, key: str, cases: int, seconds: float) -> dict[str, float]:
    """Quantiles of the waiting, and the steady rate at which it was measured."""
    async with asyncio.TaskGroup() as group:
        street = Street(port, key)
        await street.open(group, url)
        await street.together(max(1, cases // 4))  # warm-up
        most = await street.together(cases)
        steady = max(1, round(most / 2 * seconds))
        await street.steadily(steady, most / 2)
        street.check(max(1, cases // 4) + cases + steady)
    cut = statistics.quantiles(street.waited_ms, n=100)
    return {"p50": cut[49], "p99": cut[98], "cases/s": most / 2}


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("port", type=int)
    parser.add_argument("key")
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args(words)
    measured = run(options.url, options.port, options.key, options.cases, options.seconds)
    print(json.dumps(bootstrap.run(measured)))


if __name__ == "__main__":
    main(sys.argv[1:])
