"""The guard, byte by byte: what takes too long, is too large or too much is refused; others go on."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from onenet import security_log
from onenet.guard import Crowd, Limits
from onenet.guard.protocols import Reader
from tests.guard.serving import Application, Call, call, serving

pytestmark = pytest.mark.anyio

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nHost: x\r\nX-A"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

SHORT = Limits(head_s=0.4, body_s=0.4, taking_s=0.4, spill_s=0.4, idle_s=1)


@pytest.fixture(params=["httptools", "h11"])
def reader(request: pytest.FixtureRequest) -> Reader:
    if request.param == "httptools":
        pytest.importorskip("httptools", reason="the extra `speed` is for Linux")
    return request.param  # type: ignore[no-any-return]


class Events:
    """Takes security events instead of a logger."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def warning(self, kind: str, **said: str) -> None:
        self.seen.append((kind, said.get("reason", "")))


@pytest.fixture(autouse=True)
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    seen = Events()
    monkeypatch.setattr(security_log, "_stream", security_log.Stream(seen))
    return seen


async def answered_while(port: int, others: asyncio.Task[None]) -> int:
    """How many good requests were answered, one after the other, until the others were done."""
    count = 0
    good = await call(port)
    while not others.done():
        await good.send(GET)
        assert (await good.answer()).status == 200
        count += 1
    good.close()
    await others
    return count


async def all_end(calls: list[Call]) -> None:
    for each in calls:
        await each.end()
        each.close()


async def test_half_open_connections_are_closed_in_time_while_good_requests_are_answered(
    reader: Reader, events: Events
) -> None:
    async with serving(Application(), reader, limits=SHORT) as port:
        calls = [await call(port, HALF if number % 2 else b"") for number in range(150)]
        answered = await answered_while(port, asyncio.create_task(all_end(calls)))
        assert answered > 10
        assert set(events.seen) == {("too_slow", "head"), ("too_slow", "call")}


async def test_without_the_guard_they_stay_open(reader: Reader) -> None:
    async with serving(Application(), reader, plain=True) as port:
        half, slow = await call(port, HALF), await call(port, POST)
        await asyncio.sleep(SHORT.head_s * 3)
        assert not half.reader.at_eof()
        assert not slow.reader.at_eof()
        half.close()
        slow.close()


async def test_a_late_head_and_a_late_body_are_answered_408(reader: Reader) -> None:
    app = Application()
    async with serving(app, reader, limits=SHORT) as port:
        for begun in (HALF, POST, POST + b"x" * 100, CHUNKED + b"1\r\nx\r\n"):
            late = await call(port, begun)
            answer = await late.answer()
            assert (answer.status, answer.code, await late.end()) == (408, "request-timeout", b"")
            assert answer.headers["connection"] == "close"
            late.close()
        assert app.gone == 3


async def test_a_head_that_trickles_is_late_too(reader: Reader) -> None:
    async with serving(Application(), reader, limits=SHORT) as port:
        slow = await call(port)
        began = time.monotonic()
        for byte in HALF * 10:
            await slow.send(bytes([byte]))
            await asyncio.sleep(0.05)
            if slow.reader._buffer or slow.reader.at_eof():  # type: ignore[attr-defined]
                break
        assert time.monotonic() - began < len(HALF) * 10 * 0.05 / 2
        assert (await slow.answer()).status == 408
        slow.close()


async def test_a_body_may_take_long_as_long_as_it_comes(reader: Reader) -> None:
    limits = Limits(head_s=0.3, body_s=0.3, least_rate=10_000)
    async with serving(Application(), reader, limits=limits) as port:
        steady = await call(port, POST)
        for _ in range(9):
            await steady.send(b"x" * 10_000)
            await asyncio.sleep(0.1)
        assert (await steady.answer()).status == 200
        steady.close()


async def test_200_slow_bodies_are_closed_in_time(reader: Reader) -> None:
    limits = Limits(head_s=5, body_s=0.4, connections_per_address=300)
    async with serving(Application(), reader, limits=limits) as port:
        calls = [await call(port, POST + b"x") for _ in range(200)]
        assert await answered_while(port, asyncio.create_task(all_end(calls))) > 10


@pytest.mark.parametrize("size", [70_000, 200_000, 5_000_000])
async def test_a_large_head_is_431(reader: Reader, size: int) -> None:
    async with serving(Application(), reader) as port:
        large = await call(port)
        sending = asyncio.create_task(large.send(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * size))
        answer = await large.answer()
        assert (answer.status, answer.code) == (431, "head-too-large")
        large.close()
        await sending


