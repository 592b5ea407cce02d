"""What can be done when a step was refused: apply for it again, alone."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import examples
from onenet.api.answers import stored
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_actions import is_by_agent
from onenet.api.case_queries import CaseId, StepCode
from onenet.api.case_shapes import CaseShape, Reapplication, materials_given
from onenet.api.case_views import step_views
from onenet.api.cases import load, replying_to, with_secret
from onenet.api.charging import charge_copy
from onenet.api.contract import CASE_LINKS, answers_with
from onenet.api.idempotency import HEADER, key_value
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.domain import tracking
from onenet.domain.delegation import Owner
from onenet.errors import NotFound
from onenet.services import reapplications
from onenet.services.custody import Custody
from onenet.services.once import answered
from onenet.services.reapplications import Repaired

operations = Operations("cases")

ReapplicationBody = Annotated[Body[Reapplication], Depends(JsonBody(Reapplication, examples.REAPPLICATION))]


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/reapplications",
    permission="cases:write",
    answers={
        202: answers_with(
            "The new case is on disk, and the old one names it",
            CaseShape,
            examples.REAPPLIED,
            links=CASE_LINKS,
        )
    },
    takes=("Idempotency-Key",),
)
async def apply_again(request: Request, case_id: CaseId, step: StepCode, body: ReapplicationBody) -> Response:
    """Applies again for a step that was rejected or cancelled, and for what after it was not granted.

    The new case has the answers, fields, materials and granted results of the old one, as far as it needs
    them; no other department gets a task. One refusal is applied for again once.
    """
    who, known = caller(request), parts(request)
    seen = await load(request, case_id)
    case, sight = seen
    by_agent = is_by_agent(seen)
    if step not in {shown["code"] for shown in step_views(case, sight.view)}:
        raise NotFound
    seed, key = secrets.token_urlsafe(tracking.SEED_BYTES), key_value(request.headers.getlist(HEADER))
    actor = who.name_for(Owner(case.client, case.subject), by_agent=by_agent)
    replying = replying_to(request, who, sight.view, body.raw, actor=actor, seed=seed)
    kept = await answered(known.database, replying.once) if replying.once else None
    if kept is not None:  # the step names the new case by now, so that nothing else than this can be said
        return stored(with_secret(kept, key), replayed=True)
    result = await reapplications.apply_again(
        known.gate,
        known.catalogue,
        case,
        Repaired(
            step,
            body.value.form,
            materials_given(body.value.materials),
            body.value.to_promised(),
            by_agent=by_agent,
        ),
        secret=tracking.secret_of(seed, key),
        replying=replying,
        custody=Custody(known.vault, who, partial(charge_copy, request, who)),
    )
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a submission")
    return stored(with_secret(result.answer, key), replayed=result.replayed)
