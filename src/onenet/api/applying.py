"""For whom an application is sent in: the caller, whoever gave it a delegation, or who is at the counter."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from starlette.requests import Request

from onenet.api.parts import parts
from onenet.domain.delegation import Owner
from onenet.domain.principal import LONGEST_ACTOR, Principal, Role
from onenet.domain.visibility import COUNTER, WHOLE, Sight, View
from onenet.errors import Fault, Forbidden, InvalidInput
from onenet.ids import from_text
from onenet.services.cases import unknown

DELEGATION_HEADER = "Onenet-Delegation"
DELEGATION_PREFIX = "dlg"


class Applying(NamedTuple):
    """Whose the new case will be, how it is shown to who sends it in, and who stands in its record."""

    owner: Owner
    view: View
    actor: str


async def applying(request: Request, who: Principal, bundle: str, jurisdiction: str) -> Applying:
    """For whom this application is. Raises: Forbidden, InvalidInput, UnknownReference."""
    if who.role is Role.CLERK:
        return await _at_counter(request, who, jurisdiction)
    named = request.headers.getlist(DELEGATION_HEADER)
    if named:
        return await _by_delegation(request, who, named, bundle)
    if who.role is Role.AGENT or who.subject is None:
        raise Forbidden(faults=(_fault("missing", "须指明所依据的委托", "Expected the delegation acted by"),))
    return Applying(Owner(who.client, who.subject), WHOLE, who.id)


async def _at_counter(request: Request, who: Principal, jurisdiction: str) -> Applying:
    if who.jurisdictions:
        within = await parts(request).catalogue.below(who.jurisdictions)
        if jurisdiction not in within:
            raise unknown("/jurisdiction", "没有此辖区", "no such jurisdiction")
    owner = Owner(who.client, who.visitor or "")
    actor = who.name_for(owner)
    if len(actor) > LONGEST_ACTOR:
        raise InvalidInput("the names of clerk and visitor together are too long for the record")
    return Applying(owner, COUNTER, actor)


async def _by_delegation(request: Request, who: Principal, named: list[str], bundle: str) -> Applying:
    """Raises: InvalidInput for what is no id, Forbidden for one that does not let this be done."""
    id = from_text(DELEGATION_PREFIX, named[0]) if len(named) == 1 else None
    if id is None:
        raise InvalidInput(faults=(_fault("format", "应为委托的编号", "Expected the id of a delegation"),))
    sight = await _sight(request, who, id, bundle)
    if sight is None or sight.delegation is None:
        words = "该委托不存在、已失效或不包括此“一件事”", "Not in force, or not for this bundle"
        raise Forbidden(faults=(_fault("delegation", *words),))
    owner = sight.delegation.owner
    return Applying(owner, sight.view, who.name_for(owner))


async def _sight(request: Request, who: Principal, id: UUID, bundle: str) -> Sight | None:
    known = parts(request)
    found = await known.reading.visible(who, known.machine_clock.now())
    for sight in found.sights:
        given = sight.delegation
        if given is not None and given.id == id and bundle in given.bundles:
            return sight
    return None


def _fault(code: str, zh: str, en: str) -> Fault:
    return Fault(code, zh, en, header=DELEGATION_HEADER)
