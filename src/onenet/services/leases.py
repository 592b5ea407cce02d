"""Leases: work that this process owns for a while, either claimed from the tables or taken as it fell due.

A commit that makes a task due may give it to this process's own worker at once: the lease is written by the
same commit, so that nobody has to look for the task, claim it and load its case again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol
from uuid import UUID

from onenet.domain.case import Case, Task
from onenet.domain.states import TASK_MOVES, TaskState, move
from onenet.services.hands import Hand
from onenet.store import queue, rows, sealing
from onenet.store.bulk import Row
from onenet.store.endpoints import EndpointRow

Kind = Literal["tasks", "deliveries", "timers"]


class Claimed(NamedTuple):
    """A task or delivery that this process owns until its lease ends, and where it goes.

    `row` has the `data_key` of its case beside the columns. A task's payload in it is as it is stored, or in
    the clear where the task comes from a case in memory. `probe`: the token of the one call that is made
    while the breaker of its endpoint is not closed.
    """

    row: Row
    token: UUID
    endpoint: EndpointRow | None
    hand: Hand | None = None
    probe: UUID | None = None


class Crew(Protocol):
    """The worker of this process, as the gate knows it. `lease`: how long work is its own."""

    lease: timedelta

    def take(self, department: str, *, is_new: bool) -> Hand | None:
        """A free hand for a task that falls due now; `is_new`: of a case that nobody works on yet."""

    def rests(self, department: str) -> bool:
        """Whether nobody calls this department for now, so that looking for its work is of no use."""

    def begin(self, claimed: Claimed) -> None:
        """Sets to work on a task whose lease is committed."""

    def look(self, kind: Kind) -> None:
        """There is something of this kind to look for in the tables."""


def leased(task: Task, token: UUID, until: datetime, now: datetime) -> Task:
    """The task under a lease, as `store.queue.claim` writes it."""
    return task._replace(
        state=move(TASK_MOVES, task.state, TaskState.SENDING),
        attempt=task.attempt + 1,
        next_at=until,
        lease_token=token,
        first_attempt_at=task.first_attempt_at or now,
    )


def with_claimed(case: Case, claimed: Claimed) -> Case | None:
    """The case as it is with the claim, which was written to its task and to nothing else.

    None when the task is not the one that the case has, but for the claim: the case has moved on since then.
    """
    row = claimed.row
    known = case.tasks.get(row["id"])
    if known is None:
        return None
    if claimed.token in (known.lease_token, known.poll_token):
        return case
    if known.state not in (TaskState.PENDING, TaskState.SENT) or known.attempt + 1 != row["attempt"]:
        return None
    # Both are sealed in a row that was read; the one is fixed for ever, the other changes with its attempts.
    plain = {**row, "payload": known.payload, "reference": known.reference}
    return case._replace(tasks={**case.tasks, known.id: rows.read_task(plain, None)})


def attempt_begun(task: Row, now: datetime) -> dict[str, Any]:
    """The row of an attempt that begins, for the row of its task."""
    return {
        "lane": task["lane"], "case_id": task["case_id"], "task_id": task["id"], "number": task["attempt"],
        "started_at": now,
        "ended_at": None, "status": None, "failure": None, "reason": None, "excerpt": None, "key_id": None,
        "trigger": task["trigger"] or queue.AUTO,
    }  # fmt: skip


def attempt_ended(attempt: dict[str, Any], *, is_erased: bool = False) -> dict[str, Any]:
    """The row of a task's attempt that ended, by the names of its columns; without words where what was said
    in the case is erased.
    """
    left_out = dict.fromkeys(sealing.WORDS) if is_erased else {}
    return {**attempt, "task_id": attempt["id"], **left_out}
