"""What an applicant said: shown by the field rule, each look on record before it is answered."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from onenet import security_log
from onenet.api import access_examples as examples
from onenet.api.access_shapes import ApplicationShape, Reveal, RevealedShape
from onenet.api.answers import answer
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_queries import CaseId
from onenet.api.cases import load
from onenet.api.contract import answers_with
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import given
from onenet.domain import content
from onenet.domain.content import Shown
from onenet.services.cases import unknown
from onenet.services.reading import Seen, access

operations = Operations("cases")

RevealBody = Annotated[Body[Reveal], Depends(JsonBody(Reveal, examples.REVEAL))]


@operations(
    "GET",
    "/v1/cases/{case_id}/application",
    permission="content:read",
    answers={200: answers_with("What the caller may see of it", ApplicationShape, examples.APPLICATION)},
)
async def get_application(request: Request, case_id: CaseId) -> Response:
    """Shows what the applicant said: all to the owner, to a department what its steps declare.

    Each look is on record before it is answered, and the owner can read the record.
    """
    seen = await load(request, case_id, None)  # noted with its fields, below
    return answer(request, await application(request, seen))


@operations(
    "POST",
    "/v1/cases/{case_id}/reveals",
    permission="content:reveal",
    answers={200: answers_with("The fields in full", RevealedShape, examples.REVEALED)},
    problems=(409,),
)
async def reveal_fields(request: Request, case_id: CaseId, body: RevealBody) -> Response:
    """Shows masked fields in full, for a purpose that goes on record and that the owner can read."""
    seen = await load(request, case_id, None)  # noted with its fields, below
    return answer(request, await revealed(request, seen, body.value))


async def application(request: Request, seen: Seen, purpose: str | None = None) -> dict[str, Any]:
    """What this view shows; on record first. Raises: Unavailable when it cannot be recorded."""
    shown = content.shown(seen.case, seen.sight.view)
    await _record(request, seen, "application", shown.fields(), purpose)
    return application_view(shown)


def application_view(shown: Shown) -> dict[str, Any]:
    """The members of what an applicant said, as far as it is shown."""
    return given(
        {
            "applicant": shown.applicant,
            "answers": shown.answers,
            "form": shown.form,
            "materials": list(shown.materials),
            **({"agent": shown.agent} if shown.agent else {}),
            "masked": list(shown.masked),
            "forms_sha256": shown.forms_sha256,
        }
    )


async def revealed(request: Request, seen: Seen, said: Reveal) -> dict[str, Any]:
    """The fields in full; on record first. Raises: UnknownReference for one that is not masked here."""
    masked = content.shown(seen.case, seen.sight.view).masked
    for index, field in enumerate(said.fields):
        if field not in masked:
            raise unknown(f"/fields/{index}", "此处没有被遮蔽的该字段", "no such field is masked here")
    await _record(request, seen, "reveal", tuple(said.fields), said.purpose)
    who, case = caller(request).id, str(seen.case.id)
    security_log.report("revealed", by=who, case=case, fields=" ".join(sorted(set(said.fields))))
    return {"fields": {field: content.value_of(seen.case, field) for field in said.fields}}


async def _record(
    request: Request, seen: Seen, what: str, fields: tuple[str, ...], purpose: str | None
) -> None:
    known, who = parts(request), caller(request)
    made = access(*seen, who, known.machine_clock.now(), what)
    await known.reading.accesses.write([made._replace(fields=fields, purpose=purpose)])
