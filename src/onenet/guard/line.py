"""One connection: what is awaited from whoever called, until when, and how it is told no."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from onenet import security_log
from onenet.errors import HeadTooLarge, MalformedRequest, OnenetError, QuotaExceeded, RequestTimeout
from onenet.guard.limits import Crowd, Limits

Awaited = Literal["call", "head", "body", "spill"]
"""call: a first byte. spill: the rest of a body that was answered already."""


NOT_ENCODED = "percent-encode characters beyond ASCII in the address"
"""What is told of an address that cannot be read, where a byte beyond ASCII came with it."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What all connections of a process share. `refusal` writes the whole answer that reports an error."""

    limits: Limits
    crowd: Crowd
    refusal: Callable[[OnenetError], bytes]


class Line:
    """Watches over one connection; the protocol that reads it says what it waits for."""

    def __init__(self, protocol: Any, guard: Guard):
        """`protocol`: one of uvicorn's, after its connection was made."""
        self._protocol = protocol
        self._guard = guard
        self._transport: asyncio.Transport = protocol.transport
        self._loop: asyncio.AbstractEventLoop = protocol.loop
        self._address = protocol.client[0] if protocol.client else ""
        self._awaited: Awaited | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._received = 0
        self.is_refused = self._is_silent = False
        self._is_counted = guard.crowd.enters(self._address)
        if self._is_counted:
            self.wait_for("call", guard.limits.head_s)
        else:
            error = QuotaExceeded(policies=("connections",), retry_after_s=10)
            self.refuse(error, "connections_refused", "too_many", stays=False)

    def lost(self) -> None:
        """The connection is no more."""
        self.got_it()
        self.is_taken()
        if self._is_counted:
            self._is_counted = False
            self._guard.crowd.leaves(self._address)

    def wait_for(self, what: Awaited, seconds: float) -> None:
        """From now on this is awaited; said again, it changes nothing."""
        if self._awaited == what or self.is_refused:
            return
        self.got_it()
        self._awaited, self._since, self._received = what, self._loop.time(), 0
        self._timer = self._loop.call_later(seconds, self._look)

    def got_it(self) -> None:
        """Nothing is awaited any more."""
        self._awaited = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wait_for_head(self) -> None:
        """A head has begun."""
        self.wait_for("head", self._guard.limits.head_s)

    def wait_for_body(self, size: int) -> None:
        """A body goes on; so many bytes came now."""
        self.wait_for("body", self._guard.limits.body_s)
        self._received += size

    def wait_for_spill(self, size: int) -> None:
        """What comes now was answered already. It is read for a while, and then left where it is."""
        self.wait_for("spill", self._guard.limits.spill_s)
        self.throw_away(size)

    def throw_away(self, size: int) -> None:
        """So many bytes came for nothing; beyond the limit no more are read, and the caller has to stop."""
        self._received += size
        if self._received > self._guard.limits.spill_bytes:
            self._transport.pause_reading()

    def is_not_taken(self) -> None:
        """The caller does not take the answer as fast as it comes."""
        if self._taking is None:
            self._look_at_taking(None)

    def is_taken(self) -> None:
        """It does."""
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def refuse_head(self, reason: str) -> None:
        """The head is too large."""
        self.refuse(HeadTooLarge(), "oversized", reason)

    def refuse_form(self, reason: str, detail: str = "") -> None:
        """This is no HTTP, or none that is read in one way only; `detail` tells the caller what to change."""
        self.refuse(MalformedRequest(detail), "malformed_request", reason)

    def refuse(self, error: OnenetError, kind: str, reason: str, *, stays: bool = True) -> None:
        """Answers with this, where HTTP still allows, and ends the connection; `stays`: once it was seen."""
        if self.is_refused:
            return
        self.is_refused = True
        answerable = self._is_answerable()
        self.got_it()
        self._received = 0
        security_log.report(kind, reason, address=self._address)
        if not answerable:
            self._transport.abort()
            return
        self._give_up_request()
        self._transport.write(self._guard.refusal(error))
        if stays and self._transport.can_write_eof():
            # Closed at once, what is still on its way would be answered by a reset, and the answer lost.
            self._transport.write_eof()
            self._timer = self._loop.call_later(self._guard.limits.spill_s, self._transport.abort)
        else:
            self._transport.close()

    def _is_answerable(self) -> bool:
        """Whether the next thing that is written would be taken for the answer to what is refused."""
        cycle = self._protocol.cycle
        if self._is_silent:
            return False
        if cycle is None or cycle.response_complete:
            return True
        # The fault is in this one's body, and none that came before it still waits for its answer.
        others = getattr(self._protocol, "pipeline", ())
        return cycle.more_body and not cycle.response_started and not others

    def _give_up_request(self) -> None:
        """Lets the application know that nobody waits for its answer."""
        cycle = self._protocol.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def _look(self) -> None:
        self._timer = None
        limits = self._guard.limits
        match self._awaited:
            case "body":
                left_s = self._since + limits.body_s + self._received / limits.least_rate - self._loop.time()
                if left_s > 0:
                    self._timer = self._loop.call_later(left_s, self._look)
                    return
                self.refuse(RequestTimeout(), "too_slow", "body")
            case "spill":
                self.is_refused = True
                self._transport.abort()
            case "call":
                self._is_silent = True  # a browser that connects in advance would take it for an answer
                self.refuse(RequestTimeout(), "too_slow", "call")
            case "head":
                self.refuse(RequestTimeout(), "too_slow", "head")
            case None:
                pass

    def _look_at_taking(self, before: int | None) -> None:
        limits, size = self._guard.limits, self._transport.get_write_buffer_size()
        if before is not None and before - size < limits.least_rate * limits.taking_s:
            security_log.report("too_slow", "answer", address=self._address)
            self._transport.abort()
            return
        self._taking = self._loop.call_later(limits.taking_s, self._look_at_taking, size)
