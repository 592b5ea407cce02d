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
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from onenet.domain import guidance, told
from onenet.domain.bundle import Bundle, Json, Material, Member, Names, Question
from onenet.domain.case import CaseContent
from onenet.domain.chain import canonical
from onenet.recent import Recent

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
    """The forms that this member's department gets: one body, below the title of each paper."""
    ruled_out = guidance.plan(bundle, content.answers).ruled_out
    wanted = [code for code in member.materials if bundle.materials[code].mode == 1 and code not in ruled_out]
    if not wanted:
        return
    labels = _labels_of(bundle, member)
    body = "\n".join(_body(bundle, member, content, labels))
    for code in wanted:
        text = f"{labels.heads[code]}\n{body}\n{labels.ends[code]}\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield GeneratedForm(member.code, bundle.materials[code], text, digest)


def digest_of(forms: Iterable[GeneratedForm]) -> str:
    """The hash by which an applicant confirms all of these at once."""
    named = {f"{each.step}/{each.material.code}": each.sha256 for each in forms}
    return hashlib.sha256(canonical(named).encode()).hexdigest()


class _Labels(NamedTuple):
    """What all forms of a member have in common: labels of the entries, lines around them for each paper."""

    applicant: Mapping[str, str]
    questions: Mapping[str, str]
    fields: Mapping[str, str]
    heads: Mapping[str, str]
    ends: Mapping[str, str]


_LABELS: Recent[tuple[int, str], tuple[Bundle, _Labels]] = Recent(1_000)
"""By the bundle's identity, which the entry keeps alive, and the member: to write them anew for each case
cost as much again as the forms themselves (measured)."""


def _labels_of(bundle: Bundle, member: Member) -> _Labels:
    key = (id(bundle), member.code)
    found = _LABELS.get(key)
    if found is None:
        found = (bundle, _new_labels(bundle, member))
        _LABELS.put(key, found)
    return found[1]


def _new_labels(bundle: Bundle, member: Member) -> _Labels:
    papers = [bundle.materials[code] for code in member.materials if bundle.materials[code].mode == 1]
    about = [
        f"一件事 / One thing: {_both(bundle.names)} ({bundle.code}, {bundle.version})",
        f"事项 / Item: {_both(member.names)}",
        f"办理部门 / Department: {_both(bundle.departments[member.department].names)}",
    ]
    signed = ["签名 / Signature: ____________    日期 / Date: ____________", LAYOUT]
    return _Labels(
        applicant={name: f"{zh} / {en}: " for name, (zh, en) in _APPLICANT.items()},
        questions={question.code: f"{_both(question.names)}: " for question in bundle.questions},
        fields={code: f"{_both(bundle.fields[code].names)}: " for code in member.fields},
        heads={each.code: "\n".join([*_pair(each.names), "", *about, ""]) for each in papers},
        ends={each.code: "\n".join(["", *_promise(each), *signed]) for each in papers},
    )


def _promise(material: Material) -> list[str]:
    return [] if material.text is None else [*_pair(material.text), ""]


def _body(bundle: Bundle, member: Member, content: CaseContent, labels: _Labels) -> Iterator[str]:
    for name, value in told.applicant(content.applicant, member).items():
        if value is not None:
            yield from _entry(labels.applicant[name], value)
    if answers := told.answers(bundle, member, content.answers):
        yield ""
        for question in bundle.questions:
            if question.code in answers:
                yield from _entry(labels.questions[question.code], _answer(question, answers[question.code]))
    yield ""
    for code, value in told.fields(member, content.form).items():
        yield from _entry(labels.fields[code], value)


def _pair(names: Names) -> tuple[str, str]:
    return names["zh"], names["en"]


def _both(names: Names) -> str:
    return f"{names['zh']} / {names['en']}"


def _answer(question: Question, value: Json) -> Json:
    """What was chosen, by its name."""
    chosen = {option.code: _both(option.names) for option in question.options}
    if isinstance(value, list):
        return "; ".join(chosen[each] for each in value)
    return chosen.get(value, value) if isinstance(value, str) else value


def _entry(label: str, value: Any) -> tuple[str, ...]:
    """A line, and one more for each line of a value: none of them can pass for an entry of its own."""
    words = value if isinstance(value, str) else _words(value)
    if words.isprintable():  # as nearly all are; a line break is not
        return (label + words,)
    first, *more = words.splitlines()
    return (label + _visible(first), *(f"    | {_visible(line)}" for line in more))


def _words(value: Any) -> str:
    return _TRUTH[value] if isinstance(value, bool) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _visible(line: str) -> str:
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c for c in line)
