"""No call reaches an address that an attacker chose: however it is written, and whatever its name leads to.

Each test that counts no connection has a control beside it that takes the guard out and counts some.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import pytest
from structlog.testing import capture_logs

from onenet.adapters.failures import ERROR_TYPES
from onenet.adapters.transport import Attempt, Transport
from onenet.adapters.wire import Wire
from onenet.destinations import Allowed, Destinations, NotAllowed
from onenet.domain.outcome import TryLater
from tests.adapters.factories import NOW, SECRET
from tests.adapters.loopback import answer
from tests.adapters.naming import AAAA, A, Names, names
from tests.outward import HERE

pytestmark = pytest.mark.anyio

SPELLINGS = (
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0x0.0x0.0x1", "0177.0.0.1",
    "017700000001", "0177.0.0.0x1", "127.000.000.001", "127.0.0.1.", "0", "0.0.0.0", "127.0.0.1%00",  # noqa: S104  # spellings, nothing is bound
    "%31%32%37%2e%30%2e%30%2e%31", "１２７.0.0.1", "127。0。0。1", "①②⑦.⓪.⓪.①", "localhost",
    "LOCALHOST", "localhost.", "user@127.0.0.1", "user:secret@localhost", "192.0.2.7@127.0.0.1",
    "192.0.2.7#@127.0.0.1", "192.0.2.7\\@127.0.0.1", "127.0.0.1\t", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::1%25lo]",
    "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::127.0.0.1]", "[2002:7f00:1::]",
)  # fmt: skip
"""This machine, as an attacker may write it: who looks for `127.0.0.1` by its letters lets most through."""


@dataclass
class Door:
    """A listener on every address of this machine that counts who comes."""

    port: int = 0
    opened: int = 0


@asynccontextmanager
async def listening(*hosts: str, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Door]:
    """The same port on every one of these addresses; each request is answered 202."""
    door, servers = Door(port), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        door.opened += 1
        try:
            while await reader.readline():
                while (await reader.readline()).strip():
                    pass
                writer.write(answer(202))
        except ConnectionError:
            pass
        finally:
            writer.close()

    for host in hosts:
        servers.append(await asyncio.start_server(serve, host, door.port, ssl=tls))
        door.port = servers[0].sockets[0].getsockname()[1]
    try:
        yield door
    finally:
        for server in servers:
            server.close()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


EVERYWHERE = ("127.0.0.1", "::1") if _has_ipv6() else ("127.0.0.1",)


def strict(port: int) -> Destinations:
    """Nothing inner; this port is one that somewhere else may be called on, so that addresses decide."""
    return Destinations((Allowed.read(f"192.0.2.0/24:{port}"),))


async def post(transport: Transport, url: str) -> Attempt:
    return await transport.post_signed(url, b"", secrets=[SECRET], message_id="msg_1", now=NOW)


async def reached(spellings: Iterable[str]) -> set[str]:
    """Those by which this machine is reached."""
    found = set()
    async with listening(*EVERYWHERE) as door, Transport(destinations=strict(door.port)) as transport:
        for each in spellings:
            before = door.opened
            attempt = await post(transport, f"http://{each}:{door.port}/")
            if door.opened > before or attempt.failure != "refused":
                found.add(each)
    return found


def without(monkeypatch: pytest.MonkeyPatch, *rules: str) -> None:
    """As onenet would be without these rules."""
    for rule in rules:
        monkeypatch.setattr(Destinations, rule, lambda *args: None)


# ---- spellings


async def test_however_this_machine_is_written_nobody_connects_to_it() -> None:
    assert len(SPELLINGS) >= 27
    assert await reached(SPELLINGS) == set()


async def test_control_without_the_guard_spellings_reach_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "check_url", "check")
    through = {"127.0.0.1", "0.0.0.0", "0x7f.1", "127。0。0。1", "localhost", "user@127.0.0.1"}  # noqa: S104  # the same
    assert through <= set(SPELLINGS)
    assert await reached(through) == through


async def test_control_a_plain_name_is_stopped_by_its_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "check")
    assert {"localhost", "LOCALHOST"} <= await reached(("localhost", "LOCALHOST"))


async def test_an_address_is_judged_as_its_socket_is_made_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the client takes for an address it does not look up; the rule of spelling is not the only one."""
    without(monkeypatch, "check_url")
    async with listening(*EVERYWHERE) as door, Transport(destinations=strict(door.port)) as transport:
        for host in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "0x7f.1"):  # noqa: S104  # the same
            attempt = await post(transport, f"http://{host}:{door.port}/")
            assert (attempt.failure, door.opened) == ("refused", 0), host


# ---- names that change their mind

PUBLIC, INNER = "127.0.0.1", "127.0.0.2"
"""Both are this machine; the settings of these tests allow the first. Linux has all of 127.0.0.0/8."""

needs_two = pytest.mark.skipif(
    not sys.platform.startswith("linux"),
    reason="needs a second address of this machine without setting one up",
)


