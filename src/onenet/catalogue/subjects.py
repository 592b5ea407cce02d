"""Rules about bundles for several subjects: what is each one's own is there, and can be told apart."""

from __future__ import annotations

from collections.abc import Iterator

from onenet.catalogue.findings import Findings, error
from onenet.catalogue.view import BundleView
from onenet.domain.bundle import Bundle
from onenet.domain.subjects import parted
from onenet.domain.unfolding import own_results

LONGEST = 60
"""Of a code: with its number it still is one."""

MOST_MEMBERS = 100
"""As many as a bundle may have that is not unfolded."""


def own_parts_are_there(view: BundleView) -> Findings:
    """Members, fields and materials that are each one's own are of the bundle."""
    said, bundle = view.bundle.subjects, view.bundle
    if said is None:
        return
    known = {
        "members": {member.code for member in bundle.members},
        "fields": bundle.fields.keys(),
        "materials": bundle.materials.keys(),
        "distinct": {*said.fields},
    }
    for name, codes in known.items():
        for i, code in enumerate(getattr(said, name)):
            if code not in codes:
                what = f"{code} leads nowhere; expected one of {', '.join(sorted(codes))}"
                yield error(view.entry.at("subjects", name, i), "dangling_reference", what)


def codes_have_room_for_a_number(view: BundleView) -> Findings:
    """No code looks like one that was numbered, or is too long to be."""
    if view.bundle.subjects is None:
        return
    for code in _codes(view.bundle):
        if parted(code)[0] != code or len(code) > LONGEST:
            what = f"expected {code} not to end with __ and a number, and at most {LONGEST} characters"
            yield error(view.entry.at("subjects"), "no_room_for_a_number", what)
    said = view.bundle.subjects
    count = len(view.bundle.members) + (said.max - 1) * len(said.members)
    if count > MOST_MEMBERS:
        what = f"for {said.max} it has {count} members; expected at most {MOST_MEMBERS}"
        yield error(view.entry.at("subjects", "max"), "too_many_members", what)


def shared_members_depend_on_no_single_subject(view: BundleView) -> Findings:
    """A member for all counts no time from a date of each, and issues nothing that each gets as well."""
    said = view.bundle.subjects
    if said is None:
        return
    results = own_results(view.bundle, said)
    for member in view.bundle.members:
        if member.code in said.members:
            continue
        dates = [*(wait.from_field for wait in member.waits), member.renews]
        for code in sorted({*said.fields}.intersection(dates)):
            what = f"{member.code} is for all, and counts from {code}, which each has of its own"
            yield error(view.member_at(member.code), "shared_member", what)
        for code in sorted(results & {result.code for result in member.results}):
            what = f"{member.code} is for all, and issues {code}, which each gets of its own"
            yield error(view.member_at(member.code), "shared_member", what)


def _codes(bundle: Bundle) -> Iterator[str]:
    yield from bundle.fields
    yield from bundle.materials
    for member in bundle.members:
        yield member.code
        yield from (result.code for result in member.results)
