"""Lights: how steps and the case stand with their limits, by the rule table of the place.

Yellow: the limit is about to run out; red: it has. The light goes by the limit that is used up first, nearly
always the promised one. A step that is late counts although the whole is on time; the case shows the worst of
its steps. What was lit stays on record, and on a step that is closed. Source: domain.md section 11.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from onenet.domain import urging
from onenet.domain.bundle import Limit, Member
from onenet.domain.case import Step
from onenet.domain.deadlines import Deadline, deadline, local_day
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.flow import end_of_day
from onenet.domain.limits import extension_of
from onenet.domain.procedures import WhichLimit
from onenet.domain.rules import Yellow
from onenet.domain.states import FINAL_STEP, Light

_WORST = (Light.RED, Light.YELLOW, Light.GREEN)


def turns_at(draft: Draft, step: Step) -> datetime | None:
    """When the light of the step is another than now; None where no limit runs."""
    found = _first_used_up(draft, step)
    if found is None:
        return None
    yellow_at, red_at = found
    at = {
        Light.GREEN: yellow_at,
        Light.YELLOW: red_at if yellow_at <= draft.now.at else draft.now.at,
        Light.RED: None if red_at <= draft.now.at else draft.now.at,
    }[step.timing.light]
    # A clock that stood still, or began in the past, may go on when the time has come already.
    return at and max(at, step.since)


def turn(draft: Draft, step: Step, due_at: datetime) -> None:
    """Lights what is due; where a limit was lengthened or a year published it may go back."""
    found = _first_used_up(draft, step)
    if found is None:
        raise AssertionError("asked before: a limit runs")
    yellow_at, red_at = found
    light = Light.RED if red_at <= due_at else Light.YELLOW if yellow_at <= due_at else Light.GREEN
    draft.steps[step.code] = step._replace(timing=step.timing._replace(light=light))
    told = {"light": light, "due_at": due_at.isoformat(), "ends_at": red_at.isoformat()}
    draft.add(EventType.STEP_LIGHT, step.code, **told, state=step.state)
    is_urged = any(each.answer is None for each in urging.urgings(step))
    if light is Light.RED and draft.rules.urges_on_red and not is_urged:
        urging.order(draft, draft.steps[step.code], "urging", urging.BY_LIGHT, "limit_used_up")


def of_case(draft: Draft) -> Light:
    """The worst light of its steps."""
    lit = {step.timing.light for step in draft.steps.values()}
    return next((light for light in _WORST if light in lit), Light.GREEN)


def note_case(draft: Draft) -> None:
    """Says so when the light of the case is another one."""
    light = of_case(draft)
    if light is not draft.timing.light:
        draft.timing = draft.timing._replace(light=light)
        draft.add(EventType.CASE_LIGHT, light=light)


def _first_used_up(draft: Draft, step: Step) -> tuple[datetime, datetime] | None:
    """When the limit that runs out first is about to, and when it has."""
    timing = step.timing
    ends = [at for at in (timing.promised_due_at, timing.statutory_due_at) if at is not None]
    if timing.clock is None or step.state in FINAL_STEP or not ends:
        return None
    red_at = min(ends)
    member = draft.case.bundle.member(step.code)
    limit = member.promised if red_at == timing.promised_due_at else member.statutory
    if limit is None:
        raise AssertionError("a limit that is not there was used up")
    which: WhichLimit = "promised" if red_at == timing.promised_due_at else "statutory"
    added = extension_of(step.procedures, which)
    told = deadline(limit, timing.clock, draft.rules.calendar, draft.case.utc_offset_minutes, added)
    return _yellow_at(draft, member, told, red_at), red_at


def _yellow_at(draft: Draft, member: Member, told: Deadline, red_at: datetime) -> datetime:
    limit, rule = told.limit, _rule(draft, member)
    if limit.unit == "hours":
        hours = rule.days_left * 24 if rule.days_left else limit.number * rule.percent_left / 100
        return red_at - timedelta(hours=min(hours, limit.number))
    number = told.number - days_left(limit, rule)
    offset = draft.case.utc_offset_minutes
    if number == 0:
        started_on = local_day(draft.steps[member.code].timing.clock.counts_from, offset)  # type: ignore[union-attr]
        return end_of_day(started_on, offset) or red_at
    last = next(each.day.on for each in told.days if each.number == number)
    return end_of_day(last, offset) or red_at


def days_left(limit: Limit, rule: Yellow) -> int:
    """How many days are left, at most, when it is yellow: never more than the limit has."""
    wanted = rule.days_left or -(-limit.number * rule.percent_left // 100)
    return min(wanted, limit.number)


def _rule(draft: Draft, member: Member) -> Yellow:
    return next(rule for rule in draft.rules.yellow if not rule.items or member.item in rule.items)
