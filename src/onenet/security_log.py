"""Security events: a stream of its own, one JSON line for each, of ids and codes and never of values.

Written with the request's id, address, route and client, as far as they are known. What an attacker does a
thousand times a second must not fill a disk: beyond `MOST_A_SECOND` of a kind, events are counted, and the
next line that is written says how many were left out.
Source: ASVS 5.0 section 16.3; security.md section 5 for what a line may hold.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from logging import makeLogRecord
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import structlog

from onenet import occasion
from onenet.recent import Recent

MOST_A_SECOND = 100

TOLD_AGAIN_AFTER_S = 3_600
MOST_ARRIVALS = 20_000
"""Who came in from where is told once an hour: a system's key comes a hundred times a second, and such lines
would bury those that matter. So many are remembered; who is forgotten is told anew."""

KINDS: Mapping[str, str] = {
    "authenticated": "a key, a token or a signature was right; once an hour for each and each address",
    "authentication_failed": "a key, a token, a session or a secret was missing or not right",
    "authorisation_denied": "somebody known asked for what is not for them",
    "asked_in_vain": "somebody known asked for a case or the like that is not there, or is another's",
    "signature_refused": "a callback's signature was missing, wrong or too old",
    "foreign_task": "a department named a task that is not its own",
    "rate_limited": "a quota was used up",
    "connections_refused": "too many connections, from one address or in all",
    "too_slow": "a head, a body or the taking of an answer took too long",
    "oversized": "a head, a body or a query was larger than allowed",
    "malformed_request": "not HTTP, or HTTP that two readers could read in two ways",
    "origin_refused": "a browser asked from a page of an origin that is not on the list",
    "key_created": "an API key was made",
    "key_rotated": "an API key was replaced",
    "key_revoked": "an API key was ended",
    "key_trusted": "a department's public key was registered",
    "key_distrusted": "a department's public key was taken away",
    "endpoint_held": "an endpoint was paused, or answered 410: nothing is sent to it",
    "endpoint_resumed": "an endpoint is sent what waits for it again",
    "endpoint_tested": "an endpoint was sent a message that says nothing",
    "sent_again": "a task or delivery was sent again by hand",
    "replayed": "what went to an endpoint in a while is sent to it again",
    "secret_rotated": "the keys that an endpoint's messages are signed with were replaced",
    "session_opened": "somebody logged in to the pages",
    "session_ended": "somebody logged out, or was logged out",
    "break_glass": "somebody opened what is not theirs, for a reason that is on record",
    "looked_up": "somebody looked for a person's cases by an identity number",
    "revealed": "a masked value was shown in full",
    "decryption_failed": "a stored value could not be decrypted",
    "record_tampered": "the record is not as it was written",
    "document_refused": "an uploaded file was refused",
    "address_refused": "somebody was to be called where nobody may be",
}
"""Every kind of event, and what it means."""

Reported = str | int | None


class _ToFile:
    """Appends lines to a file, and to a new one when the old one was moved away by whoever rotates logs."""

    def __init__(self, path: Path):
        path.touch(mode=0o600)
        self._handler = WatchedFileHandler(path, encoding="utf-8")

    def warning(self, line: str) -> None:
        self._handler.emit(makeLogRecord({"msg": line}))


class Stream:
    """Where security events go."""

    def __init__(self, written_by: Any | None = None):
        """`written_by`: a logger of structlog's; without one, the process's own."""
        self._log = written_by or structlog.get_logger("onenet.security")
        self._seen: dict[str, tuple[int, int]] = {}
        self._arrived: Recent[tuple[str, str, str], float] = Recent(MOST_ARRIVALS)

    def is_new(self, by: str, who: str, address: str) -> bool:
        """Whether they have not come from there within the hour; from now on they have."""
        now, arrival = time.monotonic(), (by, who, address)
        last = self._arrived.get(arrival)
        if last is not None and now - last < TOLD_AGAIN_AFTER_S:
            return False
        self._arrived.put(arrival, now)
        return True

    def write(self, kind: str, **said: Reported) -> None:
        """Writes one event, unless there were too many of its kind in this second."""
        second = int(time.monotonic())
        last, count = self._seen.get(kind, (second, 0))
        if last == second and count >= MOST_A_SECOND:
            self._seen[kind] = (second, count + 1)
            return
        left_out = max(0, count - MOST_A_SECOND)
        self._seen[kind] = (second, count + 1 if last == second else 1)
        if left_out:
            said["left_out"] = left_out
        self._log.warning(kind, **said)


class _Nowhere:
    """Takes lines that nobody is there to read."""

    def warning(self, line: str) -> None:
        pass


_stream = Stream()


def open_stream(path: Path | None, *, is_server: bool = True) -> None:
    """Sends events to this file, or else to standard error, from now on.

    A command that ends at once has a person before it, who knows what it was told to do: without a file its
    events go nowhere.
    """
    global _stream  # noqa: PLW0603  # one process has one such stream, as it has one log
    without_file: Any = structlog.PrintLogger(sys.stderr) if is_server else _Nowhere()
    target = without_file if path is None else _ToFile(path)
    _stream = Stream(
        structlog.wrap_logger(
            target,
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            wrapper_class=structlog.BoundLogger,
        )
    )


def report(kind: str, reason: str | None = None, *, address: str | None = None, **ids: Reported) -> None:
    """Tells that something of this kind happened. `ids` are ids and codes: nothing that anybody typed.

    Raises: KeyError for a kind that is not in the table.
    """
    if (found := occasion.present()) is not None:
        found.told = kind
    _write(kind, reason, address, ids)


def arrived(by: str, who: str, **ids: Reported) -> None:
    """Tells by what somebody showed who they are, unless the same came from there within the hour."""
    found = occasion.present()
    if _stream.is_new(by, who, found.address if found else ""):
        _write("authenticated", by, None, {"who": who, **ids})


def _write(kind: str, reason: str | None, address: str | None, ids: Mapping[str, Reported]) -> None:
    KINDS[kind]
    said: dict[str, Reported] = {"stream": "security", "reason": reason, "address": address}
    if (found := occasion.present()) is not None:
        said |= {"request_id": found.request_id, "route": found.route, "client": found.client}
        said["address"] = address or found.address
    said |= ids
    _stream.write(kind, **{name: value for name, value in said.items() if value not in (None, "")})
