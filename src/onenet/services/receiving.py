"""Receiving: whether an application may be handed in where it is, when another place handles it 通办."""

from __future__ import annotations

from collections.abc import Mapping

from onenet.domain import guidance, reach
from onenet.domain.bundle import Bundle, Json
from onenet.domain.questions import check_answers
from onenet.errors import Fault, NotFound, OutOfReach, UnknownReference
from onenet.services.catalogue import Catalogue


async def check(
    catalogue: Catalogue, bundle: Bundle, answers: Mapping[str, Json], handling: str, receiving: str | None
) -> None:
    """Passes when all that the answers lead to reaches there. Raises: UnknownReference, OutOfReach."""
    if receiving is None or receiving == handling:
        return
    try:
        here = await catalogue.jurisdiction(receiving)
    except NotFound as error:
        fault = Fault("unknown", "没有此辖区", "no such jurisdiction", pointer="/receiving")
        raise UnknownReference("no such jurisdiction", faults=(fault,)) from error
    far = reach.between(here, await catalogue.jurisdiction(handling), await catalogue.above(receiving))
    members = guidance.plan(bundle, answers).members
    reach.check([bundle.member(code) for code in members], far, handling)


async def not_right_yet(
    catalogue: Catalogue, bundle: Bundle, answers: Mapping[str, Json], handling: str, receiving: str | None
) -> tuple[Fault, ...]:
    """What `check` would refuse, of an application that is still being filled in."""
    if check_answers(bundle, answers):
        return ()  # what they lead to is not known
    try:
        await check(catalogue, bundle, answers, handling, receiving)
    except UnknownReference as error:
        return error.faults
    except OutOfReach:
        zh, en = "超出通办范围，请向办理地申请", "Too far from where it is handled: apply there"
        return (Fault("out_of_reach", zh, en, pointer="/receiving"),)
    return ()
