"""The door before the callbacks: notes each one and what it was answered, and turns some away on purpose.

It judges nothing: what a callback is answered, the real route says. It turns away as onenet does while its
database is away (503), or when the step's state does not allow what was said (409).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onenet.adapters.base import UnreadableAnswer
from onenet.adapters.message_signatures import Message as Signed
from onenet.adapters.registry import adapter_for
from onenet.api import problems
from onenet.api.bodies import MAX_CALLBACK_BYTES
from onenet.api.parts import Parts
from onenet.api.problems import RequestMark
from onenet.domain.outcome import Outcome, Unclear
from onenet.errors import Conflict, OnenetError, Unavailable
from onenet.ids import new_id, to_text
from onenet.sandbox.evidence import Errand, Heard, Record
from onenet.services import callbacks
from onenet.services.steps import endpoint_of

PATH = "/v1/callbacks/"

_STAGED: Mapping[str, OnenetError] = {
    "busy": Unavailable("the database is away, as the check has it for once", retry_after_s=1),
    "closed": Unavailable("the database is away, until your system was restarted", retry_after_s=1),
    "conflict": Conflict("the step's state does not allow this answer, as the check has it for once"),
}


class Door:
    """Wraps the whole application; only callbacks are looked at."""

    def __init__(self, app: ASGIApp, record: Record, parts: Parts):
        """`record` is told of each callback; `parts` are those of the application."""
        self._app = app
        self._record = record
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        errand = self._record.named_in(body)
        staged = _staged(errand)
        answer = _Answer(send)
        if staged is not None:
            mark = RequestMark(to_text("req", new_id()))
            app: ASGIApp = problems.response(
                staged, public_url=self._parts.public_url, language="en", mark=mark
            )
        else:
            app = self._app
        self._record.at_door += 1
        try:
            await app(scope, _again(body, receive), answer.send)
        finally:
            self._record.at_door -= 1
            self._note(scope, body, errand, answer, is_staged=staged is not None)

    def _note(
        self, scope: Scope, body: bytes, errand: Errand | None, answer: _Answer, *, is_staged: bool
    ) -> None:
        headers = Headers(scope=scope)
        outcome, unread = self._read_outcome(body)
        named = headers.get("webhook-id") or headers.get("idempotency-key", "")
        heard = Heard(
            at_s=asyncio.get_running_loop().time(),
            message_id=named.strip('"'),
            body=body,
            status=answer.status,
            reply=_reply(answer.body),
            outcome=outcome,
            trouble=self._disbelief(scope, headers, body) or unread,
            is_staged=is_staged,
        )
        self._record.hear(errand, heard)

    def _read_outcome(self, body: bytes) -> tuple[Outcome | None, str]:
        """What it says, and why it cannot be read."""
        try:
            outcome = adapter_for(endpoint_of(self._record.endpoint)).read_callback(body).outcome
        except UnreadableAnswer as error:
            return None, str(error)
        return outcome, outcome.reason if isinstance(outcome, Unclear) else ""

    def _disbelief(self, scope: Scope, headers: Headers, body: bytes) -> str:
        """Why it is not believed; a developer at home may know, a stranger on the network is never told."""
        endpoint = self._record.endpoint
        if scope["path"] != f"{PATH}{endpoint.owner}":
            return f"sent to {scope['path']}, and not to {PATH}{endpoint.owner}"
        message = Signed("POST", f"{self._parts.public_url}{scope['path']}", headers)
        now = self._parts.machine_clock.now()
        refusal = callbacks.refusal_of(message, body, endpoint.secrets, now)
        return f"signature: {refusal.value}" if refusal else ""


def _staged(errand: Errand | None) -> OnenetError | None:
    """What is answered on purpose, if anything; but for a closed door, once."""
    if errand is None or errand.door == "open":
        return None
    error = _STAGED[errand.door]
    if errand.door != "closed":
        errand.door = "open"
    return error


class _Answer:
    """Sends an answer on and keeps its status and body."""

    def __init__(self, send: Send):
        self._send = send
        self.status = 0
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.body += message.get("body", b"")
        await self._send(message)


def _reply(body: bytes) -> str:
    """The outcome in an answer, or the end of a problem's type."""
    with suppress(ValueError, AttributeError):
        said = json.loads(body)
        return str(said.get("outcome") or said.get("type", "").rpartition("/")[2])
    return ""


async def _read(receive: Receive) -> bytes:
    """The body, or a little more of it than the route takes."""
    body = b""
    while len(body) <= MAX_CALLBACK_BYTES:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read, once more; then what comes after it."""
    waiting = [body]

    async def read() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return read
