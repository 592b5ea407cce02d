"""Guarded uvicorn over h11, the reader that is always there."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from onenet.guard.line import NOT_ENCODED, Guard, Line


class StrictConnection(h11.Connection):
    """h11, which also measures heads that came in one piece, and refuses two lengths of one body."""

    def __init__(self, max_head_bytes: int, max_fields: int):
        super().__init__(h11.SERVER, max_head_bytes)
        self._max_bytes, self._max_fields = max_head_bytes, max_fields

    def next_event(self) -> Any:
        """The next part of a request. Raises: RemoteProtocolError."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = [name for name, _ in event.headers]
            size = len(event.target) + sum(len(name) + len(value) + 4 for name, value in event.headers)
            # h11 itself looks only at what is not yet complete.
            if size > self._max_bytes or len(names) > self._max_fields:
                raise h11.RemoteProtocolError("too large", error_status_hint=431)
            if b"content-length" in names and b"transfer-encoding" in names:
                raise h11.RemoteProtocolError("two lengths")
        return event


class GuardedH11(H11Protocol):
    """Uvicorn's protocol over h11, on a line that is watched."""

    guard: ClassVar[Guard]

    def __init__(self, *args: Any, **named: Any):
        super().__init__(*args, **named)
        limits = self.guard.limits
        self.conn = StrictConnection(limits.head_bytes, limits.fields)

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
        if self._line.is_refused:
            self._line.throw_away(len(data))
            return
        self._is_ascii = data.isascii()
        super().data_received(data)
        if not self._line.is_refused:
            self._say_what_is_awaited(len(data))

    def _say_what_is_awaited(self, size: int) -> None:
        their_state = self.conn.their_state
        if their_state is h11.IDLE:
            self._line.wait_for_head()
        elif their_state is h11.SEND_BODY and self.cycle.response_complete:
            self._line.wait_for_spill(size)
        elif their_state is h11.SEND_BODY:
            self._line.wait_for_body(size)
        else:
            self._line.got_it()

    def on_response_complete(self) -> None:
        """Goes on with the connection; a body that was answered early may still be on its way."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self._line.wait_for_spill(0)

    def send_400_response(self, msg: str) -> None:
        """Refuses, as a problem, what h11 could not read."""
        error = sys.exception()
        if isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == 431:
            self._line.refuse_head("head")
        else:
            is_line = str(error).startswith("illegal request line: ")  # one that looks like one till its end
            detail = NOT_ENCODED if is_line and not self._is_ascii else ""
            self._line.refuse_form("two_lengths" if str(error) == "two lengths" else "unreadable", detail)

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
