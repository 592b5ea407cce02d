"""Break-glass 应急查阅: ask, approve as a second person, look. The owner is told, each look is on record."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import access_examples as examples
from onenet.api import case_views, cursors
from onenet.api.access_shapes import (
    BreakGlassQuery,
    BreakGlassShape,
    NewBreakGlass,
    OpenedShape,
    Reveal,
    RevealedShape,
)
from onenet.api.answers import answer, page
from onenet.api.applications import RevealBody, application, revealed
from onenet.api.bodies import Body, JsonBody
from onenet.api.contract import answers_with
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import Page, given, moment
from onenet.domain.visibility import Subject
from onenet.errors import NotFound
from onenet.ids import from_text, to_text
from onenet.services import break_glass
from onenet.services.reading import Seen
from onenet.store.break_glass import BreakGlass

PREFIX = "bgl"

operations = Operations("break-glass")

BreakGlassId = Annotated[str, Path(pattern="^bgl_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
BreakGlassPages = Annotated[BreakGlassQuery, Query()]
AskBody = Annotated[Body[NewBreakGlass], Depends(JsonBody(NewBreakGlass, examples.NEW_BREAK_GLASS))]


@operations(
    "POST",
    "/v1/break-glass",
    permission="break-glass:ask",
    answers={201: answers_with("Asked for", BreakGlassShape, examples.ASKED_BREAK_GLASS)},
)
async def ask_to_break_glass(request: Request, body: AskBody) -> Response:
    """Asks to look at one case that is not the caller's business otherwise; a second person approves.

    The answer does not tell whether there is such a case.
    """
    known, said = parts(request), body.value
    now = known.machine_clock.now()
    asked = await break_glass.ask(known.database, UUID(said.case), said.reason, caller(request), now)
    response = answer(request, _view(request, asked))
    response.status_code = 201
    return response


@operations(
    "GET",
    "/v1/break-glass",
    permission="break-glass:audit",
    answers={200: answers_with("A page, newest first", Page[BreakGlassShape], examples.BREAK_GLASS_PAGE)},
)
async def list_break_glass(request: Request, query: BreakGlassPages) -> Response:
    """Lists who asked to look at which case, and who let them."""
    known, who = parts(request), caller(request)
    filters = {"list": "break-glass", "of": who.id}
    visible = await known.reading.visible(who, known.machine_clock.now(), of=Subject.DELIVERIES)
    after = cursors.moment_and_id(query.cursor, filters)
    found = await break_glass.page(known.database, visible, after, query.size + 1)
    shown = found[: query.size]
    last = shown[-1] if len(found) > query.size else None
    cursor = cursors.write([last.asked_at.isoformat(), str(last.id)], filters) if last else None
    return answer(request, page(request, [_view(request, each) for each in shown], cursor))


@operations(
    "GET",
    "/v1/break-glass/{break_glass_id}",
    permission="break-glass:read",
    answers={200: answers_with("How it stands", BreakGlassShape, examples.BREAK_GLASS)},
)
async def get_break_glass(request: Request, break_glass_id: BreakGlassId) -> Response:
    """Shows what was asked for, to whoever asked and to those who may approve."""
    known, id = parts(request), _id(break_glass_id)
    now = known.machine_clock.now()
    found = await break_glass.find(known.database, known.reading, id, caller(request), now)
    return answer(request, _view(request, found))


@operations(
    "POST",
    "/v1/break-glass/{break_glass_id}/approval",
    permission="break-glass:approve",
    answers={200: answers_with("Approved", BreakGlassShape, examples.BREAK_GLASS)},
    problems=(409,),
)
async def approve_break_glass(request: Request, break_glass_id: BreakGlassId) -> Response:
    """Lets whoever asked look for four hours, and tells the owner. Nobody approves for oneself."""
    known = parts(request)
    done = await break_glass.approve(
        known.database,
        known.gate,
        known.reading,
        _id(break_glass_id),
        who=caller(request),
        now=known.machine_clock.now(),
    )
    return answer(request, _view(request, done))


@operations(
    "GET",
    "/v1/break-glass/{break_glass_id}/case",
    permission="break-glass:read",
    answers={200: answers_with("The case and what was said", OpenedShape, examples.OPENED_GLASS)},
    problems=(409,),
)
async def look_through_broken_glass(request: Request, break_glass_id: BreakGlassId) -> Response:
    """Shows the case to whoever asked, while it lasts, with identity numbers masked; on record."""
    asked, seen = await _look(request, break_glass_id)
    said = await application(request, seen, asked.reason)
    members = {"case": case_views.case_view(seen.case, seen.sight.view), "application": said}
    return answer(request, members)


@operations(
    "POST",
    "/v1/break-glass/{break_glass_id}/reveals",
    permission="break-glass:read",
    answers={200: answers_with("The fields in full", RevealedShape, examples.REVEALED)},
    problems=(409,),
)
async def reveal_through_broken_glass(
    request: Request, break_glass_id: BreakGlassId, body: RevealBody
) -> Response:
    """Shows masked fields in full, for a purpose that goes on record and that the owner can read."""
    _, seen = await _look(request, break_glass_id)
    said: Reveal = body.value
    return answer(request, await revealed(request, seen, said))


async def _look(request: Request, id: str) -> tuple[BreakGlass, Seen]:
    known = parts(request)
    now = known.machine_clock.now()
    return await break_glass.look(known.database, known.catalogue, _id(id), caller(request), now)


def _id(text: str) -> UUID:
    found = from_text(PREFIX, text)
    if found is None:
        raise NotFound
    return found


def _view(request: Request, found: BreakGlass) -> dict[str, Any]:
    is_live = found.is_live(parts(request).machine_clock.now())
    return given(
        {
            "id": to_text(PREFIX, found.id),
            "case": str(found.case_id),
            "state": "asked" if found.ends_at is None else "approved" if is_live else "ended",
            "asked_by": found.asked_by,
            "reason": found.reason,
            "asked_at": moment(found.asked_at),
            "approved_by": found.approved_by,
            "approved_at": moment(found.approved_at) if found.approved_at else None,
            "ends_at": moment(found.ends_at) if found.ends_at else None,
        }
    )
