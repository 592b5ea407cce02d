"""Results: what was issued in a case, and whether a result still stands, for anybody who has its code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import examples as case_examples
from onenet.api import result_examples as examples
from onenet.api.answers import answer
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_actions import TAKES, answered, load_step, replying_as
from onenet.api.case_queries import CaseId, StepCode
from onenet.api.case_shapes import CaseShape
from onenet.api.case_views import department_view
from onenet.api.cases import load
from onenet.api.contract import answers_with
from onenet.api.operations import Operations
from onenet.api.parts import parts
from onenet.api.result_shapes import Delivered, IssuedList, VerificationWish, VerifiedShape
from onenet.api.shapes import given, moment
from onenet.domain import delivery
from onenet.domain.case import Case, Step
from onenet.domain.commands import DeliverResults
from onenet.domain.outcome import ResultGiven
from onenet.domain.results import issuer_of, name_of
from onenet.domain.rules import LAW, Rules
from onenet.domain.states import StepState
from onenet.domain.visibility import WHOLE, Content, View
from onenet.services import cases, results

operations = Operations("results")

WishBody = Annotated[Body[VerificationWish], Depends(JsonBody(VerificationWish, examples.WISH))]
DeliveredBody = Annotated[Body[Delivered], Depends(JsonBody(Delivered, examples.DELIVERED))]


@operations(
    "GET",
    "/v1/cases/{case_id}/results",
    permission="cases:read",
    answers={200: answers_with("What was issued", IssuedList, examples.ISSUED)},
)
async def list_results(request: Request, case_id: CaseId) -> Response:
    """Lists what was issued in a case, how each result stands today, and to the applicant its code.

    What was issued in an earlier case is listed there, where it is handed over, recalled and revoked: a step
    that is skipped has a copy for the steps after it.
    """
    case, sight = await load(request, case_id)
    known, view = parts(request), sight.view
    codes = results.codes(known.database.ring, case) if view is WHOLE else {}
    today = results.today(case, known.gate.clock.now())
    rules = (await known.catalogue.rules()).get(case.jurisdiction, LAW)
    items = [
        _issued(case, step, result, today, codes) | _delivery(case, step, rules, view)
        for step in case.steps.values()
        if view.has_words and view.department in (None, step.department)
        if step.state is not StepState.SKIPPED
        for result in step.results
    ]
    return answer(request, {"items": items})


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/result-deliveries",
    permission="results:deliver",
    answers={200: answers_with("The case as it now is", CaseShape, case_examples.CASE)},
    takes=TAKES,
)
async def deliver_results(request: Request, case_id: CaseId, step: StepCode, body: DeliveredBody) -> Response:
    """Says that what a step issued was handed over at a window, or given to a courier, with whose number."""
    seen, said = await load_step(request, case_id, step), body.value
    replying = replying_as(request, seen, body.raw)
    command = DeliverResults(step, replying.actor, said.carrier, said.tracking_number)
    return answered(await cases.decide_step(parts(request).gate, seen.case.id, command, replying))


@operations(
    "POST",
    "/v1/results/verifications",
    permission="secret",
    quota="lookup",
    answers={200: answers_with("How the result stands", VerifiedShape, examples.VERIFIED)},
    problems=(404,),
)
async def verify_result(request: Request, body: WishBody) -> Response:
    """Says whether a result still stands: by its number and its code, of nobody's name.

    A wrong number and a wrong code are answered alike.
    """
    known, said = parts(request), body.value
    found = await results.verify(
        known.database, known.catalogue, said.number, said.code, known.gate.clock.now()
    )
    return answer(request, given(found._asdict() | {"name": dict(found.name), "issuer": dict(found.issuer)}))


def _issued(
    case: Case, step: Step, result: ResultGiven, today: date, codes: Mapping[results.Issued, str]
) -> dict[str, Any]:
    state, since = delivery.standing(step, result, today, case.utc_offset_minutes)
    return given(
        {
            "step": step.code,
            "department": department_view(case.bundle, step.department),
            **result.as_issued(),
            "name": dict(name_of(case.bundle, step, result)),
            "issuer": dict(issuer_of(case.bundle, step, result)),
            "issued_on": result.issued_on,
            "state": state,
            "since": since,
            "state_reason": result.state_reason,
            "verification_code": codes.get((step.code, result.code, result.number or "")),
        }
    )


def _delivery(case: Case, step: Step, rules: Rules, view: View) -> dict[str, Any]:
    """How it is handed over; where it is on its way, for who sees what the applicant said."""
    found = delivery.of(step)
    if found is None:
        return {}
    until = delivery.until(found, rules, case.utc_offset_minutes)
    private = {"carrier": found.carrier, "tracking_number": found.tracking_number}
    members = {
        "channel": found.channel,
        "due_at": moment(until.due_at),
        "is_provisional": until.is_provisional,
        "delivered_at": moment(found.delivered_at) if found.delivered_at else None,
        "is_overdue": found.is_overdue,
        **(private if view.content is not Content.NOTHING else {}),
    }
    return {"delivery": given(members)}
