"""Progress: how a case stands, for whoever holds its number and its secret, with no key and no login."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import case_views, examples
from onenet.api.answers import answer
from onenet.api.case_queries import CaseNumber, ProgressQuery
from onenet.api.case_shapes import ProgressShape
from onenet.api.cases import retry_after
from onenet.api.contract import answers_with
from onenet.api.operations import Operations
from onenet.api.parts import parts
from onenet.services import cases

operations = Operations("cases")

Secret = Annotated[ProgressQuery, Query()]


@operations(
    "GET",
    "/v1/progress/{number}",
    permission="secret",
    quota="lookup",
    answers={200: answers_with("How the case stands", ProgressShape, examples.PROGRESS)},
)
async def get_progress(request: Request, number: CaseNumber, query: Secret) -> Response:
    """Shows how a case stands; a wrong number and a wrong secret are answered alike."""
    known = parts(request)
    case = await cases.track(known.database, known.catalogue, number, query.secret)
    return answer(request, case_views.progress_view(case), headers={"Retry-After": retry_after(case)})
