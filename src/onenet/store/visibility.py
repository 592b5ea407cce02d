"""Visibility as SQL: the one criterion of every query of cases and of what hangs on them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.case import OPINION
from onenet.domain.tickets import SEES
from onenet.domain.visibility import Column, Condition, OfTasks, Visible
from onenet.ids import lane_of
from onenet.store import tables
from onenet.store.opinion_tables import opinion
from onenet.store.ticket_tables import ticket_unit

_c, _s, _t = tables.cases.c, tables.step.c, tables.task.c
_u = ticket_unit.alias("part_of").c
"""Under a name of its own: figures look through the same table."""

_PLAIN: dict[Column, ColumnElement[Any]] = {
    Column.ID: _c.id,
    Column.CLIENT: _c.client,
    Column.SUBJECT: _c.subject,
    Column.BUNDLE: _c.bundle_code,
    Column.JURISDICTION: _c.jurisdiction,
    Column.RECEIVING: _c.receiving,
}


def criterion(visible: Visible) -> ColumnElement[bool]:
    """Whether a row of `cases` is visible: true for one of the ways in, false where there is none."""
    if not visible.sights:
        return false()
    return or_(*(and_(true(), *map(_condition, sight.conditions)) for sight in visible.sights))


def of_opinions(visible: Visible) -> ColumnElement[bool]:
    """Whether an opinion is visible, by its row and that of its case."""
    ways = (and_(true(), *(_of_opinion(each) for each in sight.conditions)) for sight in visible.sights)
    return or_(false(), *ways)


def of_case(visible: Visible, lane: ColumnElement[Any], case_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the case is visible that a row of another table hangs on."""
    if any(not sight.conditions for sight in visible.sights):
        return true()
    found = select(1).where(_c.lane == lane, _c.id == case_id, criterion(visible))
    return exists(found.correlate_except(tables.cases))


def of_tasks(ways: OfTasks) -> ColumnElement[bool]:
    """Whether a row of `task` is visible."""
    return or_(of_case(ways.cases, _t.lane, _t.case_id), of_questions(ways.opinions))


def of_questions(visible: Visible) -> ColumnElement[bool]:
    """Whether a row of `task` is the question of a visible opinion, which has the same id."""
    asked = (
        select(1)
        .join_from(opinion, tables.cases, and_(_c.lane == opinion.c.lane, _c.id == opinion.c.case_id))
        .where(opinion.c.lane == _t.lane, opinion.c.case_id == _t.case_id, opinion.c.id == _t.id)
        .where(of_opinions(visible))
    )
    return and_(_t.kind == OPINION, exists(asked.correlate(tables.task)))


async def sees_task(connection: AsyncConnection, ways: OfTasks, task_id: UUID) -> bool:
    """Whether there is such a task for this department's system."""
    statement = select(_t.id).where(_t.lane == lane_of(task_id), _t.id == task_id, of_tasks(ways))
    return (await connection.execute(statement)).first() is not None


async def sees(connection: AsyncConnection, visible: Visible, case_id: UUID) -> bool:
    """Whether there is such a case for this principal: the same work for a foreign one and for none."""
    statement = select(_c.id).where(_c.lane == lane_of(case_id), _c.id == case_id, criterion(visible))
    return (await connection.execute(statement)).first() is not None


def _of_opinion(condition: Condition) -> ColumnElement[bool]:
    if condition.column is Column.ASKED:
        asked: ColumnElement[Any] = opinion.c.department
        return asked.in_(sorted(condition.values))
    return _condition(condition)


def _condition(condition: Condition) -> ColumnElement[bool]:
    if condition.column is Column.ASKED:
        return false()  # as in `Condition.holds`
    values = sorted(condition.values)
    column = _PLAIN.get(condition.column)
    if column is not None:
        return column == values[0] if len(values) == 1 else column.in_(values)
    if condition.column is Column.UNIT:
        parts = select(1).where(
            _u.lane == _c.lane, _u.case_id == _c.id, _u.department.in_(values), _u.state.in_(sorted(SEES))
        )
        return exists(parts)
    # A step that is skipped is nobody's business.
    theirs = select(1).where(
        _s.lane == _c.lane, _s.case_id == _c.id, _s.department.in_(values), _s.state != "skipped"
    )
    return exists(theirs)
