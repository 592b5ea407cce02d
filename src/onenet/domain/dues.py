"""Dues: what time does to a case by itself. One table: for each kind when it is due, and what happens then.

Nothing of it is stored but `next_due_at`, when the first of them is due: each is worked out from the step,
the rules and the calendar as they are. What happened leaves a step in which it is not due again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from onenet.domain import lights, limits, notice, tolerance, urging
from onenet.domain.case import Reply, Step
from onenet.domain.clocks import Clock
from onenet.domain.draft import Draft
from onenet.domain.states import StepState


@dataclass(frozen=True, slots=True)
class Kind:
    """When it is due to a step, and what happens then; the moment it was due at is told."""

    at: Callable[[Draft, Step], datetime | None]
    happens: Callable[[Draft, Step, datetime], None]


KINDS: Mapping[str, Kind] = {
    "notice": Kind(notice.ends_at, notice.deem_accepted),
    "tolerance": Kind(tolerance.ends_at, tolerance.lapse),
    "light": Kind(lights.turns_at, lights.turn),
    "urging": Kind(urging.overdue_at, urging.escalate),
}
"""What is due to a step. In this order where two are due at the same moment."""


class Due(NamedTuple):
    """That something is due."""

    at: datetime
    kind: str
    step: str


MOST_AT_ONCE = 1_000
"""More than can be due in a case; what happened and is due again for ever would otherwise never end."""


def let_pass(draft: Draft) -> Reply:
    """Does everything that is due by now, the oldest first."""
    settle(draft, everything=True)
    happened = 0
    while due := _first(draft):
        happened += 1
        if happened > MOST_AT_ONCE:
            raise AssertionError(f"{due.kind} of {due.step} happened and is due still")
        KINDS[due.kind].happens(draft, draft.steps[due.step], due.at)
        settle(draft)
    return "applied" if happened or draft.timing != draft.case.timing else "unchanged"


def settle(draft: Draft, *, everything: bool = False) -> None:
    """Notes what changed steps and the case have as deadlines, and when something is due to them next.

    `everything`: of each step, since calendar and rules may have changed under it.
    """
    before = draft.case.steps
    for code, step in draft.steps.items():
        old = before.get(code)
        if step is not old or everything:
            draft.steps[code] = _settled(draft, step, None if everything else old)
    lights.note_case(draft)
    ends = [step.timing.next_due_at for step in draft.steps.values() if step.timing.next_due_at]
    at = min(ends, default=None)
    if at != draft.timing.next_due_at:
        draft.timing = draft.timing._replace(next_due_at=at)


def _settled(draft: Draft, step: Step, old: Step | None) -> Step:
    timing = step.timing
    if timing.clock is None and step.state in _CLOCKED:
        # Accepted by a process of the version before, which kept no clock.
        timing = timing._replace(clock=Clock(step.since))
        step = step._replace(timing=timing)
    if timing.clock is not None and (old is None or old.timing.clock is not timing.clock):
        timing = limits.note(draft, step)
        step = step._replace(timing=timing)
    at = min((at for kind in KINDS.values() if (at := kind.at(draft, step))), default=None)
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
    return min(found, key=lambda due: due.at, default=None)
