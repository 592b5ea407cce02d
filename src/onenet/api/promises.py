"""What was promised for a step: a later day for a material; a commitment signed, taken back, looked at."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import examples
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_actions import TAKES, answered, is_by_agent, load_step, replying_as
from onenet.api.case_queries import CaseId, StepCode
from onenet.api.case_shapes import CaseShape
from onenet.api.contract import answers_with
from onenet.api.operations import Answers, Operations, caller
from onenet.api.parts import parts
from onenet.api.promise_shapes import CheckShape, Deferral, SignedText, TakingBack
from onenet.domain.commands import CheckCommitment, DeferTolerance, SignCommitment, TakeCommitmentBack
from onenet.domain.promises import Finding, Later, Signing
from onenet.services import cases
from onenet.services.cases import StepCommand
from onenet.services.reading import Seen

operations = Operations("cases")

_NOW: Answers = {200: answers_with("The case as it now is", CaseShape, examples.CASE)}

DeferralBody = Annotated[Body[Deferral], Depends(JsonBody(Deferral, examples.DEFERRAL))]
SigningBody = Annotated[Body[SignedText], Depends(JsonBody(SignedText, examples.SIGNED_TEXT))]
TakingBackBody = Annotated[Body[TakingBack], Depends(JsonBody(TakingBack, examples.WITHDRAWAL))]
CheckBody = Annotated[Body[CheckShape], Depends(JsonBody(CheckShape, examples.CHECK))]


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/deferrals",
    permission="steps:decide",
    answers=_NOW,
    takes=TAKES,
)
async def defer_material(request: Request, case_id: CaseId, step: StepCode, body: DeferralBody) -> Response:
    """Puts off the day by which a promised material is to follow: for force majeure, and only later."""
    said = body.value
    later = Later(said.material, said.due_on)
    command = DeferTolerance(step, later, by=caller(request).id, reason=said.reason)
    return await _do(request, await load_step(request, case_id, step), command, body.raw)


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/commitments",
    permission="cases:write",
    answers=_NOW,
    takes=TAKES,
)
async def sign_commitment(request: Request, case_id: CaseId, step: StepCode, body: SigningBody) -> Response:
    """Signs the commitment of a step that is not decided: the department is handed the step anew, with it."""
    seen = await load_step(request, case_id, step)
    signing = Signing(step, body.value.text_version, body.value.signed_by)
    return await _do(request, seen, SignCommitment(signing, is_by_agent(seen)), body.raw)


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/commitments/withdrawal",
    permission="cases:write",
    answers=_NOW,
    takes=TAKES,
)
async def take_commitment_back(
    request: Request, case_id: CaseId, step: StepCode, body: TakingBackBody
) -> Response:
    """Takes a commitment back before the decision: the step goes the ordinary way, under the same item."""
    seen = await load_step(request, case_id, step)
    command = TakeCommitmentBack(step, body.value.reason, is_by_agent(seen))
    return await _do(request, seen, command, body.raw)


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/checks",
    permission="steps:decide",
    answers=_NOW,
    takes=TAKES,
)
async def check_commitment(request: Request, case_id: CaseId, step: StepCode, body: CheckBody) -> Response:
    """Notes what an officer found of a commitment after the grant: kept, broken, repaired, or revoked."""
    said = body.value
    finding = Finding(said.finding, said.reason, caller(request).id, said.repair_due_on)
    seen = await load_step(request, case_id, step)
    return await _do(request, seen, CheckCommitment(step, finding), body.raw)


async def _do(request: Request, seen: Seen, command: StepCommand, raw: bytes) -> Response:
    replying = replying_as(request, seen, raw)
    return answered(await cases.decide_step(parts(request).gate, seen.case.id, command, replying))
