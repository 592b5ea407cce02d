"""Unfolding: a bundle for several subjects becomes one that says it of each; the engine sees only members.

Each member that is there for every subject becomes one for each, with the fields, materials and results that
are its own; the others stay one, and are everybody's. One subject unfolds to the bundle itself. Nothing is
stored beside the steps, which tell how many there are (decision 0049).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from onenet.domain.bundle import Asks, Bundle, Field, Material, Member, Names, Result, Wait
from onenet.domain.outcome import Completed, Outcome, ResultGiven, SupplementNeeded, TakenBack
from onenet.domain.subjects import Subjects, numbered, of
from onenet.recent import Recent

_UNFOLDED: Recent[tuple[int, int], tuple[Bundle, Bundle]] = Recent(1_000)
"""By the bundle's identity, which the entry keeps alive, and the number: all readers get the same one."""


def unfold(bundle: Bundle, count: int) -> Bundle:
    """The bundle for so many subjects."""
    if count == 1 or bundle.subjects is None:
        return bundle
    found = _UNFOLDED.get((id(bundle), count))
    if found is None:
        found = (bundle, _Unfolding(bundle, bundle.subjects, count).bundle())
        _UNFOLDED.put((id(bundle), count), found)
    return found[1]


def as_opened(bundle: Bundle, steps: Collection[str]) -> Bundle:
    """The bundle of the case with these steps: each member has one, whether it applies or not."""
    if bundle.subjects is None or len(steps) == len(bundle.members):
        return bundle
    own = len(bundle.subjects.members)
    return unfold(bundle, (len(steps) - len(bundle.members)) // own + 1)


def taken(bundle: Bundle, step: str, outcome: Outcome) -> Outcome:
    """What is said of a step in the codes of its item, in those of the case."""
    own = _own_codes(bundle, step)
    match outcome:
        case Completed(results=results):
            return replace(outcome, results=issued(bundle, step, results))
        case TakenBack(results=codes):
            return replace(outcome, results=tuple(own("result", code) for code in codes))
        case SupplementNeeded(requests=requests):
            asked = tuple(replace(each, code=own(each.kind, each.code)) for each in requests)
            return replace(outcome, requests=asked)
        case _:
            return outcome


def issued(bundle: Bundle, step: str, results: tuple[ResultGiven, ...]) -> tuple[ResultGiven, ...]:
    """The same, of results."""
    own = _own_codes(bundle, step)
    return tuple(replace(each, code=own("result", each.code)) for each in results)


def _own_codes(bundle: Bundle, step: str) -> Callable[[str, str], str]:
    """From the kind and the code of something to the code that it has for this step."""
    whose = of(bundle, step)
    if whose is None or whose.number == 1:
        return lambda kind, code: code
    member, number = bundle.member(step), whose.number
    known = {
        "result": {result.code for result in member.results},
        "material": {*member.materials},
        "field": {*member.fields},
    }

    def own(kind: str, code: str) -> str:
        found = numbered(code, number)
        return found if found in known[kind] else code

    return own


def own_materials(bundle: Bundle, said: Subjects) -> frozenset[str]:
    """Materials that each subject has one of: listed, issued for each, or compared with a field of each."""
    issued = own_results(bundle, said)
    return frozenset(
        code
        for code, each in bundle.materials.items()
        if code in said.materials or each.from_result in issued or _is_asked(each.asks, said.fields)
    )


def own_results(bundle: Bundle, said: Subjects) -> frozenset[str]:
    """Results that each subject gets one of."""
    return frozenset(
        result.code for each in bundle.members if each.code in said.members for result in each.results
    )


def _is_asked(asks: Asks | None, fields: Collection[str]) -> bool:
    return asks is not None and any(code in fields for code in (*asks.fields, asks.holder))


class _Unfolding:
    """One bundle on its way to so many subjects."""

    def __init__(self, bundle: Bundle, said: Subjects, count: int) -> None:
        """Knows which codes each subject has one of."""
        self._bundle, self._said, self._numbers = bundle, said, range(1, count + 1)
        self._own = {
            *said.members, *said.fields, *own_materials(bundle, said), *own_results(bundle, said)
        }  # fmt: skip

    def bundle(self) -> Bundle:
        """The bundle of them all."""
        whole = self._bundle
        return replace(
            whole,
            members=tuple(new for each in whole.members for new in self._members(each)),
            materials={new.code: new for each in whole.materials.values() for new in self._materials(each)},
            fields={new.code: new for each in whole.fields.values() for new in self._fields(each)},
        )

    def _members(self, member: Member) -> Iterable[Member]:
        if member.code not in self._said.members:
            return [self._shared(member)]
        return [self._of_subject(member, number) for number in self._numbers]

    def _shared(self, member: Member) -> Member:
        """One for all: it comes after everybody's steps, and is told everybody's fields and materials."""

        def all_of(codes: Iterable[str]) -> list[tuple[str, str]]:
            return [(code, new) for code in codes for new in self._all(code)]

        return replace(
            member,
            after=tuple(new for _, new in all_of(member.after)),
            if_failed={new: member.if_failed[code] for code, new in all_of(member.if_failed)},
            materials=tuple(new for _, new in all_of(member.materials)),
            needs={new: member.needs[code] for code, new in all_of(member.needs)},
            fields={new: member.fields[code] for code, new in all_of(member.fields)},
        )

    def _of_subject(self, member: Member, number: int) -> Member:
        """One of several: it comes after the same subject's steps and shared ones, and is told no more."""

        def one(code: str) -> str:
            return self._one(code, number)

        return replace(
            member,
            code=one(member.code),
            names=self._names(member.names, number),
            alternative=member.alternative and numbered(member.alternative, number),
            after=tuple(map(one, member.after)),
            if_failed={one(code): policy for code, policy in member.if_failed.items()},
            materials=tuple(map(one, member.materials)),
            needs={one(code): need for code, need in member.needs.items()},
            fields={one(code): needed for code, needed in member.fields.items()},
            results=tuple(Result(one(each.code), self._names(each.names, number)) for each in member.results),
            waits=tuple(self._wait(wait, number) for wait in member.waits),
            renews=member.renews and one(member.renews),
        )

    def _wait(self, wait: Wait, number: int) -> Wait:
        return replace(wait, from_field=self._one(wait.from_field, number))

    def _materials(self, material: Material) -> Iterable[Material]:
        if material.code not in self._own:
            return [material]
        return [
            replace(
                material,
                code=self._one(material.code, number),
                names=self._names(material.names, number),
                from_result=material.from_result and self._one(material.from_result, number),
                asks=material.asks and self._asks(material.asks, number),
            )
            for number in self._numbers
        ]

    def _asks(self, asks: Asks, number: int) -> Asks:
        fields = tuple(self._one(code, number) for code in asks.fields)
        return replace(asks, holder=asks.holder and self._one(asks.holder, number), fields=fields)

    def _fields(self, field: Field) -> Iterable[Field]:
        if field.code not in self._said.fields:
            return [field]
        return [
            Field(
                self._one(field.code, number),
                self._names(field.names, number),
                {**field.schema, "x-subject": number},
            )
            for number in self._numbers
        ]

    def _all(self, code: str) -> list[str]:
        return [numbered(code, number) for number in self._numbers] if code in self._own else [code]

    def _one(self, code: str, number: int) -> str:
        return numbered(code, number) if code in self._own else code

    def _names(self, names: Names, number: int) -> Names:
        whose = self._said.names
        return {
            "zh": f"{names['zh']}（{whose['zh']} {number}）",
            "en": f"{names['en']} ({whose['en'].lower()} {number})",
        }
