"""The task's sheet: what a department is told of a step, and nothing that is not its business.

Its text is made once, when the task is written, and kept: one key never has two meanings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

from onenet.domain import guidance
from onenet.domain.bundle import Member
from onenet.domain.case import Applicant, CaseContent, MaterialGiven
from onenet.domain.chain import canonical
from onenet.domain.identifiers import masked
from onenet.domain.states import FAILED, StepState
from onenet.ids import to_text

if TYPE_CHECKING:
    from onenet.domain.draft import Draft

TASK_PREFIX = "tsk"
DOCUMENT_PREFIX = "doc"


def task_payload(draft: Draft, code: str, task_id: UUID) -> str:
    """The canonical JSON text of the sheet. Its members are listed in docs/departments.md."""
    case = draft.case
    member = case.bundle.member(code)
    sheet: dict[str, Any] = {
        "task": to_text(TASK_PREFIX, task_id),
        "created_at": draft.now.at.isoformat(),
        "case": {"id": str(case.id), "number": case.number},
        "bundle": {"code": case.bundle.code, "version": case.bundle.version},
        "jurisdiction": case.jurisdiction,
        "step": code,
        "item": member.item,
        "names": dict(member.names),
        "submission": draft.steps[code].submission,
        "applicant": _applicant(draft.content.applicant, member),
        "answers": _answers(draft, member),
        "form": _fields(member, draft.content),
        "materials": _materials(draft, member),
        "results_before": _results_before(draft, member),
        "not_granted": not_granted(draft, member),
        "results_expected": [result.code for result in member.results],
        "promised": asdict(member.promised) if member.promised else None,
    }
    return canonical(sheet)


def _applicant(applicant: Applicant, member: Member) -> dict[str, str | None]:
    told = {name: getattr(applicant, name) for name in Applicant.__dataclass_fields__}
    return told if member.identity else told | {"id_no": masked(applicant.id_no)}


def _answers(draft: Draft, member: Member) -> Mapping[str, Any]:
    """The answers that the member's department is told, where their questions were asked."""
    if not member.answers:
        return {}
    counted = guidance.counted_answers(draft.case.bundle, draft.content.answers)
    return {code: counted[code] for code in member.answers if code in counted}


def _fields(member: Member, content: CaseContent) -> Mapping[str, Any]:
    return {code: content.form[code] for code in member.fields if code in content.form}


def _materials(draft: Draft, member: Member) -> list[dict[str, Any]]:
    """The member's own materials: what was handed in, and which of them other sources will give."""
    given = {material.code: material for material in draft.content.materials}
    told = []
    for code in member.materials:
        material = draft.case.bundle.materials[code]
        entry: dict[str, Any] = {"code": code, "names": dict(material.names), "mode": material.mode}
        if code in given:
            entry |= handed_in(given[code])
        told.append(entry)
    return told


def handed_in(material: MaterialGiven) -> dict[str, str | None]:
    """The front-end's own reference, or the document, which a link takes the place of on its way."""
    if material.document is not None:
        return {"document": to_text(DOCUMENT_PREFIX, material.document)}
    return {"reference": material.reference, "sha256": material.sha256}


def not_granted(draft: Draft, member: Member) -> list[dict[str, str]]:
    """Steps before this one that were rejected or cancelled: it goes out without them. Not why: that is
    between the applicant and the other department.
    """
    before = [draft.steps[code] for code in member.after]
    return [{"step": step.code, "state": step.state.value} for step in before if step.state in FAILED]


def _results_before(draft: Draft, member: Member) -> list[dict[str, Any]]:
    """Results of other steps that are this member's materials."""
    wanted = {draft.case.bundle.materials[code].from_result for code in member.materials}
    if not wanted:
        return []
    return [
        {"step": step.code, **result.as_issued()}
        for step in draft.steps.values()
        if step.state is StepState.COMPLETED
        for result in step.results
        if result.code in wanted and result.state == "issued"
    ]
