"""Progress: how a case stands, for whoever holds its number and its secret, with no key and no login."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from onenet.api import case_views, examples, ticket_views
from onenet.api.answers import answer
from onenet.api.case_queries import CaseNumber
from onenet.api.cases import retry_after
from onenet.api.contract import answers_with
from onenet.api.operations import Operations
from onenet.api.parts import parts
from onenet.api.progress_shapes import ProgressShape
from onenet.errors import Fault, InvalidInput
from onenet.services import cases, tickets

operations = Operations("cases")

HEADER = "Onenet-Tracking-Secret"
"""Not the query: addresses are logged and kept on the way (ASVS 5.0 14.2.1)."""

_SECRET = re.compile(r"[0-9A-Za-z_-]{1,64}")


@operations(
    "GET",
    "/v1/progress/{number}",
    permission="secret",
    quota="lookup",
    answers={200: answers_with("How the case stands", ProgressShape, examples.PROGRESS)},
    takes=(HEADER,),
)
async def get_progress(request: Request, number: CaseNumber) -> Response:
    """Shows how a case stands; a wrong number and a wrong secret are answered alike."""
    known = parts(request)
    case = await cases.track(known.database, known.catalogue, number, secret_of(request))
    units = await tickets.names_of_units(known.catalogue, case)
    told = case_views.progress_view(case) | ticket_views.progress(case, units)
    return answer(request, told, headers={"Retry-After": retry_after(case)})


def secret_of(request: Request) -> str:
    """The secret that was told when the case was opened. Raises: InvalidInput."""
    given = request.headers.getlist(HEADER)
    if len(given) != 1 or not _SECRET.fullmatch(given[0]):
        zh, en = "应为提交时得到的查询口令", "Expected the tracking secret that the submission's answer told"
        raise InvalidInput(faults=(Fault("format" if given else "missing", zh, en, header=HEADER),))
    return given[0]
