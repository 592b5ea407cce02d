"""Generated forms 生成表单: the papers of mode 1, made of what the applicant said, for one department each.

Plain text in a fixed layout: the same bytes on a screen, on paper and in an archive, and nothing in them that
could run. A form holds what its department is told and no more, so the applicant is shown one for each item.
The same application always makes the same text; a change of the layout takes a new name for it, as what was
confirmed is known by its hash. Source: domain.md section 15; ORD716 articles 8 to 12 (what is made and signed
electronically has full effect, in a fixed layout).
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from onenet.domain import guidance, told
from onenet.domain.bundle import Bundle, Json, Material, Member, Names, Question
from onenet.domain.case import CaseContent
from onenet.domain.chain import canonical

LAYOUT = "onenet-form/1"

_APPLICANT = {
    "name": ("姓名或名称", "Name"),
    "kind": ("申请人类型", "Kind of applicant"),
    "id_type": ("证件类型", "Kind of document"),
    "id_no": ("证件号码", "Number of the document"),
    "phone": ("电话", "Telephone"),
}
_TRUTH = {True: "是 / yes", False: "否 / no"}
_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Characters that have no shape, or turn the line around: they are spelled out."""


class GeneratedForm(NamedTuple):
    """One paper for one step."""

    step: str
    material: Material
    text: str
    sha256: str


def generated(bundle: Bundle, content: CaseContent) -> tuple[GeneratedForm, ...]:
    """Every form that these answers ask for, in the order of the bundle."""
    plan = guidance.plan(bundle, content.answers)
    members = (bundle.member(code) for code in plan.members)
    return tuple(each for member in members for each in forms_for(bundle, member, content))


def forms_for(bundle: Bundle, member: Member, content: CaseContent) -> Iterator[GeneratedForm]:
    """The forms that this member's department gets."""
    ruled_out = guidance.plan(bundle, content.answers).ruled_out
    for code in member.materials:
        material = bundle.materials[code]
        if material.mode == 1 and code not in ruled_out:
            text = "\n".join(_lines(bundle, member, material, content)) + "\n"
            yield GeneratedForm(member.code, material, text, hashlib.sha256(text.encode()).hexdigest())


def digest_of(forms: Iterable[GeneratedForm]) -> str:
    """The hash by which an applicant confirms all of these at once."""
    named = {f"{each.step}/{each.material.code}": each.sha256 for each in forms}
    return hashlib.sha256(canonical(named).encode()).hexdigest()


def _lines(bundle: Bundle, member: Member, material: Material, content: CaseContent) -> Iterator[str]:
    yield from (material.names["zh"], material.names["en"], "")
    yield from _entry(("一件事", "One thing"), f"{_both(bundle.names)} ({bundle.code}, {bundle.version})")
    yield from _entry(("事项", "Item"), _both(member.names))
    yield from _entry(("办理部门", "Department"), _both(bundle.departments[member.department].names))
    yield ""
    for name, value in told.applicant(content.applicant, member).items():
        if value is not None:
            yield from _entry(_APPLICANT[name], value)
    answers = told.answers(bundle, member, content.answers)
    questions = [question for question in bundle.questions if question.code in answers]
    yield from ("",) if questions else ()
    for question in questions:
        yield from _entry(_pair(question.names), _answer(question, answers[question.code]))
    yield ""
    for code, value in told.fields(member, content.form).items():
        yield from _entry(_pair(bundle.fields[code].names), value)
    if material.text is not None:
        yield from ("", material.text["zh"], material.text["en"])
    yield from ("", "签名 / Signature: ____________    日期 / Date: ____________", LAYOUT)


def _pair(names: Names) -> tuple[str, str]:
    return names["zh"], names["en"]


def _both(names: Names) -> str:
    return " / ".join(_pair(names))


def _answer(question: Question, value: Json) -> Json:
    """What was chosen, by its name."""
    chosen = {option.code: _both(option.names) for option in question.options}
    if isinstance(value, list):
        return "; ".join(chosen[each] for each in value)
    return chosen.get(value, value) if isinstance(value, str) else value


def _entry(label: tuple[str, str], value: Any) -> Iterator[str]:
    """A line, and one more for each line of a value: none of them can pass for an entry of its own."""
    first, *more = _words(value).splitlines() or [""]
    yield f"{' / '.join(label)}: {_visible(first)}"
    for line in more:
        yield f"    | {_visible(line)}"


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    return _TRUTH[value] if isinstance(value, bool) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _visible(line: str) -> str:
    if line.isprintable():  # as nearly all are
        return line
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c for c in line)
