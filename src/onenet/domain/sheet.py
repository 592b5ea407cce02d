"""The task's sheet: what a department is told of a step, and nothing that is not its business.

Its text is made once, when the task is written, and kept: one key never has two meanings.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

from onenet.domain import generated, guidance, subjects, told
from onenet.domain.bundle import Member
from onenet.domain.case import MaterialGiven
from onenet.domain.chain import canonical
from onenet.domain.outcome import ResultGiven
from onenet.domain.promises import Commitment, Tolerance
from onenet.domain.states import FAILED, MET
from onenet.domain.subjects import Subject, plain
from onenet.ids import to_text

if TYPE_CHECKING:
    from onenet.domain.draft import Draft

TASK_PREFIX = "tsk"
DOCUMENT_PREFIX = "doc"


def task_payload(draft: Draft, code: str, task_id: UUID) -> str:
    """The canonical JSON text of the sheet. Its members are listed in docs/departments.md."""
    case = draft.case
    member, whose = case.bundle.member(code), subjects.of(case.bundle, code)
    sheet: dict[str, Any] = {
        "task": to_text(TASK_PREFIX, task_id),
        "created_at": draft.now.at.isoformat(),
        "case": {"id": str(case.id), "number": case.number},
        "bundle": {"code": case.bundle.code, "version": case.bundle.version},
        "jurisdiction": case.jurisdiction,
        **({"receiving": case.receiving} if case.receiving else {}),
        "step": code,
        "item": member.item,
        **({"subject": whose._asdict()} if whose else {}),
        "names": dict(member.names),
        "submission": draft.steps[code].submission,
        "applicant": told.applicant(draft.content.applicant, member),
        **told.agent(draft.content.agent, member),
        "answers": told.answers(case.bundle, member, draft.content.answers),
        "form": {plain(whose, name): said for name, said in told.fields(member, draft.content.form).items()},
        "materials": materials(draft, member, whose),
        "results_before": _results_before(draft, member, whose),
        "not_granted": not_granted(draft, member),
        "results_expected": [plain(whose, result.code) for result in member.results],
        "promised": asdict(member.promised) if member.promised else None,
        "tolerated": _tolerated(draft, code, whose),
        "commitment": _commitment(draft, code),
        **told.delivery(member, draft.content.filing),
    }
    return canonical(sheet)


def materials(draft: Draft, member: Member, whose: Subject | None) -> list[dict[str, Any]]:
    """The member's own materials: as handed in, made here, or issued by a step before.

    One that the answers rule out is left out, so that what has nothing beside it is missing.
    """
    bundle, content = draft.case.bundle, draft.content
    given = {material.code: material for material in content.materials}
    made = {form.material.code: form for form in generated.forms_for(bundle, member, content)}
    ruled_out = guidance.plan(bundle, content.answers).ruled_out
    listed = []
    for code in member.materials:
        material = bundle.materials[code]
        if code in ruled_out and code not in given:
            continue
        name = plain(whose, code)
        entry: dict[str, Any] = {"code": name, "names": dict(material.names), "mode": material.mode}
        if code in given:
            entry |= handed_in(given[code])
        if code in made:
            form = made[code]
            entry["generated"] = {"layout": generated.LAYOUT, "text": form.text, "sha256": form.sha256}
        if material.from_result is not None:
            entry["issued"] = _issued(draft, material.from_result, whose)
        listed.append(entry)
    return listed


def handed_in(material: MaterialGiven) -> dict[str, Any]:
    """The front-end's own reference, what a source confirmed, or the document, which a link takes the place
    of on its way.
    """
    if material.evidence is not None:
        return {"evidence": {name: value for name, value in asdict(material.evidence).items() if value}}
    if material.document is not None:
        return {"document": to_text(DOCUMENT_PREFIX, material.document)}
    return {"reference": material.reference, "sha256": material.sha256}


def not_granted(draft: Draft, member: Member) -> list[dict[str, str]]:
    """Steps before this one that were rejected or cancelled: it goes out without them. Not why: that is
    between the applicant and the other department.
    """
    before = [draft.steps[code] for code in member.after]
    return [{"step": step.code, "state": step.state.value} for step in before if step.state in FAILED]


def _tolerated(draft: Draft, code: str, whose: Subject | None) -> list[dict[str, str]]:
    """Materials that are to follow, and by which day."""
    return [
        {
            "material": plain(whose, line.material),
            "due_on": line.due_on.isoformat(),
            "text_version": line.signed.version,
        }
        for line in draft.steps[code].procedures
        if isinstance(line, Tolerance) and line.outcome is None
    ]


def _commitment(draft: Draft, code: str) -> dict[str, str] | None:
    """Which text was signed in place of a proof or a check, if one is in force."""
    for each in draft.steps[code].procedures:
        if isinstance(each, Commitment) and each.state == "signed":
            signed = each.signed
            said = {"text_version": signed.version, "text_sha256": signed.sha256}
            return said | {"signed_by": signed.by, "signed_at": signed.at.isoformat()}
    return None


def _issued(draft: Draft, result: str, whose: Subject | None) -> dict[str, Any] | None:
    """The result that is this material, and who issued it when; None where a step before issued none. One
    that is skipped may have issued it in an earlier case.

    Then the step before was skipped, or was recorded without one: it is for the department to ask for it.
    """
    for step in draft.steps.values():
        if step.state in MET:
            for issued in step.results:
                if issued.code == result and issued.state == "issued":
                    by = {"step": step.code, "department": step.department, "at": step.since.isoformat()}
                    return by | _as_issued(issued, whose)
    return None


def _results_before(draft: Draft, member: Member, whose: Subject | None) -> list[dict[str, Any]]:
    """Results of other steps that are this member's materials."""
    wanted = {draft.case.bundle.materials[code].from_result for code in member.materials}
    if not wanted:
        return []
    return [
        {"step": step.code, **_as_issued(result, whose)}
        for step in draft.steps.values()
        if step.state in MET
        for result in step.results
        if result.code in wanted and result.state == "issued"
    ]


def _as_issued(result: ResultGiven, whose: Subject | None) -> dict[str, Any]:
    return result.as_issued() | {"code": plain(whose, result.code)}
