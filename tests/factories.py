"""Honest examples of bundles, cases and changes: keyword arguments, each with a default that makes sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from onenet.domain.bundle import (
    Bundle,
    Department,
    EdgePolicy,
    Field,
    Material,
    Member,
    Option,
    Question,
    Reach,
    Result,
    Wait,
)
from onenet.domain.case import Applicant, Case, CaseContent, MaterialGiven, Moment
from onenet.domain.commands import Open
from onenet.domain.machine import decide
from onenet.domain.states import CaseState
from onenet.domain.tracking import hash_of
from onenet.ids import new_id
from onenet.services.change import Change, Opening
from onenet.services.numbering import NumberTemplate

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""A Monday, nine in the morning in China."""

TEMPLATE = NumberTemplate("suzhou", "{area_code}{date:%Y%m%d}{serial:06d}", "320500")
ACTOR = "frontend:app/s-1"


def moment(at: datetime = NOW) -> Moment:
    """That moment, of law and machine alike."""
    return Moment(at, at)


def names(word: str) -> dict[str, str]:
    """The word in both languages."""
    return {"zh": word, "en": word}


def make_member(
    code: str = "household",
    *,
    department: str = "police",
    after: Sequence[str] = (),
    if_failed: Mapping[str, EdgePolicy] | None = None,
    materials: Sequence[str] = (),
    fields: Sequence[str] = (),
    results: Sequence[str] = (),
    when: str | None = None,
    alternative: str | None = None,
    waits: Sequence[Wait] = (),
    offline: bool = False,
    reach: Reach = "own",
) -> Member:
    """One item of a bundle; every one of `fields` is required."""
    return Member(
        code=code,
        item=f"item_{code}",
        names=names(code),
        department=department,
        item_type="registration",
        after=tuple(after),
        if_failed=if_failed or {},
        materials=tuple(materials),
        fields=dict.fromkeys(fields, True),
        results=tuple(Result(result, names(result)) for result in results),
        when=when,
        alternative=alternative,
        waits=tuple(waits),
        offline=offline,
        reach=reach,
    )


def make_material(code: str, *, mode: Any = 4, from_result: str | None = None) -> Material:
    """A material that is handed in; with `from_result` one that another step's result supplies."""
    return Material(code, names(code), mode=mode, from_result=from_result)


def make_question(code: str, *, options: Sequence[str] = (), when: str | None = None) -> Question:
    """A choice among the options; without any, a question of yes or no."""
    if not options:
        return Question(code, "boolean", names(code), when=when)
    return Question(code, "choice", names(code), tuple(Option(o, names(o)) for o in options), when)


def make_bundle(
    *members: Member,
    code: str = "newborn",
    version: int = 1,
    questions: Sequence[Question] = (),
    materials: Sequence[Material] = (),
) -> Bundle:
    """A bundle of these members, or of one; every field and department they name is there, as plain text."""
    chosen = members or (make_member(),)
    wanted = {name for member in chosen for name in member.fields}
    wanted |= {wait.from_field for member in chosen for wait in member.waits}
    return Bundle(
        code=code,
        version=version,
        names=names(code),
        audience=("natural_person",),
        lead=chosen[0].department,
        jurisdictions=("suzhou",),
        promised=None,
        statutory=None,
        questions=tuple(questions),
        members=chosen,
        materials={material.code: material for material in materials},
        fields={name: Field(name, names(name), {"type": "string"}) for name in sorted(wanted)},
        departments={m.department: Department(m.department, names(m.department)) for m in chosen},
    )


class Shelf:
    """Published bundles, in memory; `bundle_of` is what a gate asks."""

    def __init__(self, *bundles: Bundle):
        """Holds these bundles."""
        self._bundles = {(bundle.code, bundle.version): bundle for bundle in bundles}

    def put(self, bundle: Bundle) -> Bundle:
        """Publishes a bundle; gives it back."""
        self._bundles[bundle.code, bundle.version] = bundle
        return bundle

    async def bundle_of(self, code: str, version: int) -> Bundle:
        """The bundle. Raises: KeyError."""
        return self._bundles[code, version]


def make_content(
    *,
    answers: Mapping[str, Any] | None = None,
    form: Mapping[str, Any] | None = None,
    materials: Sequence[str] = (),
    applicant: str = "张三",
) -> CaseContent:
    """What an applicant said; each material is a reference of that name."""
    given = tuple(MaterialGiven(code, f"file:{code}") for code in materials)
    who = Applicant(applicant, "natural_person", "other", "T-1")
    return CaseContent(who, dict(answers or {}), dict(form or {}), given)


def make_blank(
    bundle: Bundle | None = None,
    *,
    lane: int | None = None,
    content: CaseContent | None = None,
    client: str = "app",
    subject: str = "s-1",
    number: str = "",
    at: datetime = NOW,
) -> Case:
    """A case as it is before its first command."""
    return Case(
        id=new_id(lane),
        number=number,
        bundle=bundle or make_bundle(),
        jurisdiction="suzhou",
        subject=subject,
        client=client,
        state=CaseState.RECEIVED,
        created_at=at,
        updated_at=at,
        secret_hash=hash_of("secret-of-the-case"),
        content=content or make_content(),
    )


def make_case(
    bundle: Bundle | None = None,
    *,
    answers: Mapping[str, Any] | None = None,
    form: Mapping[str, Any] | None = None,
    materials: Sequence[str] = (),
    lane: int | None = None,
    at: datetime = NOW,
) -> Case:
    """A case that was opened: its steps wait, are skipped, or are on their way."""
    content = make_content(answers=answers, form=form, materials=materials)
    blank = make_blank(bundle, lane=lane, content=content, number="32050020261123000001", at=at)
    return decide(blank, Open(), moment(at)).case


def make_opening(
    bundle: Bundle,
    *,
    template: NumberTemplate = TEMPLATE,
    content: CaseContent | None = None,
    client: str = "app",
    subject: str = "s-1",
    lane: int | None = None,
    **changes: Any,
) -> Change:
    """The change that submits a case; `changes` are further fields of Change."""
    blank = make_blank(bundle, lane=lane, content=content, client=client, subject=subject)
    return Change(blank.id, Open(), f"frontend:{client}/{subject}", Opening(blank, template), **changes)
