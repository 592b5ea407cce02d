"""Opinions: the department of a step asks another one; that one sees what was put to it, and answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import cursors, opinion_views
from onenet.api import opinion_examples as examples
from onenet.api.answers import answer, as_json, page
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_actions import answered, load_step
from onenet.api.case_queries import CaseId, StepCode
from onenet.api.contract import answers_with
from onenet.api.document_shapes import MEDIA_TYPES, DocumentId
from onenet.api.documents import FILE, file_answer
from onenet.api.idempotency import once
from onenet.api.operations import Operations, caller
from onenet.api.opinion_shapes import (
    AskedOpinionShape,
    NewOpinion,
    OpinionGiven,
    OpinionList,
    OpinionQuery,
    OpinionShape,
    OpinionWithdrawal,
)
from onenet.api.parts import parts
from onenet.api.shapes import UUID_PATTERN, Page
from onenet.domain import opinions as rules
from onenet.domain.case import Case, Decision
from onenet.domain.delegation import Owner
from onenet.domain.opinion_acts import AskOpinion, GiveOpinion, WithdrawOpinion
from onenet.domain.procedures import Opinion
from onenet.domain.visibility import Subject, Visible
from onenet.errors import BadCursor, NotFound
from onenet.services import documents, opinions
from onenet.services.cases import Replying
from onenet.services.opinions import Found
from onenet.services.reading import Seen, access
from onenet.store.idempotency import StoredAnswer
from onenet.store.opinions import Place

operations = Operations("opinions")

PERMISSION = "opinions:write"
KEY = ("Idempotency-Key",)

ListQuery = Annotated[OpinionQuery, Query()]
OpinionKey = Annotated[str, Path(pattern=UUID_PATTERN, json_schema_extra={"format": "uuid"})]
NewBody = Annotated[Body[NewOpinion], Depends(JsonBody(NewOpinion, examples.NEW_OPINION))]
WithdrawalBody = Annotated[Body[OpinionWithdrawal], Depends(JsonBody(OpinionWithdrawal, examples.WITHDRAWAL))]
AnswerBody = Annotated[Body[OpinionGiven], Depends(JsonBody(OpinionGiven, examples.ANSWER))]


# ---- by who handles the step


@operations(
    "GET",
    "/v1/cases/{case_id}/steps/{step}/opinions",
    permission="cases:read",
    answers={200: answers_with("The opinions of the step", OpinionList, examples.OPINIONS)},
)
async def list_step_opinions(request: Request, case_id: CaseId, step: StepCode) -> Response:
    """Lists whose opinion was asked inside a step, since when, until when, and to whom it may tell it, what
    was asked and said.
    """
    seen = await load_step(request, case_id, step)
    view = seen.sight.view
    return answer(request, {"items": opinion_views.views(seen.case.steps[step], view)})


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/opinions",
    permission=PERMISSION,
    answers={201: answers_with("It is asked", OpinionShape, examples.OPINION)},
    takes=KEY,
    problems=(409,),
)
async def ask_opinion(request: Request, case_id: CaseId, step: StepCode, body: NewBody) -> Response:
    """Asks another department for its opinion, and puts to it what is named, and nothing else of the case.

    The step's clock runs on. The applicant sees that it is asked, of whom and until when.
    """
    known, said = parts(request), body.value
    seen = await load_step(request, case_id, step)
    asked = await opinions.department(known.catalogue, said.department)
    actor = _actor(request, seen.case)
    command = AskOpinion(
        step, asked.code, asked.names, said.question, actor,
        tuple(dict.fromkeys(said.materials)), tuple(dict.fromkeys(said.fields)), said.applicant, said.days,
    )  # fmt: skip

    def render(case: Case, decision: Decision) -> StoredAnswer:
        made = rules.open_of(case.steps[step])[-1]
        members = opinion_views.step_view(made, seen.sight.view)
        where = f"/v1/cases/{case.id}/steps/{step}/opinions"
        return StoredAnswer(201, as_json(members), {"Location": where})

    replying = Replying(actor, once(request, caller(request), body.raw), render)
    return answered(await opinions.take(known.gate, seen.case.id, command, replying))


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/opinions/{opinion}/withdrawal",
    permission=PERMISSION,
    answers={200: answers_with("It is withdrawn", OpinionShape, examples.WITHDRAWN)},
    takes=KEY,
    problems=(409,),
)
async def withdraw_opinion(
    request: Request, case_id: CaseId, step: StepCode, opinion: OpinionKey, body: WithdrawalBody
) -> Response:
    """Takes the question back: whoever was asked sees that, and no longer what was put to it."""
    seen = await load_step(request, case_id, step)
    id, view = UUID(opinion), seen.sight.view

    def render(case: Case, decision: Decision) -> StoredAnswer:
        return StoredAnswer(200, as_json(opinion_views.step_view(_in(case, step, id), view)), {})

    replying = Replying(_actor(request, seen.case), once(request, caller(request), body.raw), render)
    command = WithdrawOpinion(step, id, body.value.reason)
    return answered(await opinions.take(parts(request).gate, seen.case.id, command, replying))


# ---- by who is asked


@operations(
    "GET",
    "/v1/opinions",
    permission="opinions:read",
    answers={200: answers_with("A page, the first due first", Page[AskedOpinionShape], examples.ASKED_PAGE)},
)
async def list_opinions(request: Request, query: ListQuery) -> Response:
    """Lists opinions that this department is asked for, with what was put to it."""
    who, known = caller(request), parts(request)
    filters = {"list": "opinions", "of": who.id, "state": query.state}
    found, after = await opinions.page(
        known.database,
        known.reading,
        await _visible(request),
        query.state,
        after=_place(query.cursor, filters),
        limit=query.size,
    )
    known.reading.note([Seen(each.case, each.sight) for each in found], who, _now(request), "opinion")
    cursor = cursors.write([after.due_at.isoformat(), str(after.id)], filters) if after else None
    return answer(request, page(request, [_asked(each) for each in found], cursor))


@operations(
    "GET",
    "/v1/opinions/{opinion}",
    permission="opinions:read",
    answers={200: answers_with("The opinion", AskedOpinionShape, examples.ASKED)},
)
async def get_opinion(request: Request, opinion: OpinionKey) -> Response:
    """Shows an opinion that this department is asked for; the look is on record first."""
    found = await _find(request, opinion)
    await _note(request, found, "opinion")
    return answer(request, _asked(found))


@operations(
    "POST",
    "/v1/opinions/{opinion}/answers",
    permission=PERMISSION,
    answers={200: answers_with("It is given", AskedOpinionShape, examples.ANSWERED)},
    takes=KEY,
    problems=(409,),
)
async def give_opinion(request: Request, opinion: OpinionKey, body: AnswerBody) -> Response:
    """Gives the opinion, also after its day as long as the step is open; what is given stands."""
    found, said = await _find(request, opinion), body.value.root
    actor, step = _actor(request, found.case), found.step.code

    def render(case: Case, decision: Decision) -> StoredAnswer:
        now = found._replace(case=case, step=case.steps[step], opinion=_in(case, step, found.opinion.id))
        return StoredAnswer(200, as_json(_asked(now)), {})

    command = GiveOpinion(step, found.opinion.id, said.answer, said.words, actor)
    replying = Replying(actor, once(request, caller(request), body.raw), render)
    return answered(await opinions.take(parts(request).gate, found.case.id, command, replying))


@operations(
    "GET",
    "/v1/opinions/{opinion}/documents/{document_id}/content",
    permission="opinions:read",
    answers={200: FILE},
    offers=MEDIA_TYPES,
)
async def get_opinion_document(request: Request, opinion: OpinionKey, document_id: DocumentId) -> Response:
    """Gives a document that was put to the department, while it is asked and after it has answered."""
    found, vault = await _find(request, opinion), parts(request).vault
    made = await opinions.document(vault, found, document_id)
    plain = await documents.content(vault, made)
    await _note(request, found, "document", document_id)
    return file_answer(made, plain)


async def _find(request: Request, opinion: str) -> Found:
    known = parts(request)
    return await opinions.find(known.database, known.reading, await _visible(request), UUID(opinion))


async def _visible(request: Request) -> Visible:
    return await parts(request).reading.visible(caller(request), _now(request), of=Subject.OPINIONS)


async def _note(request: Request, found: Found, what: str, *fields: str) -> None:
    made = access(found.case, found.sight, caller(request), _now(request), what)
    await parts(request).reading.accesses.write([made._replace(fields=fields)])


def _now(request: Request) -> datetime:
    return parts(request).machine_clock.now()


def _actor(request: Request, case: Case) -> str:
    return caller(request).name_for(Owner(case.client, case.subject))


def _in(case: Case, step: str, id: UUID) -> Opinion:
    found = rules.find(case, step, id)
    if found is None:
        raise NotFound
    return found


def _asked(found: Found) -> dict[str, Any]:
    return opinion_views.asked_view(found.case, found.step, found.opinion)


def _place(cursor: str | None, filters: Mapping[str, Any]) -> Place | None:
    place = cursors.read(cursor, filters, parts=2)
    if place is None:
        return None
    try:
        return Place(cursors.moment(place[0]), UUID(place[1]))
    except ValueError:
        raise BadCursor from None
