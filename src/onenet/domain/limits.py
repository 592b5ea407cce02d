"""Limits of a step and of a case, each on its clock: promised and statutory, lengthened or not.

A step's are the item's (LIC art. 42: 20 working days, once 10 more), a case's the bundle's, for joint
handling (art. 42 par. 2: 45, once 15 more); they stand beside each other, none is worked out from another.
When each is used up is noted for looking up; `deadlines` tells it day by day.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from onenet.domain.bundle import Bundle, Limit, Member
from onenet.domain.calendar import Calendar
from onenet.domain.case import Case, Step, Timing
from onenet.domain.clocks import Clock, joint
from onenet.domain.deadlines import Deadline, deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.outcome import WhichLimit
from onenet.domain.procedures import Extension, Procedure, extension_of
from onenet.domain.states import FINAL_CASE, CaseState, StepState
from onenet.domain.tickets import Round, ticket_of


class _Own(NamedTuple):
    """The limits of what has some that are not its bundle's."""

    promised: Limit | None
    statutory: Limit | None = None


class Deadlines(NamedTuple):
    """Both limits side by side; without a clock, or without the limit, there is no deadline."""

    clock: Clock | None
    promised: Deadline | None
    statutory: Deadline | None


def of_step(case: Case, step: Step, calendar: Calendar) -> Deadlines:
    """Until when the step has to be decided."""
    return _on(step.timing.clock, case.bundle.member(step.code), step.procedures, case, calendar)


def of_case(case: Case, calendar: Calendar) -> Deadlines:
    """Until when the whole case has to be; of a ticket, its round, which may be lengthened once as well."""
    procedures = case.content.procedures
    if (ticket := ticket_of(procedures)) is None:
        return _on(case.timing.clock, case.bundle, procedures, case, calendar)
    own, its = _Own(ticket.round.limit), _of_round(procedures, ticket.round)
    return _on(case.timing.clock, own, its, case, calendar)


def _of_round(procedures: Iterable[Procedure], turn: Round) -> list[Procedure]:
    """Without what lengthened the time of an earlier round."""
    return [each for each in procedures if not isinstance(each, Extension) or each.at >= turn.at]


def is_lengthenable(procedures: Iterable[Procedure]) -> bool:
    """Whether the time of a ticket's round can be lengthened: it runs, is not used up, and was not yet."""
    if (ticket := ticket_of(procedures)) is None:
        return False
    turn = ticket.round
    is_running = turn.clock is not None and turn.clock.ended_at is None
    is_used_up = turn.lead is not None and turn.lead.is_late
    return is_running and not is_used_up and extension_of(_of_round(procedures, turn), "promised") is None


def _on(
    clock: Clock | None,
    whose: Member | Bundle | _Own,
    procedures: Iterable[Procedure],
    case: Case,
    calendar: Calendar,
) -> Deadlines:
    def until(limit: Limit | None, which: WhichLimit) -> Deadline | None:
        if clock is None or limit is None:
            return None
        return deadline(limit, clock, calendar, case.utc_offset_minutes, extension_of(procedures, which))

    return Deadlines(clock, until(whose.promised, "promised"), until(whose.statutory, "statutory"))


def note_step(draft: Draft, step: Step) -> Timing:
    """The timing of the step with both its limits as they now stand."""
    return _noted(step.timing, of_step(draft.case, step, draft.rules.calendar))


def note_case(draft: Draft, *, everything: bool) -> Timing:
    """The timing of the case likewise, after one of its steps changed, with the clock that they tell it."""
    timing = draft.timing
    if draft.state is CaseState.RECEIVED:
        return timing
    if ticket := ticket_of(draft.content.procedures):
        clock = ticket.round.clock
    else:
        clocks = [step.timing.clock for step in draft.steps.values() if step.timing.clock is not None]
        clock = joint(
            timing.clock, clocks, draft.now.at,
            is_closed=draft.state in FINAL_CASE, only_asked=_is_only_asked(draft.steps.values()),
        )  # fmt: skip
    if clock == timing.clock and draft.content is draft.case.content and not everything:
        return timing
    timing = timing._replace(clock=clock)
    changed = draft.case._replace(timing=timing, content=draft.content)
    return _noted(timing, of_case(changed, draft.rules.calendar))


def _is_only_asked(steps: Iterable[Step]) -> bool:
    """Whether, of what is not accepted yet, something is to be corrected and no office has another part."""
    open_ = {step.state for step in steps if step.timing.clock is None}
    return StepState.SUPPLEMENT_NEEDED in open_ and open_.isdisjoint(_WITH_OFFICE)


_WITH_OFFICE = frozenset({StepState.READY, StepState.DISPATCHED, StepState.HELD})


def _noted(timing: Timing, found: Deadlines) -> Timing:
    both = [each for each in (found.promised, found.statutory) if each]
    return timing._replace(
        promised_due_at=found.promised.due_at if found.promised else None,
        statutory_due_at=found.statutory.due_at if found.statutory else None,
        is_provisional=any(each.is_provisional for each in both),
    )


def say_moved(draft: Draft, type: EventType, step: str | None, before: Timing, after: Timing) -> None:
    """Tells of each deadline that moved although nothing happened to its clock.

    Where none did and they may move no more it tells so once, of the later one.
    """
    both = {
        "promised": (before.promised_due_at, after.promised_due_at),
        "statutory": (before.statutory_due_at, after.statutory_due_at),
    }
    known = [(which, old, new) for which, (old, new) in both.items() if old and new]
    moved = [each for each in known if each[1] != each[2]]
    if not moved and before.is_provisional and not after.is_provisional:
        moved = sorted(known, key=lambda each: each[2])[-1:]
    for which, old, new in moved:
        told = {"from": old.isoformat(), "to": new.isoformat(), "is_provisional": after.is_provisional}
        draft.add(type, step, limit=which, **told)
