"""Delegations 委托, and the log in which owners read who looked at their data 谁查看了我的数据."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from onenet.adapters.masking import masked
from onenet.api import access_examples as examples
from onenet.api import cursors
from onenet.api.access_shapes import (
    AccessQuery,
    AccessShape,
    DelegationList,
    DelegationShape,
    NewDelegation,
)
from onenet.api.answers import answer, as_json, page, stored
from onenet.api.applying import DELEGATION_PREFIX
from onenet.api.bodies import Body, JsonBody
from onenet.api.contract import answers_with
from onenet.api.idempotency import once
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import Page, given, moment
from onenet.domain.delegation import Delegation, Owner
from onenet.errors import NotFound
from onenet.ids import from_text, to_text
from onenet.services import delegations
from onenet.services.delegations import Wanted, owner_of
from onenet.store.accesses import Access
from onenet.store.idempotency import StoredAnswer

operations = Operations("people")

DelegationBody = Annotated[Body[NewDelegation], Depends(JsonBody(NewDelegation, examples.NEW_DELEGATION))]
DelegationId = Annotated[str, Path(pattern="^dlg_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
AccessLogQuery = Annotated[AccessQuery, Query()]


@operations(
    "POST",
    "/v1/delegations",
    permission="delegations:write",
    answers={201: answers_with("Given", DelegationShape, examples.DELEGATION)},
    takes=("Idempotency-Key",),
)
async def give_delegation(request: Request, body: DelegationBody) -> Response:
    """Lets somebody else act in the caller's cases: all of some bundles, or one; for at most three years.

    What the delegate does is on record under both names. The caller can take it back at any time.
    """
    who, known, now = caller(request), parts(request), parts(request).machine_clock.now()
    wanted = _wanted(body.value, owner_of(who))
    await delegations.check(known.reading, known.catalogue, wanted, who, now)
    kept, replayed = await delegations.give_once(
        known.database, wanted, owner_of(who), now, once=once(request, who, body.raw), render=_given
    )
    return stored(kept, replayed=replayed)


@operations(
    "GET",
    "/v1/delegations",
    permission="delegations:read",
    answers={200: answers_with("Given and received", DelegationList, examples.DELEGATIONS)},
)
async def list_delegations(request: Request) -> Response:
    """Lists what the caller gave and was given, newest first, also what has ended; at most 100."""
    found = await delegations.about(parts(request).database, owner_of(caller(request)))
    return answer(request, {"items": [delegation_view(each) for each in found]})


@operations(
    "POST",
    "/v1/delegations/{delegation_id}/revocation",
    permission="delegations:write",
    answers={200: answers_with("Taken back", DelegationShape, examples.REVOKED_DELEGATION)},
)
async def revoke_delegation(request: Request, delegation_id: DelegationId) -> Response:
    """Takes a delegation back, from now on; a second time changes nothing."""
    id = from_text(DELEGATION_PREFIX, delegation_id)
    if id is None:
        raise NotFound
    known = parts(request)
    owner = owner_of(caller(request))
    done = await delegations.revoke(known.database, owner, id, known.machine_clock.now())
    return answer(request, delegation_view(done))


@operations(
    "GET",
    "/v1/me/access-log",
    permission="access-log:read",
    answers={200: answers_with("Who looked, newest first", Page[AccessShape], examples.ACCESS_LOG)},
)
async def list_accesses(request: Request, query: AccessLogQuery) -> Response:
    """Lists who looked at the caller's cases, when, by which right, and at what.

    Looks by others at how a case stands are on it within a second or two; looks at what the caller said, of
    whoever it was, before they are answered.
    """
    known, owner = parts(request), owner_of(caller(request))
    filters = {"list": "access-log", "of": str(owner)}
    after = cursors.moment_and_id(query.cursor, filters)
    found = await known.reading.accesses.of_owner(owner, after, query.size + 1)
    shown = found[: query.size]
    last = shown[-1] if len(found) > query.size else None
    cursor = cursors.write([last.at.isoformat(), str(last.id)], filters) if last else None
    return answer(request, page(request, [access_view(each) for each in shown], cursor))


def _wanted(said: NewDelegation, owner: Owner) -> Wanted:
    return Wanted(
        delegate=Owner(said.delegate.client or owner.client, said.delegate.subject),
        ends_at=in_utc(said.ends_at),
        begins_at=in_utc(said.begins_at) if said.begins_at else None,
        bundles=tuple(said.bundles or ()),
        case_id=UUID(said.case) if said.case else None,
        proof=said.proof,
    )


def in_utc(at: datetime) -> datetime:
    """A moment that somebody named, in UTC."""
    try:
        return at.astimezone(UTC)
    except OverflowError:  # at an end of time that its zone pushes over
        return at.replace(tzinfo=UTC)


def _given(made: Delegation) -> StoredAnswer:
    return StoredAnswer(201, as_json(delegation_view(made)))


def delegation_view(found: Delegation) -> dict[str, Any]:
    """The members of a delegation."""
    return given(
        {
            "id": to_text(DELEGATION_PREFIX, found.id),
            "owner": found.owner._asdict(),
            "delegate": found.delegate._asdict(),
            "bundles": sorted(found.bundles) or None,
            "case": str(found.case_id) if found.case_id else None,
            "begins_at": moment(found.begins_at),
            "ends_at": moment(found.ends_at),
            "proof": found.proof,
            "created_at": moment(found.created_at) if found.created_at else None,
            "revoked_at": moment(found.revoked_at) if found.revoked_at else None,
        }
    )


def access_view(found: Access) -> dict[str, Any]:
    """The members of an access record."""
    return given(
        {
            "at": moment(found.at),
            "who": found.who,
            "role": found.role,
            "case": str(found.case_id) if found.case_id else None,
            "what": found.what,
            "why": found.rule,
            "fields": list(found.fields),
            "purpose": masked(found.purpose) if found.purpose else None,
            "times": found.times,
        }
    )
