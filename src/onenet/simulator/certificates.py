"""A simulated source of certificates: it knows everybody but some, and says what it does not agree with.

POST with its key; GET `/` for how often it was asked. It keeps nothing: its certificates follow from the
number of their holder.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

from onenet.simulator.patient import Patient

DOUBTFUL = "待核实"
"""A field that says so is not as the source knows it."""

_LARGEST_BODY = 65_536


@dataclass
class Source:
    """What it knows. `unknown`: numbers of those it does not know. `is_down`: it answers 503 to everybody."""

    key: str
    issuer: str = "示例市数据局"
    valid_until: str | None = "2199-12-31"
    unknown: frozenset[str] = frozenset()
    is_down: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """What it says to a question."""
        self.asked.append(question)
        holder, certificate = question["holder"]["id_no"], question["certificate"]
        if holder in self.unknown:
            return {"known": False}
        digest = hashlib.sha256(f"{certificate}/{holder}".encode()).hexdigest()
        differ = [code for code, value in question["fields"].items() if value == DOUBTFUL]
        return {
            "known": True,
            "differ": differ,
            "issuer": self.issuer,
            "number": f"{certificate.upper()}-{digest[:8]}",
            "valid_until": self.valid_until,
            "sha256": digest,
            "remark": "members that nobody asked for are not to be kept",
        }


class Server(Patient):
    """The HTTP server of one source."""

    def __init__(self, port: int, source: Source) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.source = source


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize: ClassVar[int] = 65_536

    def do_GET(self) -> None:
        self._say(200, {"asked": len(self.server.source.asked)})

    def do_POST(self) -> None:
        source = self.server.source
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            self.close_connection = True
            self._say(413, {"error": f"a body of at most {_LARGEST_BODY} bytes was expected"})
            return
        body = self.rfile.read(int(length))
        shown = self.headers.get("authorization", "").encode()
        if not secrets.compare_digest(shown, f"Bearer {source.key}".encode()):
            self._say(401, {"error": "the key is not known"})
        elif source.is_down:
            self._say(503, {"error": "closed for maintenance"})
        else:
            try:
                self._say(200, source.answer(json.loads(body)))
            except (ValueError, KeyError, TypeError, AttributeError):
                self._say(400, {"error": "no question that this source understands"})

    def _say(self, status: int, told: object) -> None:
        body = json.dumps(told, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Says nothing."""
