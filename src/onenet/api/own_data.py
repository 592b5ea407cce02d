"""Own data 个人信息副本: everything that is held about the caller, as one file of lines.

A stream and no pages: it is one act with one record, and a file is what people take along. Its last line says
that it is whole; a stream that breaks ends without, and its connection is cut.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from onenet.api import access_examples as examples
from onenet.api.answers import PERSONAL
from onenet.api.applications import application_view
from onenet.api.case_views import case_view, event_views
from onenet.api.consents import consent_view
from onenet.api.delegations import access_view, delegation_view
from onenet.api.document_shapes import document_view, upload_view
from onenet.api.draft_shapes import mark_view
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import given, moment
from onenet.domain import content
from onenet.domain.case import Case
from onenet.domain.consent import Consent
from onenet.domain.delegation import Delegation
from onenet.domain.visibility import WHOLE
from onenet.services.delegations import owner_of
from onenet.services.documents import Document
from onenet.services.own_data import CaseEvent, Holdings, Part, Upload
from onenet.store.accesses import Access
from onenet.store.drafts import DraftRow
from onenet.store.logins import LoginRow

MEDIA_TYPE = "application/x-ndjson"

HEADERS = {
    "Content-Disposition": 'attachment; filename="own-data.ndjson"',
    "Cache-Control": PERSONAL,
    "Vary": "Authorization, Accept",
}

FILE = {
    "description": "One JSON object a line: what it is (`kind`), and the members that its own route gives",
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": examples.OWN_DATA}},
}

operations = Operations("people")


@operations(
    "GET",
    "/v1/me/data",
    permission="own-data:export",
    answers={200: FILE},
    offers=(MEDIA_TYPE,),
    quota="export",
)
async def export_own_data(request: Request) -> Response:
    """Gives everything that is held about the caller: cases with what was said, events, documents, and more.

    The first line says about whom, the last one (`end`) how many lines came before it: without it the file is
    not whole. Documents are listed, and fetched by their links. The export itself is on the access log.
    """
    known, who = parts(request), caller(request)
    owner, now = owner_of(who), known.machine_clock.now()
    made = Access(None, owner, now, who.id, who.role, "own", "export")
    await known.reading.accesses.write([made])
    if request.state.is_head:
        return Response(headers=HEADERS, media_type=MEDIA_TYPE)
    held = Holdings(known.vault, known.reading).of(who)
    first = ("person", {**owner._asdict(), "at": moment(now)})
    return StreamingResponse(_lines(first, held), headers=HEADERS, media_type=MEDIA_TYPE)


async def _lines(first: tuple[str, dict[str, Any]], held: AsyncIterator[Part]) -> AsyncIterator[bytes]:
    yield _line(*first)
    count = 1
    async for part in held:
        for kind, data in _views(part):
            yield _line(kind, data)
            count += 1
    yield _line("end", {"lines": count})


def _line(kind: str, data: dict[str, Any]) -> bytes:
    return orjson.dumps({"kind": kind, "data": data}, option=orjson.OPT_APPEND_NEWLINE)


def _views(part: Part) -> list[tuple[str, dict[str, Any]]]:
    """The lines of a part: none for an event that is not the owner's to see."""
    match part:
        case CaseEvent(case, event):
            of = {"case": str(case.id)}
            return [("event", of | view) for view in event_views([event], case, WHOLE)]
        case Upload(row, filename):
            return [("upload", upload_view(row, filename))]
        case Delegation():
            return [("delegation", delegation_view(part))]
        case Consent():
            return [("consent", consent_view(part))]
        case Access():
            return [("access", access_view(part))]
        case Document():
            return [("document", document_view(part))]
        case DraftRow():
            return [("draft", {**mark_view(part), **part.content})]
        case LoginRow():
            return [("login", _login(part))]
        case Case():
            said = application_view(content.shown(part, WHOLE))
            return [("case", case_view(part, WHOLE) | {"application": said})]


def _login(found: LoginRow) -> dict[str, Any]:
    return given(
        {
            "role": found.role.value,
            "acr": found.acr,
            "authenticated_at": moment(found.authenticated_at) if found.authenticated_at else None,
            "created_at": moment(found.created_at),
            "seen_at": moment(found.seen_at),
            "address": found.address,
            "browser": found.browser,
        }
    )
