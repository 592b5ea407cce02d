"""Rules about what answers can lead to: every member can apply, alternatives never meet, nothing stays open.

Each is a search for answers that show the fault; they are named, so that anybody can try them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from onenet.catalogue.findings import Findings, Place, error, warning
from onenet.catalogue.search import Answers, Goal, Space, both, either, in_words, negated
from onenet.catalogue.view import BundleView
from onenet.domain.bundle import Bundle
from onenet.domain.expression import Unknown, parse
from onenet.domain.guidance import decided


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that answers decide: what, where its condition stands, and the goal of looking for it."""

    what: str
    place: Place
    goal: Goal
    names: frozenset[str]


def members_can_apply(view: BundleView) -> Findings:
    """A member that no answers choose is a fault; another part that none choose is worth a look."""
    space = Space(view.bundle)
    for choice in _choices(view):
        if any(verdict is not False for _, verdict in space.outcomes(choice.goal, choice.names)):
            continue
        if choice.what.startswith("member "):
            what = f"{choice.what} never applies: its condition is false whatever is answered"
            yield error(choice.place, "unreachable_member", what)
        else:
            what = f"the condition of {choice.what} is false whatever is answered"
            yield warning(choice.place, "never_true", what)


def everything_gets_decided(view: BundleView) -> Findings:
    """When all that is asked is answered, no condition is open: none hangs on a question never asked."""
    space = Space(view.bundle)
    for choice in _choices(view):
        for answers, verdict in space.outcomes(choice.goal, choice.names):
            if isinstance(verdict, Unknown):
                unasked = ", ".join(sorted(verdict.missing))
                what = f"{choice.what} stays undecided with {in_words(answers)}: then nobody asks {unasked}"
                expected = f"expected the condition to say first when {unasked} matters, as its question does"
                yield error(choice.place, "undecidable", f"{what}; {expected}")
                break


def alternatives_exclude_each_other(view: BundleView) -> Findings:
    """Of the members of one group at most one applies."""
    for one, other in combinations(view.bundle.members, 2):
        if one.alternative is None or one.alternative != other.alternative:
            continue
        answers = _witness(view.bundle, _all(one.when, other.when), _names(one.when, other.when))
        if answers is not None:
            what = f"{one.code} and {other.code} are alternatives, and both apply with {in_words(answers)}"
            yield error(view.member_at(other.code, "alternative"), "alternatives_meet", what)


def waits_of_a_member_exclude_each_other(view: BundleView) -> Findings:
    """A member waits for one period at a time."""
    for member in view.bundle.members:
        for (i, one), (j, other) in combinations(enumerate(member.waits), 2):
            whens = (member.when, one.when, other.when)
            answers = _witness(view.bundle, _all(*whens), _names(*whens))
            if answers is not None:
                what = f"waits {i + 1} and {j + 1} of {member.code} both apply with {in_words(answers)}"
                yield error(view.member_at(member.code, "waits", j), "waits_meet", what)


def something_applies(view: BundleView) -> Findings:
    """Answers with which there is nothing to do are refused at submission; worth knowing before."""
    whens = [member.when for member in view.bundle.members]
    answers = _witness(
        view.bundle,
        lambda answers: both(*(negated(decided(when, answers)) for when in whens)),
        _names(*whens),
    )
    if answers is not None:
        what = f"no member of {view.bundle.code} applies with {in_words(answers)}"
        yield warning(view.entry.at("members"), "nothing_applies", what)


def _choices(view: BundleView) -> Iterator[Choice]:
    """Everything with a condition. Waits and materials matter only where their member applies."""
    bundle = view.bundle
    for question in bundle.questions:
        if question.when is not None:
            place = view.question_at(question.code, "when")
            whens = (question.when,)
            yield Choice(f"question {question.code}", place, _all(*whens), _names(*whens))
    for member in bundle.members:
        if member.when is not None:
            place = view.member_at(member.code, "when")
            yield Choice(f"member {member.code}", place, _all(member.when), _names(member.when))
        for i, wait in enumerate(member.waits):
            if wait.when is not None:
                place = view.member_at(member.code, "waits", i, "when")
                both_whens = (member.when, wait.when)
                yield Choice(f"wait of {member.code}", place, _all(*both_whens), _names(*both_whens))
    for material in bundle.materials.values():
        if material.when is not None:
            users = [member.when for member in bundle.members if material.code in member.materials]
            place = view.material_at(material.code, "when")
            goal = _needed(users, material.when)
            names = _names(*users, material.when)
            yield Choice(f"material {material.code} in {bundle.code}", place, goal, names)


def _all(*whens: str | None) -> Goal:
    return lambda answers: both(*(decided(when, answers) for when in whens))


def _needed(users: list[str | None], when: str) -> Goal:
    return lambda answers: both(either(*(decided(u, answers) for u in users)), decided(when, answers))


def _names(*whens: str | None) -> frozenset[str]:
    return frozenset[str]().union(*(parse(when).names for when in whens if when is not None))


def _witness(bundle: Bundle, goal: Goal, names: frozenset[str]) -> Answers | None:
    found = (answers for answers, verdict in Space(bundle).outcomes(goal, names) if verdict is True)
    return next(found, None)
