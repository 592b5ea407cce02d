"""The subscriber: takes the webhooks of the demo's front-end and believes only what is signed."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from onenet.adapters import signing
from onenet.clock import SystemClock

_LARGEST_BODY = 65_536

Heard = Callable[[str, int], None]
"""Called with a case's id and an event's seq, in the subscriber's own thread."""


class Subscriber(ThreadingHTTPServer):
    """Serves on a free port while its block lasts.

    `received`: the events told, as (case, seq); one that is told again is there once. `refused`: how many
    messages were not believed.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, secret: str, heard: Heard):
        """Listens on a free port; `heard` is called for each believed message."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = secret
        self.heard = heard
        self.clock = SystemClock()
        self.received: set[tuple[str, int]] = set()
        self.refused = 0
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.1,), daemon=True, name="subscriber"
        )

    @property
    def url(self) -> str:
        """Where it takes messages."""
        return f"http://127.0.0.1:{self.server_port}/webhooks"

    def __enter__(self) -> Subscriber:
        """Begins to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Serves no more."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is no news; anything else shows as a message that was not believed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            self.refused += 1


class _Handler(BaseHTTPRequestHandler):
    server: Subscriber
    protocol_version = "HTTP/1.1"
    wbufsize: ClassVar[int] = 8_192

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        body = self.rfile.read(int(length)) if length.isdecimal() and int(length) <= _LARGEST_BODY else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        if signing.verify(headers, body, [self.server.secret], now=self.server.clock.now()):
            self.server.refused += 1
            self.close_connection = True
            self._answer(401)
            return
        told = json.loads(body)["data"]
        self.server.received.add((told["case"], told["seq"]))
        self.server.heard(told["case"], told["seq"])
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Says nothing: the numbers are in the table's footer."""
