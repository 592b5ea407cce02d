"""States of case, step, task and delivery, and the tables of allowed moves. `move` is the only gate.

The same tables are CHECK constraints in the database. Source: domain.md section 4.1, delivery.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from onenet.errors import IllegalMove


class Word(StrEnum):
    """A word of a closed set. It hashes as the text it is: states are looked up in sets and tables at every
    turn, and an enum's own hash is a call into Python.
    """

    __hash__ = str.__hash__


class CaseState(Word):
    """Where a case stands; the last four are final."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    PARTLY_COMPLETED = "partly_completed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class StepState(Word):
    """Where a step stands.

    waiting: a dependency or a waiting period is outstanding. ready: its task is written and queues behind
    another task for the same department. dispatched: with the department, not accepted yet. held: stopped
    for a person. completed, rejected, skipped and cancelled are final.
    """

    WAITING = "waiting"
    READY = "ready"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    SUPPLEMENT_NEEDED = "supplement_needed"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    HELD = "held"


class TaskState(Word):
    """The fate of a task: sending means claimed under a lease; sent means taken, its outcome awaited."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DONE = "done"
    HELD = "held"
    WITHDRAWN = "withdrawn"


class DeliveryState(Word):
    """The fate of a delivery to a subscriber."""

    PENDING = "pending"
    SENDING = "sending"
    DONE = "done"
    HELD = "held"


class Light(Word):
    """How a step or a case stands with its limits (domain.md section 11).

    yellow: a limit is about to run out. red: one has, or something is irregular.
    """

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class TimerState(Word):
    """A timer is pending until it fires or is no longer wanted."""

    PENDING = "pending"
    FIRED = "fired"
    CANCELLED = "cancelled"


FINAL_CASE = frozenset(
    {CaseState.COMPLETED, CaseState.PARTLY_COMPLETED, CaseState.REJECTED, CaseState.WITHDRAWN}
)
FINAL_STEP = frozenset({StepState.COMPLETED, StepState.REJECTED, StepState.SKIPPED, StepState.CANCELLED})
MET = frozenset({StepState.COMPLETED, StepState.SKIPPED})
"""States of a step in which what depends on it may go on."""
FAILED = FINAL_STEP - MET
"""States of a step in which the policy of an edge says what becomes of what depends on it."""

CASE_MOVES: Mapping[CaseState, frozenset[CaseState]] = {
    CaseState.RECEIVED: frozenset({CaseState.ACCEPTED, *FINAL_CASE}),
    CaseState.ACCEPTED: frozenset({CaseState.IN_PROGRESS, *FINAL_CASE}),
    CaseState.IN_PROGRESS: FINAL_CASE,
    **dict.fromkeys(FINAL_CASE, frozenset[CaseState]()),
}

_S = StepState
STEP_MOVES: Mapping[StepState, frozenset[StepState]] = {
    _S.WAITING: frozenset({_S.READY, _S.DISPATCHED, _S.SKIPPED, _S.HELD, _S.CANCELLED, _S.REJECTED}),
    _S.READY: frozenset({_S.DISPATCHED, _S.HELD, _S.CANCELLED}),
    _S.DISPATCHED: frozenset(
        {_S.ACCEPTED, _S.SUPPLEMENT_NEEDED, _S.REJECTED, _S.COMPLETED, _S.HELD, _S.CANCELLED}
    ),
    _S.ACCEPTED: frozenset(
        {_S.SUPPLEMENT_NEEDED, _S.SUSPENDED, _S.COMPLETED, _S.REJECTED, _S.CANCELLED, _S.HELD}
    ),
    _S.SUPPLEMENT_NEEDED: frozenset({_S.DISPATCHED, _S.ACCEPTED, _S.REJECTED, _S.CANCELLED}),
    _S.SUSPENDED: frozenset({_S.ACCEPTED, _S.CANCELLED}),
    _S.HELD: frozenset(
        {
            *(_S.WAITING, _S.READY, _S.DISPATCHED, _S.ACCEPTED),
            *(_S.COMPLETED, _S.SKIPPED, _S.REJECTED, _S.CANCELLED),
        }
    ),
    **dict.fromkeys(FINAL_STEP, frozenset[StepState]()),
}

OVER = frozenset({TaskState.DONE, TaskState.WITHDRAWN})
"""States of a task in which nothing is to be done about it any more."""

_T = TaskState
TASK_MOVES: Mapping[TaskState, frozenset[TaskState]] = {
    _T.PENDING: frozenset({_T.SENDING, _T.SENT, _T.DONE, _T.WITHDRAWN}),
    _T.SENDING: frozenset({_T.PENDING, _T.SENT, _T.DONE, _T.HELD, _T.WITHDRAWN}),
    _T.SENT: frozenset({_T.DONE, _T.HELD, _T.WITHDRAWN}),
    _T.HELD: frozenset({_T.PENDING, _T.DONE, _T.WITHDRAWN}),
    _T.DONE: frozenset(),
    _T.WITHDRAWN: frozenset(),
}

State = TypeVar("State", CaseState, StepState, TaskState)


def move(moves: Mapping[State, frozenset[State]], current: State, wanted: State) -> State:
    """The wanted state, when the table allows it from the current one. Raises: IllegalMove."""
    if wanted not in moves[current]:
        raise IllegalMove(f"{current.value} -> {wanted.value}")
    return wanted
