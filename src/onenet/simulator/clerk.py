"""A simulated clerk: claims what lies at the desk, keeps each task, and answers as is the habit.

It looks again and again, whatever happens to onenet, and takes up again what it had claimed when it ended.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from onenet.simulator.asking import Asking
from onenet.simulator.server import Department

_PAUSE_S = 0.1
_QUESTION = "所附内容是否属实（示例）？"


class Clerk(threading.Thread):
    """Works for ever, in a thread of its own. `desk`: the address of the work-list. `consults`: whose opinion
    it asks about each task, and waits for.
    """

    def __init__(self, department: Department, desk: str, key: str, consults: str | None = None) -> None:
        super().__init__(daemon=True, name="clerk")
        self._department = department
        self._asking = Asking(desk, key)
        self._cases = Asking(urljoin(desk, "/v1/cases"), key)
        self._consults = consults
        self._taken: set[str] = set()

    def run(self) -> None:
        """Works for ever."""
        while True:
            for task in [*self._listed("mine"), *self._listed("none")]:
                if task not in self._taken:
                    self._take(task)
            time.sleep(_PAUSE_S)

    def _listed(self, claim: str) -> Iterator[str]:
        """The tasks of all pages: those that this clerk has, or those that nobody has."""
        cursor = ""
        while True:
            page = self._asking.get(f"?claim={claim}&limit=100{cursor}")
            if page is None:
                return
            yield from (item["task"] for item in page["items"])
            if "next_cursor" not in page:
                return
            cursor = f"&cursor={page['next_cursor']}"

    def _take(self, task: str) -> None:
        claimed = self._asking.post(f"/{task}/claims", {})
        shown = self._asking.get(f"/{task}") if claimed else None
        if shown is None:
            return  # somebody else was quicker, or onenet is away
        if self._consults and not self._is_advised(shown):
            return  # it is looked at again, as one of its own
        reaction, _ = self._department.receive(task, _sheet(shown))
        if reaction.takes:
            self._taken.add(task)
        elif not reaction.hangs_up:
            self._asking.post(f"/{task}/releases", {"reason": "系统繁忙"})

    def _is_advised(self, shown: dict[str, Any]) -> bool:
        """Whether the other department has said what it thinks, which it is asked here, once."""
        opinions = f"/{shown['case']}/steps/{shown['step']}/opinions"
        listed = self._cases.get(opinions)
        if listed is None or listed["items"]:
            return listed is not None and all(each["state"] != "asked" for each in listed["items"])
        self._asking.post(f"/{shown['task']}/answers", {"outcome": "accepted"})
        put = list(shown["sheet"]["form"])[:1]
        self._cases.post(opinions, {"department": self._consults, "question": _QUESTION, "fields": put})
        return False


def _sheet(shown: dict[str, Any]) -> bytes:
    return json.dumps({"data": shown["sheet"]}, ensure_ascii=False, sort_keys=True).encode()
