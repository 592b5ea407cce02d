"""Supervision: what is late or urged, urging, and the figures of lights.

Departments and their officers see and answer for their own steps; supervisors urge in their jurisdictions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import case_views, cursors
from onenet.api import supervision_examples as examples
from onenet.api.answers import answer, as_json, page, stored
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_queries import CaseId, StepCode
from onenet.api.cases import load
from onenet.api.contract import answers_with
from onenet.api.idempotency import once
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import Page, given, moment
from onenet.api.supervision_shapes import (
    FiguresQuery,
    LightFigures,
    NewUrging,
    SupervisedShape,
    SupervisionQuery,
    UrgingAnswer,
    UrgingList,
)
from onenet.domain.case import Step
from onenet.domain.commands import AnswerUrging, Urge
from onenet.domain.delegation import Owner
from onenet.domain.flow import start_of_day
from onenet.domain.procedures import Urging
from onenet.domain.states import Light
from onenet.domain.urging import urgings
from onenet.domain.visibility import View
from onenet.errors import BadCursor, Fault, InvalidInput, NotFound
from onenet.services import cases, supervision
from onenet.services.cases import Replying
from onenet.services.reading import Seen
from onenet.services.supervision import Supervised
from onenet.store.idempotency import StoredAnswer
from onenet.store.supervision import Count, Place, Wanted

operations = Operations("supervision")

YEARS = 2000, 2199
LONGEST_PERIOD = timedelta(days=366)

ListQuery = Annotated[SupervisionQuery, Query()]
PeriodQuery = Annotated[FiguresQuery, Query()]
UrgingNumber = Annotated[int, Path(ge=1, le=10_000)]
UrgingBody = Annotated[Body[NewUrging], Depends(JsonBody(NewUrging, examples.NEW_URGING))]
AnswerBody = Annotated[Body[UrgingAnswer], Depends(JsonBody(UrgingAnswer, examples.URGING_ANSWER))]


@operations(
    "GET",
    "/v1/supervision/steps",
    permission="supervision:read",
    answers={200: answers_with("A page of steps", Page[SupervisedShape], examples.SUPERVISED_PAGE)},
)
async def list_supervised_steps(request: Request, query: ListQuery) -> Response:
    """Lists open steps whose light is yellow or red, or that somebody was urged about."""
    who, known = caller(request), parts(request)
    now = known.machine_clock.now()
    filters = {
        "list": "supervision",
        "of": who.id,
        "light": query.light,
        "urged": str(query.urged),
        "department": query.department,
    }
    department = who.department or query.department
    if who.department and query.department not in (None, who.department):
        department = ""  # nobody's: another department's steps are not there
    found, after = await supervision.page(
        known.database,
        known.reading,
        await known.reading.visible(who, now),
        Wanted(department, query.light, query.urged),
        after=_place(query.cursor, filters),
        limit=query.size,
    )
    known.reading.note([each.seen for each in found], who, now, "case")
    cursor = cursors.write([str(after.case_id), after.code], filters) if after else None
    return answer(request, page(request, [_supervised(each) for each in found], cursor))


@operations(
    "GET",
    "/v1/cases/{case_id}/steps/{step}/urgings",
    permission="supervision:read",
    answers={200: answers_with("The urgings of the step", UrgingList, examples.URGINGS)},
)
async def list_urgings(request: Request, case_id: CaseId, step: StepCode) -> Response:
    """Lists who urged about a step, until when an answer was due, and what it was."""
    seen = await load(request, case_id)
    return answer(request, _urgings(_own(seen, step), seen.sight.view))


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/urgings",
    permission="steps:urge",
    answers={200: answers_with("The urgings of the step", UrgingList, examples.URGINGS)},
    takes=("Idempotency-Key",),
    problems=(409,),
)
async def urge_step(request: Request, case_id: CaseId, step: StepCode, body: UrgingBody) -> Response:
    """Tells the department of a step to act, and to answer: 催办, or 督办 above it."""
    said = body.value

    def command(by: str) -> Urge:
        return Urge(step, said.level, said.reason, by)

    return await _put_through(request, case_id, step, body.raw, command)


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/urgings/{urging}/answers",
    permission="urgings:answer",
    answers={200: answers_with("The urgings of the step", UrgingList, examples.URGINGS)},
    takes=("Idempotency-Key",),
    problems=(409,),
)
async def answer_urging(
    request: Request, case_id: CaseId, step: StepCode, urging: UrgingNumber, body: AnswerBody
) -> Response:
    """Answers an urging in the department's words; an answer after its day is taken, and stays overdue."""

    def command(by: str) -> AnswerUrging:
        return AnswerUrging(step, urging, body.value.answer, by)

    return await _put_through(request, case_id, step, body.raw, command)


