"""Evidence 核验凭据: a source of certificates is asked, where the applicant consents, ahead of the case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import material_examples as examples
from onenet.api.answers import answer
from onenet.api.applying import applying
from onenet.api.bodies import Body, JsonBody
from onenet.api.contract import answers_with
from onenet.api.material_shapes import EvidenceRequest, EvidenceShape
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import given, moment
from onenet.domain.unfolding import unfold
from onenet.services import cases, evidence
from onenet.services.evidence import Confirmed, Outcome, Wanted

operations = Operations("cases")

AskBody = Annotated[Body[EvidenceRequest], Depends(JsonBody(EvidenceRequest, examples.NEW_EVIDENCE))]

WORDS: Mapping[Outcome, tuple[str, str]] = {
    "confirmed": ("已核验，无需提交该材料", "Confirmed: nothing is to be handed in"),
    "unknown": ("来源中没有该证照，请提交材料", "The source knows of no such certificate: hand it in"),
    "differs": (
        "与来源记录不一致，请核对所填内容或提交材料",
        "Not as the source knows it: look again, or hand it in",
    ),
    "expired": ("证照已过期，请提交有效材料", "The certificate has expired: hand in one that has not"),
    "unavailable": ("来源暂时无法核验，请提交材料", "The source cannot be asked now: hand it in"),
}
"""What the applicant is told: each outcome but the first turns the material into one of mode 4."""


@operations(
    "POST",
    "/v1/me/evidence",
    permission="cases:write",
    answers={200: answers_with("What came of it", EvidenceShape, examples.EVIDENCE)},
    takes=("Onenet-Delegation",),
    problems=(409,),
    quota="sources",
)
async def ask_for_evidence(request: Request, body: AskBody) -> Response:
    """Has a source confirm a material of mode 2 or 3, where the applicant consents to it for a purpose.

    What is confirmed is named in the submission as `evidence` of the material, within a day. Whatever else
    comes of it, the material is handed in. The source is told the number of the holder and the fields that
    guidance names, and nothing else; that it was asked is on the owner's access log.
    """
    who, known, said = caller(request), parts(request), body.value
    now = known.machine_clock.now()
    meant = await applying(request, who, said.bundle, said.jurisdiction, said.receiving)
    bundle = await cases.find_bundle(known.catalogue, said.bundle, said.version)
    place = await cases.find_jurisdiction(known.catalogue, bundle, said.jurisdiction)
    wanted = Wanted(
        bundle=unfold(bundle, bundle.subjects.max) if bundle.subjects else bundle,
        material=said.material,
        applicant=said.to_applicant(),
        form=said.form,
        purpose=said.consent.purpose if said.consent else None,
        utc_offset_minutes=place.utc_offset_minutes,
    )
    await known.reading.accesses.write([evidence.record(wanted, meant.owner, who, now)])
    found = await evidence.ask(known.sources, known.vault.keys, wanted, meant.owner, now)
    return answer(request, evidence_view(found))


def evidence_view(found: Confirmed) -> dict[str, Any]:
    """The members of what came of it. The number of somebody else's certificate is not among them."""
    zh, en = WORDS[found.outcome]
    made, asks = found.evidence, found.material.asks
    is_own = asks is not None and asks.holder is None
    return given(
        {
            "material": found.material.code,
            "outcome": found.outcome,
            "hand_in": found.outcome != "confirmed",
            "words": {"zh": zh, "en": en},
            "differ": list(found.differ),
            "evidence": found.ticket,
            "ends_at": moment(found.ends_at) if found.ends_at else None,
            "issuer": made.issuer if made and is_own else None,
            "number": made.number if made and is_own else None,
            "valid_until": made.valid_until if made and is_own else None,
        }
    )
