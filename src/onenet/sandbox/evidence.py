"""Evidence: what was sent to the department and what came back, task by task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from onenet.adapters.transport import Attempt
from onenet.domain.outcome import Completed, Outcome, Rejected, SupplementNeeded, TryLater, Unclear
from onenet.store.endpoints import EndpointRow

Wish = Literal["complete", "reject", "supplement"]

Reception = Literal["open", "busy", "conflict", "closed"]
"""What the next callback about a task meets: onenet, one 503, one 409, or 503 until it is opened again."""

DECISIONS = (Completed, Rejected, SupplementNeeded)
"""What ends a department's work on one submission."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A callback that came, and what it was answered.

    `reply`: the word of the answer, of a problem the end of its type. `outcome`: None where not even its task
    can be read. `trouble`: what is wrong with it, in words. `is_staged`: it was turned away on purpose.
    """

    at_s: float
    message_id: str
    body: bytes
    status: int
    reply: str
    outcome: Outcome | None
    trouble: str
    is_staged: bool

    @property
    def is_final(self) -> bool:
        """Whether what it was answered forbids to send it again."""
        return 200 <= self.status < 500 and self.status not in (408, 429)


@dataclass(slots=True)
class Errand:
    """One task and everything that came of it. `name`: what it was sent for; a forged one has no case."""

    name: str
    key: str
    case_id: UUID | None = None
    number: str = ""
    door: Reception = "open"
    calls: list[Attempt] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)

    @property
    def is_taken(self) -> bool:
        """Whether a call was answered so that the department has the task."""
        return any(not isinstance(call.outcome, TryLater | Unclear) for call in self.calls)

    def outcomes(self) -> Iterator[Outcome]:
        """What was said of it, at once or by callback, but for what was turned away on purpose."""
        yield from (call.outcome for call in self.calls)
        yield from (each.outcome for each in self.heard if each.outcome and not each.is_staged)

    def applied(self) -> Iterator[Outcome]:
        """What was said of it and believed."""
        yield from (call.outcome for call in self.calls)
        yield from (each.outcome for each in self.heard if each.outcome and each.status == 200)

    @property
    def is_decided(self) -> bool:
        """Whether a decision came, believed or not."""
        return any(isinstance(outcome, DECISIONS) for outcome in self.outcomes())

    @property
    def is_answered(self) -> bool:
        """Whether a decision came, or something instead of it that cannot be read."""
        return self.is_decided or any(
            each.outcome is None or isinstance(each.outcome, Unclear)
            for each in self.heard
            if not each.is_staged
        )

    def message_ids(self) -> list[str]:
        """The ids of its callbacks, each once, in the order in which they came first."""
        return list(dict.fromkeys(each.message_id for each in self.heard))

    def numbers(self) -> dict[str, set[str]]:
        """For each result, the numbers under which it was issued: one, where the work was done once."""
        found: dict[str, set[str]] = {}
        for outcome in self.outcomes():
            for result in outcome.results if isinstance(outcome, Completed) else ():
                found.setdefault(result.code, set()).add(result.number or "")
        return found


@dataclass(slots=True)
class Record:
    """Everything of one run. `moved`: set when something came. `strangers`: callbacks about other tasks.

    `at_door`: callbacks that are being answered. `listeners` are told of each once it is answered.
    """

    endpoint: EndpointRow
    errands: dict[str, Errand] = field(default_factory=dict)
    strangers: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    at_door: int = 0
    listeners: list[Callable[[Heard], None]] = field(default_factory=list)

    def add(self, errand: Errand) -> Errand:
        """Keeps it."""
        self.errands[errand.name] = errand
        return errand

    def hear(self, errand: Errand | None, heard: Heard) -> None:
        """Keeps a callback with the errand that it is about."""
        if errand is None:
            self.strangers += 1
        else:
            errand.heard.append(heard)
        for listener in self.listeners:
            listener(heard)
        self.moved.set()

    def named_in(self, body: bytes) -> Errand | None:
        """The errand whose key stands in these bytes, in whatever words."""
        return next((each for each in self.errands.values() if each.key.encode() in body), None)

    def by_key(self, key: str) -> Errand | None:
        """The errand with this key."""
        return next((each for each in self.errands.values() if each.key == key), None)

    def of(self, *names: str) -> Sequence[Errand]:
        """Those of these names that were sent."""
        return [self.errands[name] for name in names if name in self.errands]