@operations(
    "GET",
    "/v1/supervision/figures",
    permission="supervision:read",
    answers={200: answers_with("The figures", LightFigures, examples.FIGURES)},
)
async def show_light_figures(request: Request, query: PeriodQuery) -> Response:
    """Counts steps of cases received in a period by department, open or closed, under which light.

    A step is on time that was closed under a green or yellow light. Days are those of Beijing time.
    """
    who, known = caller(request), parts(request)
    now = known.machine_clock.now()
    since, until = _period(query)
    found = await supervision.counts(
        known.database, await known.reading.visible(who, now), who.department, since, until
    )
    return answer(request, _figures(query, found))


def _own(seen: Seen, code: str) -> Step:
    """The step, if it is this caller's business. Raises: NotFound."""
    step = seen.case.steps.get(code)
    if step is None or seen.sight.view.department not in (None, step.department):
        raise NotFound
    return step


async def _put_through(request: Request, case_id: str, step: str, raw: bytes, command: Any) -> Response:
    who, known = caller(request), parts(request)
    seen = await load(request, case_id)
    _own(seen, step)
    actor = who.name_for(Owner(seen.case.client, seen.case.subject))
    view = seen.sight.view
    replying = Replying(
        actor=actor,
        once=once(request, who, raw),
        render=lambda case, reply: StoredAnswer(200, as_json(_urgings(case.steps[step], view)), {}),
    )
    result = await known.gate.submit(cases.change(seen.case.id, command(actor), replying))
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a change that was to be rendered")
    return stored(result.answer, replayed=result.replayed)


def _urgings(step: Step, view: View) -> dict[str, Any]:
    return {"items": [_urging(each, view) for each in urgings(step)]}


def _urging(each: Urging, view: View) -> dict[str, Any]:
    """An urging; who sees no words of anybody sees that there was a reason and an answer, by their times."""
    return given(
        {
            "number": each.number,
            "level": each.level,
            "by": each.by,
            "reason": each.reason if view.has_words else None,
            "at": moment(each.at),
            "due_at": moment(each.due_at),
            "is_overdue": each.is_overdue,
            "answer": each.answer if view.has_words else None,
            "answered_by": each.answered_by,
            "answered_at": moment(each.answered_at) if each.answered_at else None,
        }
    )


def _supervised(each: Supervised) -> dict[str, Any]:
    case, step = each.seen.case, each.step
    timing = step.timing
    return given(
        {
            "case": str(case.id),
            "number": case.number,
            "bundle": case_views.bundle_mark(case.bundle),
            "jurisdiction": case.jurisdiction,
            "step": step.code,
            "names": dict(case.bundle.member(step.code).names),
            "department": case_views.department_view(case.bundle, step.department),
            "state": step.state,
            "since": moment(step.since),
            "light": timing.light,
            "promised_due_at": moment(timing.promised_due_at) if timing.promised_due_at else None,
            "statutory_due_at": moment(timing.statutory_due_at) if timing.statutory_due_at else None,
            "waiting": case_views.waiting_view(step.waiting) if step.waiting else None,
            "urgings": _urgings(step, each.seen.sight.view)["items"],
            "links": {
                "case": f"/v1/cases/{case.id}",
                "urgings": f"/v1/cases/{case.id}/steps/{step.code}/urgings",
            },
        }
    )


def _period(query: FiguresQuery) -> tuple[datetime, datetime]:
    """The moments between which cases were received. Raises: InvalidInput."""
    first, last = query.first, query.last
    if last < first or last - first >= LONGEST_PERIOD or not YEARS[0] <= first.year <= last.year <= YEARS[1]:
        fault = Fault(
            "period",
            "起止日期须先后有序，不超过 366 天，在 2000 至 2199 年之间",
            "the last day is not before the first, at most 366 days are counted, of the years 2000 to 2199",
            parameter="to",
        )
        raise InvalidInput("expected a period of at most 366 days", faults=(fault,))
    return start_of_day(first, OFFSET), start_of_day(last + timedelta(days=1), OFFSET)


OFFSET = 480
"""Minutes: figures of several places are counted by one day."""


def _figures(query: FiguresQuery, found: Sequence[Count]) -> dict[str, Any]:
    departments: dict[str, dict[str, dict[str, int]]] = defaultdict(
        lambda: {state: dict.fromkeys(map(str, Light), 0) for state in ("open", "closed")}
    )
    for each in found:
        departments[each.department]["open" if each.is_open else "closed"][each.light] += each.steps
    return {
        "from": query.first.isoformat(),
        "to": query.last.isoformat(),
        "items": [{"department": code, **lit} for code, lit in sorted(departments.items())],
    }


def _place(cursor: str | None, filters: Mapping[str, str | None]) -> Place | None:
    place = cursors.read(cursor, filters, parts=2)
    if place is None:
        return None
    try:
        return Place(UUID(place[0]), place[1])
    except ValueError:
        raise BadCursor from None
