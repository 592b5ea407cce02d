"""What a simulated GeoReport server remembers, in one SQLite file: requests, and what was said of each.

Nothing is done at its time: what will be said is written down with the request, and is told from then on.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS request (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, key TEXT NOT NULL, form TEXT NOT NULL,
    at REAL NOT NULL, known_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS word (
    request INTEGER NOT NULL, update_id TEXT NOT NULL, status TEXT NOT NULL, text TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS word_of_request ON word (request, at);
CREATE TABLE IF NOT EXISTS call (key TEXT PRIMARY KEY, calls INTEGER NOT NULL);
"""

_COUNTS = """
SELECT (SELECT count(*) FROM call) AS tasks, (SELECT coalesce(sum(calls), 0) FROM call) AS calls,
    (SELECT count(*) FROM request) AS effects
"""


@dataclass(frozen=True, slots=True)
class Word:
    """One thing said of a request, at a time in seconds since 1970. Twice under one `update_id`: repeated."""

    update_id: str
    status: str
    text: str
    at: float
    request: int = -1


@dataclass(frozen=True, slots=True)
class Filed:
    """A request as it came; its id is told from `known_at` on."""

    id: int
    token: str
    form: Mapping[str, Any]
    at: float
    known_at: float


class Register:
    """The memory of one server; used by all threads of its process, one at a time."""

    def __init__(self, path: Path, first_id: int) -> None:
        self._lock = threading.Lock()
        self._first_id = first_id
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_TABLES}")

    def call(self, key: str) -> int:
        """Notes a call about this task; its number."""
        with self._transaction() as db:
            db.execute("INSERT INTO call VALUES (?, 1) ON CONFLICT DO UPDATE SET calls = calls + 1", (key,))
            return int(db.execute("SELECT calls FROM call WHERE key = ?", (key,)).fetchone()["calls"])

    def file(self, filed: Filed, key: str, words: Sequence[Word]) -> Filed:
        """A new request, whatever there is already: the standard knows no key."""
        with self._transaction() as db:
            last = db.execute("SELECT max(id) AS id FROM request").fetchone()["id"]
            id = self._first_id if last is None else last + 1
            told = json.dumps(dict(filed.form), ensure_ascii=False)
            row = (id, filed.token, key, told, filed.at, filed.known_at)
            db.execute("INSERT INTO request VALUES (?, ?, ?, ?, ?, ?)", row)
            rows = [(id, word.update_id, word.status, word.text, word.at) for word in words]
            db.executemany("INSERT INTO word VALUES (?, ?, ?, ?, ?)", rows)
        return Filed(id, filed.token, filed.form, filed.at, filed.known_at)

    def requests(self, now: float) -> list[Filed]:
        """Every request whose id is known by now, newest first."""
        return self._find("known_at <= ? ORDER BY at DESC, id DESC", now)

    def request(self, id: int, now: float) -> Filed | None:
        """The request with this id, if it is known by now."""
        return next(iter(self._find("id = ? AND known_at <= ?", id, now)), None)

    def of_token(self, token: str) -> Filed | None:
        """The request with this token, whether its id is known or not."""
        return next(iter(self._find("token = ?", token)), None)

    def words(self, now: float, *, since: float = 0.0, request: int | None = None) -> list[Word]:
        """What was said between two times, of one request or of all, oldest first."""
        which = "at >= ? AND at <= ? AND (? IS NULL OR request = ?) ORDER BY at, update_id"
        with self._transaction() as db:
            rows = db.execute(f"SELECT * FROM word WHERE {which}", (since, now, request, request)).fetchall()  # noqa: S608  # our words
        return [Word(**row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Tasks, calls, and requests that were filed."""
        with self._transaction() as db:
            return dict(db.execute(_COUNTS).fetchone())

    def effects(self) -> list[dict[str, Any]]:
        """How often each task was filed: `[{"key": "tsk_…", "times": 1}]`."""
        with self._transaction() as db:
            rows = db.execute(
                "SELECT key, count(*) AS times FROM request GROUP BY key ORDER BY key"
            ).fetchall()
        return [dict(row) for row in rows]

    def _find(self, which: str, *values: Any) -> list[Filed]:
        columns = "id, token, form, at, known_at"
        with self._transaction() as db:
            rows = db.execute(f"SELECT {columns} FROM request WHERE {which}", values).fetchall()  # noqa: S608  # our words, values apart
        return [Filed(**{**dict(row), "form": json.loads(row["form"])}) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._db:
            yield self._db
