"""Subjects: one case for several, such as twins: how they are declared, numbered and told apart.

A member, field, material or result that is there for each of them has a code for each: `birth_certificate`,
`birth_certificate__2`. `unfolding` makes those. Source: domain.md section 8; live practice has twins apply
twice.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from onenet.errors import Fault

if TYPE_CHECKING:
    from onenet.domain.bundle import Bundle

BEFORE_NUMBER = "__"
"""Between a code and the number of the subject, from the second one on: fits the rule of codes, and URLs."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """That one case can be for several, and what is there once for each.

    `names`: what one is called. `max`: how many at most. `members`, `fields`, `materials`: codes of what each
    has of its own; a result of such a member, and a material that is one, is each one's own as well.
    `distinct`: fields of which at least one differs between any two.
    """

    names: Mapping[str, str]
    max: int
    members: tuple[str, ...]
    fields: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    distinct: tuple[str, ...] = ()


def read_subjects(content: Mapping[str, Any] | None) -> Subjects | None:
    """What a published version says of them."""
    if content is None:
        return None
    codes = {name: tuple(content[name]) for name in ("members", "fields", "materials", "distinct")}
    return Subjects(content["names"], content["max"], **codes)


class Subject(NamedTuple):
    """Which of how many subjects something is about."""

    number: int
    of: int


def of(bundle: Bundle, member: str) -> Subject | None:
    """Whom a member is about; None where it is about all there are, or there is only one."""
    said = bundle.subjects
    if said is None:
        return None
    code, number = parted(member)
    count = sum(parted(each.code)[0] == said.members[0] for each in bundle.members)
    return Subject(number, count) if count > 1 and code in said.members else None


def plain(whose: Subject | None, code: str) -> str:
    """The code of a field, a material or a result as the item itself has it."""
    return code if whose is None or whose.number == 1 else code.removesuffix(f"{BEFORE_NUMBER}{whose.number}")


def plain_names(bundle: Bundle, material: str, fields: Iterable[str]) -> dict[str, str]:
    """Codes of fields that go with a material -> as the catalogue has them, whosever material it is."""
    number = parted(material)[1] if bundle.subjects else 1
    return {code: plain(Subject(number, number), code) for code in fields}


def count_faults(bundle: Bundle, count: int) -> tuple[Fault, ...]:
    """What is wrong with an application for so many, 1 or more."""
    most = bundle.subjects.max if bundle.subjects else 1
    if count > most:
        return (Fault("too_many_subjects", f"最多 {most} 名", f"at most {most}", pointer="/subjects"),)
    return ()


def repeated(bundle: Bundle, form: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Subjects that say the same as one before them where no two can: most likely one was entered twice."""
    said = bundle.subjects
    if said is None or not said.distinct:
        return ()
    count = sum(parted(code)[0] == said.distinct[0] for code in bundle.fields)
    marks = {number: [_mark(form, code, number) for code in said.distinct] for number in range(1, count + 1)}
    same = {b: a for a, b in combinations(marks, 2) if marks[a] == marks[b] and None not in marks[a]}
    return tuple(
        Fault(
            "subject_repeated",
            f"与{said.names['zh']} {before} 相同",
            f"the same as {said.names['en'].lower()} {before}",
            pointer=f"/form/{numbered(said.distinct[0], number)}",
        )
        for number, before in same.items()
    )


def _mark(form: Mapping[str, Any], code: str, number: int) -> str | None:
    """What two must not have in common: not told apart by width, composition (NFKC), case, spaces, or what
    has no shape.
    """
    value = form.get(numbered(code, number))
    if value is None:
        return None
    text = unicodedata.normalize("NFKC", str(value))
    return " ".join("".join(c for c in text if not _is_shapeless(c)).split()).casefold()


def _is_shapeless(letter: str) -> bool:
    """By Unicode's Default_Ignorable_Code_Point, which `unicodedata` does not know."""
    return unicodedata.category(letter) == "Cf" or any(ord(letter) in each for each in _IGNORABLE)


_IGNORABLE = (
    range(0x034F, 0x0350),  # combining grapheme joiner
    range(0x115F, 0x1161),  # Hangul fillers
    range(0x17B4, 0x17B6),
    range(0x180B, 0x1810),  # Mongolian variation selectors
    range(0x2065, 0x2066),
    range(0x3164, 0x3165),
    range(0xFE00, 0xFE10),  # variation selectors
    range(0xFFA0, 0xFFA1),
    range(0xFFF0, 0xFFF9),
    range(0xE0000, 0xE1000),
)
"""Those that are not of category Cf. Source: Unicode, DerivedCoreProperties.txt."""


def of_others(bundle: Bundle, members: Iterable[str], changed: Iterable[str]) -> tuple[Fault, ...]:
    """Fields that are changed of subjects whom none of these members is about, while some are about one."""
    said = bundle.subjects
    about = {whose.number for member in members if (whose := of(bundle, member))}
    if said is None or not about:
        return ()
    parts = {code: parted(code) for code in changed}
    return tuple(
        Fault(
            "of_another_subject",
            f"该{said.names['zh']}的事项未再次申请，不得更改",
            f"nothing of this {said.names['en'].lower()} is applied for again: it stays as it was",
            pointer=f"/form/{code}",
        )
        for code, (base, number) in parts.items()
        if base in said.fields and number not in about
    )


def marking(bundle: Bundle) -> frozenset[str]:
    """The fields by which the several subjects of a case are told apart."""
    distinct = bundle.subjects.distinct if bundle.subjects else ()
    found = frozenset(code for code in bundle.fields if parted(code)[0] in distinct)
    return found if len(found) > len(distinct) else frozenset()


def numbered(code: str, number: int) -> str:
    """The code of that subject's."""
    return code if number == 1 else f"{code}{BEFORE_NUMBER}{number}"


def parted(code: str) -> tuple[str, int]:
    """A code without its number, and the number. The lint keeps other codes from looking like that."""
    base, between, number = code.rpartition(BEFORE_NUMBER)
    return (base, int(number)) if between and number.isdecimal() else (code, 1)
