"""Rules about codes: none twice, every reference leads somewhere, nothing goes round in a circle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from onenet.catalogue import model
from onenet.catalogue.findings import Finding, Findings, Place, error, warning
from onenet.catalogue.load import Catalogue, Entry
from onenet.domain.expression import RESERVED


def no_code_twice(catalogue: Catalogue) -> Findings:
    """Within a section, and within a bundle's questions, members and options."""
    for section in model.SECTIONS:
        entries: tuple[Entry[model.Shape], ...] = getattr(catalogue, section)
        yield from _doubles(section, ((entry.code, entry.at("code")) for entry in entries))
    for bundle in catalogue.bundles:
        shape = bundle.shape
        questions = [(q.code, bundle.at("questions", i, "code")) for i, q in enumerate(shape.questions)]
        yield from _doubles(f"questions of {bundle.code}", questions)
        members = [(m.name, _member_place(bundle, i)) for i, m in enumerate(shape.members)]
        yield from _doubles(f"members of {bundle.code}", members)
        for i, question in enumerate(shape.questions):
            options = [
                (o.code, bundle.at("questions", i, "options", j)) for j, o in enumerate(question.options)
            ]
            yield from _doubles(f"options of {question.code}", options)
        for i, member in enumerate(shape.members):
            after = [(code, bundle.at("members", i, "after", j)) for j, code in enumerate(member.after)]
            yield from _doubles(f"after of {member.name}", after)
    for item in catalogue.items:
        results = [(r.code, item.at("results", i, "code")) for i, r in enumerate(item.shape.results)]
        yield from _doubles(f"results of {item.code}", results)
        materials = [(code, item.at("materials", i)) for i, code in enumerate(item.shape.materials)]
        yield from _doubles(f"materials of {item.code}", materials)


def every_reference_leads_somewhere(catalogue: Catalogue) -> Findings:
    """A code that names an entry of another section, another member, or one that the member comes after."""
    for section, code, place in _references(catalogue):
        known = [entry.code for entry in getattr(catalogue, section)]
        if code not in known and (section, code) not in catalogue.broken:
            yield _dangling(section, code, place, known)
    for bundle in catalogue.bundles:
        names = [member.name for member in bundle.shape.members]
        for i, member in enumerate(bundle.shape.members):
            for j, code in enumerate(member.after):
                if code not in names:
                    yield _dangling(
                        f"members of {bundle.code}", code, bundle.at("members", i, "after", j), names
                    )
            for code in member.if_failed:
                if code not in member.after:
                    place = bundle.node.key_place(("members", i, "if_failed", code))
                    yield _dangling(f"after of {member.name}", code, place, member.after)


def jurisdictions_form_trees(catalogue: Catalogue) -> Findings:
    """Parents end at a root."""
    places = {entry.code: entry.at("parent") for entry in catalogue.jurisdictions}
    parents = {e.code: [e.shape.parent] for e in catalogue.jurisdictions if e.shape.parent is not None}
    for circle in circles(parents):
        yield error(places[circle[0]], "cycle", f"parents go round in a circle: {' -> '.join(circle)}")


def members_form_a_graph_without_circles(catalogue: Catalogue) -> Findings:
    """`after` leads back to members that wait for nothing."""
    for bundle in catalogue.bundles:
        members = bundle.shape.members
        index = {member.name: i for i, member in enumerate(members)}
        for circle in circles({member.name: member.after for member in members}):
            place = bundle.at("members", index[circle[0]], "after")
            what = f"members wait for each other: {' after '.join(circle)}"
            yield error(place, "cycle", what)


def questions_have_fitting_options(catalogue: Catalogue) -> Findings:
    """Choices have options, others have none; no question is called like a word of the expressions."""
    for bundle in catalogue.bundles:
        for i, question in enumerate(bundle.shape.questions):
            place = bundle.at("questions", i, "options")
            if question.type in ("choice", "choices") and not question.options:
                yield error(place, "no_options", f"expected options for {question.code}, a {question.type}")
            if question.type not in ("choice", "choices") and question.options:
                what = f"expected no options: {question.code} is a {question.type}"
                yield error(place, "needless_options", what)
            if question.code in RESERVED:
                what = f"{question.code} is a word of the expression language; expected another code"
                yield error(bundle.at("questions", i, "code"), "reserved_word", what)


