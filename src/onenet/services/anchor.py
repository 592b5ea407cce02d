"""Anchor: a file that each signed checkpoint is appended to, out of the reach of whoever owns the database.

One checkpoint a line, as a JSON text. A line that a crash cut short stays, ended, and the same checkpoint
follows it whole: nothing is written over, so that the file can lie on a medium that only takes more.
"""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain import note
from onenet.domain.note import MalformedNote, Signed
from onenet.errors import MisconfiguredError
from onenet.store import log as store_log
from onenet.store.database import Database

TAIL_BYTES = 4_096
"""More than two lines have."""

MOST_AT_ONCE = 1_000


class AnchorDiffers(MisconfiguredError):
    """The file holds a checkpoint that is not one of this log. Nothing may be added to it."""


class Anchor:
    """The file at a path. One for each process that seals."""

    def __init__(self, file: Path):
        """Opens nothing yet."""
        self._file = file

    async def check(self, connection: AsyncConnection) -> None:
        """Passes when the last checkpoint in the file is one of this log's. Raises: AnchorDiffers."""
        last = await asyncio.to_thread(self._last)
        if last is None:
            return
        size = last.checkpoint.size
        if await store_log.note_of(connection, size) != last.text():
            raise AnchorDiffers(
                f"the last checkpoint in {self._file}, of {size} events, is none of this log: it was "
                "rolled back, or the file is of another log. See `onenet log verify --anchor`; after a "
                "restore keep the file, and set ONENET_LOG_ANCHOR_FILE to a new one"
            )

    async def catch_up(self, database: Database) -> None:
        """Appends the checkpoints that are not in the file, and waits until they are on disk."""
        last = await asyncio.to_thread(self._last)
        size = last.checkpoint.size if last else 0
        while True:
            async with database.read() as connection:
                notes = await store_log.notes_after(connection, size, MOST_AT_ONCE)
            if not notes:
                return
            await asyncio.to_thread(self._append, notes)
            size = note.read(notes[-1]).checkpoint.size

    def _append(self, notes: Sequence[str]) -> None:
        with self._file.open("ab") as file:
            cut_short = b"" if _ends_whole(self._file) else b"\n"
            file.write(cut_short + b"".join(f"{json.dumps(text)}\n".encode() for text in notes))
            file.flush()
            os.fsync(file.fileno())

    def _last(self) -> Signed | None:
        """The last whole checkpoint in the file."""
        if not self._file.exists():
            return None
        with self._file.open("rb") as file:
            file.seek(max(self._file.stat().st_size - TAIL_BYTES, 0))
            lines = file.read().split(b"\n")
        for line in reversed(lines[:-1]):
            if (found := _read(line)) is not None:
                return found
        return None


def _ends_whole(file: Path) -> bool:
    with file.open("rb") as opened:
        opened.seek(0, os.SEEK_END)
        if not opened.tell():
            return True
        opened.seek(-1, os.SEEK_END)
        return opened.read() == b"\n"


def _read(line: bytes) -> Signed | None:
    try:
        return note.read(json.loads(line))
    except (ValueError, MalformedNote, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file: its number from 1, and its checkpoint; None when it is none."""

    number: int
    signed: Signed | None


def lines(file: Path) -> Iterator[Line]:
    """Every line. One that was cut short, and is followed by the same whole, is left out."""
    kept: tuple[int, bytes] | None = None
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            if kept is not None and not (len(kept[1]) < len(line) and line.startswith(kept[1].rstrip(b"\n"))):
                yield Line(kept[0], _read(kept[1]))
            kept = (number, line)
    if kept is not None and (kept[1].endswith(b"\n") or _read(kept[1])):
        yield Line(kept[0], _read(kept[1]))


def copies(file: Path) -> list[Line]:
    """What a witness kept: one checkpoint a line, in base64 as departments get it or as a line of an anchor.

    A copy that is no checkpoint is among them, as None: whoever verifies tells of it.
    """
    found = [(number, line.strip()) for number, line in enumerate(file.read_bytes().splitlines(), 1)]
    return [Line(number, _read(line) or _decoded(line)) for number, line in found if line]


def _decoded(line: bytes) -> Signed | None:
    try:
        return note.read(b64decode(line, validate=True).decode())
    except (ValueError, MalformedNote):
        return None
