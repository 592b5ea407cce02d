"""Lights: how steps and the case stand with their limits, by the rule table of the place.

Yellow: a limit is about to run out; red: it has. A light goes by the limit that is used up first, nearly
always the promised one. A step that is late counts although the whole is on time: the case shows the worst of
its steps and of its own limits. What was lit stays on record, and on what is closed. Source: domain.md
section 11.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import date, datetime, timedelta
from typing import NamedTuple

from onenet.domain import limits, urging
from onenet.domain.bundle import Limit
from onenet.domain.calendar import local_day
from onenet.domain.case import Step
from onenet.domain.clocks import Clock
from onenet.domain.deadlines import Deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.flow import end_of_day
from onenet.domain.limits import Deadlines
from onenet.domain.rules import Yellow
from onenet.domain.states import FINAL_CASE, FINAL_STEP, Light
from onenet.recent import Recent


class Turns(NamedTuple):
    """When the limit that is used up first is about to be, and when it is."""

    yellow_at: datetime
    red_at: datetime

    def light(self, at: datetime) -> Light:
        """The light at that moment."""
        return Light.RED if self.red_at <= at else Light.YELLOW if self.yellow_at <= at else Light.GREEN


# ---- a step


def turns_at(draft: Draft, step: Step) -> datetime | None:
    """When the light of the step is another than now; None where no limit runs."""
    turns = _of_step(draft, step)
    if turns is None:
        return None
    at = {
        Light.GREEN: turns.yellow_at,
        Light.YELLOW: turns.red_at if turns.yellow_at <= draft.now.at else draft.now.at,
        Light.RED: None if turns.red_at <= draft.now.at else draft.now.at,
    }[step.timing.light]
    # A clock that stood still, or began in the past, may go on when the time has come already.
    return at and max(at, step.since)


def turn(draft: Draft, step: Step, due_at: datetime) -> None:
    """Lights what is due; where a limit was lengthened or a year published it may go back."""
    turns = _of_step(draft, step)
    if turns is None:
        raise AssertionError("asked before: a limit runs")
    light = turns.light(due_at)
    draft.steps[step.code] = step._replace(timing=step.timing._replace(light=light))
    told = {"light": light, "due_at": due_at.isoformat(), "ends_at": turns.red_at.isoformat()}
    draft.add(EventType.STEP_LIGHT, step.code, **told, state=step.state)
    is_urged = any(each.answer is None for each in urging.urgings(step))
    if light is Light.RED and draft.rules.urges_on_red and not is_urged:
        urging.order(draft, draft.steps[step.code], "urging", urging.BY_LIGHT, "limit_used_up")


def _of_step(draft: Draft, step: Step) -> Turns | None:
    if step.timing.clock is None or step.state in FINAL_STEP:
        return None
    item = draft.case.bundle.member(step.code).item
    return _turns(draft, limits.of_step(draft.case, step, draft.rules.calendar), item)


# ---- the case


def case_turns_at(draft: Draft) -> datetime | None:
    """When a limit of the case itself makes its light worse; None where none does."""
    turns = _of_case(draft)
    if turns is None or draft.timing.light is Light.RED:
        return None
    return turns.yellow_at if draft.timing.light is Light.GREEN else turns.red_at


def turn_case(draft: Draft, due_at: datetime) -> None:
    """Lights the case by its own limits."""
    turns = _of_case(draft)
    if turns is None:
        raise AssertionError("asked before: a limit runs")
    _show(draft, {turns.light(due_at)}, due_at=due_at.isoformat(), ends_at=turns.red_at.isoformat())


def note_case(draft: Draft) -> None:
    """Shows the worst of the steps and of the limits of the case; what is closed, or stands still, keeps its
    own. That time alone makes it worse is told when that is due, by `turn_case`.
    """
    turns, bundle = _of_case(draft), draft.case.bundle
    if turns is not None:
        own = turns.light(draft.now.at)
        if draft.timing.clock == draft.case.timing.clock:
            own = max(own, draft.timing.light, key=_BEST_LAST.index)
    elif draft.state in FINAL_CASE or (draft.timing.clock and (bundle.promised or bundle.statutory)):
        own = draft.timing.light
    else:
        own = Light.GREEN
    _show(draft, {own, *(step.timing.light for step in draft.steps.values())})


_BEST_LAST = (Light.RED, Light.YELLOW, Light.GREEN)


def _show(draft: Draft, lights: Set[Light], **told: str) -> None:
    light = min(lights, key=_BEST_LAST.index)
    if light is not draft.timing.light:
        draft.timing = draft.timing._replace(light=light)
        draft.add(EventType.CASE_LIGHT, light=light, **told)


def _of_case(draft: Draft) -> Turns | None:
    bundle = draft.case.bundle
    has_limits = bundle.promised is not None or bundle.statutory is not None
    clock = draft.timing.clock
    if not has_limits or clock is None or clock.ended_at is not None or _is_over(draft):
        return None
    asked = (clock, draft.content)
    if draft.turns is None or draft.turns[0] != asked:
        case = draft.case._replace(timing=draft.timing, content=draft.content)
        draft.turns = (asked, _turns(draft, limits.of_case(case, draft.rules.calendar), None))
    return draft.turns[1]


def _is_over(draft: Draft) -> bool:
    """Whether the case is closed, or will be since time just closed the last of its steps."""
    if draft.state in FINAL_CASE:
        return True
    return bool(draft.steps) and all(step.state in FINAL_STEP for step in draft.steps.values())


# ---- by the rule table


def _turns(draft: Draft, found: Deadlines, item: str | None) -> Turns | None:
    """For the limit that is used up first; None where none runs. `item` None: of the case."""
    known = [(each.due_at, each) for each in (found.promised, found.statutory) if each and each.due_at]
    if found.clock is None or not known:
        return None
    red_at, first = min(known, key=lambda each: each[0])
    rule = next(rule for rule in draft.rules.yellow if not rule.items or item in rule.items)
    return Turns(_yellow_at(first, red_at, found.clock, rule, draft.case.utc_offset_minutes), red_at)


def _yellow_at(
    found: Deadline, red_at: datetime, clock: Clock, rule: Yellow, utc_offset_minutes: int
) -> datetime:
    limit = found.limit
    if limit.unit == "hours":
        hours = rule.days_left * 24 if rule.days_left else limit.number * rule.percent_left / 100
        return red_at - timedelta(hours=min(hours, limit.number))
    key = (id(found), rule, local_day(clock.counts_from, utc_offset_minutes), utc_offset_minutes)
    known = _KNOWN.get(key)
    if known is None:
        known = (found, _end_of_green(found, rule, *key[2:]) or red_at)
        _KNOWN.put(key, known)
    return known[1]


_KNOWN: Recent[tuple[int, Yellow, date, int], tuple[Deadline, datetime]] = Recent(1_000)
"""By the deadline's identity, which the entry keeps alive: it is the same for all that begins on one day."""


def _end_of_green(found: Deadline, rule: Yellow, begun_on: date, utc_offset_minutes: int) -> datetime | None:
    number = found.number - days_left(found.limit, rule)
    last = next((each.day.on for each in found.days if each.number == number), begun_on)
    return end_of_day(last, utc_offset_minutes)


def days_left(limit: Limit, rule: Yellow) -> int:
    """How many days are left, at most, when it is yellow: never more than the limit has."""
    wanted = rule.days_left or -(-limit.number * rule.percent_left // 100)
    return min(wanted, limit.number)
