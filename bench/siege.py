"""`python3 dev.py siege`: attacks on a running server, and how good requests fare beside them.

1,000 half-open connections and 200 bodies of a byte a second, a declared 2 GB, 100 MB in chunks, a head of
200 kB, 1,000 connections from one address. The server is the real one with its real limits, in a process of
its own; everything happens on the loopback interface, from several of its addresses.
Exit status: 0 when all of it ended in time, 1 otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench import load, serving, town
from bench.ground import PLUGIN

HEAD_S, BODY_S, GRACE_S = 10.0, 30.0, 5.0
HALF, SLOW = 1_000, 200
EACH = 100
"""Connections from one address."""

HALF_HEAD = b"GET /v1/cases HTTP/1.1\r\nHost: x\r\nX-A"


@dataclass
class Attacker:
    """One connection from an address of the loopback network."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def lasts_s(self, *, trickles: bool = False) -> float:
        """How long the server keeps it, sending a byte a second if it trickles."""
        began = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(1):
                    if not await self.reader.read(65_536):
                        break
            except TimeoutError:
                with contextlib.suppress(OSError):
                    self.writer.write(b"x" if trickles else b"")
            except OSError:
                break
        self.writer.close()
        return time.monotonic() - began

    async def was_refused(self) -> bool:
        """Whether the server has said no, or nothing and gone."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(0.001):
                await self.reader.read(100)
                return True
        return False


async def attack(port: int, sent: bytes, address: str) -> Attacker:
    made = Attacker(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)))
    made.writer.write(sent)
    return made


async def ask_well(port: int, good: bytes, until: asyncio.Event) -> list[float]:
    """Milliseconds of good requests, one after the other, 50 a second."""
    took_ms = []
    connection = await load._connect(port)
    while not until.is_set():
        began = time.perf_counter()
        load._check(await connection.ask(good), 200)
        took_ms.append((time.perf_counter() - began) * 1_000)
        await asyncio.sleep(0.02)
    connection.close()
    return took_ms


async def beside(
    port: int, good: bytes, attacks: asyncio.Task[list[float]]
) -> tuple[list[float], list[float]]:
    done = asyncio.Event()
    attacks.add_done_callback(lambda _: done.set())
    took_ms = await ask_well(port, good, done)
    return took_ms, await attacks


async def besiege(port: int, sent: bytes, count: int, *, trickles: bool = False) -> list[float]:
    made = [await attack(port, sent, f"127.0.1.{1 + number // EACH}") for number in range(count)]
    return list(await asyncio.gather(*(each.lasts_s(trickles=trickles) for each in made)))


async def pour(port: int, sent: bytes, piece: bytes, most: int) -> tuple[int, str]:
    """How many bytes the server took, and the first line of its answer."""
    made, poured = await attack(port, sent, "127.0.2.1"), 0
    reading = asyncio.create_task(made.reader.read(100))
    with contextlib.suppress(OSError, TimeoutError):
        while poured < most:
            made.writer.write(piece)
            async with asyncio.timeout(15):
                await made.writer.drain()
            poured += len(piece)
    answer = b""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(15):
            answer = await reading
    made.writer.close()
    return poured, answer.partition(b"\r\n")[0].decode() or "hung up"


async def crowd(port: int, count: int) -> int:
    """How many connections one address may have at a time."""
    made = [await attack(port, b"", "127.0.3.1") for _ in range(count)]
    await asyncio.sleep(2)
    kept = sum([not await each.was_refused() for each in made])
    for each in made:
        each.writer.close()
    return kept


async def p99_before(port: int, good: bytes) -> list[float]:
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(5, done.set)
    return await ask_well(port, good, done)


def p(percent: int, took: list[float]) -> float:
    return sorted(took)[min(len(took) - 1, len(took) * percent // 100)]


async def run(port: int, pid: int, good: bytes, post: bytes) -> bool:
    def mb() -> float:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 1e6

    rests = await p99_before(port, good)
    say(f"at rest: good requests p50 {p(50, rests):.1f} ms, p99 {p(99, rests):.1f} ms; {mb():.0f} MB")
    fine = True
    for what, sent, count, limit_s, trickles in (
        ("half-open connections", HALF_HEAD, HALF, HEAD_S, False),
        ("slow bodies", post + b"Content-Length: 1000\r\n\r\n", SLOW, BODY_S, True),
    ):
        task = asyncio.create_task(besiege(port, sent, count, trickles=trickles))
        took, lasted = await beside(port, good, task)
        closed = sum(each <= limit_s + GRACE_S for each in lasted)
        fine &= closed == count
        say(
            f"{what}: {closed} of {count} closed in time, the last after {max(lasted):.1f} s; good"
            f" requests p50 {p(50, took):.1f} ms, p99 {p(99, took):.1f} ms ({len(took)}); {mb():.0f} MB"
        )
    for what, head, piece, most in (
        ("a declared 2 GB", post + b"Content-Length: 2000000000\r\n\r\n", b"x" * 65_536, 100_000_000),
        (
            "100 MB in chunks",
            post + b"Transfer-Encoding: chunked\r\n\r\n",
            b"10000\r\n" + b"x" * 65_536 + b"\r\n",
            100_000_000,
        ),
        ("a head of 200 kB", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 50_000, 200_000),
    ):
        poured, answer = await pour(port, head, piece, most)
        fine &= poured < most or most == 200_000
        say(f"{what}: {answer} after {poured / 1e6:.1f} MB; {mb():.0f} MB")
    kept = await crowd(port, 1_000)
    fine &= kept == 200
    say(f"1,000 connections from one address: {kept} kept; {mb():.0f} MB")
    return fine


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    sys.path.insert(0, str(PLUGIN))
    with tempfile.TemporaryDirectory(prefix="onenet-siege-") as folder:
        url = f"sqlite:///{Path(folder) / 'onenet.sqlite3'}"
        key = town.prepare(url)
        with serving.working(url) as (port, pid):
            headers = {"Authorization": f"Bearer {key}", "Onenet-Subject": "s-1"}
            good = load.request("GET", "/v1/bundles", headers)
            # With a right key: without one, nothing of a body is waited for.
            headers |= {"Content-Type": "application/json", "Idempotency-Key": "siege"}
            post = load.request("POST", "/v1/cases", headers).removesuffix(b"\r\n")
            return 0 if asyncio.run(run(port, pid, good, post)) else 1


if __name__ == "__main__":
    sys.exit(main())
