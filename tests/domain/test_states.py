"""Every pair of states: what the tables allow moves, everything else is refused, here and in the database."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, Table

from onenet.domain.states import (
    CASE_MOVES,
    FINAL_CASE,
    FINAL_STEP,
    STEP_MOVES,
    TASK_MOVES,
    CaseState,
    DeliveryState,
    StepState,
    TaskState,
    TimerState,
    move,
)
from onenet.errors import IllegalMove
from onenet.store import tables

TABLES: dict[str, tuple[Any, type[StrEnum]]] = {
    "case": (CASE_MOVES, CaseState),
    "step": (STEP_MOVES, StepState),
    "task": (TASK_MOVES, TaskState),
}
PAIRS = [
    pytest.param(moves, current, wanted, id=f"{name}-{current}-{wanted}")
    for name, (moves, states) in TABLES.items()
    for current in states
    for wanted in states
]

STEP_MOVES_OF_THE_LAW = """
waiting: ready dispatched skipped held cancelled rejected
ready: dispatched held cancelled
dispatched: accepted supplement_needed rejected completed held cancelled
accepted: supplement_needed suspended completed rejected cancelled held
supplement_needed: dispatched accepted rejected cancelled
suspended: accepted cancelled
held: waiting ready dispatched accepted completed skipped rejected cancelled
completed:
rejected:
skipped:
cancelled:
"""
"""domain.md section 4.1, written out, and the four moves that the engine adds: waiting to dispatched (a step
that queues behind nobody is never `ready`), waiting to rejected (a window that has closed), held to completed
(the outcome of a step at the counter), held to accepted (a step goes on where it was held)."""


@pytest.mark.parametrize(("moves", "current", "wanted"), PAIRS)
def test_a_move_is_made_when_the_table_has_it_and_refused_otherwise(
    moves: Any, current: Any, wanted: Any
) -> None:
    if wanted in moves[current]:
        assert move(moves, current, wanted) is wanted
    else:
        with pytest.raises(IllegalMove):
            move(moves, current, wanted)


@pytest.mark.parametrize("name", TABLES)
def test_every_state_has_a_row_of_moves(name: str) -> None:
    moves, states = TABLES[name]
    assert set(moves) == set(states)


def test_the_moves_of_a_step_are_those_written_down() -> None:
    written = {
        StepState(line.partition(":")[0]): {StepState(word) for word in line.partition(":")[2].split()}
        for line in STEP_MOVES_OF_THE_LAW.split("\n")
        if line
    }
    assert written == STEP_MOVES


def test_nothing_leaves_a_final_state() -> None:
    assert {state for state, wanted in CASE_MOVES.items() if not wanted} == FINAL_CASE
    assert {state for state, wanted in STEP_MOVES.items() if not wanted} == FINAL_STEP
    assert {state for state, wanted in TASK_MOVES.items() if not wanted} == {
        TaskState.DONE,
        TaskState.WITHDRAWN,
    }


def test_every_open_step_can_be_cancelled() -> None:
    """Otherwise a withdrawal would be refused because of one step."""
    assert all(StepState.CANCELLED in STEP_MOVES[state] for state in set(StepState) - FINAL_STEP)


def test_every_open_case_can_be_withdrawn() -> None:
    assert all(CaseState.WITHDRAWN in CASE_MOVES[state] for state in set(CaseState) - FINAL_CASE)


@pytest.mark.parametrize(
    ("table", "states"),
    [
        (tables.cases, CaseState),
        (tables.step, StepState),
        (tables.task, TaskState),
        (tables.timer, TimerState),
        (tables.delivery, DeliveryState),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else None,
)
def test_the_database_knows_the_same_states(table: Table, states: type[StrEnum]) -> None:
    checks = [
        str(constraint.sqltext)
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint) and str(constraint.sqltext).startswith("state IN")
    ]
    assert [set(re.findall(r"'(\w+)'", check)) for check in checks] == [set(states)]


def test_the_database_asks_every_step_that_is_not_final_why_it_waits() -> None:
    (check,) = (
        str(constraint.sqltext)
        for constraint in tables.step.constraints
        if isinstance(constraint, CheckConstraint) and "waits_for" in str(constraint.sqltext)
    )
    assert set(re.findall(r"'(\w+)'", check)) == FINAL_STEP
