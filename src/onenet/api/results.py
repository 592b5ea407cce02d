"""Results: what was issued in a case, and whether a result still stands, for anybody who has its code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import result_examples as examples
from onenet.api.answers import answer
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_queries import CaseId
from onenet.api.case_views import department_view
from onenet.api.cases import load
from onenet.api.contract import answers_with
from onenet.api.operations import Operations
from onenet.api.parts import parts
from onenet.api.result_shapes import IssuedList, VerificationWish, VerifiedShape
from onenet.api.shapes import given
from onenet.domain.case import Case, Step
from onenet.domain.outcome import ResultGiven
from onenet.domain.results import issuer_of, name_of, standing
from onenet.domain.visibility import WHOLE
from onenet.services import results

operations = Operations("results")

WishBody = Annotated[Body[VerificationWish], Depends(JsonBody(VerificationWish, examples.WISH))]


@operations(
    "GET",
    "/v1/cases/{case_id}/results",
    permission="cases:read",
    answers={200: answers_with("What was issued", IssuedList, examples.ISSUED)},
)
async def list_results(request: Request, case_id: CaseId) -> Response:
    """Lists what was issued in a case, how each result stands today, and to the applicant its code."""
    case, sight = await load(request, case_id)
    known, view = parts(request), sight.view
    codes = results.codes(known.database.ring, case) if view is WHOLE else {}
    today = results.today(case, known.gate.clock.now())
    items = [
        _issued(case, step, result, today, codes)
        for step in case.steps.values()
        if view.has_words and view.department in (None, step.department)
        for result in step.results
    ]
    return answer(request, {"items": items})


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
    state, since = standing(result, today)
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
