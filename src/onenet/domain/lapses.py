"""Lapses: an applicant who does not hand in in time what was asked for has withdrawn, or is refused.

Which of the two, and how long there is where the department names no day, is for the place to say: LIC is
silent; ANY art. 36 has it withdrawn, provincial index code 5 refused (domain.md sections 4.3, 5.4). The
applicant is told some days ahead, once for each day that is named. What the place gives is working days (LIC
art. 82): a year that is published can make them end later, and never earlier than the applicant was told.
"""

from __future__ import annotations

from datetime import date, datetime

from onenet.domain import ending, flow
from onenet.domain.calendar import local_day
from onenet.domain.case import Step
from onenet.domain.clocks import Clock
from onenet.domain.deadlines import Deadline, deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.procedures import Correction, Reminder
from onenet.domain.states import StepState

LAPSED = "supplement_lapsed"
_ENDS_AS = {"withdrawn": StepState.CANCELLED, "rejected": StepState.REJECTED}


def last_day(draft: Draft, since: datetime) -> Deadline:
    """Until when the place lets it be handed in, where the department names no day."""
    return deadline(draft.rules.supplement, Clock(since), draft.rules.calendar, draft.case.utc_offset_minutes)


def say_moved(draft: Draft, step: Step) -> None:
    """Puts off the end of the time that the place gave, where a calendar published since has it so."""
    told_at = ends_at(draft, step)
    asked = next((each for each in reversed(step.procedures) if isinstance(each, Correction)), None)
    if told_at is None or asked is None or not asked.is_day_of_place:
        return
    now = last_day(draft, asked.at)
    until = flow.end_of_day(now.due_on, draft.case.utc_offset_minutes) if now.due_on else None
    if until is not None and until > told_at:
        draft.say_until(step.code, "supplement", until, is_provisional=now.is_provisional)


def is_over(draft: Draft, named: date | None) -> bool:
    """Whether that day is over already: nobody could hand in anything by then."""
    return named is not None and named < draft.today


def ends_at(draft: Draft, step: Step) -> datetime | None:
    """When the applicant's time is over."""
    if step.state is not StepState.SUPPLEMENT_NEEDED or step.waiting is None:
        return None
    return step.waiting.until


def lapse(draft: Draft, step: Step, due_at: datetime) -> None:
    """Ends the step in the applicant's place; its department is told, where it may be at work."""
    ended_as = _ENDS_AS[draft.rules.supplement_lapse]
    ending.end_step(draft, step.code, ended_as, LAPSED, deemed=LAPSED, due_at=due_at.isoformat())


def reminds_at(draft: Draft, step: Step) -> datetime | None:
    """When the applicant is told that time runs out: as that day begins; never where there is less time."""
    ends = ends_at(draft, step)
    if ends is None or any(isinstance(each, Reminder) and each.ends_at == ends for each in step.procedures):
        return None
    offset, left = draft.case.utc_offset_minutes, draft.rules.reminder
    day = local_day(ends, offset)
    found = (
        each.on
        for each in draft.rules.calendar.days_before(day)
        if each.is_workday or left.unit != "workdays"
    )
    on = next(on for number, on in enumerate(found, 1) if number == left.number)
    at = flow.start_of_day(on, offset)
    return at if at > step.since else None


def remind(draft: Draft, step: Step, due_at: datetime) -> None:
    """Tells the applicant, and notes that it was told."""
    ends = ends_at(draft, step)
    if ends is None:
        raise AssertionError("asked before: it ends")
    draft.put_procedure(step.code, Reminder("reminder", ends, draft.now.at))
    codes = sorted(request.code for request in step.requests)
    draft.add(
        EventType.STEP_SUPPLEMENT_DUE, step.code,
        state=step.state, codes=codes, until=ends.isoformat(),
    )  # fmt: skip
