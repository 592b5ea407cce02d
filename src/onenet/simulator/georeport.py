"""A simulated department that is a GeoReport v2 server: services, requests, tokens and updates over HTTP.

`register` is its memory, `paper` how it writes. Like every server of that standard it files what it is sent,
also when that was there before; `GET /effects` tells how often each task was.
Source: GeoReport v2 (https://wiki.open311.org/GeoReport_v2/); updates as mySociety extended it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from onenet.clock import Clock
from onenet.simulator import paper
from onenet.simulator.dialects import Work
from onenet.simulator.habits import Habit, Later, Reaction
from onenet.simulator.paper import Row
from onenet.simulator.patient import Patient
from onenet.simulator.register import Filed, Register, Word

KINDS = ("realtime", "token", "batch")
"""The id at once; a token now and the id later; nothing now, and the request in the list later."""

SERVICES: Mapping[str, str] = {"001": "一般事项 / General", "002": "其他事项 / Other"}
_WORDS = {
    "accepted": "in_progress", "suspended": "in_progress", "resumed": "in_progress",
    "completed": "closed", "rejected": "not_councils_responsibility",
}  # fmt: skip
_OVER = ("closed", "not_councils_responsibility")
_WORK = Work(submission=1, correctable=(), results=())
_KEY = re.compile(r"\btsk_[0-9A-Z]{26}\b")
_ATTRIBUTE = {
    "variable": True, "code": "REFERENCE", "datatype": "string", "required": False,
    "datatype_description": None, "order": 1, "description": "the sender's own number", "values": [],
}  # fmt: skip
_SILENT: Row = {"description": None, "keywords": None, "group": None}
_LARGEST_BODY = 1_048_576
_LONGEST_DESCRIPTION = 4_000
_MOST_ROWS = 1_000


class Refused(Exception):
    """An error document: its code, and what was expected."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class City:
    """One server: its habit, the kind of its services, its quirks, its memory."""

    habit: Habit
    kind: str
    quirks: frozenset[str]
    api_key: str
    delay_s: float
    register: Register
    clock: Clock

    def receive(self, form: Mapping[str, list[str]]) -> tuple[Reaction, list[Row]]:
        """Files a request, as is its habit; the reaction, and what is answered. Raises: Refused."""
        said = {name: values[-1] for name, values in form.items()}
        self._check(said)
        found = _KEY.search(" ".join(said.values()))
        key = found[0] if found else said["description"]
        reaction = self.habit(_WORK, self.register.call(key))
        if not reaction.takes:
            return reaction, []
        now = self._now()
        known_at = now if self.kind == "realtime" else now + self.delay_s
        new = Filed(-1, secrets.token_hex(6), said, now, known_at)
        filed = self.register.file(new, key, list(self._words(reaction, now)))
        told: dict[str, Row] = {
            "realtime": {"service_request_id": self._number(filed.id)},
            "token": {"token": filed.token},
            "batch": {"service_request_id": None, "token": None},
        }
        return reaction, [{**told[self.kind], "service_notice": None, "account_id": None}]

    def requests(self, asked: Mapping[str, str]) -> list[Row]:
        """The requests in a window, newest first, page by page. Raises: Refused."""
        since, until = self._window(asked)
        wanted = {word for word in asked.get("status", "").replace(" ", "").split(",") if word}
        codes = set(filter(None, asked.get("service_code", "").split(",")))
        ids = set(filter(None, asked.get("service_request_id", "").split(",")))
        page, size = int(asked.get("page", "1")), min(int(asked.get("page_size", _MOST_ROWS)), _MOST_ROWS)
        rows: list[Row] = [
            row
            for filed in self.register.requests(self._now())
            for row in [self._told(filed, asked)]
            if (row["service_request_id"] in ids if ids else since <= filed.at <= until)
            and (not codes or row["service_code"] in codes)
            and (not wanted or row["status"] in wanted)
        ]
        return rows[(page - 1) * size :][:size]

    def request(self, id: str, asked: Mapping[str, str]) -> list[Row]:
        """One request. Raises: Refused."""
        filed = self.register.request(int(id), self._now()) if id.isdecimal() and len(id) < 18 else None
        if filed is None:
            raise Refused(404, "service_request_id: an id of a request was expected")
        return [self._told(filed, asked)]

    def token(self, token: str) -> list[Row]:
        """The id of what has this token, as soon as there is one. Raises: Refused."""
        filed = self.register.of_token(token)
        if filed is None:
            raise Refused(404, "token: the token of a request was expected")
        id = self._number(filed.id) if filed.known_at <= self._now() else None
        return [{"service_request_id": id, "token": token}]

    def updates(self, asked: Mapping[str, str]) -> list[Row]:
        """What was said in a window, oldest first. Raises: Refused."""
        if asked.get("api_key") != self.api_key:
            raise Refused(403, "api_key: the key was expected")
        since, until = self._window(asked)
        words = self.register.words(min(until, self._now()), since=since)
        return [
            {
                "update_id": word.update_id, "service_request_id": self._number(word.request),
                "status": word.status, "updated_datetime": _written(word.at), "description": word.text,
                "media_url": None,
            }
            for word in words[-_MOST_ROWS:]
        ]  # fmt: skip

    def _check(self, said: Mapping[str, str]) -> None:
        """In the order of the standard: who it is, what it is, where it is. Raises: Refused."""
        if said.get("api_key") != self.api_key:
            raise Refused(403, "api_key: the key was expected")
        if said.get("service_code") not in SERVICES:
            raise Refused(404, f"service_code: one of {', '.join(SERVICES)} was expected")
        if not said.keys() & {"address_string", "address_id"} and not {"lat", "long"} <= said.keys():
            raise Refused(400, "lat and long, address_string or address_id was expected")
        if len(said.get("description", "")) > _LONGEST_DESCRIPTION:
            raise Refused(400, "description: at most 4000 characters were expected")

    def _words(self, reaction: Reaction, now: float) -> Iterator[Word]:
        at_once = [Later(reaction.said, 0)] if reaction.said else []
        for later in (*at_once, *reaction.callbacks):
            first, other = secrets.token_hex(6), secrets.token_hex(6)
            status, at = _WORDS[later.said.word], now + later.delays * self.delay_s
            for update_id in [first, first, other] if later.again else [first]:
                yield Word(update_id, status, later.said.opinion, at)

    def _told(self, filed: Filed, asked: Mapping[str, str]) -> dict[str, Any]:
        words = self.register.words(self._now(), request=filed.id)
        last = words[-1] if words else Word("", "open", "", filed.at)
        status = last.status if "words" in self.quirks else "closed" if last.status in _OVER else "open"
        form = filed.form
        row: dict[str, Any] = {
            "service_request_id": self._number(filed.id), "status": status, "status_notes": last.text or None,
            "service_name": SERVICES[form["service_code"]], "service_code": form["service_code"],
            "description": form.get("description"), "agency_responsible": None, "service_notice": None,
            "requested_datetime": _written(filed.at), "updated_datetime": _written(last.at),
            "expected_datetime": None, "address": form.get("address_string"),
            "address_id": form.get("address_id"), "zipcode": None, "lat": form.get("lat"),
            "long": form.get("long"), "media_url": form.get("media_url"),
        }  # fmt: skip
        if asked.get("extensions") == "true":
            row["notes"] = [
                {"datetime": _written(word.at), "description": word.text, "type": word.status}
                for word in words
            ]
        return row

    def _window(self, asked: Mapping[str, str]) -> tuple[float, float]:
        """From and until, as the arguments say. Raises: Refused."""
        since = _read(asked, "start_date") or 0.0
        return since, _read(asked, "end_date") or float("inf")

    def _number(self, id: int) -> str:
        return f"{id:03}" if "bare" in self.quirks else str(id)

    def _now(self) -> float:
        return self.clock.now().timestamp()


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _read(asked: Mapping[str, str], name: str) -> float | None:
    """A time with its zone. Raises: Refused."""
    if not asked.get(name):
        return None
    try:
        at = datetime.fromisoformat(asked[name])
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refused(400, f"{name}: a time with its zone was expected")
    return at.timestamp()


