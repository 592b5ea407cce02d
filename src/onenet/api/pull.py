"""The queue of a department that cannot be called: it fetches its tasks under a lease, and answers here.

Only the department's own key, or a token of its system, comes in; another department's queue is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Depends, Path
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import examples
from onenet.api.answers import MEDIA_TYPE, PERSONAL, answer
from onenet.api.bodies import MAX_CALLBACK_BYTES, Body, JsonBody, read_bytes, require_json
from onenet.api.callbacks import CallbackAnswer, reply
from onenet.api.contract import answers_with
from onenet.api.idempotency import key_value
from onenet.api.operations import Operations, caller
from onenet.api.parts import Parts, parts
from onenet.api.shapes import Answer, LongText, Moment, given, moment
from onenet.api.shapes import Request as RequestShape
from onenet.api.waiting import LONGEST_WAIT_S
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.visibility import OfTasks, Subject
from onenet.errors import NotFound
from onenet.ids import from_text, to_text
from onenet.services import callbacks, pull
from onenet.services.change import Result
from onenet.services.document_links import Links
from onenet.services.endpoints import ENDPOINT_PREFIX
from onenet.services.pull import Fetcher, Pull

LEASE_PREFIX = "lse"
_ID = "_[0-7][0-9A-HJKMNP-TV-Z]{25}$"

operations = Operations("departments")

EndpointId = Annotated[str, Path(pattern=f"^{ENDPOINT_PREFIX}{_ID}")]
LeaseId = Annotated[str, Path(pattern=f"^{LEASE_PREFIX}{_ID}")]
TaskKey = Annotated[str, Field(pattern=f"^{TASK_PREFIX}{_ID}")]


class NewLease(RequestShape):
    """How many tasks at most, and how many seconds to wait until there is one."""

    most: Annotated[int, Field(ge=1, le=pull.MOST)] = 10
    wait: Annotated[int, Field(ge=0, le=LONGEST_WAIT_S)] = 0


class TaskReceipt(RequestShape):
    """The task that the department has on its own disk by now."""

    task: TaskKey


class TaskReturn(RequestShape):
    """The task that the department cannot take, why, and after how many seconds it may be fetched again."""

    task: TaskKey
    reason: LongText
    retry_after_s: Annotated[int, Field(ge=0, le=86_400)] | None = None


class FetchedTask(Answer):
    """A task. `attempt`: how often it was handed out; `sheet`: what a webhook has in `data`."""

    task: str
    attempt: int
    sheet: dict[str, Any]


class LeaseShape(Answer):
    """Tasks that nobody else gets until `ends_at`. `lease` is left out when nothing waits."""

    items: list[FetchedTask]
    lease: str | None = None
    ends_at: Moment | None = None


class RenewedLease(Answer):
    """Until when the lease lasts now, and the tasks that are still under it."""

    lease: str
    ends_at: Moment
    tasks: list[str]


class SettledTask(Answer):
    """What became of it: `applied`; `held` when it was given back too often."""

    outcome: str


class QueueShape(Answer):
    """How many tasks wait, since when the first, and how many are under a lease."""

    waiting: int
    leased: int
    oldest_at: Moment | None = None


LeaseBody = Annotated[Body[NewLease], Depends(JsonBody(NewLease, examples.NEW_LEASE))]
ReceiptBody = Annotated[Body[TaskReceipt], Depends(JsonBody(TaskReceipt, examples.TASK_RECEIPT))]
ReturnBody = Annotated[Body[TaskReturn], Depends(JsonBody(TaskReturn, examples.TASK_RETURN))]


@operations(
    "GET",
    "/v1/endpoints/{endpoint_id}/queue",
    permission="tasks:fetch",
    answers={200: answers_with("How much waits", QueueShape, examples.QUEUE)},
)
async def show_queue(request: Request, endpoint_id: EndpointId) -> Response:
    """Tells how many tasks wait for the department to fetch them."""
    found = await _pull(parts(request)).waiting(await _fetcher(request, endpoint_id))
    members = {
        "waiting": found.waiting,
        "leased": found.leased,
        "oldest_at": moment(found.oldest_at) if found.oldest_at else None,
    }
    return answer(request, given(members))


@operations(
    "POST",
    "/v1/endpoints/{endpoint_id}/queue/leases",
    permission="tasks:fetch",
    answers={200: answers_with("Tasks, those first that have waited longest", LeaseShape, examples.LEASE)},
)
async def lease_tasks(request: Request, endpoint_id: EndpointId, body: LeaseBody) -> Response:
    """Fetches tasks that wait, under a lease of 60 seconds; waits for the first one when wished.

    A task whose lease ends without a receipt may be fetched again, under the same key.
    """
    who, said = await _fetcher(request, endpoint_id), body.value
    lease = await _pull(parts(request)).fetch(who, most=said.most, wait_s=said.wait)
    items = [
        {"task": sheet.key, "attempt": attempt, "sheet": orjson.Fragment(sheet.payload)}
        for attempt, sheet in lease.tasks
    ]
    ends = {"lease": to_text(LEASE_PREFIX, lease.token), "ends_at": moment(lease.ends_at)} if items else {}
    return _said({**ends, "items": items})


@operations(
    "POST",
    "/v1/endpoints/{endpoint_id}/queue/leases/{lease}/renewals",
    permission="tasks:fetch",
    answers={200: answers_with("It lasts longer", RenewedLease, examples.RENEWED_LEASE)},
    problems=(409,),
)
async def renew_lease(request: Request, endpoint_id: EndpointId, lease: LeaseId) -> Response:
    """Makes a lease last for 60 seconds from now, for the tasks that are still under it."""
    who = await _fetcher(request, endpoint_id)
    ends_at, tasks = await _pull(parts(request)).renew(who, _lease(lease))
    return _said({"lease": lease, "ends_at": moment(ends_at), "tasks": _keys(tasks)})


@operations(
    "POST",
    "/v1/endpoints/{endpoint_id}/queue/leases/{lease}/receipts",
    permission="tasks:fetch",
    answers={200: answers_with("On record", SettledTask, examples.SETTLED_TASK)},
    problems=(409,),
)
async def acknowledge_task(
    request: Request, endpoint_id: EndpointId, lease: LeaseId, body: ReceiptBody
) -> Response:
    """Says that the department has a task on its own disk: it is not handed out any more."""
    who = await _fetcher(request, endpoint_id)
    settled = await _pull(parts(request)).settle(who, _lease(lease), body.value.task, pull.RECEIVED)
    return _settled(settled)


@operations(
    "POST",
    "/v1/endpoints/{endpoint_id}/queue/leases/{lease}/returns",
    permission="tasks:fetch",
    answers={200: answers_with("On record", SettledTask, examples.SETTLED_TASK)},
    problems=(409,),
)
async def return_task(
    request: Request, endpoint_id: EndpointId, lease: LeaseId, body: ReturnBody
) -> Response:
    """Gives a task back that the department cannot take now; it may be fetched again later."""
    who, said = await _fetcher(request, endpoint_id), body.value
    settled = await _pull(parts(request)).settle(
        who, _lease(lease), said.task, pull.given_back(said.retry_after_s), said.reason
    )
    return _settled(settled)


@operations(
    "POST",
    "/v1/endpoints/{endpoint_id}/queue/answers",
    permission="tasks:fetch",
    answers={200: answers_with("On record", CallbackAnswer, examples.CALLBACK_ANSWER)},
    takes=("Idempotency-Key",),
    raw_body={"application/json": examples.CALLBACK},
)
async def answer_task(request: Request, endpoint_id: EndpointId) -> Response:
    """Takes a department's answer to a task, in the words of a signed callback; it is applied once."""
    require_json(request)
    raw = await read_bytes(request, MAX_CALLBACK_BYTES)
    message_id = key_value(request.headers.getlist("idempotency-key"))
    who, known = await _fetcher(request, endpoint_id), parts(request)
    result = await callbacks.take(
        known.database, known.gate, who.endpoint, message_id=message_id, body=raw, visible=who.visible
    )
    return await reply(known, result)


