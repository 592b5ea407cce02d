"""Operating: what an administrator does about an endpoint and what goes there, each as a sub-resource."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import operating_shapes as shapes
from onenet.api.answers import as_json, stored
from onenet.api.bodies import Body, JsonBody
from onenet.api.contract import answers_with
from onenet.api.endpoints import keys_of
from onenet.api.idempotency import once
from onenet.api.operating_shapes import NewRotation, RotationShape
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import given
from onenet.errors import NotFound
from onenet.ids import from_text
from onenet.services import rotations
from onenet.services.endpoints import ENDPOINT_PREFIX, public_key_of
from onenet.services.rotations import Rotated
from onenet.store.idempotency import StoredAnswer

operations = Operations("endpoints")

EndpointId = Annotated[str, Path(pattern="^ept_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
RotationBody = Annotated[Body[NewRotation], Depends(JsonBody(NewRotation, shapes.NEW_ROTATION))]


@operations(
    "POST",
    "/v1/endpoints/{endpoint_id}/rotations",
    permission="endpoints:write",
    answers={201: answers_with("New keys; the secret is told this once", RotationShape, shapes.ROTATION)},
    takes=("Idempotency-Key",),
    problems=(409,),
)
async def rotate_keys(request: Request, endpoint_id: EndpointId, body: RotationBody) -> Response:
    """Replaces the keys that sign what goes to an endpoint.

    For the seconds of grace the old keys sign beside the new ones, and callbacks are believed by both.
    """
    known, said = parts(request), body.value
    now = known.machine_clock.now()

    def render(done: Rotated) -> StoredAnswer:
        members = {
            "endpoint": endpoint_id,
            "secret": done.secret,
            "public_key": public_key_of(done.endpoint),
            "keys": keys_of(done.endpoint, now),
        }
        return StoredAnswer(201, as_json(given(members)))

    kept, replayed = await rotations.rotate_once(
        known.database,
        _id(endpoint_id),
        rotations.Wanted(said.grace_seconds, said.key),
        now,
        once=once(request, caller(request), body.raw),
        render=render,
    )
    return stored(kept, replayed=replayed)


def _id(text: str) -> UUID:
    """The endpoint's id. Raises: NotFound."""
    found = from_text(ENDPOINT_PREFIX, text)
    if found is None:
        raise NotFound
    return found
