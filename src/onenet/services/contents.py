"""Contents: whether what an application says is what the published bundle asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onenet.domain import commitment, delivery, generated, guidance, subjects, tolerance
from onenet.domain.bundle import Bundle
from onenet.domain.case import CaseContent, MaterialGiven
from onenet.domain.filing import Filing
from onenet.domain.promises import NOTHING_PROMISED, Promised
from onenet.domain.questions import check_answers
from onenet.errors import Fault, FormInvalid, FormsDiffer, UnknownReference
from onenet.recent import Recent
from onenet.services import forms


def check(
    bundle: Bundle,
    content: CaseContent,
    promised: Promised = NOTHING_PROMISED,
    *,
    is_whole: bool = True,
) -> None:
    """Checks answers, form, materials and promises against the bundle. `is_whole`: no material is missing.

    Raises: UnknownReference, FormInvalid, FormsDiffer.
    """
    if faults := check_answers(bundle, content.answers):
        raise UnknownReference("the answers do not fit the bundle's questions", faults=faults)
    plan = guidance.plan(bundle, content.answers)
    if faults := guidance.check_plan(bundle, plan):
        raise FormInvalid("the answers do not settle what is to be done", faults=faults)
    if strangers := _strangers(bundle, content.materials):
        raise UnknownReference("there is no such material", faults=strangers)
    faults = forms.check(_schema(bundle, plan, content.answers), content.form)
    faults += subjects.repeated(bundle, content.form)
    if is_whole:
        faults += _missing_materials(plan, content.materials)
        given = [material.code for material in content.materials]
        faults += tuple(tolerance.faults(bundle, plan, given, promised.undertakings))
        faults += tuple(commitment.faults(bundle, plan, promised.commitments))
        faults += tuple(delivery.faults(bundle, plan, content.filing))
    if faults:
        raise forms.wrong(faults)
    confirmed = content.forms_sha256
    if confirmed is not None and confirmed != generated.digest_of(generated.generated(bundle, content)):
        raise FormsDiffer(faults=(FORMS_DIFFER,))


FORMS_DIFFER = Fault(
    "forms_sha256",
    "所确认的表单与本次申请不一致，请重新预览并确认",
    "The confirmed forms are not those of this application: preview and confirm them again",
    pointer="/forms_sha256",
)


def not_right_yet(
    bundle: Bundle,
    answers: Mapping[str, Any],
    form: Mapping[str, Any],
    materials: Sequence[MaterialGiven],
    filing: Filing,
) -> tuple[Fault, ...]:
    """All that `check` would refuse, of something that is still being filled in."""
    faults = _strangers(bundle, materials)
    if wrong := check_answers(bundle, answers):
        return wrong + faults
    plan = guidance.plan(bundle, answers)
    open_ones = guidance.check_plan(bundle, plan)
    in_form = forms.check(_schema(bundle, plan, answers), form)
    if open_ones:  # a field that is of no member yet may be of one soon
        in_form = tuple(fault for fault in in_form if fault.code != "additionalProperties")
    in_form += subjects.repeated(bundle, form)
    of_way = () if open_ones else tuple(delivery.faults(bundle, plan, filing))
    return open_ones + faults + in_form + _missing_materials(plan, materials) + of_way


def _strangers(bundle: Bundle, materials: Sequence[MaterialGiven]) -> tuple[Fault, ...]:
    return tuple(
        Fault("unknown", *_not_there(bundle, given.code), pointer=f"/materials/{place}/code")
        for place, given in enumerate(materials)
        if given.code not in bundle.materials
    )


def _not_there(bundle: Bundle, code: str) -> tuple[str, str]:
    """What is said of a code that no material has; of one that is there for more subjects, for how many."""
    said, (base, number) = bundle.subjects, subjects.parted(code)
    if said and base in said.materials and number <= said.max:
        return f"须先指明 subjects: {number}", f"the application is for fewer: send subjects: {number}"
    return "没有此材料", "the bundle has no such material"


_SCHEMAS: Recent[tuple[int, str], tuple[guidance.Plan, str]] = Recent(1_000)
"""By the plan's identity, which the entry keeps alive, and the answers."""


def _schema(bundle: Bundle, plan: guidance.Plan, answers: Mapping[str, Any]) -> str:
    """The schema of the form that these answers ask for, as text."""
    key = (id(plan), repr(answers))
    found = _SCHEMAS.get(key)
    if found is None:
        found = (plan, forms.as_text(guidance.form_schema(bundle, plan.members, answers)))
        _SCHEMAS.put(key, found)
    return found[1]


def repeated(materials: Sequence[MaterialGiven]) -> tuple[Fault, ...]:
    """Materials that are given more than once: one alone would be kept."""
    given = [material.code for material in materials]
    return tuple(
        Fault("material_repeated", "材料重复", "this material is given twice", f"/materials/{index}/code")
        for index, code in enumerate(given)
        if code in given[:index]
    )


def _missing_materials(plan: guidance.Plan, materials: Sequence[MaterialGiven]) -> tuple[Fault, ...]:
    given = {material.code for material in materials}
    faults = [*repeated(materials)]
    for material in guidance.needed_materials(plan):
        if material.code not in given:
            zh, en = f"缺少材料：{material.names['zh']}", f"missing: {material.code} ({material.names['en']})"
            faults.append(Fault("material_missing", zh, en, pointer="/materials"))
    return tuple(faults)
