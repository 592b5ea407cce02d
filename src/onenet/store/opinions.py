"""Opinions asked: the row of one, and those that a department was asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain.case import Case, Step
from onenet.domain.procedures import Opinion
from onenet.domain.visibility import Visible
from onenet.ids import lane_of
from onenet.store import tables
from onenet.store.opinion_tables import opinion
from onenet.store.visibility import of_opinions

_o, _case = opinion.c, tables.cases.c


def row(case: Case, step: Step, asked: Opinion) -> dict[str, Any]:
    """The row of an opinion."""
    return {
        "lane": case.lane,
        "case_id": case.id,
        "id": asked.id,
        "step": step.code,
        "department": asked.department,
        "state": asked.state,
        "due_at": asked.due_at,
    }


class Place(NamedTuple):
    """Where one stands in the list."""

    due_at: datetime
    id: UUID


class Row(NamedTuple):
    """An opinion: in which step of which case, in which version of that."""

    place: Place
    case_id: UUID
    step: str
    version: int


_JOINED = select(_o.due_at, _o.id, _o.case_id, _o.step, _case.version).join_from(
    opinion, tables.cases, and_(_case.lane == _o.lane, _case.id == _o.case_id)
)


async def page(
    connection: AsyncConnection, visible: Visible, state: str, after: Place | None, limit: int
) -> list[Row]:
    """Opinions in that state, those first that are due first."""
    statement = _JOINED.where(of_opinions(visible), _o.state == state)
    if after is not None:
        statement = statement.where(tuple_(_o.due_at, _o.id) > after)
    found = await connection.execute(statement.order_by(_o.due_at, _o.id).limit(limit))
    return [Row(Place(*each[:2]), *each[2:]) for each in found]


async def find(connection: AsyncConnection, visible: Visible, id: UUID) -> Row | None:
    """One of them: the same work for somebody else's and for none."""
    statement = _JOINED.where(of_opinions(visible), _o.id == id)
    found = (await connection.execute(statement)).first()
    return Row(Place(*found[:2]), *found[2:]) if found else None


async def erase(connection: AsyncConnection, case_id: UUID) -> None:
    """Nothing is left of what was asked and said: nobody finds it any more."""
    await connection.execute(delete(opinion).where(_o.lane == lane_of(case_id), _o.case_id == case_id))
