"""Rules about materials that are results of other members: somebody produces them, and does so before."""

from __future__ import annotations

from onenet.catalogue.findings import Findings, error
from onenet.catalogue.view import BundleView
from onenet.domain.bundle import Bundle, Member


def results_come_before_their_use(view: BundleView) -> Findings:
    """A material that is a result comes from members that the user of it waits for."""
    for member in view.bundle.members:
        before = ancestors(view.bundle, member)
        for code in member.materials:
            result = view.bundle.materials[code].from_result
            if result is None:
                continue
            producers = [other.code for other in view.bundle.members if produces(other, result)]
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