async def test_a_complete_large_head_reaches_nobody(reader: Reader) -> None:
    app = Application()
    async with serving(app, reader) as port:
        for head in (b"X-A: " + b"a" * 66_000, b"\r\n".join(b"X-%d: 1" % n for n in range(101))):
            large = await call(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
            assert (await large.answer()).status == 431
            large.close()
        within = b"\r\n".join(b"X-%d: %s" % (n, b"a" * 600) for n in range(99))
        allowed = await call(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + within + b"\r\n\r\n")
        assert (await allowed.answer()).status == 200
        allowed.close()
        assert len(app.heads) == 1


async def test_a_body_in_the_same_piece_is_no_part_of_the_head(reader: Reader) -> None:
    async with serving(Application(), reader) as port:
        good = await call(port, POST + b"x" * 90_000)
        assert (await good.answer()).status == 200
        good.close()


@pytest.mark.parametrize(
    "ambiguous",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, identity\r\n\r\nabcd",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
    ],
)
async def test_what_can_be_read_in_two_ways_or_none_is_a_problem(
    reader: Reader, ambiguous: bytes, events: Events
) -> None:
    app = Application()
    async with serving(app, reader) as port:
        smuggled = await call(port, ambiguous)
        answer = await smuggled.answer()
        assert (answer.status, answer.code) == (400, "malformed-request")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"] in answer.body.decode()
        assert "server" not in answer.headers
        assert await smuggled.end() == b""
        smuggled.close()
    assert app.heads == []
    assert [kind for kind, _ in events.seen] == ["malformed_request"]


