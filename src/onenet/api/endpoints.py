"""Endpoints and deliveries, for administrators: where tasks and events go, and what became of each call."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from onenet.adapters import jetstream
from onenet.adapters.masking import masked
from onenet.adapters.signing import key_id, own_keys, that_sign
from onenet.api import case_views, cursors, examples
from onenet.api.answers import answer, as_json, page, stored
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_queries import CaseId, StepCode
from onenet.api.cases import load
from onenet.api.contract import answers_with
from onenet.api.endpoint_shapes import (
    AttemptList,
    DeliveryListQuery,
    DeliveryShape,
    EndpointListQuery,
    EndpointShape,
    NewEndpoint,
)
from onenet.api.idempotency import once
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import Page, given, moment
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.visibility import TECHNICAL, Subject, View, Visible
from onenet.errors import BadCursor, NotFound
from onenet.ids import from_text, to_text
from onenet.services import deliveries, endpoints, handshakes
from onenet.services.deliveries import Attempt, Delivery
from onenet.services.endpoints import ENDPOINT_PREFIX, Registered, Standing, Wanted
from onenet.services.outbox import DELIVERY_PREFIX
from onenet.services.resends import attempt_text
from onenet.store.endpoints import EndpointRow
from onenet.store.idempotency import StoredAnswer
from onenet.store.queue import AUTO

operations = Operations("endpoints")

_FARES = {
    "state": "closed",
    "waiting": 3,
    "oldest_at": "2026-11-23T01:00:00.000Z",
    "p50_ms": 40,
    "p95_ms": 226,
}
_PAGE = {
    "items": [{**examples.ENDPOINT, "health": _FARES}],
    "links": {"self": "/v1/endpoints?limit=50"},
}

EndpointQuery = Annotated[EndpointListQuery, Query()]
DeliveryQuery = Annotated[DeliveryListQuery, Query()]
DeliveryId = Annotated[str, Path(pattern="^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
EndpointBody = Annotated[Body[NewEndpoint], Depends(JsonBody(NewEndpoint, examples.NEW_ENDPOINT))]


@operations(
    "POST",
    "/v1/endpoints",
    permission="endpoints:write",
    answers={
        200: answers_with(
            "There was one already; it now is as said. A secret that stays is not told again",
            EndpointShape,
            examples.ENDPOINT,
        ),
        201: answers_with("Registered", EndpointShape, examples.OPENED_ENDPOINT),
    },
    takes=("Idempotency-Key",),
)
async def register_endpoint(request: Request, body: EndpointBody) -> Response:
    """Registers where a department takes tasks, or where a subscriber takes events."""
    said, known = body.value, parts(request)
    now = known.machine_clock.now()
    wanted = Wanted(
        kind=said.kind,
        owner=said.owner,
        url=said.url or "",
        adapter=said.adapter,
        options=said.options,
        events=tuple(said.events),
        signs=said.signs,
        rate_per_s=said.rate_per_s,
    )
    if said.url is not None:
        endpoints.check_url(said.url, known.destinations)
    await handshakes.require(wanted, known.public_url, known.destinations)
    kept, replayed = await endpoints.register_once(
        known.database,
        wanted,
        now,
        once(request, caller(request), body.raw),
        lambda done: _registered(done, now),
    )
    return stored(kept, replayed=replayed)


def _registered(done: Registered, now: datetime) -> StoredAnswer:
    members = endpoint_view(done.endpoint, now) | given({"secret": done.secret})
    return StoredAnswer(201 if done.before is None else 200, as_json(members))


@operations(
    "GET",
    "/v1/endpoints",
    permission="endpoints:read",
    answers={200: answers_with("A page of endpoints, oldest first", Page[EndpointShape], _PAGE)},
)
async def list_endpoints(request: Request, query: EndpointQuery) -> Response:
    """Lists the endpoints, without their secrets."""
    now = parts(request).machine_clock.now()
    found = await endpoints.list_endpoints(parts(request).database, query.kind)
    filters = {"list": "endpoints", "kind": query.kind}
    after = _position(query.cursor, filters)
    left = [each for each in found if after is None or (each.created_at, each.id) > after]
    shown = left[: query.size]
    cursor = _cursor(shown[-1], filters) if len(left) > len(shown) else None
    fares = await endpoints.standings(parts(request).database)
    items = [
        endpoint_view(each, now) | {"health": _health(fares[each.id])} for each in shown if each.id in fares
    ]
    return answer(request, page(request, items, cursor))


@operations(
    "GET",
    "/v1/deliveries",
    permission="deliveries:read",
    answers={
        200: answers_with("A page of deliveries, newest first", Page[DeliveryShape], examples.DELIVERY_PAGE)
    },
)
async def list_deliveries(request: Request, query: DeliveryQuery) -> Response:
    """Lists what was, is and will be sent to subscribers."""
    filters = {"list": "deliveries", "of": caller(request).id, "state": query.state}
    found = await deliveries.list_deliveries(
        parts(request).database,
        await _visible(request),
        after=_position(query.cursor, filters),
        state=query.state,
        limit=query.size + 1,
    )
    shown = found[: query.size]
    cursor = _cursor(shown[-1], filters) if len(found) > len(shown) else None
    return answer(request, page(request, [_delivery(each) for each in shown], cursor))


@operations(
    "GET",
    "/v1/deliveries/{delivery_id}/attempts",
    permission="deliveries:read",
    answers={200: answers_with("The calls, in order", AttemptList, examples.ATTEMPTS)},
)
async def list_delivery_attempts(request: Request, delivery_id: DeliveryId) -> Response:
    """Lists the calls made for a delivery."""
    found = from_text(DELIVERY_PREFIX, delivery_id)
    if found is None:
        raise NotFound
    visible = await _visible(request)
    made = await deliveries.delivery_attempts(parts(request).database, found, visible)
    view = visible.sights[0].view if visible.sights else TECHNICAL
    return answer(request, {"items": [_attempt(found, each, view) for each in made]})


@operations(
    "GET",
    "/v1/cases/{case_id}/steps/{step}/attempts",
    permission="attempts:read",
    answers={200: answers_with("The calls, in order", AttemptList, examples.ATTEMPTS)},
)
async def list_step_attempts(request: Request, case_id: CaseId, step: StepCode) -> Response:
    """Lists the calls made to the department of a step, and to those asked for their opinion inside it."""
    case, sight = await load(request, case_id, "attempts")
    if step not in {shown["code"] for shown in case_views.step_views(case, sight.view)}:
        raise NotFound
    made = await deliveries.step_attempts(parts(request).database, case, step)
    items = [
        _attempt(task.id, each, sight.view)
        | {"task": to_text(TASK_PREFIX, task.id), "department": task.department}
        for task, each in made
    ]
    return answer(request, {"items": items})


def keys_of(row: EndpointRow, now: datetime) -> list[dict[str, Any]]:
    """The keys that sign what goes to an endpoint, by their short names."""
    until = {old.key: moment(old.until) for old in row.retired}
    return [
        given({"id": key_id(key), "kind": "v1a" if own_keys([key]) else "v1", "until": until.get(key)})
        for key in that_sign(row.keys_at(now))
        if row.adapter != jetstream.ADAPTER
    ]


async def _visible(request: Request) -> Visible:
    """Of which cases the caller sees deliveries."""
    known = parts(request)
    return await known.reading.visible(caller(request), known.machine_clock.now(), of=Subject.DELIVERIES)


def endpoint_view(row: EndpointRow, now: datetime) -> dict[str, Any]:
    """An endpoint on the wire, without its secrets."""
    return given(
        {
            "id": to_text(ENDPOINT_PREFIX, row.id),
            "kind": row.kind,
            "owner": row.owner,
            "adapter": row.adapter,
            "url": row.url or None,
            "events": list(row.events),
            "state": row.state,
            "held_at": moment(row.held_at) if row.held_at else None,
            "held_because": row.held_because and masked(row.held_because),
            "rate_per_s": row.rate_per_s,
            "created_at": moment(row.created_at),
            "public_key": endpoints.public_key_of(row),
            "keys": keys_of(row, now),
        }
    )


def _health(standing: Standing) -> dict[str, Any]:
    breaker = standing.health.breaker
    return given(
        {
            "state": breaker.state.value,
            "since": moment(breaker.opened_at) if breaker.opened_at else None,
            "until": moment(breaker.retry_at) if breaker.retry_at else None,
            "waiting": standing.waiting,
            "oldest_at": moment(standing.oldest_at) if standing.oldest_at else None,
            "p50_ms": standing.percentile_ms(50),
            "p95_ms": standing.percentile_ms(95),
        }
    )


def _delivery(row: Delivery) -> dict[str, Any]:
    return given(
        {
            "id": to_text(DELIVERY_PREFIX, row.id),
            "endpoint": to_text(ENDPOINT_PREFIX, row.endpoint_id),
            "case": str(row.case_id),
            "seq": row.seq,
            "type": row.type,
            "state": row.state,
            "attempts": row.attempt,
            "created_at": moment(row.created_at),
            "next_at": moment(row.next_at) if row.next_at else None,
            "held_reason": row.held_reason,
        }
    )


def _attempt(work_id: UUID, row: Attempt, view: View) -> dict[str, Any]:
    return given(
        {
            "id": attempt_text(work_id, row.number),
            "number": row.number,
            "started_at": moment(row.started_at),
            "ended_at": moment(row.ended_at) if row.ended_at else None,
            "status": row.status,
            "failure": row.failure,
            "reason": row.reason,
            "excerpt": row.excerpt if view.has_words else None,
            "trigger": row.trigger or AUTO,
            "key_id": row.key_id,
        }
    )


def _cursor(last: EndpointRow | Delivery, filters: dict[str, Any]) -> str:
    return cursors.write([last.created_at.isoformat(), str(last.id)], filters)


def _position(cursor: str | None, filters: dict[str, Any]) -> tuple[datetime, UUID] | None:
    place = cursors.read(cursor, filters, parts=2)
    if place is None:
        return None
    try:
        return cursors.moment(place[0]), UUID(place[1])
    except ValueError:
        raise BadCursor from None
