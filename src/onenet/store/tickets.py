"""Hotline tickets: lists of them, and the counts that figures are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.tickets import ACTS, Act, UnitState
from onenet.domain.visibility import Visible
from onenet.ids import lane_of
from onenet.store import tables
from onenet.store.cases import Position
from onenet.store.ticket_tables import ticket, ticket_unit
from onenet.store.visibility import criterion

Concern = Literal["returned", "late", "unsolved"]
"""Why supervision looks at a ticket: WEI art. 20-27."""

_t, _u, _case = ticket.c, ticket_unit.c, tables.cases.c


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tickets: in one state; those that concern supervision; those that units are at work on.

    `department`: units of this one alone.
    """

    state: str | None = None
    concern: Concern | None = None
    is_at_work: bool = False
    department: str | None = None


_CONCERNS: dict[str, ColumnElement[bool]] = {
    "returned": _u.state == UnitState.RETURNED,
    "late": _u.is_late == 1,
    "unsolved": _u.is_solved == 0,
}


async def page(
    connection: AsyncConnection, visible: Visible, wanted: Wanted, after: Position | None, limit: int
) -> dict[UUID, int]:
    """Ids and versions of visible tickets, newest first, after a position."""
    of_case = and_(_case.lane == _t.lane, _case.id == _t.case_id)
    statement = select(_case.id, _case.version).join_from(ticket, tables.cases, of_case)
    statement = statement.where(criterion(visible))
    if wanted.state is not None:
        statement = statement.where(_t.state == wanted.state)
    if wanted.concern is not None:
        statement = statement.where(_has_unit(_CONCERNS[wanted.concern], wanted.department))
    if wanted.is_at_work:
        is_at_work = _has_unit(_u.state == UnitState.AT_WORK, wanted.department)
        statement = statement.where(_t.state.in_(sorted(ACTS[Act.RETURN].states)), is_at_work)
    if after is not None:
        same = and_(
            _case.created_at == after.created_at, tuple_(_case.lane, _case.id) > (lane_of(after.id), after.id)
        )
        statement = statement.where(or_(_case.created_at < after.created_at, same))
    statement = statement.order_by(_case.created_at.desc(), _case.lane, _case.id).limit(limit)
    return {found.id: found.version for found in await connection.execute(statement)}


def _has_unit(condition: ColumnElement[bool], department: str | None) -> ColumnElement[bool]:
    units = select(1).where(_u.lane == _t.lane, _u.case_id == _t.case_id, condition)
    return exists(units if department is None else units.where(_u.department == department))


# ---- figures


class Count(NamedTuple):
    """How a department did: parts that it got, ended, returned, was late with; what citizens said of it."""

    department: str
    assigned: int
    done: int
    returned: int
    late: int
    solved: int
    unsolved: int
    satisfied: int
    dissatisfied: int


def _number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(condition)


async def counts(
    connection: AsyncConnection, visible: Visible, month: str, department: str | None
) -> list[Count]:
    """Of visible tickets, the parts that units got in a month (`2026-11`), by department."""
    of_case = and_(_case.lane == _u.lane, _case.id == _u.case_id)
    statement = (
        select(
            _u.department,
            func.count(),
            _number(_u.state == UnitState.DONE),
            _number(_u.state == UnitState.RETURNED),
            _number(_u.is_late == 1),
            _number(_u.is_solved == 1),
            _number(_u.is_solved == 0),
            _number(_u.is_satisfied == 1),
            _number(_u.is_satisfied == 0),
        )
        .join_from(ticket_unit, tables.cases, of_case)
        .where(_u.assigned_on.between(f"{month}-01", f"{month}-31"), criterion(visible))
        .group_by(_u.department)
        .order_by(_u.department)
    )
    if department is not None:
        statement = statement.where(_u.department == department)
    return [Count(*found) for found in await connection.execute(statement)]
