"""Withdrawals on the wire: which tasks a department must still hear of, or undo, and that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import case_views, cursors
from onenet.api import desk_examples as examples
from onenet.api.answers import answer, as_json, page, stored
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_shapes import BundleMark, CaseId, WithdrawalShape
from onenet.api.contract import answers_with
from onenet.api.idempotency import once
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import LongText, Named, Names, Page, PageQuery
from onenet.api.shapes import Request as RequestShape
from onenet.domain.case import Case, Decision
from onenet.domain.delegation import Owner
from onenet.domain.principal import Role
from onenet.domain.sheet import TASK_PREFIX
from onenet.errors import BadCursor
from onenet.services import withdrawals
from onenet.services.cases import Replying
from onenet.services.withdrawals import Notice
from onenet.store.idempotency import StoredAnswer
from onenet.store.withdrawals import Place

operations = Operations("departments")

PERMISSION = "steps:decide"

ListQuery = Annotated[PageQuery, Query()]
TaskKey = Annotated[str, Path(pattern=f"^{TASK_PREFIX}_[0-7][0-9A-HJKMNP-TV-Z]{{25}}$")]


class Confirmation(RequestShape):
    """That the department knows, and what it undid."""

    opinion: LongText | None = None


class OutstandingShape(WithdrawalShape):
    """A withdrawal with the step that it is about."""

    case: CaseId
    number: str
    bundle: BundleMark
    jurisdiction: str
    step: str
    names: Names
    department: Named
    reason: str | None = None


ConfirmationBody = Annotated[Body[Confirmation], Depends(JsonBody(Confirmation, examples.CONFIRMATION))]


@operations(
    "GET",
    "/v1/desk/withdrawals",
    permission=PERMISSION,
    answers={
        200: answers_with("A page, the oldest first", Page[OutstandingShape], examples.OUTSTANDING_PAGE)
    },
)
async def list_withdrawals(request: Request, query: ListQuery) -> Response:
    """Lists withdrawals that a department has not confirmed: not told yet, or something is to be undone."""
    who, known = caller(request), parts(request)
    now = known.machine_clock.now()
    filters = {"list": "withdrawals", "of": who.id}
    found, after = await withdrawals.page(
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
        place = [after.created_at.isoformat(), str(after.case_id), str(after.task_id)]
        cursor = cursors.write(place, filters)
    return answer(request, page(request, [_view(each) for each in found], cursor))


@operations(
    "POST",
    "/v1/desk/withdrawals/{task}/confirmations",
    permission=PERMISSION,
    answers={200: answers_with("It is on record", OutstandingShape, examples.CONFIRMED)},
    takes=("Idempotency-Key",),
)
async def confirm_withdrawal(request: Request, task: TaskKey, body: ConfirmationBody) -> Response:
    """Says that the department knows of it, and that what was to be undone is."""
    who, known = caller(request), parts(request)
    found = await withdrawals.find(known.database, known.reading, task, who, known.machine_clock.now())

    def render(case: Case, decision: Decision) -> StoredAnswer:
        seen = found.seen._replace(case=case)
        return StoredAnswer(200, as_json(_view(Notice(seen, case.tasks[found.task.id]))), {})

    case = found.seen.case
    replying = Replying(
        actor=who.name_for(Owner(case.client, case.subject)), once=once(request, who, body.raw), render=render
    )
    result = await withdrawals.confirm(known.gate, found, body.value.opinion, replying)
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a change that was to be rendered")
    return stored(result.answer, replayed=result.replayed)


def _view(notice: Notice) -> dict[str, Any]:
    case, task = notice.seen.case, notice.task
    member = case.bundle.member(task.step)
    reason = case.steps[task.step].reason
    return case_views.withdrawal_view(task) | {
        "case": str(case.id),
        "number": case.number,
        "bundle": case_views.bundle_mark(case.bundle),
        "jurisdiction": case.jurisdiction,
        "step": task.step,
        "names": dict(member.names),
        "department": case_views.department_view(case.bundle, task.department),
        **({"reason": reason} if reason and notice.seen.sight.view.has_words else {}),
    }


def _place(cursor: str | None, filters: Mapping[str, Any]) -> Place | None:
    place = cursors.read(cursor, filters, parts=3)
    if place is None:
        return None
    try:
        return Place(cursors.moment(place[0]), UUID(place[1]), UUID(place[2]))
    except ValueError:
        raise BadCursor from None
