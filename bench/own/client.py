"""What POSTs to departments cost without onenet: through httpx2's client, what is beneath it, or aiohttp.

`client` is what a user would write: an `AsyncClient` of eight connections for each department, and the answer
read. `transport` leaves out all that the client adds: no default headers, no cookies, no redirects, no hooks.
`aiohttp` is one session, eight connections for each host: the client that onenet itself uses.
Bodies of real tasks and headers of the same size either way; no signing, no adapter, no database.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import httpx2

from bench.own.city import at_once
from onenet import bootstrap

AT_ONCE = 64
WARM_UP = 200
LIMITS = httpx2.Limits(max_connections=8, max_keepalive_connections=8, keepalive_expiry=4.0)
HEADERS = {
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": "onenet/0",
    "idempotency-key": '"tsk_01J00000000000000000000000"',
    "webhook-id": "tsk_01J00000000000000000000000",
    "webhook-timestamp": "1700000000",
    "webhook-signature": f"v1,{'A' * 44}",
}

Post = Callable[[int, bytes], Awaitable[int]]
"""Sends a body to the department on a port, reads the answer to its end and gives its status."""


async def run(way: str, ports: list[int], bodies: list[bytes], calls: int) -> dict[str, float]:
    """Calls per second, and microseconds of this process for each."""
    numbers = iter(range(1 << 40))
    async with AsyncExitStack() as stack:
        post = await WAYS[way](stack, ports)

        async def call() -> None:
            number = next(numbers)
            assert await post(ports[number % len(ports)], bodies[number % len(bodies)]) == 200

        await at_once(WARM_UP, AT_ONCE, call)
        began, used = time.perf_counter(), time.process_time()
        await at_once(calls, AT_ONCE, call)
        took_s, used_s = time.perf_counter() - began, time.process_time() - used
    return {"rate": calls / took_s, "cpu_us": used_s / calls * 1_000_000}


async def _client(stack: AsyncExitStack, ports: list[int]) -> Post:
    tls = httpx2.create_ssl_context(trust_env=False)  # one for all: it takes 60 ms
    clients = {
        port: await stack.enter_async_context(httpx2.AsyncClient(verify=tls, limits=LIMITS, timeout=15.0))
        for port in ports
    }

    async def post(port: int, body: bytes) -> int:
        answer = await clients[port].post(f"http://127.0.0.1:{port}/", content=body, headers=HEADERS)
        return answer.status_code

    return post


async def _transport(stack: AsyncExitStack, ports: list[int]) -> Post:
    tls = httpx2.create_ssl_context(trust_env=False)
    pools = {
        port: await stack.enter_async_context(
            httpx2.AsyncHTTPTransport(verify=tls, trust_env=False, limits=LIMITS)
        )
        for port in ports
    }

    async def post(port: int, body: bytes) -> int:
        request = httpx2.Request(
            "POST", f"http://127.0.0.1:{port}/", headers=HEADERS, content=body,
            extensions={"timeout": {"connect": 3.0}},
        )  # fmt: skip
        async with asyncio.timeout(15.0):
            answer = await pools[port].handle_async_request(request)
            async for _ in answer.aiter_raw():
                pass
        return answer.status_code

    return post


async def _aiohttp(stack: AsyncExitStack, ports: list[int]) -> Post:
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=8, keepalive_timeout=4.0)
    timeout = aiohttp.ClientTimeout(total=15.0)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=timeout))

    async def post(port: int, body: bytes) -> int:
        async with session.post(f"http://127.0.0.1:{port}/", data=body, headers=HEADERS) as answer:
            await answer.read()
        return answer.status

    return post


WAYS = {"client": _client, "transport": _transport, "aiohttp": _aiohttp}


def main(words: list[str]) -> None:
    """Reads ports, bodies and the number of calls from standard input."""
    (way,) = words
    asked = json.load(sys.stdin)
    bodies = [text.encode() for text in asked["bodies"]]
    print(json.dumps(bootstrap.run(run(way, asked["ports"], bodies, asked["calls"]))))


if __name__ == "__main__":
    main(sys.argv[1:])
