"""Rules about limits. Numbers that contradict each other are kept as they are and shown side by side.

Only limits in one unit are compared: how many working days an hour is, no source says.
"""

from __future__ import annotations

from onenet.catalogue import model
from onenet.catalogue.build import build_jurisdiction
from onenet.catalogue.findings import Findings, Place, error, warning
from onenet.catalogue.load import Catalogue, Entry
from onenet.catalogue.view import BundleView
from onenet.domain.bundle import Limit, Member
from onenet.domain.rules import held, line


def promises_cover_each_member(view: BundleView) -> Findings:
    """A bundle's promise is not shorter than a member's. Source: domain.md 5.3, where live data is."""
    promise = view.bundle.promised
    for member in view.bundle.members:
        own = member.promised
        if promise and own and own.unit == promise.unit and own.number > promise.number:
            what = f"{view.bundle.code} promises {_words(promise)}, its member {member.code} {_words(own)}"
            yield warning(_promise_place(view), "promise_shorter_than_member", f"{what}; both are kept")


def promises_cover_the_longest_path(view: BundleView) -> Findings:
    """A bundle's promise is not shorter than its members one after the other."""
    promise = view.bundle.promised
    if promise is None:
        return
    days, path = longest_path(view, promise.unit)
    if days > promise.number:
        added = _words(Limit(days, promise.unit))
        what = (
            f"{view.bundle.code} promises {_words(promise)}, the path {' -> '.join(path)} adds up to {added}"
        )
        yield warning(_promise_place(view), "promise_shorter_than_path", f"{what}; both are kept")


def tickets_are_lengthened_in_their_unit(catalogue: Catalogue) -> Findings:
    """What lengthens the time of a ticket is in its unit, or never could; rules of places above count."""
    places = {entry.code: build_jurisdiction(entry.shape) for entry in catalogue.jurisdictions}
    for entry in catalogue.jurisdictions:
        said = {rule.name: rule.value for rule in held(line(places, entry.code))}
        units = {limit["unit"] for limit in (said["ticket"], *said["ticket_kinds"].values())}
        unit = said["ticket_extension"]["unit"]
        if entry.shape.rules.model_fields_set & _OF_TICKETS and units != {unit}:
            what = f"{entry.code} lengthens tickets by {unit}; expected the unit of ticket and ticket_kinds"
            yield error(entry.at("rules"), "ticket_units", what)


_OF_TICKETS = {"ticket", "ticket_kinds", "ticket_extension"}


def promises_keep_within_the_law(catalogue: Catalogue) -> Findings:
    """A promise is not longer than the statutory limit."""
    entries: list[Entry[model.Item] | Entry[model.Bundle]] = [*catalogue.items, *catalogue.bundles]
    for entry in entries:
        promised, statutory = entry.shape.promised, entry.shape.statutory
        if promised and statutory and promised.unit == statutory.unit and promised.number > statutory.number:
            what = (
                f"{entry.code} promises {promised.number} {promised.unit}, the law gives {statutory.number}"
            )
            yield warning(entry.at("promised"), "promise_longer_than_law", what)


def longest_path(view: BundleView, unit: str) -> tuple[int, tuple[str, ...]]:
    """Length and members of the longest path of two members or more; (0, ()) when there is none.

    Limits in other units count as nothing.
    """
    best: dict[str, tuple[int, tuple[str, ...]]] = {}
    for member in view.bundle.members:
        longest = max((best[code] for code in member.after), default=(0, ()))
        best[member.code] = longest[0] + _length(member, unit), (*longest[1], member.code)
    return max((path for path in best.values() if len(path[1]) > 1), default=(0, ()))


def _length(member: Member, unit: str) -> int:
    return member.promised.number if member.promised and member.promised.unit == unit else 0


def _promise_place(view: BundleView) -> Place:
    return view.entry.at("promised")


def _words(limit: Limit) -> str:
    return f"{limit.number} {limit.unit}"
