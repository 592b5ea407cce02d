"""Stands where onenet takes callbacks: busy at first, then it notes what comes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from onenet.adapters import signing


@dataclass
class Noted:
    """What came: message id, body, and why it would not be believed. `calls`: also those of the busy time."""

    secret: str
    url: str = ""
    calls: int = 0
    messages: list[tuple[str, Any, signing.Refusal | None]] = field(default_factory=list)

    def wait(self, number: int, within_s: float = 20.0) -> None:
        """Waits until so many messages came. Raises: AssertionError."""
        deadline = time.monotonic() + within_s
        while len(self.messages) < number:
            assert time.monotonic() < deadline, f"{len(self.messages)} of {number} came"
            time.sleep(0.02)


@contextmanager
def busy_at_first(secret: str, times: int = 1) -> Iterator[Noted]:
    """Answers 503 so many times, then 200."""
    noted = Noted(secret)

    class Callbacks(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            noted.calls += 1
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if noted.calls > times:
                refusal = signing.verify(headers, body, [secret], now=datetime.now(UTC))
                noted.messages.append((headers["webhook-id"], json.loads(body), refusal))
            self.send_response(200 if noted.calls > times else 503)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Callbacks)
    noted.url = f"http://127.0.0.1:{server.server_port}/v1/callbacks/edu"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield noted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
