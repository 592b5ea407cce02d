"""For whom an application is sent in: the caller, whoever gave it a delegation, or who is at the counter."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from starlette.requests import Request

from onenet.api.operations import caller
from onenet.api.parts import parts
from onenet.domain.delegation import Owner
from onenet.domain.principal import LONGEST_ACTOR, Principal, Role
from onenet.domain.visibility import COUNTER, WHOLE, Sight, View
from onenet.errors import Fault, Forbidden, InvalidInput, MandateInvalid
from onenet.ids import from_text
from onenet.services.cases import Submission, unknown

DELEGATION_HEADER = "Onenet-Delegation"
DELEGATION_PREFIX = "dlg"


class Applying(NamedTuple):
    """Whose the new case will be, how it is shown to who sends it in, and who stands in its record."""

    owner: Owner
    view: View
    actor: str
    by_delegation: bool = False


def filed(request: Request, said: Submission, meant: Applying) -> tuple[Submission, Applying]:
    """The application, with what follows from who sends it in: an agent, a helper, the counter.

    Raises: Forbidden, MandateInvalid, UnknownReference.
    """
    who, agent, help_given = caller(request), said.agent, said.filing.assistance
    if help_given and who.role is not Role.CLERK:
        zh, en = "仅供窗口工作人员帮办时填写", "Only for who helps an applicant at a counter"
        raise Forbidden(en, faults=(Fault("assistance", zh, en, pointer="/assistance"),))
    if help_given and help_given.proof not in {None, *(material.code for material in said.materials)}:
        raise unknown("/assistance/proof", "未提交此材料", "no such material is handed in")
    if agent and (agent.mandate is None) != meant.by_delegation:
        raise _MANDATE_OF_DELEGATION if meant.by_delegation else _MANDATE_MISSING
    filing = said.filing
    if who.role is Role.CLERK:
        helped = help_given and replace(help_given, by=who.id)
        filing = replace(filing, channel=filing.channel or "window", assistance=helped)
    by_agent = meant.by_delegation or agent is not None
    actor = who.name_for(meant.owner, by_agent=agent is not None)
    return replace(said, filing=filing, by_agent=by_agent), meant._replace(actor=actor)


def _mandate(code: str, zh: str, en: str) -> MandateInvalid:
    return MandateInvalid(en, faults=(Fault(code, zh, en, pointer="/agent/mandate"),))


_MANDATE_MISSING = _mandate("missing", "须说明所依据的授权委托", "Expected the mandate acted by")
_MANDATE_OF_DELEGATION = _mandate("delegation", "以委托为准，不得另填", "Expected none: the delegation is it")


async def applying(
    request: Request, who: Principal, bundle: str, jurisdiction: str, receiving: str | None = None
) -> Applying:
    """For whom this application is. Raises: Forbidden, InvalidInput, UnknownReference."""
    await check_place(request, who, jurisdiction, receiving)
    if who.role is Role.CLERK:
        return _at_counter(who)
    named = request.headers.getlist(DELEGATION_HEADER)
    if named:
        return await _by_delegation(request, who, named, bundle)
    if who.role is Role.AGENT or who.subject is None:
        raise Forbidden(faults=(_fault("missing", "须指明所依据的委托", "Expected the delegation acted by"),))
    return Applying(Owner(who.client, who.subject), WHOLE, who.id)


async def check_place(request: Request, who: Principal, jurisdiction: str, receiving: str | None) -> None:
    """Passes when the counter that receives it is the clerk's, and all places are among those that the key of
    a front-end is for. Raises: UnknownReference.
    """
    if who.role not in (Role.CLERK, Role.FRONTEND) or not who.jurisdictions:
        return
    named = {"/jurisdiction": jurisdiction} | ({"/receiving": receiving} if receiving else {})
    if who.role is Role.CLERK and receiving:
        del named["/jurisdiction"]
    known = await parts(request).catalogue.below(who.jurisdictions)
    for where, code in named.items():
        if code not in known:
            raise unknown(where, "没有此辖区", "no such jurisdiction")


def _at_counter(who: Principal) -> Applying:
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
    return Applying(owner, sight.view, who.name_for(owner), by_delegation=True)


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
