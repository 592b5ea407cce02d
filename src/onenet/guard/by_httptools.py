"""Guarded uvicorn over httptools, which the extra `speed` brings.

What httptools does not refuse by itself: any size of a head, any number of fields, of requests sent in one
go (each took 2 kB before it had its turn), and of bytes around the bytes of a chunked body. It hands trailers
over as if they were fields of the head, while the application works with those: they are dropped. Where a
head wishes for another protocol it reads no body; Java's client does that by itself (uvicorn issue 2722).
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from onenet.guard.line import NOT_ENCODED, Guard, Line

MOST_AROUND_A_BYTE = 16
"""A chunk of one byte has five around it; more than so many are made to keep a server busy."""


class _Refused(Exception):
    """Stops the parser; the refusal was written."""


_NONE, _HEAD, _BODY = 0, 1, 2
"""What of a request is being read; names of plain numbers, as each request asks for them six times."""


class _Rest:
    """Takes what comes behind a head that was read already."""

    def __init__(self, protocol: GuardedHttpTools):
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete


class GuardedHttpTools(HttpToolsProtocol):
    """Uvicorn's protocol over httptools, on a line that is watched."""

    guard: ClassVar[Guard]

    def __init__(self, *args: Any, **named: Any):
        super().__init__(*args, **named)
        self._part = _NONE
        self._piece_bytes = self._read_bytes = self._body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Counts the caller in, or shows it the door."""
        super().connection_made(transport)
        self._line = Line(self, self.guard)

    def connection_lost(self, exc: Exception | None) -> None:
        """Counts it out."""
        self._line.lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on, and says what is awaited now."""
        line = self._line
        if line.is_refused:
            line.throw_away(len(data))
            return
        self._unset_keepalive_if_required()
        self._piece_bytes = len(data)
        try:
            self._read(data)
        except httptools.HttpParserInvalidURLError:
            line.refuse_form("unreadable", "" if data.isascii() else NOT_ENCODED)
        except httptools.HttpParserError:
            line.refuse_form("unreadable")
        if not line.is_refused:
            self._say_what_is_awaited(len(data))

    def _read(self, data: bytes) -> None:
        """Reads. A wish for another protocol is overlooked, as a server may (RFC 9110 section 7.8).

        The parser is over then: another one reads the body, and with the answer the connection ends.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as wish:
            framing = (b"content-length", b"transfer-encoding")
            fields = [b"%s: %s\r\n" % each for each in self.scope["headers"] if each[0] in framing]
            self.cycle.keep_alive = False
            self.parser = httptools.HttpRequestParser(_Rest(self))
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%s\r\n" % b"".join(fields))
            self.parser.feed_data(data[wish.args[0] :])

    def _say_what_is_awaited(self, size: int) -> None:
        line, limits = self._line, self.guard.limits
        self._read_bytes += size
        if self._part is _BODY:
            around = self._read_bytes - self._body_bytes
            if around > limits.head_bytes * 2 + MOST_AROUND_A_BYTE * self._body_bytes:
                line.refuse_form("chunks")
            elif self.cycle.response_complete:
                line.wait_for_spill(size)
            else:
                line.wait_for_body(size)
        elif self._part is _HEAD:
            if self._read_bytes > limits.head_bytes:
                line.refuse_head("head")
            else:
                line.wait_for_head()
        elif not self._is_busy():
            line.wait_for_head()  # an empty line: uvicorn has ended its wait for what comes next
        else:
            line.got_it()

    def _is_busy(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, which uvicorn does not say
        return cycle is not None and not cycle.response_complete

    def on_message_begin(self) -> None:
        """A head begins."""
        if len(self.pipeline) >= self.guard.limits.pipelined:
            self._line.refuse_form("pipelined")
            raise _Refused
        self._part = _HEAD
        self._read_bytes = self._body_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there: its size is looked at before anybody acts on it."""
        limits = self.guard.limits
        if len(self.headers) > limits.fields:
            self._line.refuse_head("fields")
            raise _Refused
        # Counted exactly only where it may matter: the piece may hold the body, too.
        if (
            self._read_bytes + self._piece_bytes > limits.head_bytes
            and self._head_bytes() > limits.head_bytes
        ):
            self._line.refuse_head("head")
            raise _Refused
        # httptools says so itself, but only after the application has begun.
        for name, value in self.headers:
            if name == b"transfer-encoding" and value.lower() != b"chunked":
                self._line.refuse_form("transfer_encoding")
                raise _Refused
        super().on_headers_complete()
        self._part = _BODY
        self.headers = []

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there, unless the parser only says so because of a wish."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._part = _NONE

    def on_response_complete(self) -> None:
        """Goes on with the connection; a body that was answered early may still be on its way."""
        super().on_response_complete()
        is_early = self._part is _BODY and self.cycle.response_complete
        if is_early and not self.transport.is_closing():
            self._line.wait_for_spill(0)

    def send_400_response(self, msg: str) -> None:
        """Refuses, as a problem, what could not be read."""
        self._line.refuse_form("unreadable")

    def pause_writing(self) -> None:
        """The caller is slow to take the answer."""
        super().pause_writing()
        self._line.is_not_taken()

    def resume_writing(self) -> None:
        """It took most of it."""
        super().resume_writing()
        self._line.is_taken()

    def timeout_keep_alive_handler(self) -> None:
        """Ends a connection that idles; at once, if its last answer was never taken."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()