def alternatives_come_in_groups(catalogue: Catalogue) -> Findings:
    """A group of one is a slip of the pen."""
    for bundle in catalogue.bundles:
        sizes = Counter(member.alternative for member in bundle.shape.members)
        for i, member in enumerate(bundle.shape.members):
            if member.alternative is not None and sizes[member.alternative] == 1:
                what = (
                    f"{member.name} is alone in the group {member.alternative}; expected two or more members"
                )
                yield warning(bundle.at("members", i, "alternative"), "lonely_alternative", what)


def a_government_body_leads(catalogue: Catalogue) -> Findings:
    """A bank or a utility can be a member, but hardly answers for a whole bundle."""
    kinds = {entry.code: entry.shape.kind for entry in catalogue.departments}
    for bundle in catalogue.bundles:
        if kinds.get(bundle.shape.lead) == "non_government":
            what = f"{bundle.shape.lead} is not a government department, and leads {bundle.code}"
            yield warning(bundle.at("lead"), "non_government_lead", what)


def circles(edges: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """Circles in a graph, each as its nodes with the first one repeated at the end."""
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        yield from _circle_from(start, edges, path, done)


def _circle_from(
    node: str, edges: Mapping[str, Iterable[str]], path: list[str], done: set[str]
) -> Iterator[list[str]]:
    if node in path:
        yield [*path[path.index(node) :], node]
    elif node not in done:
        path.append(node)
        for target in edges.get(node, ()):
            yield from _circle_from(target, edges, path, done)
        path.pop()
        done.add(node)


def _references(catalogue: Catalogue) -> Iterator[tuple[str, str, Place]]:
    """Section and code of everything that is referred to, and where."""
    yield from _of_places(catalogue)
    yield from _of_materials(catalogue)
    yield from _of_items(catalogue)
    yield from _of_bundles(catalogue)


def _of_places(catalogue: Catalogue) -> Iterator[tuple[str, str, Place]]:
    for jurisdiction in catalogue.jurisdictions:
        if jurisdiction.shape.parent is not None:
            yield "jurisdictions", jurisdiction.shape.parent, jurisdiction.at("parent")
        if jurisdiction.shape.calendar is not None:
            yield "calendars", jurisdiction.shape.calendar, jurisdiction.at("calendar")
    for year in catalogue.calendar_years:
        yield "calendars", year.shape.calendar, year.at("calendar")


def _of_materials(catalogue: Catalogue) -> Iterator[tuple[str, str, Place]]:
    for material in catalogue.materials:
        if (asks := material.shape.asks) is not None:
            yield "sources", asks.source, material.at("asks", "source")
            if asks.holder is not None:
                yield "fields", asks.holder, material.at("asks", "holder")
            for i, code in enumerate(asks.fields):
                yield "fields", code, material.at("asks", "fields", i)


def _of_items(catalogue: Catalogue) -> Iterator[tuple[str, str, Place]]:
    for item in catalogue.items:
        yield "departments", item.shape.department, item.at("department")
        for code in item.shape.fields:
            yield "fields", code, item.node.key_place(("fields", code))
        for i, code in enumerate(item.shape.materials):
            yield "materials", code, item.at("materials", i)
        if item.shape.renews is not None:
            yield "fields", item.shape.renews, item.at("renews")
        for code in item.shape.needs:
            yield "materials", code, item.node.key_place(("needs", code))


def _of_bundles(catalogue: Catalogue) -> Iterator[tuple[str, str, Place]]:
    for bundle in catalogue.bundles:
        yield "departments", bundle.shape.lead, bundle.at("lead")
        for i, code in enumerate(bundle.shape.jurisdictions):
            yield "jurisdictions", code, bundle.at("jurisdictions", i)
        for i, member in enumerate(bundle.shape.members):
            yield "items", member.item, bundle.at("members", i, "item")
            for j, wait in enumerate(member.waits):
                yield "fields", wait.from_field, bundle.at("members", i, "waits", j, "from_field")


def _doubles(where: str, codes: Iterable[tuple[str, Place]]) -> Findings:
    first: dict[str, Place] = {}
    for code, place in codes:
        if code in first:
            what = f"the code {code} is used twice in {where}, first at {first[code]}"
            yield error(place, "duplicate_code", what)
        first.setdefault(code, place)


def _dangling(section: str, code: str, place: Place, known: Sequence[str]) -> Finding:
    shown = ", ".join(known[:20]) or "none"
    more = f" and {len(known) - 20} more" if len(known) > 20 else ""
    what = f"nothing in {section} has the code {code}; expected one of: {shown}{more}"
    return error(place, "dangling_reference", what)


def _member_place(bundle: Entry[model.Bundle], index: int) -> Place:
    key = "code" if bundle.shape.members[index].code is not None else "item"
    return bundle.at("members", index, key)
