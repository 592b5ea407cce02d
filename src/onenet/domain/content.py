"""Content: what is shown of what an applicant said, by view. Pure. Source: security.md section 4, layer 3.

A department's systems and officers see what their steps declare in the bundle, as their tasks tell them;
identity numbers are masked but for the owner and for those whose steps declare them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from onenet.domain import agents, guidance
from onenet.domain.bundle import Member
from onenet.domain.case import Case
from onenet.domain.identifiers import masked
from onenet.domain.sheet import handed_in
from onenet.domain.states import StepState
from onenet.domain.visibility import Content, Identity, View

APPLICANTS_NUMBER = "applicant.id_no"
AGENTS_NUMBER = "agent.id_no"
IDENTITY_FORMATS = frozenset({"cn-ric"})


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown; `masked` names the fields that are there but hidden.

    `forms_sha256`: which generated forms the applicant confirmed, for the applicant alone.
    """

    applicant: Mapping[str, Any]
    answers: Mapping[str, Any]
    form: Mapping[str, Any]
    materials: tuple[Mapping[str, Any], ...]
    masked: tuple[str, ...]
    forms_sha256: str | None = None
    agent: Mapping[str, Any] | None = None

    def fields(self) -> tuple[str, ...]:
        """Names of all that is shown in full, for the access record."""
        named = [f"applicant.{name}" for name in self.applicant]
        named += [f"answers.{code}" for code in self.answers] + [f"form.{code}" for code in self.form]
        named += [f"agent.{name}" for name in self.agent or {}]
        named += [f"materials.{each['code']}" for each in self.materials]
        return tuple(sorted(set(named) - set(self.masked)))


def shown(case: Case, view: View) -> Shown:
    """What this view shows of what the applicant said."""
    if view.content is Content.NOTHING:
        return Shown({}, {}, {}, (), ())
    content, members = case.content, list(_members(case, view))
    answers, form, materials = dict(content.answers), dict(content.form), content.materials
    if view.content is Content.NEEDED:
        told = {code for member in members for code in member.answers}
        counted = guidance.counted_answers(case.bundle, content.answers)
        answers = {code: counted[code] for code in counted if code in told}
        needed = {code for member in members for code in member.fields}
        form = {code: value for code, value in form.items() if code in needed}
        papers = {code for member in members for code in member.materials}
        materials = tuple(each for each in materials if each.code in papers)
    applicant = {name: value for name, value in asdict(content.applicant).items() if value is not None}
    hidden = tuple(_hidden(case, form, view, members))
    if APPLICANTS_NUMBER in hidden:
        applicant["id_no"] = masked(content.applicant.id_no)
    for code in list(form):
        if f"form.{code}" in hidden:
            form[code] = masked(str(form[code]))
    given = tuple(
        {"code": each.code} | {name: value for name, value in handed_in(each).items() if value}
        for each in materials
    )
    confirmed = content.forms_sha256 if view.content is Content.WHOLE else None
    agent = _agent(case, view, members, is_masked=AGENTS_NUMBER in hidden)
    return Shown(applicant, answers, form, given, hidden, confirmed, agent)


def _agent(case: Case, view: View, members: list[Member], *, is_masked: bool) -> dict[str, Any] | None:
    """Who applied in the applicant's place: departments see that where one of their items needs it."""
    agent, is_needed = case.content.agent, any(member.agent == "told" for member in members)
    if agent is None or (view.content is Content.NEEDED and not is_needed):
        return None
    return agents.as_json(agent, is_masked=is_masked)


def value_of(case: Case, field: str) -> Any:
    """What a field that is masked says in full."""
    if field == APPLICANTS_NUMBER:
        return case.content.applicant.id_no
    if field == AGENTS_NUMBER and case.content.agent:
        return case.content.agent.id_no
    return case.content.form[field.removeprefix("form.")]


def _members(case: Case, view: View) -> Iterator[Member]:
    """The members whose steps this view shows, but for skipped ones."""
    for member in case.bundle.members:
        own = view.department in (None, member.department)
        if own and case.steps[member.code].state is not StepState.SKIPPED:
            yield member


def _hidden(case: Case, form: Mapping[str, Any], view: View, members: list[Member]) -> Iterator[str]:
    """The fields to mask: identity numbers that this view does not show in full."""
    if view.identity is Identity.FULL:
        return
    if view.identity is Identity.NEEDED:
        # What of the form is left at all was declared by one of the steps.
        if not any(member.identity for member in members):
            yield APPLICANTS_NUMBER
        if case.content.agent and not any(m.identity and m.agent == "told" for m in members):
            yield AGENTS_NUMBER
        return
    yield APPLICANTS_NUMBER
    if case.content.agent:
        yield AGENTS_NUMBER
    for code in form:
        if case.bundle.fields[code].schema.get("format") in IDENTITY_FORMATS:
            yield f"form.{code}"
