"""The front-end's notebook: each application is written down, with its key, before it is sent.

So a front-end that is killed in between sends the same again under the same key, and gets one case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Opened:
    """A case that the service took. `secret` opens its page; the service tells it once."""

    id: str
    number: str
    secret: str


class Notebook:
    """What was sent and what came of it: one JSON object a line, only ever appended to."""

    def __init__(self, path: Path):
        """Reads what an earlier run wrote; a last line that a kill cut short is left out."""
        self._path = path
        self._bodies: dict[str, Mapping[str, Any]] = {}
        self._opened: dict[str, Opened] = {}
        self._key_of: dict[str, str] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                self._read(json.loads(line))
            except ValueError:
                continue

    def intend(self, key: str, body: Mapping[str, Any]) -> None:
        """Notes that this will be sent under this key."""
        self._write({"key": key, "body": body})

    def note(self, key: str, opened: Opened) -> None:
        """Notes the case that came of it."""
        self._write({"key": key, "id": opened.id, "number": opened.number, "secret": opened.secret})

    def unanswered(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What was to be sent, and perhaps was, but nothing is known to have come of it."""
        return [(key, body) for key, body in self._bodies.items() if key not in self._opened]

    def count(self) -> int:
        """How many cases were opened."""
        return len(self._opened)

    def newest(self) -> Opened | None:
        """The case that was opened last."""
        return next(reversed(self._opened.values()), None)

    def knows(self, case_id: str) -> bool:
        """Whether this case was sent from here."""
        return case_id in self._key_of

    def form_of(self, case_id: str) -> Mapping[str, Any]:
        """The form that was sent for a case that it knows."""
        form: Mapping[str, Any] = self._bodies[self._key_of[case_id]]["form"]
        return form

    def _write(self, line: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._read(line)

    def _read(self, line: dict[str, Any]) -> None:
        if "body" in line:
            self._bodies[line["key"]] = line["body"]
        else:
            opened = Opened(line["id"], line["number"], line["secret"])
            self._opened[line["key"]] = opened
            self._key_of[opened.id] = line["key"]
