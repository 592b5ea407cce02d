"""Cursors of lists: opaque text that holds a place in one list with one filter.

A cursor is checked, not secret: it names a place, and who may see what from there is asked for each page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from onenet.errors import BadCursor, Fault

MAX_LENGTH = 512
PATTERN = "^[A-Za-z0-9_-]{1,512}$"

Place = list[str]
"""The sort key of the last object on a page, as texts."""


def write(place: Place, filters: Mapping[str, Any]) -> str:
    """The cursor to what follows this place under these filters; they name list, order and viewer too."""
    content = json.dumps([_mark(filters), *place], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).rstrip(b"=").decode()


def read(text: str | None, filters: Mapping[str, Any], *, parts: int) -> Place | None:
    """The place in a cursor, of so many parts; None for the first page.

    Raises: BadCursor when it was not given out by this list with these filters.
    """
    if text is None:
        return None
    try:
        content = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise _bad() from None
    if not isinstance(content, list) or len(content) != parts + 1:
        raise _bad()
    if not all(isinstance(part, str) and _is_text(part) for part in content) or content[0] != _mark(filters):
        raise _bad()
    return content[1:]


def _is_text(part: str) -> bool:
    """Whether no half of a surrogate pair is in it, which no database takes."""
    return not any("\ud800" <= character <= "\udfff" for character in part)


def moment_and_id(text: str | None, filters: Mapping[str, Any]) -> tuple[datetime, UUID] | None:
    """The place in a cursor of a list by age. Raises: BadCursor."""
    place = read(text, filters, parts=2)
    if place is None:
        return None
    try:
        return moment(place[0]), UUID(place[1])
    except ValueError:
        raise _bad() from None


def _mark(filters: Mapping[str, Any]) -> str:
    said = json.dumps(filters, sort_keys=True, default=str)
    return hashlib.blake2b(said.encode(), digest_size=9).hexdigest()


def _bad() -> BadCursor:
    return BadCursor(
        faults=(
            Fault(
                "cursor",
                "应为本列表在相同筛选条件下给出的 next_cursor",
                "Expected a next_cursor that this list gave out under the same filters",
                parameter="cursor",
            ),
        )
    )


def moment(text: str) -> datetime:
    """The moment in a cursor, in UTC. Raises: ValueError for one that we cannot have written."""
    read = datetime.fromisoformat(text)
    if read.tzinfo is None or not 1800 <= read.year <= 2199:
        raise ValueError("a moment with a zone was expected")
    return read.astimezone(UTC)
