"""A case's events: as JSON, waited for when wished, or as a stream (Server-Sent Events) resumed by seq."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import anyio
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from onenet.api import case_views, examples
from onenet.api.answers import answer, as_json
from onenet.api.case_queries import CaseId, EventQuery
from onenet.api.case_shapes import EventList
from onenet.api.cases import load, retry_after
from onenet.api.contract import answers_with
from onenet.api.operations import Operations, identify
from onenet.api.parts import Parts, parts
from onenet.api.shapes import LARGEST_PAGE
from onenet.api.waiting import LONGEST_WAIT_S, time_left
from onenet.domain.events import RATING_EVENTS
from onenet.errors import Fault, InvalidInput, OnenetError, Unavailable
from onenet.services import cases
from onenet.services.reading import Seen
from onenet.store.events import Event

JSON, STREAM = "application/json", "text/event-stream"

HEARTBEAT_S = 15
LONGEST_STREAM_S = 300
"""Then the client connects again, and proxies that count a connection's age see an end."""

operations = Operations("cases")

EventsAfter = Annotated[EventQuery, Query()]


@operations(
    "GET",
    "/v1/cases/{case_id}/events",
    permission="cases:read",
    answers={
        200: answers_with(
            "Events after `since`, in order",
            EventList,
            examples.EVENTS,
            content={STREAM: {"schema": {"type": "string"}}},
        )
    },
    offers=(JSON, STREAM),
    takes=("Last-Event-ID",),
)
async def list_events(request: Request, case_id: CaseId, query: EventsAfter) -> Response:
    """Lists what happened to a case after `since`; waits for news when wished.

    With `Accept: text/event-stream` it streams: the id of each event is its seq, so `Last-Event-ID` resumes
    without gap or repeat. A comment comes every 15 s; after 5 minutes the stream ends and is opened again.
    """
    since = _last_event_id(request, query.since)
    case, sight = await load(request, case_id, "events")
    if request.state.media_type == STREAM:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Authorization, Accept"}
        return StreamingResponse(_stream(request, case.id, since), headers=headers, media_type=STREAM)
    limit = min(query.limit, LARGEST_PAGE)
    found = await _after(request, Seen(case, sight), since, limit)
    if not found and query.wait and case_views.poll_after_s(case) is not None:
        left, has_news = time_left(min(query.wait, LONGEST_WAIT_S)), True
        while not found and has_news:
            has_news = await parts(request).watch.wait(case.id, max(since, case.seq), left())
            case, sight = await load(request, case_id, "events")
            found = await _after(request, Seen(case, sight), since, limit)
    return _listed(request, Seen(case, sight), since, found)


def _listed(request: Request, seen: Seen, since: int, found: list[Event]) -> Response:
    here, next_since = request.url.path, found[-1].seq if found else since
    members = {
        "items": case_views.event_views(found, seen.case, seen.sight.view),
        "next_since": next_since,
        "links": {"self": f"{here}?since={since}", "next": f"{here}?since={next_since}"},
    }
    return answer(request, members, headers={"Retry-After": retry_after(seen.case)})


async def _stream(request: Request, case_id: UUID, since: int) -> AsyncIterator[bytes]:
    """The events after `since`, as they come. Whether the caller may still see them is asked each time."""
    known = parts(request)
    yield b"retry: 2000\n\n"
    with anyio.move_on_after(LONGEST_STREAM_S):
        while True:
            try:
                who = await identify(request)
                now = known.machine_clock.now()
                case, sight = await known.reading.case(case_id, who, now, what="events")
                found = await _after(request, Seen(case, sight), since, LARGEST_PAGE)
            except OnenetError:
                return
            for members in case_views.event_views(found, case, sight.view):
                yield _frame(members)
            if found:
                since = found[-1].seq
            elif not await _has_news(known, case_id, max(since, case.seq)):
                if known.watch.has_ended:
                    return
                yield b": still here\n\n"


async def _has_news(known: Parts, case_id: UUID, since: int) -> bool:
    """Waits for an event, a heartbeat long; without a database it is the next look that says so."""
    try:
        return await known.watch.wait(case_id, since, HEARTBEAT_S)
    except Unavailable:
        return True


async def _after(request: Request, seen: Seen, since: int, limit: int) -> list[Event]:
    """The events after `since`; for a department none of a rating, nor a gap that one filled."""
    without = RATING_EVENTS if seen.sight.view.department is not None else ()
    return await cases.events(parts(request).database, seen.case.id, since, limit, without)


def _frame(members: dict[str, Any]) -> bytes:
    return f"id: {members['seq']}\nevent: {members['type']}\ndata: {as_json(members)}\n\n".encode()


def _last_event_id(request: Request, since: int) -> int:
    """Where to go on: the last event that a broken stream delivered, or else `since`."""
    given = request.headers.get("last-event-id")
    if given is None:
        return since
    if given.isascii() and given.isdigit() and len(given) <= 9:
        return int(given)
    fault = Fault("int_type", "应为事件的 seq", "Expected the seq of an event", header="Last-Event-ID")
    raise InvalidInput(faults=(fault,))
