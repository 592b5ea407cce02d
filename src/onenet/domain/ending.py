"""Ending: a step is closed by a decision of ours or the applicant's, and whoever is at work on it is told."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from onenet.domain import moves, refusals, subjects, withdrawals
from onenet.domain.case import APPLICATION, Reply, Step
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.outcome import ResultGiven
from onenet.domain.procedures import Reapplied
from onenet.domain.reapplications import AGAIN
from onenet.domain.states import FINAL_STEP, OVER, StepState, TaskState
from onenet.errors import Fault, NotFound, UnknownReference

WITHDRAWN = "withdrawn_by_applicant"


def end_step(
    draft: Draft,
    code: str,
    state: StepState,
    reason: str,
    results: tuple[ResultGiven, ...] = (),
    **further: Any,
) -> None:
    """Closes a step by a decision of ours or the applicant's; its task and timers end with it. A department
    that may be at work is told. `results`: issued without its answer. `further`: what its event says. A step
    that is rejected so is refused on the merits, and its remedies are told.
    """
    for task in list(draft.tasks.values()):
        if task.step == code and task.kind == APPLICATION and task.state not in OVER:
            draft.move_task(task, TaskState.WITHDRAWN)
            if withdrawals.may_be_known(task):
                withdrawals.tell(draft, task, reason)
    draft.cancel_timers(code)
    told: dict[str, Any] = {"reason": reason, **further}
    if results:
        told["results"] = [result.as_issued() for result in results]
        told["opinion"] = draft.steps[code].opinion
    procedures = draft.steps[code].procedures
    if state is StepState.REJECTED:
        member = draft.case.bundle.member(code)
        refusal = refusals.refusal_today(draft, draft.steps[code])
        procedures, told = (*procedures, refusal), told | refusals.event_of(refusal, member)
    draft.move_step(
        code, state, EventType(f"step.{state.value}"), told,
        reason=reason, results=results, procedures=procedures,
    )  # fmt: skip


def withdraw_step(draft: Draft, code: str) -> Reply:
    """The applicant takes one step back; the edges say what becomes of those after it.

    Raises: NotFound, MoveRefused.
    """
    step = draft.steps.get(code)
    if step is None:
        raise NotFound
    if not draft.case.bundle.partial_withdrawal:
        raise moves.refused("no single step of this case can be withdrawn", draft, step)
    if step.state in FINAL_STEP:
        raise moves.refused("the step is closed", draft, step)
    end_step(draft, code, StepState.CANCELLED, WITHDRAWN)
    return "applied"


def withdraw_subject(draft: Draft, number: int) -> Reply:
    """The applicant takes back what is one subject's; the edges say what becomes of what is for all.

    Raises: UnknownReference, MoveRefused.
    """
    whose = {code: subjects.of(draft.case.bundle, code) for code in draft.steps}
    codes = [code for code, each in whose.items() if each is not None and each.number == number]
    if not codes:
        most = max((each.of for each in whose.values() if each), default=1)
        zh, en = f"本办件共 {most} 名", f"Expected one of the {most} that the case is for"
        raise UnknownReference(en, faults=(Fault("unknown", zh, en, pointer="/subject"),))
    if all(draft.steps[code].state in FINAL_STEP for code in codes):
        raise moves.refused("its steps are closed", draft, draft.steps[codes[0]])
    withdraw_steps(draft, codes)
    return "applied"


def withdraw_steps(draft: Draft, codes: Collection[str]) -> None:
    """Closes those that are open; what was granted is undone where the item says so."""
    for code in codes:
        if draft.steps[code].state not in FINAL_STEP:
            end_step(draft, code, StepState.CANCELLED, WITHDRAWN)
        else:
            undo(draft, draft.steps[code])


def undo(draft: Draft, step: Step) -> None:
    """Has the department undo what it granted, where the item says that a withdrawal means that."""
    task = draft.live_task(step.code)
    wanted = draft.case.bundle.member(step.code).compensation
    if task is not None and step.state is StepState.COMPLETED and wanted is not None:
        withdrawals.tell(draft, task, WITHDRAWN, undo=True)


def apply_again(draft: Draft, codes: Collection[str], case_id: UUID) -> None:
    """Notes of these steps that another case applies for them again; what still waits here ends with it."""
    for code in codes:
        if draft.steps[code].state not in FINAL_STEP:
            end_step(draft, code, StepState.CANCELLED, AGAIN)
        step = draft.steps[code]
        mark = Reapplied("reapplied", case_id, draft.now.at)
        draft.steps[code] = step._replace(procedures=(*step.procedures, mark))
        draft.add(EventType.STEP_REAPPLIED, code, case=str(case_id))
