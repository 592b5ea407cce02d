"""Occasion: the request in which something happens, so that every line logged on its way names it."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Occasion:
    """One request: its id, where it came from, and, as soon as that is known, which route and which client.

    Work that outlives it (a round of the gate, a task of the worker) still carries it; `has_ended` tells then
    that it is no longer this request's doing. `told`: the last security event of it.
    """

    request_id: str
    address: str = ""
    route: str = ""
    client: str = ""
    told: str = ""
    has_ended: bool = False


_PRESENT: ContextVar[Occasion | None] = ContextVar("occasion", default=None)

begin, end = _PRESENT.set, _PRESENT.reset
"""`begin` gives what `end` takes."""


def present() -> Occasion | None:
    """The request that is being served."""
    found = _PRESENT.get()
    return None if found is None or found.has_ended else found


def add_request_id(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Puts the request's id into a line of the log; a processor of structlog's."""
    if (found := present()) is not None:
        entry.setdefault("request_id", found.request_id)
    return entry
