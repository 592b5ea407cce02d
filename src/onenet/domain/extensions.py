"""Extensions: a limit that is lengthened, once, by who heads the body, with a reason that is told.

Source: LIC art. 42: 20 working days, once 10 more by the head of the body; of joint handling 45, once 15 more
by the head of the government; the applicant is told why.
"""

from __future__ import annotations

from dataclasses import replace

from onenet.domain import limits
from onenet.domain.bundle import Limit
from onenet.domain.case import Reply
from onenet.domain.clocks import Clock
from onenet.domain.commands import Extend
from onenet.domain.deadlines import Deadline, deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.procedures import Extension
from onenet.domain.tickets import ticket_of
from onenet.errors import ExtensionRepeated, ExtensionTooLong, LimitUsedUp, NoLimitRunning, NotFound


def extend(draft: Draft, command: Extend) -> Reply:
    """Lengthens a limit of the step, or of the case. Raises: NotFound, or why it is not possible."""
    rules = draft.rules
    if command.step is None:
        is_ticket = ticket_of(draft.content.procedures) is not None
        most = rules.ticket_extension if is_ticket else rules.joint_extension
        found = limits.of_case(draft.case, rules.calendar)
    else:
        step = draft.steps.get(command.step)
        if step is None:
            raise NotFound
        found, most = limits.of_step(draft.case, step, rules.calendar), rules.extension
    before = found.promised if command.limit == "promised" else found.statutory
    if before is None or found.clock is None or found.clock.ended_at is not None:
        raise NoLimitRunning(f"no {command.limit} limit runs here")
    _check(draft, command, before, most)
    given = Extension(
        "extension", command.limit, command.days, command.approved_by, command.reason, draft.now.at
    )
    _add(draft, command, given, before, found.clock)
    return "applied"


def _check(draft: Draft, command: Extend, before: Deadline, most: Limit) -> None:
    if before.extension is not None:
        raise ExtensionRepeated(f"it was extended by {before.extension.days} {before.limit.unit} already")
    if before.due_at is not None and draft.now.at >= before.due_at:
        raise LimitUsedUp(f"it was used up at {before.due_at.isoformat()}")
    if before.limit.unit != most.unit or command.days > most.number:
        raise ExtensionTooLong(f"at most {most.number} {most.unit}; the limit is in {before.limit.unit}")


def _add(draft: Draft, command: Extend, given: Extension, before: Deadline, clock: Clock) -> None:
    """Notes it, and tells until when the limit ran and runs, as far as that is known."""
    case = draft.case
    after = deadline(before.limit, clock, draft.rules.calendar, case.utc_offset_minutes, given)
    if command.step is None:
        type = EventType.CASE_EXTENDED
        draft.content = replace(draft.content, procedures=(*draft.content.procedures, given))
    else:
        type, step = EventType.STEP_EXTENDED, draft.steps[command.step]
        draft.steps[step.code] = step._replace(procedures=(*step.procedures, given))
    moments = {
        name: each.due_at.isoformat() for name, each in (("from", before), ("to", after)) if each.due_at
    }
    told = {"limit": given.limit, "days": given.days, "approved_by": given.approved_by}
    draft.add(type, command.step, **told, reason=given.reason, **moments)
