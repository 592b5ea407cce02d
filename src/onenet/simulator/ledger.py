"""What a simulated department remembers, in one SQLite file: a kill -9 loses nothing that was answered."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS task (
    key TEXT PRIMARY KEY, digest TEXT NOT NULL, calls INTEGER NOT NULL, effects INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS clash (key TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS held (key TEXT PRIMARY KEY, lease TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS overlap (key TEXT NOT NULL, lease TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS result (
    serial INTEGER PRIMARY KEY, key TEXT NOT NULL, code TEXT NOT NULL, year INTEGER NOT NULL,
    UNIQUE (key, code)
);
CREATE TABLE IF NOT EXISTS callback (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, message_id TEXT NOT NULL, body BLOB NOT NULL,
    due_at REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'taken', 'refused'))
);
CREATE INDEX IF NOT EXISTS callback_due ON callback (due_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS callback_of_task ON callback (key, id) WHERE state = 'pending';
"""

# The callbacks of one task go in their order: a later one never overtakes one that has to be repeated.
_NEXT = """
SELECT id, key, message_id, body, due_at, tries FROM callback AS c
WHERE state = 'pending' AND NOT EXISTS (
    SELECT 1 FROM callback AS earlier
    WHERE earlier.key = c.key AND earlier.id < c.id AND earlier.state = 'pending'
)
ORDER BY due_at, id LIMIT 1
"""

_STANDS = """
SELECT c.body FROM result r JOIN callback c ON c.key = r.key
WHERE r.serial = ? AND r.code = ? AND c.due_at <= ? ORDER BY c.id DESC LIMIT 1
"""

_COUNTS = """
SELECT (SELECT count(*) FROM task) AS tasks,
    (SELECT coalesce(sum(calls), 0) FROM task) AS calls,
    (SELECT coalesce(sum(effects), 0) FROM task) AS effects,
    (SELECT count(*) FROM clash) AS clashes,
    (SELECT count(*) FROM overlap) AS overlaps,
    (SELECT count(*) FROM callback WHERE state = 'pending') AS callbacks_pending,
    (SELECT count(*) FROM callback WHERE state = 'taken') AS callbacks_taken,
    (SELECT count(*) FROM callback WHERE state = 'refused') AS callbacks_refused
"""


@dataclass(frozen=True, slots=True)
class Planned:
    """A callback to be sent, at `due_at` in seconds since 1970."""

    message_id: str
    body: bytes
    due_at: float


@dataclass(frozen=True, slots=True)
class Due(Planned):
    """A planned callback, about the task `key`, that is the next one to go; `tries` were made in vain."""

    id: int
    key: str
    tries: int


class Ledger:
    """The memory of one department; used by all threads of its process, one at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        # A killed process loses nothing at NORMAL; only a dead machine would.
        self._db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_TABLES}")

    def call(self, key: str, digest: str) -> int | None:
        """Notes a call; its number under this key, or None when the key came with another body before."""
        with self._transaction() as db:
            task = db.execute("SELECT digest, calls FROM task WHERE key = ?", (key,)).fetchone()
            if task is None:
                db.execute("INSERT INTO task VALUES (?, ?, 1, 0)", (key, digest))
                return 1
            if task["digest"] != digest:
                db.execute("INSERT INTO clash VALUES (?, ?)", (key, digest))
                return None
            db.execute("UPDATE task SET calls = calls + 1 WHERE key = ?", (key,))
            return int(task["calls"]) + 1

    def take(self, key: str, callbacks: Sequence[Planned]) -> None:
        """The effect of a task, together with the callbacks it brings; nothing when it was taken before."""
        with self._transaction() as db:
            done = db.execute("UPDATE task SET effects = effects + 1 WHERE key = ? AND effects = 0", (key,))
            if done.rowcount:
                db.executemany(
                    "INSERT INTO callback (key, message_id, body, due_at) VALUES (?, ?, ?, ?)",
                    [(key, planned.message_id, planned.body, planned.due_at) for planned in callbacks],
                )

    def hold(self, key: str, lease: str, *, until: float, now: float) -> None:
        """Notes a task under a lease, and when another one had not ended: two would be at work on it."""
        with self._transaction() as db:
            other = "SELECT 1 FROM held WHERE key = ? AND lease <> ? AND until > ?"
            if db.execute(other, (key, lease, now)).fetchone():
                db.execute("INSERT INTO overlap VALUES (?, ?)", (key, lease))
            db.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?)", (key, lease, until))

    def let_go(self, key: str, lease: str) -> None:
        """The lease of a task is over, by a receipt or otherwise."""
        with self._transaction() as db:
            db.execute("DELETE FROM held WHERE key = ? AND lease = ?", (key, lease))

    def number(self, key: str, code: str, year: int) -> str:
        """Year and serial of the result of that code, as `2026-000001`; the same whenever the task comes."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO result (key, code, year) VALUES (?, ?, ?)", (key, code, year))
            issued = db.execute("SELECT year, serial FROM result WHERE key = ? AND code = ?", (key, code))
            return "{year}-{serial:06}".format(**issued.fetchone())

    def stands(self, number: str, code: str, now: float) -> bytes | None:
        """The last that is to have been said by now of the task with this number; None without any."""
        serial = number.partition("-")[2]
        with self._transaction() as db:
            row = db.execute(_STANDS, (serial if serial.isdecimal() else 0, code, now)).fetchone()
        return bytes(row["body"]) if row and row["body"] is not None else None

    def next_callback(self) -> Due | None:
        """The callback that goes next, due or not yet."""
        with self._transaction() as db:
            row = db.execute(_NEXT).fetchone()
        return Due(**row) if row else None

    def settle(self, callback: Due, *, taken: bool) -> None:
        """The callback needs no further try."""
        state = "taken" if taken else "refused"
        with self._transaction() as db:
            db.execute("UPDATE callback SET state = ? WHERE id = ?", (state, callback.id))

    def postpone(self, callback: Due, due_at: float) -> None:
        """The callback was sent in vain and goes again."""
        with self._transaction() as db:
            db.execute(
                "UPDATE callback SET tries = tries + 1, due_at = ? WHERE id = ?", (due_at, callback.id)
            )

    def counts(self) -> dict[str, int]:
        """Tasks, calls, effects, clashes and callbacks by state."""
        with self._transaction() as db:
            return dict(db.execute(_COUNTS).fetchone())

    def effects(self) -> list[dict[str, Any]]:
        """How often each task had its effect: `[{"key": "tsk_…", "times": 1}]`."""
        with self._transaction() as db:
            rows = db.execute("SELECT key, effects AS times FROM task ORDER BY key").fetchall()
        return [dict(row) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._db:
            yield self._db
