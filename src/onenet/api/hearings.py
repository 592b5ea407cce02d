"""Hearings: an officer tells of the right, sets a day, records minutes; an applicant asks or waives."""

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
from onenet.api.cases import load
from onenet.api.contract import answers_with
from onenet.api.operations import Answers, Operations
from onenet.api.parts import parts
from onenet.api.procedure_shapes import HEARING_ASKED, HEARING_SET, HearingStep, HearingWish
from onenet.domain.commands import Hear
from onenet.services import cases

operations = Operations("cases")

StepBody = Annotated[Body[HearingStep], Depends(JsonBody(HearingStep, HEARING_SET))]
WishBody = Annotated[Body[HearingWish], Depends(JsonBody(HearingWish, HEARING_ASKED))]
_NOW: Answers = {200: answers_with("The case as it now is", CaseShape, examples.CASE)}


@operations(
    "POST", "/v1/cases/{case_id}/steps/{step}/hearings", permission="steps:decide", answers=_NOW, takes=TAKES
)
async def lead_hearing(request: Request, case_id: CaseId, step: StepCode, body: StepBody) -> Response:
    """Takes the hearing of a step further: tells of the right, sets day and place, records the minutes."""
    seen = await load_step(request, case_id, step)
    command = Hear(step, body.value.root.to_act())
    replying = replying_as(request, seen, body.raw)
    return answered(await cases.decide_step(parts(request).gate, seen.case.id, command, replying))


@operations("POST", "/v1/cases/{case_id}/hearings", permission="cases:write", answers=_NOW, takes=TAKES)
async def wish_hearing(request: Request, case_id: CaseId, body: WishBody) -> Response:
    """Asks for the hearing that one was told of, within five working days, or does without it."""
    seen, said = await load(request, case_id), body.value
    replying = replying_as(request, seen, body.raw)
    command = Hear(said.step, said.to_act(), by_agent=is_by_agent(seen))
    return answered(await cases.decide_step(parts(request).gate, seen.case.id, command, replying))
