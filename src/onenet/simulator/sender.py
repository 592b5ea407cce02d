"""Calls back: one thread for each department, again and again until onenet took the message or refused it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Protocol
from urllib.parse import urlsplit

from onenet.adapters import signing
from onenet.clock import Clock
from onenet.simulator.ledger import Due, Ledger

_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 2.0
_TIMEOUT_S = 10.0


Proof = Callable[[Due, datetime], Mapping[str, str]]
"""The headers that name a message, and prove at a time whose it is."""


def signed(secret: str) -> Proof:
    """By a signature, as Standard Webhooks say."""
    return lambda due, at: signing.sign(due.body, [secret], message_id=due.message_id, at=at)


def by_key(key: str) -> Proof:
    """By the API key of a department that fetches, or of its clerks."""
    return lambda due, at: {"authorization": f"Bearer {key}", "idempotency-key": due.message_id}


class Way(Protocol):
    """How what is said gets to onenet."""

    def send(self, callback: Due) -> int | None:
        """The status of the answer; None when there was none."""
        ...

    def close(self) -> None:
        """Nothing is to be said for a while."""
        ...


class Http:
    """By HTTP, over a connection that is kept. In the address `{task}` stands for the task in question."""

    def __init__(self, url: str, prove: Proof, clock: Clock) -> None:
        self._prove = prove
        self._clock = clock
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.netloc, timeout=_TIMEOUT_S)
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")

    def send(self, callback: Due) -> int | None:
        """The status of the answer; None when there was none."""
        headers = self._prove(callback, self._clock.now())
        try:
            self._connection.request(
                "POST",
                self._path.replace("{task}", callback.key),
                callback.body,
                {**headers, "content-type": "application/json"},
            )
            response = self._connection.getresponse()
            response.read()
        except (OSError, HTTPException):
            self._connection.close()
            return None
        return response.status

    def close(self) -> None:
        """While it is idle the other side would, just as we write."""
        self._connection.close()


class Sender(threading.Thread):
    """Sends what the ledger has planned, when it is due. `wake` tells it that there is more."""

    def __init__(self, ledger: Ledger, way: Way, clock: Clock) -> None:
        super().__init__(daemon=True, name="callbacks")
        self._ledger = ledger
        self._way = way
        self._clock = clock
        self._more = threading.Event()

    def wake(self) -> None:
        """Look again at what is due."""
        self._more.set()

    def run(self) -> None:
        """Sends for ever."""
        while True:
            self._more.clear()
            callback = self._ledger.next_callback()
            wait_s = callback.due_at - self._clock.now().timestamp() if callback else None
            if callback is None or (wait_s is not None and wait_s > 0):
                self._way.close()
                self._more.wait(wait_s)
            else:
                self._send(callback)

    def _send(self, callback: Due) -> None:
        status = self._way.send(callback)
        if status is not None and (200 <= status <= 299 or (400 <= status <= 499 and status != 429)):
            self._ledger.settle(callback, taken=status <= 299)
            return
        wait_s = min(_FIRST_WAIT_S * 2**callback.tries, _LONGEST_WAIT_S)
        self._ledger.postpone(callback, self._clock.now().timestamp() + wait_s)
