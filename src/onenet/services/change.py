"""Change: one command on its way through the gate, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from onenet.domain.case import Case, Decision, Reply
from onenet.domain.commands import Command
from onenet.domain.duplicates import Thing
from onenet.domain.reapplications import origin
from onenet.errors import Conflict, OnenetError
from onenet.services.leases import Claimed
from onenet.services.numbering import NumberTemplate
from onenet.store.idempotency import StoredAnswer


@dataclass(frozen=True, slots=True)
class Once:
    """Do it once: under this key, for a request of this fingerprint. `conflict` is raised for another one."""

    scope: str
    key: str
    fingerprint: bytes
    conflict: type[OnenetError]


@dataclass(frozen=True, slots=True)
class Opening:
    """A case to begin: put together, but for the number that the gate issues."""

    case: Case
    template: NumberTemplate

    @property
    def thing(self) -> Thing | None:
        """What it is a case of, where its bundle wants an open one of the same to be looked for."""
        case = self.case
        if case.bundle.duplicates == "allow" or origin(case.content):
            return None  # who applies again has said beside which case
        id_no = case.content.applicant.id_no
        return Thing(case.client, case.subject, case.bundle.code, case.jurisdiction, id_no)


@dataclass(frozen=True, slots=True)
class Beside:
    """What another case is told in the same commit. `actor`: who, where it is not who makes the change."""

    case_id: UUID
    command: Command
    actor: str | None = None


class Reaching(Exception):
    """A change reaches further cases: it is made again with these beside it, and all of them locked."""

    def __init__(self, beside: tuple[Beside, ...]):
        super().__init__("it reaches further cases")
        self.beside = beside


@dataclass(frozen=True, slots=True)
class Change:
    """One command on its way through the gate.

    `actor` says who, in the events: `frontend:app:subject`, `department:police`, `system:worker`. `render`
    makes the answer that is stored with `once`; `render_refusal` likewise for a conflict. `attempt`: the
    end of a call to a department, kept on record even when the command is refused; `claimed`: the task that
    was called about. `if_seq`: the event that must still be the last. `beside`: other cases that change
    with it, or none does.
    """

    case_id: UUID
    command: Command
    actor: str
    opening: Opening | None = None
    once: Once | None = None
    render: Callable[[Case, Decision], StoredAnswer] | None = None
    render_refusal: Callable[[Conflict], StoredAnswer] | None = None
    attempt: dict[str, Any] | None = None
    claimed: Claimed | None = None
    if_seq: int | None = None
    beside: tuple[Beside, ...] = ()

    @property
    def case_ids(self) -> tuple[UUID, ...]:
        """The cases that it changes."""
        return (self.case_id, *(each.case_id for each in self.beside))


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a change. `case` is None when the answer is a repeated or stored one."""

    case_id: UUID | None
    case: Case | None
    reply: Reply
    answer: StoredAnswer | None = None
    replayed: bool = False