@asynccontextmanager
async def calling(
    asked: Names, port: int, address: str = PUBLIC
) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Calls `rebind.example` on this port; only this address may be called. Gives the status, or the rule."""
    allowed = Destinations((Allowed.read(f"{address}:{port}"),))
    wire = Wire(allowed, connect_s=2.0, connections_per_host=2, names=asked)

    async def call() -> str:
        try:
            url = httpx2.URL(f"http://rebind.example:{port}/")
            answered = await wire.send("POST", url, [], b"", answer_bytes=100)
        except NotAllowed as refused:
            return refused.rule
        return str(answered.status_code)

    try:
        yield call
    finally:
        await wire.aclose()


@needs_two
@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([[PUBLIC, INNER]], id="mixed"),
        pytest.param([[INNER, PUBLIC]], id="mixed, the inner one first"),
        pytest.param([[PUBLIC, "::1"]], id="mixed, the inner one of IPv6"),
        pytest.param([[PUBLIC, "::ffff:127.0.0.2"]], id="mixed, the inner one in other clothes"),
        pytest.param([[PUBLIC, "169.254.169.254"]], id="mixed with metadata"),
        pytest.param([[INNER], [PUBLIC]], id="the inner one first, then the right one"),
    ],
)
async def test_an_answer_with_an_inner_address_in_it_connects_nobody(answers: list[list[str]]) -> None:
    async with listening(PUBLIC, INNER) as door, names(*answers) as asked, calling(asked, door.port) as call:
        assert await call() in ("inner", "never")
    assert door.opened == 0


@needs_two
async def test_control_without_the_guard_a_mixed_answer_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "check")
    async with listening(INNER) as door, names([INNER]) as asked, calling(asked, door.port) as call:
        assert await call() == "202"
    assert door.opened == 1


@needs_two
async def test_what_was_judged_is_what_is_connected_to() -> None:
    """A name is asked for once in a call: there is no second answer that could be another one."""
    async with (
        listening(PUBLIC) as door, listening(INNER, port=door.port) as trap,
        names([PUBLIC], [INNER]) as asked, calling(asked, door.port) as call,
    ):  # fmt: skip
        assert await call() == "202"
        assert asked.asked == [A, AAAA]
    assert (door.opened, trap.opened) == (1, 0)


@needs_two
async def test_a_name_that_turns_inward_is_not_followed() -> None:
    """While a connection or its answer is known, the judged address is called; asked anew, it is refused."""
    async with (
        listening(PUBLIC) as door, listening(INNER, port=door.port) as trap,
        names([PUBLIC], [INNER]) as asked,
    ):  # fmt: skip
        async with calling(asked, door.port) as call:
            assert [await call(), await call()] == ["202", "202"]
        async with calling(asked, door.port) as call:
            assert [await call(), await call()] == ["inner", "inner"]
    assert (door.opened, trap.opened) == (1, 0)


@needs_two
async def test_a_name_that_was_refused_is_called_when_it_is_right() -> None:
    answers = ([INNER], [PUBLIC])
    async with listening(PUBLIC) as door, names(*answers) as asked, calling(asked, door.port) as call:
        assert [await call(), await call()] == ["inner", "202"]
    assert door.opened == 1


@needs_two
async def test_refused_calls_leave_no_connection_taken() -> None:
    """A host has two: after many refusals at once both are still there."""
    answers = ([INNER], [PUBLIC])
    async with listening(PUBLIC) as door, names(*answers) as asked, calling(asked, door.port) as call:
        assert set(await asyncio.gather(*[call() for _ in range(20)])) <= {"inner", "202"}
        assert await asyncio.gather(*[call() for _ in range(4)]) == ["202"] * 4


async def test_the_name_stays_that_of_the_server_in_tls(own_certificate: ssl.SSLContext) -> None:
    """The connection is to an address; the certificate has to be the name's."""
    heard: list[str | None] = []
    own_certificate.sni_callback = lambda _, name, __: heard.append(name)
    async with listening("127.0.0.1", tls=own_certificate) as door, names(["127.0.0.1"]) as asked:
        wire = Wire(HERE, connect_s=2.0, connections_per_host=1, names=asked)
        try:
            url = httpx2.URL(f"https://department.example:{door.port}/")
            with pytest.raises(ERROR_TYPES, match="certificate"):
                await wire.send("POST", url, [], b"", answer_bytes=1)
        finally:
            await wire.aclose()
    assert heard == ["department.example"]


# ---- what is told


async def test_a_refusal_is_one_event_that_says_where_and_one_attempt_that_does_not() -> None:
    async with listening("127.0.0.1") as door, Transport(destinations=strict(door.port)) as transport:
        with capture_logs() as events:
            attempt = await post(transport, f"http://localhost:{door.port}/")
    assert attempt.outcome == TryLater("refused", "destination not allowed")
    [event] = [each for each in events if each["event"] == "address_refused"]
    assert (event["reason"], event["port"], event["message"]) == ("inner", door.port, "msg_1")
    assert event["found"] in ("127.0.0.1", "::1")
