"""Cases of the sandbox: each says in its form what the department should do with it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID

from onenet.api.parts import Parts
from onenet.domain.case import Applicant, Case, MaterialGiven
from onenet.domain.commands import HandInSupplement
from onenet.domain.sheet import TASK_PREFIX
from onenet.domain.states import StepState
from onenet.errors import NotFound
from onenet.ids import to_text
from onenet.sandbox.evidence import Wish
from onenet.services import cases
from onenet.services.cases import Replying, Submission

BUNDLE = JURISDICTION = "sandbox"
STEP = "sandbox_item"

APPLICANT = Applicant("示例一", "natural_person", "resident_identity_card", "320599199201010024")

_CLIENT, _SUBJECT = "sandbox", "developer"
_REPLYING = Replying(f"frontend:{_CLIENT}/{_SUBJECT}")
_PROOF = "proof"


@dataclass(frozen=True, slots=True)
class Filed:
    """A case with a task that is due. `key`: of the task."""

    id: UUID
    number: str
    key: str


async def file(parts: Parts, wish: Wish, *, remark: str | None = None) -> Filed:
    """Files a case. Raises: Unavailable."""
    form = {"wish": wish} | ({"remark": remark} if remark else {})
    submission = Submission(
        BUNDLE, None, JURISDICTION, APPLICANT, {}, form, (MaterialGiven(_PROOF, "sandbox/proof.pdf"),)
    )
    result = await cases.submit(
        parts.gate, parts.catalogue, submission,
        subject=_SUBJECT, client=_CLIENT, secret=secrets.token_urlsafe(16), replying=_REPLYING,
    )  # fmt: skip
    return _filed(result.case)


async def hand_in(parts: Parts, case_id: UUID) -> Filed | None:
    """Hands in what the department asked for, as it was before; None when nothing is asked for."""
    case = await parts.case_of(case_id)
    step = case.steps[STEP] if case else None
    if case is None or step is None or step.state is not StepState.SUPPLEMENT_NEEDED:
        return None
    asked = [(request.kind, request.code) for request in step.requests]
    command = HandInSupplement(
        STEP,
        materials=tuple(
            MaterialGiven(code, f"sandbox/{code}-2.pdf") for kind, code in asked if kind == "material"
        ),
        form={code: case.content.form.get(code, "") for kind, code in asked if kind == "field"},
    )
    result = await cases.hand_in_supplement(parts.gate, case, command, _REPLYING)
    return _filed(result.case)


def _filed(case: Case | None) -> Filed:
    task = case.live_task(STEP) if case else None
    if case is None or task is None:
        raise NotFound("the case of the sandbox has no task")
    return Filed(case.id, case.number, to_text(TASK_PREFIX, task.id))
