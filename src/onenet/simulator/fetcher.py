"""Fetches tasks, for a department that cannot be called: leases them, keeps each, acknowledges it.

It asks again and again, whatever happens to onenet; what it was given and could not acknowledge comes again.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

from onenet.simulator.asking import Asking
from onenet.simulator.dialects import Work
from onenet.simulator.habits import Habit, Later, Reaction
from onenet.simulator.server import Department

_MOST = 10
_WAIT_S = 5
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
        self._asking = Asking(queue, key)

    def run(self) -> None:
        """Fetches for ever."""
        while True:
            lease = self._asking.post("/leases", {"most": _MOST, "wait": _WAIT_S})
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
            self._asking.post(f"{settled}/receipts", {"task": task})
        else:
            said = {"task": task, "reason": "系统繁忙", "retry_after_s": reaction.retry_after_s or 0}
            self._asking.post(f"{settled}/returns", said)
        ledger.let_go(task, lease["lease"])