@pytest.mark.parametrize(
    ("target", "is_told"), [("/v1/bundles?q=出生", True), ("/v1/bundles?q=%E5%87\x01", False)]
)
async def test_whoever_writes_chinese_into_an_address_is_told_to_encode_it(
    reader: Reader, target: str, is_told: bool
) -> None:
    app = Application()
    async with serving(app, reader) as port:
        raw = await call(port, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = await raw.answer()
        assert (answer.status, answer.code) == (400, "malformed-request")
        detail = json.loads(answer.body).get("detail", "")
        assert (detail == "percent-encode characters beyond ASCII in the address") is is_told
        raw.close()
    assert app.heads == []


async def test_a_declared_two_gigabytes_are_answered_at_once_and_not_read(reader: Reader) -> None:
    async with serving(Application(), reader, limits=SHORT) as port:
        huge = await call(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000000\r\n\r\n")
        assert (await huge.answer()).status == 413
        assert await sent_until_hung_up(huge) < 30_000_000


async def test_a_hundred_megabytes_in_chunks_are_cut_off(reader: Reader) -> None:
    app = Application()
    async with serving(app, reader, limits=SHORT) as port:
        huge = await call(port, CHUNKED)
        assert await sent_until_hung_up(huge, b"10000\r\n" + b"x" * 65_536 + b"\r\n") < 30_000_000
        assert app.read_bytes < 1_000_000


async def sent_until_hung_up(huge: Call, piece: bytes = b"x" * 65_536) -> int:
    """How many bytes could be sent: a few megabytes lie in the buffers of the two systems."""
    sent = 0
    while sent < 100_000_000:
        try:
            huge.writer.write(piece)
            async with asyncio.timeout(10):
                await huge.writer.drain()
        except ConnectionError:
            break
        sent += len(piece)
    huge.close()
    return sent


async def test_a_body_a_little_too_large_does_not_cost_the_connection(reader: Reader) -> None:
    async with serving(Application(), reader) as port:
        large = await call(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 150000\r\n\r\n")
        assert (await large.answer()).status == 413
        await large.send(b"x" * 150_000 + GET)
        assert (await large.answer()).status == 200
        large.close()


async def test_one_address_has_so_many_connections_and_no_more(reader: Reader, events: Events) -> None:
    async with serving(Application(), reader, limits=Limits(connections_per_address=5)) as port:
        calls = [await call(port, GET) for _ in range(5)]
        assert [(await each.answer()).status for each in calls] == [200] * 5
        over = await call(port)
        assert (await over.answer()).status == 429
        assert await over.end() == b""
        assert events.seen == [("connections_refused", "too_many")]
        calls[0].close()
        async with asyncio.timeout(10):
            while True:  # until the server has noticed
                again = await call(port, GET)
                if (await again.answer()).status == 200:
                    break
        for each in [*calls, over, again]:
            each.close()


async def test_a_trusted_proxy_stands_for_many(reader: Reader) -> None:
    limits = Limits(connections_per_address=1)
    async with serving(Application(), reader, limits=limits, proxies=("127.0.0.0/8",)) as port:
        calls = [await call(port, GET) for _ in range(3)]
        assert [(await each.answer()).status for each in calls] == [200] * 3
        for each in calls:
            each.close()


def test_addresses_of_one_ipv6_network_count_as_one_and_all_together_have_a_limit() -> None:
    crowd = Crowd(Limits(connections_per_address=1, connections=3))
    assert crowd.enters("2001:db8::1")
    assert not crowd.enters("2001:db8::2")
    assert crowd.enters("2001:db8:0:1::1")
    assert crowd.enters("::ffff:192.0.2.1")
    assert not crowd.enters("192.0.2.1")
    assert not crowd.enters("192.0.2.2")
    crowd.leaves("192.0.2.1")
    assert crowd.enters("192.0.2.2")


async def test_an_answer_that_nobody_takes_is_given_up(reader: Reader, events: Events) -> None:
    async with serving(Application(), reader, limits=SHORT) as port:
        deaf = await call(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(10):
            while not events.seen:  # noqa: ASYNC110  # the event is what a logger gets
                await asyncio.sleep(0.05)
        assert events.seen == [("too_slow", "answer")]
        assert len(await deaf.end()) < 8_000_000
        deaf.close()


async def test_a_connection_that_idles_is_closed_also_when_it_sends_empty_lines(reader: Reader) -> None:
    async with serving(Application(), reader, limits=SHORT) as port:
        idle, empty = await call(port, GET), await call(port, GET)
        assert (await idle.answer()).status == (await empty.answer()).status == 200
        await empty.send(b"\r\n")
        await idle.end()
        await empty.end()
        idle.close()
        empty.close()


async def test_requests_in_one_go_are_answered_in_order_and_not_without_limit(reader: Reader) -> None:
    app = Application()
    async with serving(app, reader) as port:
        few = await call(port, GET * 20)
        assert [(await few.answer()).status for _ in range(20)] == [200] * 20
        few.close()
        many = await call(port, GET * 4_000)
        if reader == "h11":  # takes the next when it is done with one
            assert [(await many.answer()).status for _ in range(4_000)] == [200] * 4_000
        else:
            await many.end()
            assert len(app.heads) < 100
        many.close()


async def test_trailers_do_not_become_fields_and_have_a_limit(reader: Reader) -> None:
    app = Application()
    async with serving(app, reader) as port:
        good = await call(port, CHUNKED + b"1\r\nx\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
        assert (await good.answer()).status == 200
        assert [name for name, _ in app.heads[0]] == [b"host", b"transfer-encoding"]
        bad = await call(port, CHUNKED + b"1\r\nx\r\n0\r\nX-A: ")
        sending = asyncio.create_task(bad.send(b"a" * 5_000_000))
        assert (await bad.answer()).status in (400, 431)
        for each in (good, bad):
            each.close()
        await sending


@pytest.mark.parametrize("wish", [b"websocket", b"h2c"])
@pytest.mark.parametrize(
    ("framing", "pieces", "size"),
    [
        pytest.param(b"Content-Length: 3", [b"xyz"], 3, id="of a length"),
        pytest.param(b"Content-Length: 3", [b"", b"x", b"yz"], 3, id="in pieces"),
        pytest.param(b"Transfer-Encoding: chunked", [b"1\r\nx\r\n", b"0\r\n\r\n"], 1, id="in chunks"),
        pytest.param(b"X-A: b", [b""], 0, id="without one"),
    ],
)
async def test_a_wish_for_another_protocol_is_overlooked_and_its_body_read(
    reader: Reader, wish: bytes, framing: bytes, pieces: list[bytes], size: int
) -> None:
    """Java's client wishes for h2c in each request that is not encrypted (uvicorn issue 2722)."""
    async with serving(app := Application(), reader) as port:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " + wish
        wishing = await call(port, head + b"\r\n" + framing + b"\r\n\r\n" + pieces[0])
        for piece in pieces[1:]:
            await asyncio.sleep(0.01)  # so that it comes by itself
            await wishing.send(piece)
        assert (await wishing.answer()).status == 200
        assert (app.read_bytes, len(app.heads)) == (size, 1)
        wishing.close()


async def test_a_body_behind_a_wish_that_cannot_be_read_is_refused(reader: Reader) -> None:
    async with serving(Application(), reader) as port:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
        wishing = await call(port, head + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n")
        assert (await wishing.answer()).status == 400
