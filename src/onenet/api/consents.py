"""Consents 同意: what may be used again in a new case, given and taken back by whom it is about."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import access_examples as examples
from onenet.api import material_examples
from onenet.api.access_shapes import ConsentList, ConsentShape, NewConsent
from onenet.api.answers import answer, as_json, stored
from onenet.api.bodies import Body, JsonBody
from onenet.api.contract import answers_with
from onenet.api.delegations import in_utc
from onenet.api.idempotency import once
from onenet.api.material_shapes import ReusableList, ReusableQuery
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import given, moment
from onenet.domain.consent import Consent
from onenet.domain.sheet import DOCUMENT_PREFIX
from onenet.errors import NotFound
from onenet.ids import from_text, to_text
from onenet.services import consents, offers
from onenet.services.cases import find_bundle, unknown
from onenet.services.consents import Wanted
from onenet.services.delegations import owner_of
from onenet.services.offers import Offer
from onenet.store.idempotency import StoredAnswer

PREFIX = "cns"

operations = Operations("people")

ConsentBody = Annotated[Body[NewConsent], Depends(JsonBody(NewConsent, examples.NEW_CONSENT))]
Reusable = Annotated[ReusableQuery, Query()]
ConsentId = Annotated[str, Path(pattern="^cns_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]


@operations(
    "POST",
    "/v1/me/consents",
    permission="consents:write",
    answers={201: answers_with("Given", ConsentShape, examples.CONSENT)},
    takes=("Idempotency-Key",),
)
async def give_consent(request: Request, body: ConsentBody) -> Response:
    """Lets a document of an earlier case be used in a new one: of one bundle, by these departments.

    For at most 366 days, or until it is taken back. What a case was opened with by then stays in it.
    """
    who, known, said = caller(request), parts(request), body.value
    now, under = known.machine_clock.now(), once(request, who, body.raw)
    document = from_text(DOCUMENT_PREFIX, said.document)
    if document is None:  # none that anybody has
        raise unknown("/document", *consents.NO_DOCUMENT)
    wanted = Wanted(document, said.bundle, tuple(said.departments), said.purpose, in_utc(said.ends_at))
    await consents.check(known.database, known.catalogue, wanted, who, now)
    kept, replayed = await consents.give_once(
        known.database, wanted, owner_of(who), now, once=under, render=_given
    )
    return stored(kept, replayed=replayed)


@operations(
    "GET",
    "/v1/me/consents",
    permission="consents:read",
    answers={200: answers_with("What was consented to", ConsentList, examples.CONSENTS)},
)
async def list_consents(request: Request) -> Response:
    """Lists what the caller consented to, newest first, also what has ended; at most 100."""
    found = await consents.about(parts(request).database, owner_of(caller(request)))
    return answer(request, {"items": [consent_view(each) for each in found]})


@operations(
    "GET",
    "/v1/me/reusable",
    permission="consents:read",
    answers={200: answers_with("What may be used again", ReusableList, material_examples.REUSABLE)},
    problems=(409,),
)
async def list_reusable(request: Request, query: Reusable) -> Response:
    """Lists what the caller handed in before and may use again in a new case of a bundle, by material.

    Of each material the newest that is still valid, for as long as the catalogue says (`valid_days`). It is
    taken over by naming the document in the submission, where a consent covers that.
    """
    known, owner = parts(request), owner_of(caller(request))
    bundle = await find_bundle(known.catalogue, query.bundle, None)
    found = await offers.of(known.vault, known.catalogue, bundle, owner)
    return answer(request, {"items": [offer_view(each) for each in found]})


@operations(
    "POST",
    "/v1/me/consents/{consent_id}/revocation",
    permission="consents:write",
    answers={200: answers_with("Taken back", ConsentShape, examples.REVOKED_CONSENT)},
)
async def revoke_consent(request: Request, consent_id: ConsentId) -> Response:
    """Takes a consent back, from now on; a second time changes nothing."""
    id = from_text(PREFIX, consent_id)
    if id is None:
        raise NotFound
    known, owner = parts(request), owner_of(caller(request))
    done = await consents.revoke(known.database, owner, id, known.machine_clock.now())
    return answer(request, consent_view(done))


def offer_view(found: Offer) -> dict[str, Any]:
    """The members of an offer."""
    return {
        "material": found.material,
        "document": to_text(DOCUMENT_PREFIX, found.document.id),
        "filename": found.document.filename,
        "case": str(found.case_id),
        "handed_in_at": moment(found.handed_in_at),
        "valid_until": found.valid_until.isoformat(),
    }


def _given(made: Consent) -> StoredAnswer:
    return StoredAnswer(201, as_json(consent_view(made)))


def consent_view(found: Consent) -> dict[str, Any]:
    """The members of a consent."""
    return given(
        {
            "id": to_text(PREFIX, found.id),
            "document": to_text(DOCUMENT_PREFIX, found.document_id),
            "bundle": found.bundle,
            "departments": sorted(found.departments),
            "purpose": found.purpose,
            "given_at": moment(found.given_at),
            "ends_at": moment(found.ends_at),
            "revoked_at": moment(found.revoked_at) if found.revoked_at else None,
        }
    )
