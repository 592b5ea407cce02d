"""Fetches tasks, for a department that cannot be called: leases them, keeps each, acknowledges it.

It asks again and again, whatever happens to onenet; what it was given and could not acknowledge comes again.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from onenet.simulator.dialects import Work
from onenet.simulator.habits import Habit, Later, Reaction
from onenet.simulator.server import Department

_MOST = 10
_WAIT_S = 5
_TIMEOUT_S = 15.0
_PAUSE_S = 0.1


def by_answer(habit: Habit) -> Habit:
    """The habit where nothing can be said at once: it is said as an answer of its own, without delay."""

    def reaction(work: Work, call: int) -> Reaction:
        usual = habit(work, call)
        if usual.said is None:
            return usual
        return replace(usual, said=None, callbacks=(Later(usual.said, 0), *usual.callbacks))

    return reaction


class Fetcher(threading.Thread):
    """Fetches for ever, in a thread of its own."""

    def __init__(self, department: Department, queue: str, key: str) -> None:
        super().__init__(daemon=True, name="fetcher")
        self._department = department
        parts = urlsplit(queue)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.netloc, timeout=_TIMEOUT_S)
        self._path = parts.path
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def run(self) -> None:
        """Fetches for ever."""
        while True:
            lease = self._ask("/leases", {"most": _MOST, "wait": _WAIT_S})
            if lease is None:
                time.sleep(_PAUSE_S)
                continue
            for item in lease["items"]:
                self._take(lease, item)

    def _take(self, lease: dict[str, Any], item: dict[str, Any]) -> None:
        task, ledger = item["task"], self._department.ledger
        ends_at = datetime.fromisoformat(lease["ends_at"]).timestamp()
        now = self._department.clock.now().timestamp()
        if now >= ends_at:
            return  # somebody else may have it by now
        ledger.hold(task, lease["lease"], until=ends_at, now=now)
        sheet = json.dumps({"data": item["sheet"]}, ensure_ascii=False, sort_keys=True)
        reaction, _ = self._department.receive(task, sheet.encode())
        if reaction.hangs_up:
            return
        settled = f"/leases/{lease['lease']}"
        if reaction.takes:
            self._ask(f"{settled}/receipts", {"task": task})
        else:
            said = {"task": task, "reason": "系统繁忙", "retry_after_s": reaction.retry_after_s or 0}
            self._ask(f"{settled}/returns", said)
        ledger.let_go(task, lease["lease"])

    def _ask(self, path: str, said: dict[str, Any]) -> dict[str, Any] | None:
        """What is answered; None when there is no answer, or a refusal."""
        try:
            self._connection.request("POST", self._path + path, json.dumps(said), self._headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException):
            self._connection.close()
            return None
        return json.loads(body) if response.status == 200 else None
