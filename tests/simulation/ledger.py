"""Ledgers: what the outside world saw, kept outside the processes that die."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker got a lease, at a true time."""

    at: datetime
    attempt: int
    token: UUID


@dataclass(frozen=True, slots=True)
class Recorded:
    """The gate took a worker's result. `failure` and `retry_after_s` are of a call that failed."""

    at: datetime
    token: UUID
    failure: str | None
    retry_after_s: int | None


@dataclass(slots=True)
class Message:
    """A department's callback. `answer` is the body of the first answer, None while there was none."""

    task: str
    seq: int | None
    word: str
    answer: str | None = None


@dataclass(slots=True)
class Ledger:
    """All of it. `submitted`: keys under which somebody tried; `acknowledged`: key -> case.

    `messages`: (department, message id). `heard`: delivery -> bodies. `broken`: what was seen to be broken
    as it went. `fates`: how commits fared.
    """

    submitted: set[str] = field(default_factory=set)
    acknowledged: dict[str, UUID] = field(default_factory=dict)
    claims: dict[UUID, list[Claim]] = field(default_factory=dict)
    records: dict[UUID, list[Recorded]] = field(default_factory=dict)
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    heard: dict[str, list[bytes]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)

    def claim(self, work: UUID, claim: Claim) -> None:
        """Notes a lease."""
        self.claims.setdefault(work, []).append(claim)

    def record(self, work: UUID, recorded: Recorded) -> None:
        """Notes a result that was taken; one of a lease that somebody else has by now is a promise broken."""
        self.records.setdefault(work, []).append(recorded)
        claims = self.claims.get(work, [])
        own = [claim.attempt for claim in claims if claim.token == recorded.token]
        if own and any(claim.attempt > own[0] for claim in claims):
            self.broken.append(f"a result of {work} was taken after somebody else had claimed it")

    def answered(self, department: str, message_id: str, body: str) -> None:
        """Notes what a callback was answered; a repetition is answered the same."""
        message = self.messages[department, message_id]
        if message.answer not in (None, body):
            self.broken.append(f"callback {message_id} of {department} was answered in two ways")
        message.answer = body

    def promised(self, key: str, case_id: UUID) -> None:
        """Notes that an applicant was told 2xx; under one key there is one case."""
        if self.acknowledged.setdefault(key, case_id) != case_id:
            self.broken.append(f"{key} was answered with two cases")


@dataclass(frozen=True, slots=True)
class History:
    """A history and what is wrong with it. Two runs of one seed have the same digest."""

    seed: int
    digest: str
    violations: tuple[str, ...]
    fates: Counter[str]
    lines: Sequence[str]
