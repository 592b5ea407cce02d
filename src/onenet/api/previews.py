"""Previews: the generated forms 生成表单 of an application, to read and confirm before it is sent in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import examples, material_examples
from onenet.api.answers import answer
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_shapes import CaseSubmission
from onenet.api.case_views import bundle_mark
from onenet.api.contract import answers_with
from onenet.api.material_shapes import PreviewShape
from onenet.api.operations import Operations
from onenet.api.parts import parts
from onenet.domain import generated
from onenet.domain.bundle import Bundle
from onenet.domain.generated import GeneratedForm
from onenet.services import cases

operations = Operations("cases")

PreviewBody = Annotated[Body[CaseSubmission], Depends(JsonBody(CaseSubmission, examples.SUBMISSION))]


@operations(
    "POST",
    "/v1/previews",
    permission="cases:write",
    answers={200: answers_with("The forms", PreviewShape, material_examples.PREVIEW)},
    problems=(409,),
)
async def preview_case(request: Request, body: PreviewBody) -> Response:
    """Shows the generated forms that an application would hand to departments, one for each item and paper.

    The body is that of a submission; materials may still be missing. Nothing is stored. Whoever confirms
    the forms sends their `forms_sha256` with the submission, which is refused if they have changed since.
    """
    bundle, forms = await cases.preview(parts(request).catalogue, body.value.to_submission())
    return answer(request, preview_view(bundle, forms))


def preview_view(bundle: Bundle, forms: Sequence[GeneratedForm]) -> dict[str, Any]:
    """The members of a preview."""
    return {
        "bundle": bundle_mark(bundle),
        "layout": generated.LAYOUT,
        "forms": [
            {
                "step": form.step,
                "code": form.material.code,
                "names": dict(form.material.names),
                "text": form.text,
                "sha256": form.sha256,
            }
            for form in forms
        ],
        "forms_sha256": generated.digest_of(forms),
    }
