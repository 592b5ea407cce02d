"""Guidance: from the answers so far to the next question, the items, the materials and the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onenet.domain import guidance, subjects
from onenet.domain.bundle import Bundle, Json
from onenet.domain.guidance import Plan
from onenet.domain.questions import check_answers
from onenet.domain.unfolding import unfold
from onenet.errors import FormInvalid, UnknownReference
from onenet.services.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Guidance:
    """What the answers so far lead to. `form_schema`: the merged form of the members that surely apply."""

    bundle: Bundle
    plan: Plan
    form_schema: Mapping[str, Any]


async def guide(
    catalogue: Catalogue, code: str, version: int | None, answers: Mapping[str, Json], count: int = 1
) -> Guidance:
    """Guides through a bundle, the latest version when none is named; for so many subjects.

    Raises: NotFound for an unknown bundle, UnknownReference for answers to no question of it, FormInvalid.
    """
    bundle = await (catalogue.latest(code) if version is None else catalogue.bundle(code, version))
    if faults := subjects.count_faults(bundle, count):
        raise FormInvalid("the bundle is not for so many", faults=faults)
    bundle = unfold(bundle, count)
    if faults := check_answers(bundle, answers):
        raise UnknownReference("the answers do not fit the bundle's questions", faults=faults)
    plan = guidance.plan(bundle, answers)
    return Guidance(bundle, plan, guidance.form_schema(bundle, plan.members, answers))
