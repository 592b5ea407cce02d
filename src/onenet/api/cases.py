"""Cases: send one in, list them, look at one and its steps."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from orjson import Fragment
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import case_views, cursors, examples
from onenet.api.answers import answer, answer_text, as_json, page, stored
from onenet.api.applying import Applying, applying, filed
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_queries import CaseId, CaseListQuery, CaseQuery
from onenet.api.case_shapes import CaseShape, CaseSubmission, StepList
from onenet.api.charging import charge_copy
from onenet.api.contract import CASE_LINKS, answers_with
from onenet.api.idempotency import HEADER, key_value, once
from onenet.api.operations import Operations, caller
from onenet.api.parts import Parts, parts
from onenet.api.shapes import Page, given
from onenet.api.waiting import LONGEST_WAIT_S, preferred_wait_s, time_left
from onenet.domain import tracking
from onenet.domain.case import Case, Decision, MaterialGiven
from onenet.domain.principal import Principal
from onenet.domain.rating_handling import without_news_of_ratings
from onenet.domain.visibility import Sight, View
from onenet.errors import BadCursor, Conflict
from onenet.services import cases, evidence
from onenet.services.cases import Replying, Submission
from onenet.services.change import Once, Result
from onenet.services.custody import Custody
from onenet.services.once import answered
from onenet.services.reading import Seen
from onenet.store.cases import Position
from onenet.store.idempotency import StoredAnswer

operations = Operations("cases")

ListQuery = Annotated[CaseListQuery, Query()]
OneQuery = Annotated[CaseQuery, Query()]
_SEED = re.compile(r'"tracking_seed":"([0-9A-Za-z_-]+)"')

SubmissionBody = Annotated[Body[CaseSubmission], Depends(JsonBody(CaseSubmission, examples.SUBMISSION))]


@operations(
    "POST",
    "/v1/cases",
    permission="cases:write",
    answers={
        200: answers_with("A department answered while `Prefer: wait` waited", CaseShape, examples.CASE),
        202: answers_with(
            "The case is on disk: steps, events and tasks with it",
            CaseShape,
            examples.OPENED,
            links=CASE_LINKS,
        ),
    },
    takes=("Idempotency-Key", "Onenet-Delegation", "Prefer"),
)
async def submit_case(request: Request, body: SubmissionBody) -> Response:
    """Sends in an application.

    The form is checked against the merged schema of the bundle's members that the answers choose; the answers
    decide the steps. A 202 is a promise: the case is stored and will be carried through every step.
    """
    said = body.value.to_submission()
    meant = await applying(request, caller(request), said.bundle, said.jurisdiction, said.receiving)
    return await send_in(request, *filed(request, said, meant), body.raw)


Around = Callable[[Callable[[], Awaitable[Result]]], Awaitable[Result]]
"""What is done around the opening of a case by whoever asks for it."""


async def send_in(
    request: Request,
    said: Submission,
    meant: Applying,
    raw: bytes,
    *,
    under: Once | None = None,
    case_id: UUID | None = None,
    around: Around | None = None,
) -> Response:
    """Opens the case of an application, and answers.

    `under`: what makes it happen once, in the place of the request itself. `case_id`, `around`: of an
    application that comes out of something that is kept.
    """
    who, known = caller(request), parts(request)
    seed = secrets.token_urlsafe(tracking.SEED_BYTES)
    replying = replying_to(request, who, meant.view, raw, actor=meant.actor, seed=seed)
    replying = replace(replying, once=under) if under else replying
    key = key_value(request.headers.getlist(HEADER))
    secret = tracking.secret_of(seed, key)

    async def opened() -> Result:
        return await cases.submit(
            known.gate,
            known.catalogue,
            said,
            subject=meant.owner.subject,
            client=meant.owner.client,
            secret=secret,
            replying=replying,
            custody=custody_of(request, said.materials),
            case_id=case_id,
        )

    try:
        result = await (around(opened) if around else opened())
    except Conflict:
        # The catalogue may have moved on since the first try; its repetition still gets its answer.
        kept = await answered(known.database, replying.once) if replying.once else None
        if kept is None:
            raise
        return repeated(kept, key)
    await note_evidence(known, who, result, said.materials)
    return await _told(request, result, meant.view, secret=secret, key=key)


async def _told(request: Request, result: Result, view: View, *, secret: str, key: str) -> Response:
    """The answer to a submission: at once, or when the caller has waited for a department."""
    wait_s = preferred_wait_s(request.headers.getlist("prefer"))
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a submission")
    accepted = with_secret(result.answer, key)
    if wait_s is None or result.replayed or result.case is None:
        return stored(accepted, replayed=result.replayed)
    seen = Seen(result.case, Sight("own", (), view))
    return await _after_waiting(parts(request), caller(request), seen, accepted, wait_s, secret=secret)


def repeated(kept: StoredAnswer, key: str) -> Response:
    """The answer that a submission got before, with its secret."""
    return stored(with_secret(kept, key), replayed=True)


@operations(
    "GET",
    "/v1/cases",
    permission="cases:read",
    answers={200: answers_with("A page of cases, newest first", Page[CaseShape], examples.CASE_PAGE)},
)
async def list_cases(request: Request, query: ListQuery) -> Response:
    """Lists cases: an applicant's own, those with a step of a department, those of a jurisdiction."""
    who, known = caller(request), parts(request)
    now = known.machine_clock.now()
    visible = await known.reading.visible(who, now)
    filters = {
        "list": "cases",
        "of": who.id,
        "for": who.visitor,
        "state": query.state,
        "bundle": query.bundle,
    }
    found = await known.reading.page(
        visible,
        state=query.state,
        bundle=query.bundle,
        after=position(query.cursor, filters),
        limit=query.size + 1,
    )
    seen = [Seen(case, sight) for case in found if (sight := visible.sight_of(case))]
    known.reading.note(seen[: query.size], who, now, "case")
    return answer(request, _page(request, seen, query, filters))


