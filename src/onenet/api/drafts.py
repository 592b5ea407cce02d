"""Drafts 草稿: keep an application that is not finished, go on with it on another device, send it in once."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import applying_examples as examples
from onenet.api import preconditions
from onenet.api.answers import PERSONAL, answer, as_json, stored
from onenet.api.applying import Applying, applying, check_place, filed
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_shapes import CaseShape, materials_given
from onenet.api.cases import repeated, send_in
from onenet.api.contract import CASE_LINKS, answers_with
from onenet.api.draft_shapes import (
    PREFIX,
    DraftContent,
    DraftId,
    DraftInFull,
    DraftList,
    DraftShape,
    DraftSubmission,
    draft_view,
    full_view,
    is_named,
    mark_view,
    submission_in,
    tag_of,
)
from onenet.api.examples import OPENED
from onenet.api.idempotency import HEADER, key_value, once
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.domain import subjects
from onenet.domain.filing import NOTHING_SAID
from onenet.domain.unfolding import unfold
from onenet.domain.visibility import Sight
from onenet.errors import (
    Conflict,
    DraftSent,
    Fault,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from onenet.ids import from_text, new_id
from onenet.services import cases, contents, drafts, forms, receiving
from onenet.services.change import Once
from onenet.services.once import answered
from onenet.store.accesses import Access
from onenet.store.drafts import DraftRow
from onenet.store.idempotency import StoredAnswer

operations = Operations("cases")

ContentBody = Annotated[Body[DraftContent], Depends(JsonBody(DraftContent, examples.NEW_DRAFT))]
SubmissionBody = Annotated[
    Body[DraftSubmission], Depends(JsonBody(DraftSubmission, examples.DRAFT_SUBMISSION))
]


@operations(
    "POST",
    "/v1/drafts",
    permission="cases:write",
    answers={201: answers_with("Kept", DraftShape, examples.DRAFT)},
    takes=("Idempotency-Key", "Onenet-Delegation"),
)
async def begin_draft(request: Request, body: ContentBody) -> Response:
    """Keeps an application that is not finished; what is not right yet is told, and kept all the same.

    It is its owner's alone, on every device, until it is sent in, and goes when nobody saves it for long.
    """
    who, known, said = caller(request), parts(request), body.value
    now = known.machine_clock.now()
    await _check_place(request, said)
    meant = await applying(request, who, said.bundle, said.jurisdiction, said.receiving)
    row = DraftRow(
        new_id(), meant.owner, said.bundle, said.jurisdiction, said.receiving, said.content(),
        created_at=now, updated_at=now, expires_at=now + known.draft_life,
    )  # fmt: skip
    text = as_json(draft_view(row, await _findings(request, row)))

    def render(kept: DraftRow) -> StoredAnswer:
        made = mark_view(kept)
        return StoredAnswer(201, text, {"Location": made["links"]["self"], "ETag": tag_of(kept, text)})

    kept, replayed = await drafts.begin(known.database, row, once=once(request, who, body.raw), render=render)
    return stored(kept, replayed=replayed)


@operations(
    "GET",
    "/v1/drafts",
    permission="cases:write",
    answers={200: answers_with("Drafts, the last changed first", DraftList, examples.DRAFTS)},
)
async def list_drafts(request: Request) -> Response:
    """Lists the drafts that the caller may go on with, at most 100."""
    known = parts(request)
    now = known.machine_clock.now()
    ways = await known.reading.visible(caller(request), now)
    found = await drafts.visible(known.database, ways, now)
    return answer(request, {"items": [mark_view(row) for row in found]})


@operations(
    "GET",
    "/v1/drafts/{draft_id}",
    permission="cases:write",
    answers={200: answers_with("The draft as it was saved last", DraftInFull, examples.FULL_DRAFT)},
)
async def get_draft(request: Request, draft_id: DraftId) -> Response:
    """Shows a draft with what was filled in. Looks by others than its owner are on the access log before."""
    row, sight = await _load(request, draft_id)
    await _note(request, row, sight)
    members = full_view(row, await _findings(request, row))
    return answer(request, members, tag=tag_of(row, as_json(members)))


@operations(
    "PUT",
    "/v1/drafts/{draft_id}",
    permission="cases:write",
    answers={200: answers_with("Saved", DraftShape, examples.DRAFT)},
    takes=("If-Match",),
    problems=(409, 428),
)
async def save_draft(request: Request, draft_id: DraftId, body: ContentBody) -> Response:
    """Saves a draft whole. `If-Match` is needed: of two devices the second must not write over the first.

    What is not right yet is told, and saved all the same. Its bundle stays what it was.
    """
    known, said = parts(request), body.value
    row, _ = await _load(request, draft_id)
    if _unless(request, row) is None:
        raise PreconditionRequired
    if said.bundle != row.bundle:
        zh, en = "草稿的“一件事”不可更改", "The bundle of a draft stays the same"
        raise Conflict(en, faults=(Fault("fixed", zh, en, pointer="/bundle"),))
    await _check_place(request, said)
    if said.receiving != row.receiving:
        await check_place(request, caller(request), said.jurisdiction, said.receiving)
    now = known.machine_clock.now()
    new = replace(
        row, jurisdiction=said.jurisdiction, receiving=said.receiving, content=said.content(),
        version=row.version + 1, updated_at=now, expires_at=now + known.draft_life,
    )  # fmt: skip
    if drafts.sight_of(new, await known.reading.visible(caller(request), now)) is None:
        raise cases.unknown("/jurisdiction", *_NO_PLACE)
    await drafts.save(known.database, new)
    members = draft_view(new, await _findings(request, new))
    return answer(request, members, tag=tag_of(new, as_json(members)))


@operations(
    "DELETE",
    "/v1/drafts/{draft_id}",
    permission="cases:write",
    answers={204: {"description": "Gone for good"}},
    takes=("If-Match",),
    problems=(409,),
)
async def delete_draft(request: Request, draft_id: DraftId) -> Response:
    """Takes a draft away for good, with the key of what was filled in."""
    row, _ = await _load(request, draft_id)
    _unless(request, row)
    await drafts.delete(parts(request).database, row)
    return Response(status_code=204, headers={"Cache-Control": PERSONAL})


@operations(
    "POST",
    "/v1/drafts/{draft_id}/submission",
    permission="cases:write",
    answers={202: answers_with("The case is on disk", CaseShape, OPENED, links=CASE_LINKS)},
    takes=("Idempotency-Key", "If-Match"),
)
async def submit_draft(request: Request, draft_id: DraftId, body: SubmissionBody) -> Response:
    """Sends a draft in: there is one case of it, however often and from how many devices this is asked for.

    What `findings` tell of is refused now, and the draft stays as it was; else it is gone afterwards.
    """
    known, who = parts(request), caller(request)
    id, under = _id(draft_id), _once(request, draft_id, body.raw)
    if kept := await _answered(request, id, under):
        return repeated(kept, key_value(request.headers.getlist(HEADER)))
    row, sight = await _load(request, draft_id)
    _unless(request, row)
    said, lacks = submission_in(row)
    if said is None:
        raise forms.wrong(lacks)
    now, by_delegation = known.machine_clock.now(), sight.rule == "delegation"
    application = replace(
        said.to_submission(),
        forms_sha256=body.value.forms_sha256,
        promised=body.value.to_promised(),
        duplicate=body.value.duplicate.to_intended() if body.value.duplicate else None,
    )
    meant = Applying(row.owner, sight.view, who.name_for(row.owner), by_delegation=by_delegation)
    return await send_in(
        request,
        *filed(request, application, meant),
        body.raw,
        under=under,
        case_id=drafts.case_id_of(id),
        around=lambda opened: drafts.send_in(known.database, row, opened, now),
    )


_NO_PLACE = ("没有此辖区", "no such jurisdiction")


async def _check_place(request: Request, said: DraftContent) -> None:
    """Passes when there is such a bundle there. Raises: UnknownReference."""
    catalogue = parts(request).catalogue
    bundle = await cases.find_bundle(catalogue, said.bundle, said.version)
    await cases.find_jurisdiction(catalogue, bundle, said.jurisdiction)


async def _load(request: Request, draft_id: str) -> tuple[DraftRow, Sight]:
    """The draft, if the caller may go on with it. Raises: NotFound."""
    known = parts(request)
    now = known.machine_clock.now()
    ways = await known.reading.visible(caller(request), now)
    return await drafts.find(known.database, _id(draft_id), ways, now)


def _id(draft_id: str) -> UUID:
    id = from_text(PREFIX, draft_id)
    if id is None:
        raise NotFound
    return id


def _unless(request: Request, row: DraftRow) -> bool | None:
    """Whether the caller named the version that is there; None without a condition.

    Raises: PreconditionFailed for another one, InvalidInput for what is no ETag.
    """
    given = request.headers.getlist("if-match")
    tags = preconditions.listed_tags(given)
    if tags is not None and not is_named(row, tags):
        raise PreconditionFailed
    return bool(given) or None


async def _findings(request: Request, row: DraftRow) -> tuple[Fault, ...]:
    """What is not right yet, of the shape and by the bundle as it is published now."""
    whole, lacks = submission_in(row)
    filing = whole.to_submission().filing if whole else NOTHING_SAID
    content = DraftContent(
        bundle=row.bundle, jurisdiction=row.jurisdiction, receiving=row.receiving, **row.content
    )
    try:
        bundle = await cases.find_bundle(parts(request).catalogue, row.bundle, content.version)
    except Conflict as error:  # it was taken back since then
        return lacks + error.faults
    count = content.subjects or 1
    if faults := subjects.count_faults(bundle, count):
        return lacks + faults
    bundle, given = unfold(bundle, count), materials_given(content.materials)
    lacks += contents.not_right_yet(bundle, content.answers, content.form, given, filing)
    place = (content.jurisdiction, content.receiving)
    return lacks + await receiving.not_right_yet(parts(request).catalogue, bundle, content.answers, *place)


async def _note(request: Request, row: DraftRow, sight: Sight) -> None:
    """Puts the look of somebody else on the access log. Raises: Unavailable."""
    if sight.rule == "own":
        return
    known, who = parts(request), caller(request)
    made = Access(None, row.owner, known.machine_clock.now(), who.id, who.role, sight.rule, "draft")
    await known.reading.accesses.write([made])


def _once(request: Request, draft_id: str, raw: bytes) -> Once:
    """What makes a draft be sent in once, whoever asks: the key is the draft's, and the caller's own key only
    tells a repetition of the first request, which gets its answer, from all others.
    """
    asked = once(request, caller(request), raw)
    print_of = hashlib.sha256()
    for part in (asked.scope.encode(), asked.key.encode(), asked.fingerprint):
        print_of.update(len(part).to_bytes(8, "big") + part)
    return Once(f"draft:{draft_id}", "submission", print_of.digest(), DraftSent)


async def _answered(request: Request, id: UUID, under: Once) -> StoredAnswer | None:
    """The answer that this request got before; what a crash left of the draft is taken away.

    Raises: DraftSent when another one was first; NotFound where that is not the caller's to know.
    """
    known = parts(request)
    try:
        kept = await answered(known.database, under)
    except DraftSent:
        who, now = caller(request), known.machine_clock.now()
        case, _ = await known.reading.case(drafts.case_id_of(id), who, now)
        await drafts.take_away_sent(known.database, id)
        raise DraftSent(f"its case is {case.id}") from None
    if kept:
        await drafts.take_away_sent(known.database, id)
    return kept
