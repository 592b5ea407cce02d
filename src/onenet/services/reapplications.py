"""Applying again for what was refused: a new case, and the old one told of it, in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from onenet.domain import commitment, guidance, reapplications, subjects, tolerance
from onenet.domain.case import Case, CaseContent, MaterialGiven
from onenet.domain.commands import Open, Reapply
from onenet.domain.procedures import Reapplies
from onenet.domain.promises import Promised
from onenet.domain.states import CaseState
from onenet.domain.tracking import hash_of
from onenet.errors import CaseErased, Fault
from onenet.services import cases, contents, forms, reuse
from onenet.services.advance import Gate
from onenet.services.cases import Replying
from onenet.services.catalogue import Catalogue
from onenet.services.change import Beside, Opening, Result
from onenet.services.custody import Custody
from onenet.services.reuse import Receiving

_UNSET = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Repaired:
    """The refused step, and what is other than it was: fields of the form, materials; what is signed.

    `by_agent`: it is the agent that the application names who applies again.
    """

    step: str
    form: Mapping[str, Any]
    materials: tuple[MaterialGiven, ...]
    promised: Promised
    by_agent: bool = False


async def apply_again(
    gate: Gate,
    catalogue: Catalogue,
    case: Case,
    repaired: Repaired,
    *,
    secret: str,
    replying: Replying,
    custody: Custody,
) -> Result:
    """Opens a case for what was refused in this one.

    What was handed in then goes along, documents as copies: the same application for the same purpose before
    the same departments is what it was given for (PIPL 14).
    Raises: NotFound, MoveRefused, CaseErased, UnknownReference, FormInvalid, MaterialExpired, Unavailable.
    """
    codes = reapplications.members(case.state, case.bundle, case.steps, repaired.step)
    content = reapplications.content_for(case, codes, repaired.form, repaired.materials)
    _check(case, codes, content, repaired)
    origin = Reapplies("reapplies", case.id, case.number, repaired.step)
    id = reapplications.id_of(case, repaired.step)
    blank = Case(
        id=id, number="", bundle=case.bundle, jurisdiction=case.jurisdiction,
        subject=case.subject, client=case.client, state=CaseState.RECEIVED,
        created_at=_UNSET, updated_at=_UNSET, secret_hash=hash_of(secret),
        content=replace(content, procedures=(origin,)), utc_offset_minutes=case.utc_offset_minutes,
        steps=reapplications.laid(case, codes), receiving=case.receiving,
    )  # fmt: skip
    template = await catalogue.number_template(case.jurisdiction)

    async def opened(materials: Sequence[MaterialGiven]) -> Result:
        new = blank._replace(content=replace(blank.content, materials=tuple(materials)))
        command = Open(repaired.promised, by_agent=repaired.by_agent)
        opening = cases.change(id, command, replying, Opening(new, template))
        stood = reapplications.standing(case.steps)
        told = Beside(case.id, Reapply(repaired.step, id, repaired.by_agent, stood))
        both = replace(opening, beside=(told,))
        if both.once is None or not any(material.document for material in materials):
            return await gate.submit(both)
        return await custody.around(lambda: gate.submit(both), materials, both.once, case_id=id)

    receiving = Receiving(
        id, custody.who, catalogue, case.bundle, content.answers, replying.once, case.utc_offset_minutes,
        again=case,
    )  # fmt: skip
    return await reuse.around(opened, custody.vault, content.materials, receiving, custody.charge)


def _check(case: Case, codes: Sequence[str], content: CaseContent, repaired: Repaired) -> None:
    """Checks what is said anew, and that nothing is missing.

    Raises: CaseErased, UnknownReference, FormInvalid.
    """
    if case.content.is_erased:
        raise CaseErased
    bundle = case.bundle
    papers = {code for each in codes for code in bundle.member(each).materials}
    for place, given in enumerate(repaired.materials):
        if given.code not in papers:
            raise cases.unknown(f"/materials/{place}/code", "无需此材料", "no such material is needed again")
    schema = guidance.form_schema(bundle, codes, content.answers)
    kept = {code: value for code, value in content.form.items() if code in schema["properties"]}
    faults = forms.check(forms.as_text(schema), {**kept, **repaired.form})
    before = case.content.form
    changed = [code for code, value in repaired.form.items() if before.get(code) != value]
    faults += subjects.of_others(bundle, codes, changed)
    faults += subjects.repeated(bundle, {**before, **repaired.form})
    faults += contents.repeated(repaired.materials)
    handed_in = {material.code for material in content.materials}
    plan = guidance.plan(bundle, content.answers)
    for material in guidance.needed_materials(plan):
        if material.code in papers - handed_in:
            zh, en = f"缺少材料：{material.names['zh']}", f"missing: {material.code} ({material.names['en']})"
            faults += (Fault("material_missing", zh, en, pointer="/materials"),)
    alone = replace(plan, applies={code: code in codes for code in plan.applies})
    faults += tuple(tolerance.faults(bundle, alone, handed_in, repaired.promised.undertakings))
    faults += tuple(commitment.faults(bundle, alone, repaired.promised.commitments))
    if faults:
        raise forms.wrong(faults)