@operations(
    "GET",
    "/v1/cases/{case_id}",
    permission="cases:read",
    answers={200: answers_with("The case", CaseShape, examples.CASE, links=CASE_LINKS)},
)
async def get_case(request: Request, case_id: CaseId, query: OneQuery) -> Response:
    """Shows a case, at once or as soon as something has happened to it after `since`."""
    known = parts(request)
    case, sight = await load(request, case_id)
    told = without_news_of_ratings(case, sight.view).seq
    since = told if query.since is None else query.since
    if query.wait and told <= since and case_views.poll_after_s(case) is not None:
        left, has_news = time_left(min(query.wait, LONGEST_WAIT_S)), True
        while told <= since and has_news:
            has_news = await known.watch.wait(case.id, max(since, case.seq), left())
            case, sight = await load(request, case_id)
            told = without_news_of_ratings(case, sight.view).seq
    return answer_text(
        request,
        lambda: case_views.case_text(case, sight.view),
        tag=case_views.case_tag(case, sight.view, "case"),
        headers={"Retry-After": retry_after(case)},
    )


@operations(
    "GET",
    "/v1/cases/{case_id}/steps",
    permission="cases:read",
    answers={200: answers_with("The steps", StepList, examples.STEPS)},
)
async def list_steps(request: Request, case_id: CaseId) -> Response:
    """Lists the steps of a case that the caller may see."""
    case, sight = await load(request, case_id)
    return answer(
        request,
        {"items": case_views.step_views(case, sight.view)},
        tag=case_views.case_tag(case, sight.view, "steps"),
        headers={"Retry-After": retry_after(case)},
    )


def custody_of(request: Request, materials: Sequence[MaterialGiven]) -> Custody | None:
    """Who brings the documents and the evidence among these materials; None where there are none."""
    if not any(material.document or material.ticket for material in materials):
        return None
    who = caller(request)
    return Custody(parts(request).vault, who, partial(charge_copy, request, who))


