"""Applicants: the cases of a person are found by an identity number, for a purpose that the owner can read.

The number comes in a body, as addresses get into logs. Nobody and somebody whose cases are not the caller's
to see are the same answer, made by the same statements.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from onenet import security_log
from onenet.api import access_examples as examples
from onenet.api.access_shapes import ApplicantLookup, CasesFound
from onenet.api.answers import answer
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_views import case_view
from onenet.api.contract import answers_with
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import LARGEST_PAGE
from onenet.domain.identifiers import normalise_identity_number
from onenet.services import cases
from onenet.services.reading import access

operations = Operations("people")

LookupBody = Annotated[Body[ApplicantLookup], Depends(JsonBody(ApplicantLookup, examples.LOOKUP))]


@operations(
    "POST",
    "/v1/applicant-lookups",
    permission="applicants:find",
    answers={200: answers_with("What the caller may see", CasesFound, examples.FOUND)},
    quota="applicants",
)
async def find_by_applicant(request: Request, body: LookupBody) -> Response:
    """Finds the cases whose applicant has this identity number, among those that the caller may see.

    The owner of each finds it on the access log, with the purpose.
    """
    known, who, said = parts(request), caller(request), body.value
    now = known.machine_clock.now()
    visible = await known.reading.visible(who, now)
    number = normalise_identity_number(said.id_no)
    found = await cases.of_applicant(known.database, known.catalogue, visible, number, LARGEST_PAGE)
    seen = [(case, sight) for case in found if (sight := visible.sight_of(case))]
    security_log.report("looked_up", by=who.id, found=len(seen))
    if seen:
        made = [access(case, sight, who, now, "lookup") for case, sight in seen]
        await known.reading.accesses.write([each._replace(purpose=said.purpose) for each in made])
    return answer(request, {"items": [case_view(case, sight.view) for case, sight in seen]})
