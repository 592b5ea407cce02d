"""How a simulated department is reached: POST a signed task; GET `/` for counts, `/effects` for each task.

One that is asked says under `/tasks/` and the number that it gave where a task stands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

from onenet.adapters import signing
from onenet.clock import Clock
from onenet.ids import new_id, to_text
from onenet.simulator.dialects import Dialect, Json, Said
from onenet.simulator.habits import OPINES, Habit, Later, Reaction
from onenet.simulator.ledger import Ledger, Planned
from onenet.simulator.patient import Patient
from onenet.simulator.sender import Sender

_LARGEST_BODY = 1_048_576
_APPLICATION = "application"
_ASKED = "/tasks/"
"""Below it, the number that an application was given."""


@dataclass(frozen=True, slots=True)
class Department:
    """One department: its code, its ways, its memory. `delay_s`: the unit in which its callbacks are late."""

    code: str
    habit: Habit
    dialect: Dialect
    secret: str
    delay_s: float
    ledger: Ledger
    sender: Sender
    clock: Clock

    def receive(self, key: str, body: bytes) -> tuple[Reaction, Json]:
        """Does with a task what it is in the habit of doing; the reaction, and the JSON to answer with."""
        try:
            message = json.loads(body)
            told = message.get("data", message)
            if "withdraws" in told:
                return Reaction(200), {}  # what it may still say of that task is late
            work = None if "question" in told else self.dialect.read(message)
        except (ValueError, KeyError, TypeError, AttributeError):
            return Reaction(400, takes=False), {"error": "not a task in this department's dialect"}
        call = self.ledger.call(key, hashlib.sha256(body).hexdigest())
        if call is None:
            return Reaction(409, takes=False), {"error": "this key came with another body before"}
        reaction = self.habit(work, call) if work else OPINES
        if reaction.takes:
            self.ledger.take(key, list(self._planned(key, reaction)))
            self.sender.wake()
        said = reaction.said
        told = self.dialect.answer(key, said, self._issued(key, said)) if said else {}
        if reaction.takes and self.dialect.is_asked:
            told |= {"number": self.ledger.number(key, _APPLICATION, self.clock.now().year)}
        return reaction, told

    def say(self, number: str) -> bytes:
        """What it has said by now of the task with this number, as JSON."""
        return self.ledger.stands(number, _APPLICATION, self.clock.now().timestamp()) or b"{}"

    def _planned(self, key: str, reaction: Reaction) -> Iterator[Planned]:
        now = self.clock.now()
        for seq, later in enumerate(reaction.callbacks, 1):
            results = self._issued(key, later.said)
            told = self.dialect.callback(key, later.said, results, seq, now.isoformat())
            body = json.dumps(told, ensure_ascii=False).encode()
            due_at = now.timestamp() + later.delays * self.delay_s
            for message_id in _message_ids(later):
                yield Planned(message_id, body, due_at)

    def _issued(self, key: str, said: Said) -> list[Json]:
        year = self.clock.now().year
        numbers = {code: self.ledger.number(key, code, year) for code in said.results}
        return [{"code": code, "number": f"{self.code.upper()}-{number}"} for code, number in numbers.items()]


def _message_ids(later: Later) -> list[str]:
    first, other = (to_text("msg", new_id()) for _ in range(2))
    return [first, first, other] if later.again else [first]


class Server(Patient):
    """The HTTP server of one department."""

    def __init__(self, port: int, department: Department) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.department = department


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    # Head and body leave in one packet; in two, the second waits 40 ms for the first to be acknowledged.
    wbufsize: ClassVar[int] = 65_536
    disable_nagle_algorithm: ClassVar[bool] = True

    def do_GET(self) -> None:
        ledger = self.server.department.ledger
        pages: dict[str, Any] = {"/": ledger.counts, "/effects": ledger.effects}
        if self.path in pages:
            self._answer(200, pages[self.path]())
        elif self.path.startswith(_ASKED) and self.server.department.dialect.is_asked:
            if self._is_signed(b""):
                self._answer(200, {}, raw=self.server.department.say(self.path.removeprefix(_ASKED)))
        else:
            self._answer(404, {"error": "there are / and /effects"})

    def do_POST(self) -> None:
        department = self.server.department
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            self.close_connection = True
            self._answer(413, {"error": f"a body of at most {_LARGEST_BODY} bytes was expected"})
            return
        body = self.rfile.read(int(length))
        if not self._is_signed(body):
            return
        reaction, told = department.receive(self.headers["webhook-id"], body)
        if reaction.hangs_up:
            self.close_connection = True
            return
        self._answer(reaction.status, told, raw=reaction.raw, retry_after_s=reaction.retry_after_s)

    def _is_signed(self, body: bytes) -> bool:
        """Whether onenet signed it; says so when it did not."""
        department = self.server.department
        headers = {name.lower(): value for name, value in self.headers.items()}
        refusal = signing.verify(headers, body, [department.secret], now=department.clock.now())
        if refusal:
            self._answer(401, {"error": refusal.value})
        return refusal is None

    def _answer(
        self, status: int, told: object, *, raw: bytes | None = None, retry_after_s: int | None = None
    ) -> None:
        body = json.dumps(told, ensure_ascii=False).encode() if raw is None else raw
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if retry_after_s is not None:
            self.send_header("retry-after", str(retry_after_s))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Says nothing: what happened is in the ledger."""
