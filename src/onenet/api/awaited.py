"""What is awaited of promises, on the wire: what a department is still to look at, or to be handed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import case_views, cursors
from onenet.api import desk_examples as examples
from onenet.api.answers import answer, page
from onenet.api.case_shapes import BundleMark, CaseId, StepStateWord
from onenet.api.contract import answers_with
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import Answer, Named, Names, Page, PageQuery, extensible, given
from onenet.domain.awaited import What
from onenet.domain.calendar import local_day
from onenet.domain.principal import Role
from onenet.errors import BadCursor
from onenet.services import awaited
from onenet.services.awaited import Followed
from onenet.store.awaited import Place

operations = Operations("departments")

ListQuery = Annotated[PageQuery, Query()]
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]


class AwaitedThing(Answer):
    """One thing that is awaited. `is_overdue`: its last day is over, at the place of the case."""

    what: Annotated[str, Field(json_schema_extra=extensible(get_args(What)))]
    due_on: Day
    is_overdue: bool
    material: str | None = None


class AwaitedShape(Answer):
    """A step of which something is awaited, the earliest first."""

    case: CaseId
    number: str
    bundle: BundleMark
    jurisdiction: str
    step: str
    names: Names
    department: Named
    state: StepStateWord
    due_on: Day
    awaited: list[AwaitedThing]
    links: dict[str, str]


@operations(
    "GET",
    "/v1/desk/awaited",
    permission="steps:decide",
    answers={
        200: answers_with("A page, the first days first", Page[AwaitedShape], examples.AWAITED_PAGE),
    },
)
async def list_awaited(request: Request, query: ListQuery) -> Response:
    """Lists what is awaited of promises: checks and repairs of commitments, materials that follow."""
    who, known = caller(request), parts(request)
    now = known.machine_clock.now()
    filters = {"list": "awaited", "of": who.id}
    found, after = await awaited.page(
        known.database,
        known.reading,
        await known.reading.visible(who, now),
        who.department if who.role is Role.OFFICER else None,
        after=_place(query.cursor, filters),
        limit=query.size,
    )
    known.reading.note([each.seen for each in found], who, now, "case")
    cursor = None
    if after is not None:
        cursor = cursors.write([after.due_on.isoformat(), str(after.case_id), after.code], filters)
    at = known.gate.clock.now()
    return answer(request, page(request, [_view(each, at) for each in found], cursor))


def _view(found: Followed, at: datetime) -> dict[str, Any]:
    """The step at that moment of legal time."""
    case, step = found.seen.case, found.step
    today = local_day(at, case.utc_offset_minutes)
    path = f"/v1/cases/{case.id}"
    return {
        "case": str(case.id),
        "number": case.number,
        "bundle": case_views.bundle_mark(case.bundle),
        "jurisdiction": case.jurisdiction,
        "step": step.code,
        "names": dict(case.bundle.member(step.code).names),
        "department": case_views.department_view(case.bundle, step.department),
        "state": step.state.value,
        "due_on": found.awaited[0].due_on.isoformat(),
        "awaited": [
            given(
                {
                    "what": each.what,
                    "due_on": each.due_on.isoformat(),
                    "is_overdue": each.due_on < today,
                    "material": each.material,
                }
            )
            for each in found.awaited
        ],
        "links": {"case": path, "checks": f"{path}/steps/{step.code}/checks"},
    }


def _place(cursor: str | None, filters: Mapping[str, Any]) -> Place | None:
    place = cursors.read(cursor, filters, parts=3)
    if place is None:
        return None
    try:
        return Place(date.fromisoformat(place[0]), UUID(place[1]), place[2])
    except ValueError:
        raise BadCursor from None
