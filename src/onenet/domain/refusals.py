"""Refusals: what an applicant who does not get it is told beside the reasons.

Not accepted, as no licence is needed, and not accepted, as another body is competent, are two (LIC art.
32(1)(1), (2)); the second one names that body. A refusal on the merits names the remedies, where and until
when (LIC art. 38): review within 60 days (行政复议法 of 2023, art. 20), a lawsuit within six months
(行政诉讼法, art. 46). Who refuses need only give reasons: the rest is by the rules of the place (`Rules`), so
that no way of refusing leaves it out: a department's answer, an officer's decision, time that ran out.
"""

from __future__ import annotations

import calendar
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from onenet.domain.bundle import Member
from onenet.domain.case import Step
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.outcome import RefusedAs, Rejected, Unclear
from onenet.domain.procedures import Refusal, Remedy
from onenet.domain.states import StepState

NOT_VERIFIED = "not_verified"
CORRECT_DATA = "correct_data"
WHERE_ELSE = Unclear("not_competent: the body that is competent was expected in go_to")


def names_no_body(outcome: Rejected) -> bool:
    """Whether it sends the applicant away without saying where to."""
    return outcome.reason_code == "not_competent" and not outcome.go_to


def reject(draft: Draft, step: Step, outcome: Rejected) -> None:
    """Closes the step with what its department said."""
    refusal = refusal_today(draft, step, outcome.reason_code, outcome.go_to)
    told = {
        "reason": outcome.reason,
        "go_to": outcome.go_to,
        "without_opinions": outcome.without_opinions,
        **event_of(refusal, draft.case.bundle.member(step.code)),
    }
    draft.move_step(
        step.code, StepState.REJECTED, EventType.STEP_REJECTED, told,
        reason=outcome.reason, procedures=(*step.procedures, refusal),
    )  # fmt: skip


def refusal_today(
    draft: Draft, step: Step, reason_code: RefusedAs = "refused", go_to: str | None = None
) -> Refusal:
    """A refusal of today, with its remedies where it is one on the merits, whoever says it."""
    remedies = remedies_of(draft, step) if reason_code == "refused" else ()
    return Refusal("refusal", reason_code, draft.now.at, go_to, remedies)


def event_of(refusal: Refusal, member: Member) -> dict[str, Any]:
    """What the event of a step that is rejected tells of it, beside the reason."""
    told = shown(refusal, verifies=member.verifies)
    return told if told["remedies"] else {"reason_code": told["reason_code"]}


def shown(refusal: Refusal, *, verifies: bool) -> dict[str, Any]:
    """Why, and what can be done. That something could not be verified is no decision: there is nothing to
    contest, and something to correct.
    """
    if is_unverified(refusal, verifies=verifies):
        return {"reason_code": NOT_VERIFIED, "remedies": [{"way": CORRECT_DATA}]}
    return {"reason_code": refusal.reason_code, "remedies": as_told(refusal.remedies)}


def is_unverified(refusal: Refusal | None, *, verifies: bool) -> bool:
    """Whether what was refused was a verification, on its merits."""
    return verifies and refusal is not None and refusal.reason_code == "refused"


def remedies_of(draft: Draft, step: Step) -> tuple[Remedy, ...]:
    """What can be done against a refusal of today. A bank's is no act of an authority, a finding decides
    nothing.
    """
    bundle = draft.case.bundle
    department = bundle.departments.get(step.department)
    is_no_authority = department is not None and department.kind == "non_government"
    if is_no_authority or bundle.member(step.code).verifies:
        return ()
    rules, today = draft.rules, draft.today
    return (
        Remedy("administrative_review", rules.review_body, today + timedelta(days=rules.review_days)),
        Remedy("lawsuit", rules.court, months_after(today, rules.lawsuit_months)),
    )


def months_after(day: date, months: int) -> date:
    """The day of the same number so many months later, or the last one of its month."""
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def refusal_of(step: Step) -> Refusal | None:
    """How the step was refused, if it was, and that was kept."""
    if step.state is not StepState.REJECTED:
        return None
    return next((each for each in reversed(step.procedures) if isinstance(each, Refusal)), None)


def as_told(remedies: tuple[Remedy, ...]) -> list[dict[str, Any]]:
    """The remedies in values that JSON has."""
    return [{**asdict(each), "until": each.until.isoformat()} for each in remedies]
