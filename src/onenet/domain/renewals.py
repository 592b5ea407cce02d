"""Renewals: an office that has not decided when the certificate expires has renewed it.

Source: LIC art. 50: who applies thirty days before, these not working days but days, is to have a decision
before the certificate expires; "undecided in time counts as renewed". Nothing stops that: art. 45 is of
other limits. Only what waits for the applicant is not the office's silence.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from onenet.domain import ending, flow, suspensions
from onenet.domain.calendar import local_day
from onenet.domain.case import Step
from onenet.domain.draft import Draft
from onenet.domain.outcome import ResultGiven
from onenet.domain.states import StepState

DEEMED = "renewed"
_WITH_OFFICE = frozenset({StepState.DISPATCHED, StepState.ACCEPTED, StepState.SUSPENDED})


def ends_at(draft: Draft, step: Step) -> datetime | None:
    """When the certificate expires, where the office has had a renewal of it in time."""
    case, field = draft.case, draft.case.bundle.member(step.code).renews
    said = draft.content.form.get(field) if field else None
    if said is None or step.state not in _WITH_OFFICE or step.received_at is None:
        return None
    expires_on, offset = date.fromisoformat(said), case.utc_offset_minutes
    ends = flow.end_of_day(expires_on, offset)
    ahead = timedelta(days=draft.rules.renewal_days)
    in_time = local_day(case.created_at, offset) + ahead <= expires_on
    return ends if ends is not None and in_time and step.received_at < ends else None


def renew(draft: Draft, step: Step, due_at: datetime) -> None:
    """Completes the step with its results, of which only the office can say until when they hold."""
    if step.state is StepState.SUSPENDED:
        suspensions.end(draft, step)
    member = draft.case.bundle.member(step.code)
    results = tuple(ResultGiven(each.code, facts={"deemed": DEEMED}) for each in member.results)
    ending.end_step(
        draft, step.code, StepState.COMPLETED, "deemed_renewed", results,
        deemed=DEEMED, due_at=due_at.isoformat(),
    )  # fmt: skip
