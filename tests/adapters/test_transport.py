"""One call, one bounded attempt, whatever the other side does."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
from asyncio import StreamWriter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from typing import Any

import httpx2
import pytest

from onenet import __version__
from onenet.adapters import signing
from onenet.adapters.base import Talk
from onenet.adapters.transport import Attempt, Limits, Transport
from onenet.domain.outcome import Completed, Received, TryLater
from onenet.errors import MisconfiguredError
from tests.adapters.factories import KEY, NOW, SECRET, make_endpoint
from tests.adapters.loopback import answer, loopback
from tests.outward import HERE

pytestmark = pytest.mark.anyio

SHORT = Limits(total_s=1.0)
BODY = '{"名": 1}'.encode()

Flood = Callable[[StreamWriter], Awaitable[None]]


async def post(url: str, *, limits: Limits | None = None, **changes: Any) -> Attempt:
    fields: dict[str, Any] = {"body": BODY, "secrets": [SECRET], "message_id": "msg_1", "now": NOW} | changes
    async with Transport(limits, HERE) as transport:
        return await transport.post_signed(url, **fields)


async def drive(talk: Talk) -> Attempt:
    async with Transport(destinations=HERE) as transport:
        return await transport.drive(talk, endpoint=make_endpoint("http://127.0.0.1:9"), key=KEY, now=NOW)


def dripping(head: bytes) -> Flood:
    """A server that sends one byte at a time, for ever: no read timeout ever fires."""

    async def drip(writer: StreamWriter) -> None:
        writer.write(head)
        for _ in count():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    return drip


async def many_headers(writer: StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n" + b"x-header: value\r\n" * 100_000 + b"\r\n")
    await writer.drain()


async def about_to_answer(writer: StreamWriter) -> None:
    for _ in count():
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000)
        await writer.drain()


def endless_of(head: bytes, piece: bytes) -> Flood:
    async def flood(writer: StreamWriter) -> None:
        writer.write(head)
        for _ in count():
            writer.write(piece)
            await writer.drain()

    return flood


def cut_off(said: bytes) -> Flood:
    async def say(writer: StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    return say


async def reset(writer: StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize(
    "conduct",
    [
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"), id="drips its body"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nx-header: "), id="drips its head"),
        pytest.param(many_headers, id="sends 100,000 headers"),
        pytest.param(about_to_answer, id="is about to answer, for ever"),
        pytest.param(cut_off(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"), id="sends half a body"),
        pytest.param(cut_off(b"HTTP/1.1 200 OK\r\ncontent-le"), id="sends half a head"),
        pytest.param(cut_off(b"220 mail.example ESMTP\r\n"), id="speaks another protocol"),
        pytest.param(cut_off(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), id="bad chunk"),
        pytest.param(cut_off(b""), id="says nothing and closes"),
        pytest.param(reset, id="resets"),
    ],
)
async def test_a_call_that_goes_wrong_is_one_bounded_transient_attempt(conduct: Flood) -> None:
    async with loopback(conduct) as evil:
        attempt = await post(evil.url, limits=SHORT)
    assert (attempt.failure, attempt.status, len(evil.heard)) == ("transient", None, 1)


async def test_whoever_is_about_to_answer_for_ever_is_not_listened_to() -> None:
    """The client would keep it all: 80 MB in a second and a half."""
    async with loopback(about_to_answer) as server:
        attempt = await post(server.url)
    assert attempt.outcome == TryLater("transient", "the answer broke off or is not valid HTTP")


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "conduct",
    [
        pytest.param(
            endless_of(b"HTTP/1.1 200 OK\r\n", b"x-a: " + b"b" * 60_000 + b"\r\n"), id="large headers"
        ),
        pytest.param(endless_of(CHUNKED + b"1;a=", b"x" * 65_536), id="one extension of a chunk"),
        pytest.param(endless_of(CHUNKED, b"1;a=" + b"x" * 60_000 + b"\r\nx\r\n"), id="chunks of one byte"),
        pytest.param(endless_of(CHUNKED, b"0" * 65_536), id="the size of a chunk"),
        pytest.param(endless_of(CHUNKED + b"0\r\n", b"x-a: b\r\n" * 1_000), id="trailers"),
        pytest.param(endless_of(b"", b"\r\n" * 30_000), id="empty lines"),
    ],
)
async def test_an_answer_of_frames_and_heads_without_end_is_hung_up_on(conduct: Flood) -> None:
    """At 1 MB, and not at the deadline: until then it would cost memory, or a third of the worker's time."""
    async with loopback(conduct) as evil:
        attempt = await post(evil.url)
    assert attempt.outcome == TryLater("transient", "the answer broke off or is not valid HTTP")