async def _fetcher(request: Request, endpoint_id: str) -> Fetcher:
    """Who fetches. Raises: NotFound where the queue is not that of the caller's department."""
    known, who = parts(request), caller(request)
    found = await pull.endpoint_of(known.database, from_text(ENDPOINT_PREFIX, endpoint_id), who.department)
    reading, now = known.reading, known.machine_clock.now()
    ways = OfTasks(await reading.visible(who, now), await reading.visible(who, now, of=Subject.OPINIONS))
    return Fetcher(found, ways)


def _pull(known: Parts) -> Pull:
    links = Links(known.vault, known.public_url)
    return Pull(known.database, known.gate, links, known.machine_clock, known.watch, known.fetch_lease)


def _lease(text: str) -> UUID:
    """The token of a lease. Raises: NotFound."""
    token = from_text(LEASE_PREFIX, text)
    if token is None:
        raise NotFound
    return token


def _keys(tasks: Sequence[UUID]) -> list[str]:
    return [to_text(TASK_PREFIX, id) for id in tasks]


def _settled(result: Result) -> Response:
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a receipt")
    return Response(result.answer.body, headers={"Cache-Control": PERSONAL}, media_type=MEDIA_TYPE)


def _said(members: dict[str, Any]) -> Response:
    return Response(orjson.dumps(members), headers={"Cache-Control": PERSONAL}, media_type=MEDIA_TYPE)
