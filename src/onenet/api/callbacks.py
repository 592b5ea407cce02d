"""Callbacks: a department's system says what became of a task."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Annotated

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from onenet import crashing
from onenet.adapters import cloud_events
from onenet.api import examples
from onenet.api.answers import MEDIA_TYPE, PERSONAL
from onenet.api.bodies import JSON_TYPES, MAX_CALLBACK_BYTES, read_bytes, require_json
from onenet.api.contract import answers_with
from onenet.api.operations import Operations
from onenet.api.parts import Parts, parts
from onenet.api.shapes import CODE_PATTERN, Answer
from onenet.errors import MoveRefused, Unavailable
from onenet.services import callbacks
from onenet.services.change import Result

operations = Operations("departments")
CALLBACK_TYPES = (*JSON_TYPES, cloud_events.MEDIA_TYPE)
CHECKPOINT_HEADER = "Onenet-Log-Checkpoint"
DepartmentCode = Annotated[str, Path(pattern=CODE_PATTERN)]


class CallbackAnswer(Answer):
    """What became of the answer. Only `applied` and `held` changed the step. `opinion` stands in the place of
    `case` and `seq` where it was asked for one.
    """

    outcome: str
    case: str | None = None
    seq: int | None = None
    opinion: str | None = None


@operations(
    "POST",
    "/v1/callbacks/{department}",
    permission="signature",
    quota="callbacks",
    answers={200: answers_with("On record", CallbackAnswer, examples.CALLBACK_ANSWER)},
    raw_body={"application/json": examples.CALLBACK, cloud_events.MEDIA_TYPE: examples.CLOUD_CALLBACK},
)
async def receive_callback(request: Request, department: DepartmentCode) -> Response:
    """Takes a department's answer, signed as RFC 9421 or Standard Webhooks say; it is applied once."""
    require_json(request, CALLBACK_TYPES)
    raw = await read_bytes(request, MAX_CALLBACK_BYTES)
    known = parts(request)
    result = await callbacks.receive(
        known.database,
        known.gate,
        known.machine_clock,
        department=department,
        url=f"{known.public_url}{request.scope['path']}",
        headers=request.headers,
        body=raw,
    )
    return await reply(known, result)


async def reply(known: Parts, result: Result) -> Response:
    """What the department is told of its answer. Raises: MoveRefused, with why it is not possible."""
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a callback")
    if result.answer.status == 409:
        told = json.loads(result.answer.body)
        # What was stored by a version before says less, or no more than that it was refused.
        present, allowed = told.get("present", {}), told.get("allowed", [])
        why = told.get("reason") or "the step's state does not allow this answer"
        raise MoveRefused(f"{why}; it is on record", present, allowed)
    crashing.point("before_callback_answer")
    headers = {"Cache-Control": PERSONAL} | ({"X-Duplicate": "true"} if result.replayed else {})
    headers |= await _checkpoint(known)
    return Response(result.answer.body, result.answer.status, headers, media_type=MEDIA_TYPE)


async def _checkpoint(known: Parts) -> dict[str, str]:
    """The newest checkpoint, which departments keep out of reach of whoever owns the database."""
    try:
        newest = await known.checkpoints.newest(known.database)
    except Unavailable:
        return {}
    return {CHECKPOINT_HEADER: b64encode(newest.checkpoint.encode()).decode()} if newest else {}
