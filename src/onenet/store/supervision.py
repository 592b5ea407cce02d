"""What supervision looks at: open steps whose light is not green or that were urged about; figures."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, func, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.states import StepState
from onenet.domain.visibility import Visible
from onenet.ids import LANES, lane_of
from onenet.store import tables
from onenet.store.visibility import criterion

# Under a name of its own: the rule of who sees a case looks through the case's other steps.
_step = tables.step.alias("looked_at")
_s, _case = _step.c, tables.cases.c
_LIT = and_(_s.waits_for.is_not(None), or_(_s.light != text("'green'"), _s.urging_due_at.is_not(None)))
"""The condition of the index, in its own words, so that it is used."""

_OF_CASE = and_(_case.lane == _s.lane, _case.id == _s.case_id)


class Place(NamedTuple):
    """Where a step stands in the list: its case's id tells how old it is."""

    case_id: UUID
    code: str


class Wanted(NamedTuple):
    """Which steps: of one department or of all, with one light, urged or not."""

    department: str | None = None
    light: str | None = None
    is_urged: bool = False


async def page(
    connection: AsyncConnection, visible: Visible, wanted: Wanted, after: Place | None, limit: int
) -> list[tuple[Place, int]]:
    """Places of such steps in visible cases, the oldest cases of each lane first, each with its version."""
    where = [_s.lane.in_(range(LANES)), _LIT, criterion(visible)]
    if wanted.department is not None:
        where.append(_s.department == wanted.department)
    if wanted.light is not None:
        where.append(_s.light == wanted.light)
    if wanted.is_urged:
        where.append(_s.urging_due_at.is_not(None))
    if after is not None:
        where.append(
            tuple_(_s.lane, _s.case_id, _s.code) > (lane_of(after.case_id), after.case_id, after.code)
        )
    statement = (
        select(_s.case_id, _s.code, _case.version)
        .join_from(_step, tables.cases, _OF_CASE)
        .where(*where)
        .order_by(_s.lane, _s.case_id, _s.code)
        .limit(limit)
    )
    return [(Place(*row[:2]), row.version) for row in await connection.execute(statement)]


class Count(NamedTuple):
    """How many steps of a department are open or closed under a light."""

    department: str
    is_open: bool
    light: str
    steps: int


async def counts(
    connection: AsyncConnection, visible: Visible, since: datetime, until: datetime
) -> list[Count]:
    """Steps of visible cases received in that time, without those that were not needed."""
    is_open = _s.waits_for.is_not(None)
    statement = (
        select(_s.department, is_open.label("is_open"), _s.light, func.count().label("steps"))
        .join_from(tables.cases, _step, _OF_CASE)
        .where(
            _case.created_at >= since,
            _case.created_at < until,
            _s.state != StepState.SKIPPED,
            criterion(visible),
        )
        .group_by(_s.department, is_open, _s.light)
        .order_by(_s.department)
    )
    return [Count(*row) for row in await connection.execute(statement)]