async def note_evidence(
    known: Parts, who: Principal, result: Result, materials: Sequence[MaterialGiven]
) -> None:
    """Puts on the owner's access log what of these materials sources had confirmed."""
    if result.case is None or result.replayed:
        return
    used = evidence.uses(result.case, materials, who, known.machine_clock.now())
    if used:
        await known.reading.accesses.write(used)


async def load(request: Request, case_id: str, what: str | None = "case") -> Seen:
    """The case of this id, if the caller may see it. Raises: NotFound."""
    known = parts(request)
    return await known.reading.case(UUID(case_id), caller(request), known.machine_clock.now(), what=what)


def replying_to(
    request: Request,
    who: Principal,
    view: View,
    raw: bytes,
    *,
    actor: str,
    if_seq: int | None = None,
    seed: str | None = None,
) -> Replying:
    """How a change that this request asks for is made once and answered. `seed`: of a case that it opens."""

    def render(case: Case, decision: Decision) -> StoredAnswer:
        members = case_views.case_view(case, view, **({"tracking_seed": seed} if seed else {}))
        headers = {
            "Location": f"/v1/cases/{case.id}",
            "ETag": case_views.case_tag(case, view, "case"),
            "Retry-After": retry_after(case),
        }
        return StoredAnswer(202 if seed else 200, as_json(members), given(headers))

    return Replying(actor=actor, once=once(request, who, raw), render=render, if_seq=if_seq)


def retry_after(case: Case) -> str | None:
    """The Retry-After of a case that is looked at again and again."""
    seconds = case_views.poll_after_s(case)
    return None if seconds is None else str(seconds)


def with_secret(kept: StoredAnswer, key: str) -> StoredAnswer:
    """The answer as it is told: with the secret, of which the seed is kept."""

    def tell(found: re.Match[str]) -> str:
        return f'"tracking_secret":"{tracking.secret_of(found[1], key)}"'

    return replace(kept, body=_SEED.sub(tell, kept.body))


async def _after_waiting(
    known: Parts, who: Principal, opened: Seen, accepted: StoredAnswer, wait_s: int, *, secret: str
) -> Response:
    """The case with its first outcome, or the 202 when there was none in that time."""
    case, view = opened.case, opened.sight.view
    applied = {"Preference-Applied": f"wait={wait_s}"}
    deadline = known.machine_clock.now().timestamp() + wait_s
    while not case_views.has_outcome(case):
        left_s = deadline - known.machine_clock.now().timestamp()
        if left_s <= 0 or not await known.watch.wait(case.id, case.seq, left_s):
            response = stored(accepted, replayed=False)
            response.headers.update(applied)
            return response
        case, _ = await known.reading.case(case.id, who, known.machine_clock.now())
    headers = {"Location": f"/v1/cases/{case.id}", "ETag": case_views.case_tag(case, view, "case")}
    members = case_views.case_view(case, view, tracking_secret=secret)
    return stored(StoredAnswer(200, as_json(members), headers | applied), replayed=False)


def position(cursor: str | None, filters: Mapping[str, str | None]) -> Position | None:
    """Where a page of cases goes on. Raises: BadCursor."""
    place = cursors.read(cursor, filters, parts=2)
    if place is None:
        return None
    try:
        return Position(cursors.moment(place[0]), UUID(place[1]))
    except ValueError:
        raise BadCursor from None


def _page(
    request: Request, found: list[Seen], query: CaseListQuery, filters: Mapping[str, str | None]
) -> dict[str, Any]:
    shown = found[: query.size]
    last = shown[-1].case if len(found) > query.size else None
    cursor = cursors.write([last.created_at.isoformat(), str(last.id)], filters) if last else None
    return page(request, [Fragment(case_views.case_text(case, sight.view)) for case, sight in shown], cursor)
