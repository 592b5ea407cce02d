"""Operating: what an administrator does about an endpoint and what goes there, each as a sub-resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from onenet.adapters.transport import Transport
from onenet.api import operating_shapes as shapes
from onenet.api.answers import answer, as_json, stored
from onenet.api.bodies import Body, JsonBody
from onenet.api.contract import answers_with
from onenet.api.endpoint_shapes import EndpointShape
from onenet.api.endpoints import endpoint_view, keys_of
from onenet.api.idempotency import once
from onenet.api.operating_shapes import (
    JobShape,
    NewPause,
    NewReplay,
    NewResend,
    NewResumption,
    NewRotation,
    NewTest,
    ReplayCount,
    ResendShape,
    RotationShape,
    TestShape,
)
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import given, moment
from onenet.domain.visibility import Subject
from onenet.errors import NotFound
from onenet.ids import from_text, to_text
from onenet.services import deeds, pauses, replays, resends, rotations, trials
from onenet.services.deeds import Deed, Done
from onenet.services.endpoints import ENDPOINT_PREFIX, public_key_of
from onenet.services.once import answered, do_once
from onenet.services.pauses import JOB_PREFIX, Asked
from onenet.services.rotations import Rotated
from onenet.services.trials import Trial
from onenet.store.idempotency import StoredAnswer
from onenet.store.jobs import Job, Kind

operations = Operations("endpoints")

EndpointId = Annotated[str, Path(pattern="^ept_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
JobId = Annotated[str, Path(pattern="^job_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
PauseBody = Annotated[Body[NewPause], Depends(JsonBody(NewPause, shapes.NEW_PAUSE))]
ResumptionBody = Annotated[Body[NewResumption], Depends(JsonBody(NewResumption, shapes.NEW_RESUMPTION))]
AttemptId = Annotated[str, Path(pattern="^att_[0-7][0-9A-HJKMNP-TV-Z]{25}_[1-9][0-9]{0,8}$")]
ReplayBody = Annotated[Body[NewReplay], Depends(JsonBody(NewReplay, shapes.NEW_REPLAY))]
ResendBody = Annotated[Body[NewResend], Depends(JsonBody(NewResend, shapes.NEW_RESEND))]
TestBody = Annotated[Body[NewTest], Depends(JsonBody(NewTest, shapes.NEW_TEST))]
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

    wanted = rotations.Wanted(said.grace_seconds, said.key)
    return await _done(request, rotations.Rotation(_id(endpoint_id), wanted, now), body.raw, render)


@operations(
    "POST",
    "/v1/endpoints/{endpoint_id}/pauses",
    permission="endpoints:write",
    answers={201: answers_with("Nothing is sent to it any more", EndpointShape, shapes.PAUSED)},
    takes=("Idempotency-Key",),
)
async def pause_endpoint(request: Request, endpoint_id: EndpointId, body: PauseBody) -> Response:
    """Sends nothing to an endpoint until it is resumed. What is meant for it waits and is not dropped.

    Calls that are under way are finished.
    """
    asked = _asked(request, endpoint_id)

    def render(done: pauses.Done) -> StoredAnswer:
        return StoredAnswer(201, as_json(endpoint_view(done.endpoint, asked.at)))

    return await _done(request, pauses.Pause(asked, body.value.reason), body.raw, render)


@operations(
    "POST",
    "/v1/endpoints/{endpoint_id}/resumptions",
    permission="endpoints:write",
    answers={202: answers_with("It is sent what waits for it", JobShape, shapes.JOB)},
    takes=("Idempotency-Key",),
)
async def resume_endpoint(request: Request, endpoint_id: EndpointId, body: ResumptionBody) -> Response:
    """Sends an endpoint what waits for it, and releases what is held because it was not there.

    The job is about the latter, and about what waits for a later try. What needs attention stays held.
    """

    def render(done: pauses.Done) -> StoredAnswer:
        path = f"/v1/endpoints/{endpoint_id}/resumptions/{to_text(JOB_PREFIX, done.job.id)}"
        return StoredAnswer(202, as_json(job_view(done.job)), {"Location": path})

    return await _done(request, pauses.Resumption(_asked(request, endpoint_id)), body.raw, render)


@operations(
    "GET",
    "/v1/endpoints/{endpoint_id}/resumptions/{job_id}",
    permission="endpoints:read",
    answers={200: answers_with("How far it has come", JobShape, shapes.JOB)},
)
async def get_resumption(request: Request, endpoint_id: EndpointId, job_id: JobId) -> Response:
    """Tells how far a resumption has come."""
    return answer(request, await _job(request, endpoint_id, job_id, "resumption"))


@operations(
    "POST",
    "/v1/endpoints/{endpoint_id}/replays",
    permission="endpoints:write",
    answers={
        200: answers_with("A dry run: how much it would be", ReplayCount, shapes.REPLAY_COUNT),
        202: answers_with("It is sent again", JobShape, shapes.REPLAY),
    },
    takes=("Idempotency-Key",),
    problems=(409,),
)
async def replay_endpoint(request: Request, endpoint_id: EndpointId, body: ReplayBody) -> Response:
    """Sends again what went to an endpoint, or was to, under the ids that it had.

    From the last 90 days; of a department's tasks never one that is done or withdrawn.
    """
    asked, said = _asked(request, endpoint_id), body.value
    wanted = replays.Wanted(said.since, said.until or asked.at, said.states, said.types)
    if said.dry_run:
        total = await replays.count(parts(request).database, asked.endpoint_id, wanted, asked.at)
        return answer(request, {"endpoint": endpoint_id, "total": total})

    def render(job: Job) -> StoredAnswer:
        path = f"/v1/endpoints/{endpoint_id}/replays/{to_text(JOB_PREFIX, job.id)}"
        return StoredAnswer(202, as_json(job_view(job)), {"Location": path})

    return await _done(request, replays.Replay(asked, wanted), body.raw, render)


@operations(
    "GET",
    "/v1/endpoints/{endpoint_id}/replays/{job_id}",
    permission="endpoints:read",
    answers={200: answers_with("How far it has come", JobShape, shapes.REPLAY)},
)
async def get_replay(request: Request, endpoint_id: EndpointId, job_id: JobId) -> Response:
    """Tells how far a replay has come."""
    return answer(request, await _job(request, endpoint_id, job_id, "replay"))


@operations(
    "POST",
    "/v1/attempts/{attempt_id}/resends",
    permission="endpoints:write",
    answers={202: answers_with("It is sent again", ResendShape, shapes.RESEND)},
    takes=("Idempotency-Key",),
    problems=(409,),
)
async def resend_attempt(request: Request, attempt_id: AttemptId, body: ResendBody) -> Response:
    """Makes one more attempt now, for the task or delivery that an attempt was made for."""
    known, who = parts(request), caller(request)
    now = known.machine_clock.now()
    visible = await known.reading.visible(who, now, of=Subject.DELIVERIES)
    wanted = resends.Wanted(*resends.parse(attempt_id), who.id, now, visible)
    key = once(request, who, body.raw)
    kept, replayed = await resends.resend(known.database, known.gate, wanted, key)
    return stored(kept, replayed=replayed)


@operations(
    "POST",
    "/v1/endpoints/{endpoint_id}/tests",
    permission="endpoints:write",
    answers={200: answers_with("It was sent", TestShape, shapes.TEST)},
    takes=("Idempotency-Key",),
    problems=(409,),
)
async def test_endpoint(request: Request, endpoint_id: EndpointId, body: TestBody) -> Response:
    """Sends a signed message that says nothing, and shows what was signed and what was answered.

    It is about no case, and goes to a held endpoint as well.
    """
    known, key = parts(request), once(request, caller(request), body.raw)
    if (kept := await answered(known.database, key)) is not None:
        return stored(kept, replayed=True)
    clock = known.machine_clock
    async with Transport(destinations=known.destinations) as transport:
        trial = await trials.try_out(known.database, transport, clock, _id(endpoint_id))
    said = StoredAnswer(200, as_json(_trial(trial)))

    async def effect(connection: object) -> StoredAnswer:
        return said

    kept, replayed = await do_once(known.database, key, clock.now(), effect)
    return stored(kept, replayed=replayed)


def _trial(trial: Trial) -> dict[str, Any]:
    attempt = trial.attempt
    return given(
        {
            "signed": trial.signed or None,
            "headers": dict(attempt.proof),
            "status": attempt.status,
            "failure": attempt.failure,
            "reason": getattr(attempt.outcome, "reason", None),
            "excerpt": attempt.excerpt or None,
            "started_at": moment(attempt.started_at),
            "ended_at": moment(attempt.ended_at),
        }
    )


async def _job(request: Request, endpoint_id: str, job_id: str, kind: Kind) -> dict[str, Any]:
    found = from_text(JOB_PREFIX, job_id)
    if found is None:
        raise NotFound
    return job_view(await pauses.job_of(parts(request).database, _id(endpoint_id), found, kind))


def job_view(job: Job) -> dict[str, Any]:
    """A job on the wire."""
    return given(
        {
            "id": to_text(JOB_PREFIX, job.id),
            "endpoint": to_text(ENDPOINT_PREFIX, job.endpoint_id),
            "kind": job.kind,
            "state": "ended" if job.ended_at else "running",
            "total": job.total,
            "done": job.done,
            "failed": job.failed,
            "created_at": moment(job.created_at),
            "ended_at": moment(job.ended_at) if job.ended_at else None,
        }
    )


def _asked(request: Request, endpoint_id: str) -> Asked:
    return Asked(_id(endpoint_id), caller(request).id, parts(request).machine_clock.now())


async def _done(
    request: Request, deed: Deed[Done], raw: bytes, render: Callable[[Done], StoredAnswer]
) -> Response:
    """Does it under the request's key; gives the answer, now or again."""
    known, key = parts(request), once(request, caller(request), raw)
    now = known.machine_clock.now()
    kept, replayed = await deeds.do_under_key(known.database, deed, key, now, render)
    return stored(kept, replayed=replayed)


def _id(text: str) -> UUID:
    """The endpoint's id. Raises: NotFound."""
    found = from_text(ENDPOINT_PREFIX, text)
    if found is None:
        raise NotFound
    return found
