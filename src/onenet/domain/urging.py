"""Urging 催办 and supervision 督办: a unit is told to act on a step, and to answer until a day.

Who does not answer an urging in time is put under supervision; who does not answer that is on record for it.
A red light urges by itself, where the place does not say otherwise. Neither moves the step: the decision
stays the department's. Source: domain.md section 11, GB/T 39046 table 11 (urging content and time).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from onenet.domain import moves
from onenet.domain.bundle import Limit
from onenet.domain.case import Reply, Step
from onenet.domain.clocks import Clock
from onenet.domain.commands import AnswerUrging, Urge
from onenet.domain.deadlines import deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.procedures import Urging
from onenet.domain.states import FINAL_STEP
from onenet.errors import NotFound

Level = Literal["urging", "supervision"]

BY_LIGHT = "system:light"
"""Who urges where a limit is used up."""


def urge(draft: Draft, command: Urge) -> Reply:
    """Urges the department of a step. Raises: NotFound; Conflict where nothing is left to be done."""
    step = draft.steps.get(command.step)
    if step is None:
        raise NotFound
    moves.check_step(draft, step, "urge", "the step is closed: nobody is to act on it any more")
    if any(each.level == command.level and each.answer is None for each in urgings(step)):
        raise moves.refused("it was said before, and is not answered yet", draft, step)
    order(draft, step, command.level, command.by, command.reason)
    return "applied"


def answer(draft: Draft, command: AnswerUrging) -> Reply:
    """Notes what the department says to an urging. Raises: NotFound; Conflict when it was answered."""
    step = draft.steps.get(command.step)
    found = next((each for each in urgings(step) if each.number == command.number), None) if step else None
    if step is None or found is None:
        raise NotFound
    if found.answer is not None:
        raise moves.refused("it was answered before", draft, step)
    _put(draft, step, replace(found, answer=command.answer, answered_by=command.by, answered_at=draft.now.at))
    draft.add(
        EventType.STEP_URGING_ANSWERED, step.code,
        urging=found.number, level=found.level, by=command.by, answer=command.answer,
    )  # fmt: skip
    return "applied"


def urgings(step: Step) -> list[Urging]:
    """The urgings of a step, the oldest first."""
    return [each for each in step.procedures if isinstance(each, Urging)]


def order(draft: Draft, step: Step, level: Level, by: str, reason: str) -> None:
    """Puts one more on record, to be answered in the days that the place gives."""
    limit = draft.rules.urging if level == "urging" else draft.rules.supervision
    due_at = _end_of(draft, limit)
    number = len(urgings(step)) + 1
    _put(draft, step, Urging("urging", number, level, by, reason, draft.now.at, due_at))
    told = {"urging": number, "level": level, "by": by, "reason": reason, "until": due_at.isoformat()}
    draft.add(EventType.STEP_URGED, step.code, **told)


def urging_due_at(step: Step) -> datetime | None:
    """When the first answer that is awaited was due, or will be."""
    return min((each.due_at for each in urgings(step) if each.answer is None), default=None)


def overdue_at(draft: Draft, step: Step) -> datetime | None:
    """When the first urging is not answered in time."""
    if step.state in FINAL_STEP or not step.procedures:
        return None
    return min((each.due_at for each in urgings(step) if is_open(each)), default=None)


def is_open(urging: Urging) -> bool:
    """Whether its answer is awaited, and not overdue yet."""
    return urging.answer is None and not urging.is_overdue


def escalate(draft: Draft, step: Step, due_at: datetime) -> None:
    """Notes that an answer is overdue; an urging becomes supervision."""
    found = next(each for each in urgings(step) if is_open(each) and each.due_at == due_at)
    _put(draft, step, replace(found, is_overdue=True))
    draft.add(
        EventType.STEP_URGING_OVERDUE, step.code,
        urging=found.number, level=found.level, due_at=due_at.isoformat(),
    )  # fmt: skip
    step = draft.steps[step.code]
    is_supervised = any(each.level == "supervision" and each.answer is None for each in urgings(step))
    if found.level == "urging" and not is_supervised:
        order(draft, step, "supervision", BY_LIGHT, "urging_not_answered")


def _put(draft: Draft, step: Step, urging: Urging) -> None:
    kept = tuple(urging if _is_same(each, urging) else each for each in step.procedures)
    if urging not in kept:
        kept = (*kept, urging)
    draft.steps[step.code] = step._replace(procedures=kept)


def _is_same(each: object, urging: Urging) -> bool:
    return isinstance(each, Urging) and each.number == urging.number


def _end_of(draft: Draft, limit: Limit) -> datetime:
    found = deadline(limit, Clock(draft.now.at), draft.rules.calendar, draft.case.utc_offset_minutes).due_at
    if found is None:
        raise AssertionError("a clock that never stood still has an end")
    return found
