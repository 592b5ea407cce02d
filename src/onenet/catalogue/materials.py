"""Rules about materials: each mode has what it needs, and results of other members come before their use."""

from __future__ import annotations

from onenet.catalogue.findings import Findings, error
from onenet.catalogue.load import Catalogue
from onenet.catalogue.view import BundleView
from onenet.domain.bundle import Bundle, Member


def modes_have_what_they_need(catalogue: Catalogue) -> Findings:
    """Modes 2 and 3 ask a source, unless it is another member's result; modes 1 and 4 ask nobody."""
    for entry in catalogue.materials:
        shape = entry.shape
        is_asked = shape.mode in (2, 3) and shape.from_result is None
        if is_asked and shape.asks is None:
            what = f"{shape.code} has mode {shape.mode}, but no source; expected asks or from_result"
            yield error(entry.at("mode"), "no_source", what)
        if shape.asks is not None and not is_asked:
            why = f"has mode {shape.mode}" if shape.from_result is None else "is another member's result"
            yield error(entry.at("asks"), "needless_source", f"{shape.code} {why}: nobody is asked about it")
        if shape.text is not None and shape.mode != 1:
            what = f"{shape.code} has mode {shape.mode}: no form is made that could hold its text"
            yield error(entry.at("text"), "needless_text", what)
        if shape.asks is not None and shape.mode == 2 and shape.asks.fields:
            what = f"{shape.code} is linked and nothing in it compared; expected mode 3 or no fields"
            yield error(entry.at("asks", "fields"), "needless_fields", what)


def needs_are_of_own_materials(catalogue: Catalogue) -> Findings:
    """An item says how it needs a material only of one that it needs."""
    for item in catalogue.items:
        for code in item.shape.needs:
            if code not in item.shape.materials:
                what = f"{item.code} says how it needs {code}, which is not among its materials"
                yield error(item.node.key_place(("needs", code)), "foreign_need", what)


def holders_are_told_in_the_form(view: BundleView) -> Findings:
    """Whose certificate is asked for stands in a field that a department has a reason to be told."""
    for code, material in view.bundle.materials.items():
        if material.asks is None or material.asks.holder is None:
            continue
        users = [member for member in view.bundle.members if code in member.materials]
        if not any(material.asks.holder in member.fields for member in users):
            what = f"no member of {view.bundle.code} that needs {code} has the field {material.asks.holder}"
            yield error(view.material_at(code, "asks", "holder"), "holder_not_told", what)


def results_come_before_their_use(view: BundleView) -> Findings:
    """A material that is a result comes from members that the user of it waits for."""
    for member in view.bundle.members:
        before = ancestors(view.bundle, member)
        for code in member.materials:
            result = view.bundle.materials[code].from_result
            if result is None:
                continue
            producers = [other.code for other in view.bundle.members if produces(other, result)]
            if producers == [member.code]:
                what = f"{member.code} needs {code}, a result that nobody but itself has"
                yield error(view.member_at(member.code), "own_result", what)
            if not producers:
                what = (
                    f"{member.code} needs {code}, but no member of {view.bundle.code} has the result {result}"
                )
                yield error(view.member_at(member.code), "no_producer", what)
            for producer in producers:
                if producer not in before and producer != member.code:
                    what = f"{member.code} needs {code}, a result of {producer}, but does not wait for it"
                    fix = f"expected {producer} in after of {member.code}"
                    yield error(view.member_at(member.code), "producer_not_before", f"{what}; {fix}")


def produces(member: Member, result: str) -> bool:
    """Whether the member has that result."""
    return any(each.code == result for each in member.results)


def ancestors(bundle: Bundle, member: Member) -> set[str]:
    """Codes of all members that come before, near and far."""
    found: set[str] = set()
    waiting = list(member.after)
    while waiting:
        code = waiting.pop()
        if code not in found:
            found.add(code)
            waiting += bundle.member(code).after
    return found
