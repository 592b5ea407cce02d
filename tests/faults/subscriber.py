"""The subscriber: takes webhooks in a thread of the harness, which nobody kills, and remembers each."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self

from onenet.adapters import signing
from onenet.clock import SystemClock

Heard = dict[str, list[str]]
"""Message id -> the SHA-256 of every body that came under it."""


class Subscriber:
    """Listens while it is entered. `tell` is called, in another thread, with every message that is new."""

    def __init__(self, secret: str, tell: Callable[[dict[str, Any]], None]):
        """Takes a free port; hears nothing yet."""
        self.heard: Heard = defaultdict(list)
        self.unsigned = 0
        self.secret = secret
        self._tell = tell
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}/events"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Notes one message; the status to answer with."""
        if signing.verify(headers, body, [self.secret], now=SystemClock().now()) is not None:
            self.unsigned += 1
            return 401
        with self._lock:
            digests = self.heard[headers["webhook-id"]]
            digests.append(hashlib.sha256(body).hexdigest())
        if len(digests) == 1:
            self._tell(json.loads(body))
        return 200

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True, name="subscriber").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, subscriber: Subscriber) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.subscriber = subscriber

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A worker that was killed hangs up; what it sent comes again."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize: ClassVar[int] = 65_536  # one packet for head and body
    disable_nagle_algorithm: ClassVar[bool] = True

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return  # the worker was killed while it wrote
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(self.server.subscriber.take(headers, body))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Says nothing: what came is in `heard`."""
