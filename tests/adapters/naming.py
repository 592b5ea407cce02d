"""A name server on the loopback that changes its mind, and the resolver that asks it. Real datagrams.

Source: RFC 1035 section 4.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult  # noqa: TID251  # what the wire asks

A, AAAA = 1, 28
_FAMILIES = {A: socket.AF_INET, AAAA: socket.AF_INET6}


def _name(host: str) -> bytes:
    labels = [label.encode() for label in host.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


class _Server(asyncio.DatagramProtocol):
    """Answers the n-th question of a kind with those addresses of the n-th answer; the last stays."""

    def __init__(self, answers: Sequence[Sequence[str]]) -> None:
        self.asked: list[int] = []
        self._answers = answers
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # of UDP, always
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        kind = struct.unpack("!H", data[-4:-2])[0]
        place = min(self.asked.count(kind), len(self._answers) - 1)
        self.asked.append(kind)
        version = 4 if kind == A else 6
        found = [ip_address(each) for each in self._answers[place]]
        packed = [each.packed for each in found if each.version == version]
        head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, len(packed), 0, 0)
        records = [b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(each)) + each for each in packed]
        assert self._transport is not None
        self._transport.sendto(head + data[12:] + b"".join(records), addr)


class _Question(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self.answer.done():
            self.answer.set_result(data)


class Names(AbstractResolver):
    """Asks that server for both kinds of addresses, each time."""

    def __init__(self, server: tuple[str, int], asked: list[int]) -> None:
        self._server = server
        self.asked = asked

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = [(kind, each) for kind in _FAMILIES for each in await self._ask(host, kind)]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=_FAMILIES[kind], proto=0, flags=0)
            for kind, each in found
        ]

    async def _ask(self, host: str, kind: int) -> list[str]:
        loop = asyncio.get_running_loop()
        transport, question = await loop.create_datagram_endpoint(_Question, remote_addr=self._server)
        try:
            wanted = _name(host) + struct.pack("!HH", kind, 1)
            transport.sendto(struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + wanted)
            async with asyncio.timeout(5):
                data = await question.answer
        finally:
            transport.close()
        size = 4 if kind == A else 16
        records, each = data[12 + len(wanted) :], 12 + size
        starts = range(0, len(records), each)
        return [str(ip_address(records[start + 12 : start + each])) for start in starts]

    async def close(self) -> None:
        """Nothing is open."""


@asynccontextmanager
async def names(*answers: Sequence[str]) -> AsyncIterator[Names]:
    """A name server that gives these answers in turn to whoever asks, and its resolver."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: _Server(answers), local_addr=("127.0.0.1", 0)
    )
    try:
        yield Names(transport.get_extra_info("sockname"), server.asked)
    finally:
        transport.close()