class Server(Patient):
    """The HTTP server of one city."""

    def __init__(self, port: int, city: City) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.city = city


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize: ClassVar[int] = 65_536
    disable_nagle_algorithm: ClassVar[bool] = True

    def do_GET(self) -> None:
        city, address = self.server.city, urlsplit(self.path)
        pages: dict[str, Any] = {"/": city.register.counts, "/effects": city.register.effects}
        if address.path in pages:
            self._send(200, "application/json", json.dumps(pages[address.path]()).encode())
            return
        path, _, form = address.path.strip("/").rpartition(".")
        asked = {name: values[-1] for name, values in parse_qs(address.query).items()}
        name, _, id = path.partition("/")
        try:
            if name == "services":
                self._tell_of_services(form, unquote(id))
            else:
                self._tell(form, *self._found(name, unquote(id), asked))
        except Refused as refused:
            self._refuse(form, refused)

    def _found(self, name: str, id: str, asked: Mapping[str, str]) -> tuple[str, str, list[Row]]:
        """What is asked for: the names of the document and of its entries, and these. Raises: Refused."""
        city = self.server.city
        if name == "requests":
            rows = city.request(id, asked) if id else city.requests(asked)
            return "service_requests", "request", rows
        if name == "tokens" and id:
            return "service_requests", "request", city.token(id)
        if name == "servicerequestupdates" and not id:
            return "service_request_updates", "request_update", city.updates(asked)
        raise Refused(404, "services, requests, tokens or servicerequestupdates was expected")

    def _tell_of_services(self, form: str, code: str) -> None:
        if not code:
            kind = "realtime" if self.server.city.kind == "realtime" else "batch"
            rows = [
                {"service_code": each, "service_name": name, "metadata": True, "type": kind, **_SILENT}
                for each, name in SERVICES.items()
            ]
            self._tell(form, "services", "service", rows)
        elif code in SERVICES:
            self._send(200, *paper.definition(form, code, [_ATTRIBUTE]))
        else:
            raise Refused(404, "service_code: the code of a service was expected")

    def do_POST(self) -> None:
        path, _, form = urlsplit(self.path).path.strip("/").rpartition(".")
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            self.close_connection = True
            self._refuse(form, Refused(400, f"a body of at most {_LARGEST_BODY} bytes was expected"))
            return
        sent = parse_qs(self.rfile.read(int(length)).decode(errors="replace"))
        if path != "requests":
            self._refuse(form, Refused(404, "requests was expected"))
            return
        try:
            reaction, rows = self.server.city.receive(sent)
        except Refused as refused:
            self._refuse(form, refused)
        else:
            self._react(form, reaction, rows)

    def _react(self, form: str, reaction: Reaction, rows: Sequence[Row]) -> None:
        if reaction.hangs_up:
            self.close_connection = True
        elif reaction.raw is not None:
            self._send(200, "application/json", reaction.raw)
        elif not reaction.takes:
            self._refuse(form, Refused(reaction.status, "later, please"), reaction.retry_after_s)
        else:
            self._tell(form, "service_requests", "request", rows)

    def _tell(self, form: str, root: str, child: str, rows: Sequence[Row]) -> None:
        self._send(200, *paper.write(form, root, child, rows, self.server.city.quirks))

    def _refuse(self, form: str, refused: Refused, retry_after_s: int | None = None) -> None:
        quirks = self.server.city.quirks
        row = {"code": refused.code, "description": refused.description}
        status = 200 if "errors_200" in quirks else refused.code
        self._send(status, *paper.write(form, "errors", "error", [row], quirks), retry_after_s)

    def _send(self, status: int, media_type: str, body: bytes, retry_after_s: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        if retry_after_s is not None:
            self.send_header("retry-after", str(retry_after_s))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Says nothing: what happened is in the register."""
