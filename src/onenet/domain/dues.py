"""Dues: what time does to a case by itself. Two tables: for each kind when it is due, and what happens then.

Nothing of it is stored but `next_due_at`, when the first of them is due: each is worked out from step or
case, the rules and the calendar as they are. What happened leaves a case in which it is not due again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from onenet.domain import (
    commitment,
    delivery,
    hearings,
    lapses,
    lights,
    limits,
    notice,
    opinions,
    renewals,
    suspensions,
    ticket_handling,
    tolerance,
    urging,
)
from onenet.domain.case import Reply, Step
from onenet.domain.clocks import Clock
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.rules import KNOWN_EVERYWHERE
from onenet.domain.states import FINAL_CASE, FINAL_STEP, StepState


@dataclass(frozen=True, slots=True)
class Kind:
    """When it is due to a step, and what happens then; the moment it was due at is told.

    `of_procedure`: never due to a step without procedures, which need not be asked then.
    """

    at: Callable[[Draft, Step], datetime | None]
    happens: Callable[[Draft, Step, datetime], None]
    of_procedure: bool = False


@dataclass(frozen=True, slots=True)
class CaseKind:
    """When it is due to the case as a whole, and what happens then."""

    at: Callable[[Draft], datetime | None]
    happens: Callable[[Draft, datetime], None]


KINDS: Mapping[str, Kind] = {
    "notice": Kind(notice.ends_at, notice.deem_accepted),
    "renewal": Kind(renewals.ends_at, renewals.renew),
    "reminder": Kind(lapses.reminds_at, lapses.remind),
    "supplement": Kind(lapses.ends_at, lapses.lapse),
    "check": Kind(commitment.due_at, commitment.say_overdue, of_procedure=True),
    "tolerance": Kind(tolerance.ends_at, tolerance.lapse, of_procedure=True),
    "result_delivery": Kind(delivery.overdue_at, delivery.say_overdue),
    "hearing_right": Kind(hearings.right_ends_at, hearings.let_lapse, of_procedure=True),
    "special_procedure": Kind(suspensions.overdue_at, suspensions.note_overdue, of_procedure=True),
    "opinion": Kind(opinions.overdue_at, opinions.note_overdue, of_procedure=True),
    "light": Kind(lights.turns_at, lights.turn),
    "urging": Kind(urging.overdue_at, urging.escalate, of_procedure=True),
}
"""What is due to a step. In this order where two are due at the same moment."""

CASE_KINDS: Mapping[str, CaseKind] = {
    "light": CaseKind(lights.case_turns_at, lights.turn_case),
    "ticket": CaseKind(ticket_handling.late_at, ticket_handling.note_late),
}
"""What is due to a case as a whole, after what is due to its steps at the same moment."""


_WITHOUT_PROCEDURES = [kind for kind in KINDS.values() if not kind.of_procedure]


class Due(NamedTuple):
    """That something is due; `step` None: to the case."""

    at: datetime
    kind: str
    step: str | None


MOST_AT_ONCE = 1_000
"""More than can be due in a case; what happened and is due again for ever would otherwise never end."""


def let_pass(draft: Draft) -> Reply:
    """Does everything that is due by now, the oldest first."""
    draft.is_look = True
    settle(draft, everything=True)
    happened = 0
    while due := _first(draft):
        happened += 1
        if happened > MOST_AT_ONCE:
            raise AssertionError(f"{due.kind} of {due.step or 'the case'} happened and is due still")
        if due.step is None:
            CASE_KINDS[due.kind].happens(draft, due.at)
        else:
            KINDS[due.kind].happens(draft, draft.steps[due.step], due.at)
        settle(draft)
    changed = draft.timing != draft.case.timing or draft.steps != draft.case.steps
    return "applied" if happened or changed else "unchanged"


def settle(draft: Draft, *, everything: bool = False) -> None:
    """Notes what changed steps and the case have as deadlines, and when something is due to them next.

    `everything`: of each step, since calendar and rules may have changed under it.
    """
    before = draft.case.steps
    has_changed = everything or draft.content is not draft.case.content or draft.state is not draft.case.state
    for code in draft.steps:
        if everything:
            lapses.say_moved(draft, draft.steps[code])
            suspensions.say_moved(draft, draft.steps[code])
            hearings.say_moved(draft, draft.steps[code])
        step, old = draft.steps[code], before.get(code)
        if step is not old or everything:
            draft.steps[code] = _settled(draft, step, None if everything else old)
            has_changed = True
        if everything:
            delivery.say_moved(draft, draft.steps[code])
    if not has_changed:
        return
    timing = limits.note_case(draft, everything=everything)
    if everything and timing.clock == draft.case.timing.clock and draft.state not in FINAL_CASE:
        limits.say_moved(draft, EventType.CASE_DEADLINE_MOVED, None, draft.timing, timing)
    draft.timing = timing
    lights.note_case(draft)
    at = _earliest([*_ends(draft.steps.values()), *(kind.at(draft) for kind in CASE_KINDS.values())])
    look_at = _to_be_looked_at(draft)
    if look_at and draft.is_look and look_at <= draft.now.at:
        look_at = None  # this is it
    if look_at and look_at - draft.now.at <= KNOWN_EVERYWHERE:
        at = None  # it waits for the look, which would be forgotten if somebody came before
    next_due_at = _earliest([at, look_at])
    if next_due_at != draft.timing.next_due_at:
        draft.timing = draft.timing._replace(next_due_at=next_due_at)


def _to_be_looked_at(draft: Draft) -> datetime | None:
    """When somebody is to look whatever is due: what was published is known to all by then."""
    at = draft.case.timing.next_due_at
    if at is None or at in _ends(draft.case.steps.values()):
        return None
    before = Draft(draft.case, draft.now)
    return None if at in [kind.at(before) for kind in CASE_KINDS.values()] else at


def _ends(steps: Iterable[Step]) -> list[datetime | None]:
    return [step.timing.next_due_at for step in steps]


def _earliest(moments: Iterable[datetime | None]) -> datetime | None:
    return min([at for at in moments if at is not None], default=None)


def _settled(draft: Draft, step: Step, old: Step | None) -> Step:
    timing = step.timing
    if timing.clock is None and step.state in _CLOCKED:
        # Accepted by a process of the version before, which kept no clock.
        timing = timing._replace(clock=Clock(step.since))
        step = step._replace(timing=timing)
    is_new = old is None or old.timing.clock is not timing.clock or old.procedures is not step.procedures
    if timing.clock is not None and is_new:
        before, timing = timing, limits.note_step(draft, step)
        is_closed = step.state in FINAL_STEP
        if old is None and step is draft.case.steps.get(step.code) and not is_closed:
            limits.say_moved(draft, EventType.STEP_DEADLINE_MOVED, step.code, before, timing)
        step = step if timing == before else step._replace(timing=timing)
    kinds = KINDS.values() if step.procedures else _WITHOUT_PROCEDURES
    at = _earliest([kind.at(draft, step) for kind in kinds])
    return step if at == timing.next_due_at else step._replace(timing=timing._replace(next_due_at=at))


_CLOCKED = frozenset({StepState.ACCEPTED, StepState.SUSPENDED})


def _first(draft: Draft) -> Due | None:
    """What is due first, if it is due by now."""
    found = [
        Due(at, name, step.code)
        for step in draft.steps.values()
        if step.timing.next_due_at is not None and step.timing.next_due_at <= draft.now.at
        for name, kind in KINDS.items()
        if (at := kind.at(draft, step)) and at <= draft.now.at
    ]
    found += [
        Due(at, name, None)
        for name, kind in CASE_KINDS.items()
        if (at := kind.at(draft)) and at <= draft.now.at
    ]
    return min(found, key=lambda due: due.at, default=None)
