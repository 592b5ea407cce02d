"""What the transport beneath onenet's calls reaches alone: POSTs to departments, and nothing around them.

One pool of eight connections for each department, as `onenet.adapters.transport` has it, the bodies of real
tasks, headers of the same size; no signing, no adapter, no database.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import httpx2

from bench.own.city import at_once
from onenet import bootstrap

AT_ONCE = 64
WARM_UP = 200
HEADERS = {
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": "onenet/0",
    "idempotency-key": '"tsk_01J00000000000000000000000"',
    "webhook-id": "tsk_01J00000000000000000000000",
    "webhook-timestamp": "1700000000",
    "webhook-signature": f"v1,{'A' * 44}",
}


async def run(ports: list[int], bodies: list[bytes], calls: int) -> float:
    """Calls per second."""
    limits = httpx2.Limits(max_connections=8, max_keepalive_connections=8, keepalive_expiry=4.0)
    tls = httpx2.create_ssl_context(trust_env=False)
    pools = {port: httpx2.AsyncHTTPTransport(verify=tls, trust_env=False, limits=limits) for port in ports}
    numbers = iter(range(1 << 40))

    async def call() -> None:
        number = next(numbers)
        port = ports[number % len(ports)]
        request = httpx2.Request(
            "POST", f"http://127.0.0.1:{port}/", headers=HEADERS, content=bodies[number % len(bodies)],
            extensions={"timeout": {"connect": 3.0}},
        )  # fmt: skip
        async with asyncio.timeout(15.0):
            answer = await pools[port].handle_async_request(request)
            async for _ in answer.aiter_raw():
                pass
        assert answer.status_code == 200

    await at_once(WARM_UP, AT_ONCE, call)
    began = time.perf_counter()
    await at_once(calls, AT_ONCE, call)
    took_s = time.perf_counter() - began
    for pool in pools.values():
        await pool.aclose()
    return calls / took_s


def main() -> None:
    """Reads ports, bodies and the number of calls from standard input."""
    asked = json.load(sys.stdin)
    bodies = [text.encode() for text in asked["bodies"]]
    print(json.dumps({"rate": bootstrap.run(run(asked["ports"], bodies, asked["calls"]))}))


if __name__ == "__main__":
    main()