async def test_names_that_nobody_answers_for_keep_nobody_else_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More names hang than the loop has threads; the system gives up on each after half a minute."""
    look_up, answered = socket.getaddrinfo, threading.Event()

    def hang(host: Any, *more: Any, **options: Any) -> Any:
        if str(host).endswith(".dead.invalid"):
            answered.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answered")
        return look_up(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    async with loopback(answer(202)) as good, Transport(destinations=HERE) as transport:

        async def call(url: str) -> Attempt:
            return await transport.post_signed(url, BODY, secrets=[SECRET], message_id="msg_1", now=NOW)

        hung = [asyncio.create_task(call(f"http://d{number}.dead.invalid/")) for number in range(40)]
        await asyncio.sleep(0)
        attempt = await call(good.url.replace("127.0.0.1", "localhost"))
        answered.set()
        await asyncio.gather(*hung)
    assert attempt.outcome == Received()
    assert {task.result().failure for task in hung} == {"transient"}


async def test_an_answer_may_be_announced() -> None:
    announced = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 3
    async with loopback(announced + answer(200, {"outcome": "completed"})) as server:
        attempt = await post(server.url)
    assert (attempt.status, attempt.outcome) == (200, Received())


async def test_an_endless_body_is_read_to_64_kb() -> None:
    async with loopback(endless_of(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536)) as evil:
        attempt = await post(evil.url)
    assert (attempt.outcome, attempt.bytes_read) == (Received(), 65_536)


async def test_a_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    async with loopback(answer(200, bomb, content_encoding="gzip")) as evil:
        attempt = await post(evil.url)
    assert (attempt.outcome, attempt.bytes_read) == (Received(), min(len(bomb), 65_536))


async def test_a_redirect_is_not_followed() -> None:
    async with loopback(answer(202)) as target, loopback(answer(307, location=target.url)) as evil:
        attempt = await post(evil.url)
    assert (attempt.failure, attempt.status, target.heard) == ("permanent", 307, [])


async def test_a_cookie_is_not_kept() -> None:
    async with loopback(answer(202, set_cookie="a=1")) as evil, Transport(destinations=HERE) as transport:
        for _ in range(2):
            await transport.post_signed(evil.url, BODY, secrets=[SECRET], message_id="msg_1", now=NOW)
    assert [request.headers.get("cookie") for request in evil.heard] == [None, None]


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with loopback(answer(500)) as proxy, loopback(answer(202)) as target:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        attempt = await post(target.url)
    assert (attempt.outcome, proxy.heard) == (Received(), [])


async def test_a_host_that_hangs_gives_its_connections_back() -> None:
    """Twice as many calls as connections end at the deadline, on the wire or waiting for a connection."""
    hang, mended = dripping(b"HTTP/1.1 200 OK\r\nx-header: "), asyncio.Event()

    async def hang_until_mended(writer: StreamWriter) -> None:
        # Whichever call gets a connection that another one gave back: it hangs as well.
        if not mended.is_set():
            await hang(writer)
        writer.write(answer(202))
        await writer.drain()

    limits = Limits(total_s=1.0, connections_per_host=2)
    async with loopback(hang_until_mended) as evil, Transport(limits, HERE) as transport:

        async def call() -> Attempt:
            return await transport.post_signed(evil.url, BODY, secrets=[SECRET], message_id="msg_1", now=NOW)

        hung = await asyncio.gather(*[call() for _ in range(4)])
        mended.set()
        freed = await call()
    assert [attempt.failure for attempt in hung] == ["transient"] * 4
    assert freed.outcome == Received()


async def test_a_cancelled_call_stays_cancelled() -> None:
    heard = asyncio.Event()

    async def hang(writer: StreamWriter) -> None:
        heard.set()
        await asyncio.Event().wait()

    async with loopback(hang) as evil:
        task = asyncio.create_task(post(evil.url))
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_body_goes_out_unchanged_under_our_headers() -> None:
    async with loopback(answer(202)) as subscriber:
        await post(f"{subscriber.url}/hook?a=1")
    (heard,) = subscriber.heard
    assert (heard.method, heard.path, heard.body) == ("POST", "/hook?a=1", BODY)
    assert signing.verify(heard.headers, BODY, [SECRET], now=NOW) is None
    assert {name: heard.headers[name] for name in ("accept-encoding", "content-type", "user-agent")} == {
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": f"onenet/{__version__}",
    }
    assert (heard.headers["webhook-id"], heard.headers["idempotency-key"]) == ("msg_1", '"msg_1"')


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_request_that_may_be_repeated_is_not(method: str) -> None:
    """The second one goes over the connection that the first one left, and meets its end."""

    def talk(url: str) -> Talk:
        yield httpx2.Request(method, url)
        yield httpx2.Request(method, url)
        return Received()

    async with loopback(answer(202), cut_off(b"")) as department:
        attempt = await drive(talk(department.url))
    assert (attempt.failure, len(department.heard)) == ("transient", 2)


async def posted(url: str, times: int) -> list[Attempt]:
    """One after the other, without a pause, over the connections of one transport."""
    fields: dict[str, Any] = {"secrets": [SECRET], "message_id": "msg_1", "now": NOW}
    async with Transport(destinations=HERE) as transport:
        return [await transport.post_signed(url, BODY, **fields) for _ in range(times)]


async def test_a_connection_that_was_closed_while_idle_is_not_used_again() -> None:
    async with loopback(cut_off(answer(202))) as department:  # it never says that it will close
        attempts = await posted(department.url, 20)
    assert [attempt.outcome for attempt in attempts] == [Received()] * 20


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one() -> None:
    async with loopback(answer(202) + answer(200, b"stray"), answer(202)) as department:
        attempts = await posted(department.url, 2)
    assert [(attempt.status, attempt.excerpt) for attempt in attempts] == [(202, "")] * 2


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GE T", {}),
        ("POST", {"x unit": "7"}),
        ("POST", {"x-unit": "7\r\nx-other: 8"}),
        ("POST", {"x-unit": "\0"}),
    ],
    ids=["method", "name", "line break", "NUL"],
)
async def test_a_request_that_is_not_http_is_refused_without_a_call(
    method: str, headers: dict[str, str]
) -> None:
    def talk(url: str) -> Talk:
        yield httpx2.Request(method, url, headers=headers)
        return Received()

    async with loopback(answer(202)) as department:
        attempt = await drive(talk(department.url))
    assert (attempt.failure, department.heard) == ("refused", [])


async def test_a_large_header_of_an_answer_is_borne() -> None:
    async with loopback(answer(202, content_security_policy="a" * 60_000)) as department:
        attempt = await post(department.url)
    assert attempt.outcome == Received()


async def test_an_adapter_cannot_replace_our_headers() -> None:
    wanted = {
        "Webhook-Id": "tsk_other", "Webhook-Signature": "v1,x", "Idempotency-Key": "x", "User-Agent": "x",
        "Accept-Encoding": "gzip", "Host": "other.example", "Cookie": "a=1",
        "Expect": "100-continue",
    }  # fmt: skip

    def talk(url: str) -> Talk:
        yield httpx2.Request("PUT", url, content=BODY, headers=wanted | {"X-Unit": "7"})
        return Received()

    async with loopback(answer(200)) as department:
        await drive(talk(department.url))
    (heard,) = department.heard
    assert not {name.lower(): value for name, value in wanted.items()}.items() & heard.headers.items()
    assert (heard.method, heard.headers["x-unit"], heard.headers["webhook-id"]) == ("PUT", "7", KEY)


async def test_a_talk_of_two_requests_is_one_attempt() -> None:
    def talk(url: str) -> Talk:
        first = yield httpx2.Request("GET", f"{url}/ticket")
        yield httpx2.Request("POST", f"{url}/{first.json()}", content=BODY)
        return Completed()

    async with loopback(answer(200, "T7"), answer(201, b"done")) as department:
        attempt = await drive(talk(department.url))
    assert [heard.path for heard in department.heard] == ["/ticket", "/T7"]
    assert (attempt.outcome, attempt.status, attempt.excerpt) == (Completed(), 201, "done")


async def test_a_talk_ends_at_its_first_failed_answer() -> None:
    def talk(url: str) -> Talk:
        yield httpx2.Request("GET", url)
        pytest.fail("the adapter was given a failed answer")

    async with loopback(answer(500)) as department:
        attempt = await drive(talk(department.url))
    assert attempt.failure == "transient"


@pytest.mark.parametrize(
    "url",
    ["", "not an address", "//host/", "ftp://host/", "http://", "http:///path", "http://[::1/", "http://a\0b/",
     "http://⒈.com/", "http://name:password@127.0.0.1/", "http://127.0.0.1:0/", "http://127.0.0.1:99999/",
     "http://127.0.0.1:-1/", "http://a\\b/", f"http://{'a' * 64}.invalid/",
     "http://a..invalid/", "http://ex ample/", "http://xn--/"],
)  # fmt: skip
async def test_a_bad_address_is_refused_without_a_call(url: str) -> None:
    attempt = await post(url)
    assert (attempt.failure, attempt.status) == ("refused", None)


async def test_a_host_that_is_not_found_is_transient() -> None:
    attempt = await post("http://nosuch.invalid/")
    assert attempt.failure == "transient"


@pytest.mark.parametrize(
    "changes", [{"secrets": []}, {"secrets": ["geheim"]}, {"body": bytes(262_145)}],
    ids=["no secret", "a bad secret", "a large body"],
)  # fmt: skip
async def test_what_cannot_be_sent_is_refused_without_a_call(changes: dict[str, Any]) -> None:
    async with loopback(answer(202)) as subscriber:
        attempt = await post(subscriber.url, **changes)
    assert (attempt.failure, subscriber.heard) == ("refused", [])
    assert isinstance(attempt.outcome, TryLater)
    assert "geheim" not in attempt.outcome.reason


async def test_a_host_without_tls_is_transient_for_an_https_address() -> None:
    async with loopback(answer(202)) as plain:
        attempt = await post(plain.url.replace("http://", "https://"))
    assert (attempt.failure, plain.heard) == ("transient", [])


async def test_a_certificate_that_nobody_vouches_for_is_transient(own_certificate: ssl.SSLContext) -> None:
    async with loopback(answer(202), tls=own_certificate) as department:
        attempt = await post(department.url.replace("127.0.0.1", "localhost"))
    assert (attempt.failure, department.heard) == ("transient", [])
    assert isinstance(attempt.outcome, TryLater)
    assert attempt.outcome.reason == "no secure connection"


async def test_an_adapter_that_finds_its_options_wrong_is_refused() -> None:
    def talk() -> Talk:
        raise MisconfiguredError("option `region` is missing")
        yield

    attempt = await drive(talk())
    assert attempt.outcome == TryLater("refused", "option `region` is missing")


@pytest.mark.parametrize(
    ("status", "given", "expected_s"),
    [
        (503, "120", 120),
        (429, "0", 0),
        (503, "99999999999999999999", 86_400),
        (503, (NOW + timedelta(minutes=2)).strftime("%a, %d %b %Y %H:%M:%S GMT"), 119),
        (503, (NOW - timedelta(minutes=2)).strftime("%a, %d %b %Y %H:%M:%S GMT"), 0),
        (503, "Fri, 31 Dec 9999 23:59:59 -0000", 86_400),
        (503, "-5", None),
        (503, "1.5", None),
        (503, "soon", None),
        (503, "Fri, 99 Foo 2026", None),
        (500, "120", None),
        (404, "120", None),
    ],
)
async def test_retry_after_is_a_number_or_a_date(status: int, given: str, expected_s: int | None) -> None:
    async with loopback(answer(status, retry_after=given)) as busy:
        attempt = await post(busy.url)
    assert isinstance(attempt.outcome, TryLater)
    assert attempt.outcome.retry_after_s == expected_s


async def test_an_attempt_tells_what_was_answered() -> None:
    async with loopback(answer(500, {"error": "call 13812345678"})) as busy:
        attempt = await post(busy.url)
    assert (attempt.status, attempt.bytes_read, attempt.started_at) == (500, 29, NOW)
    assert attempt.excerpt == '{"error": "call ***"}'
    assert attempt.ended_at > attempt.started_at
