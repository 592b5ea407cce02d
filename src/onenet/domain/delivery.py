"""Delivery of results 送达: by the way that the applicant wished for, within the time of the law.

What is electronic is delivered with the decision: nothing more is to happen, and nothing is stored of it.
What is fetched at a window or brought by a courier is to be handed over, or sent, within ten working days of
the decision; who is late is on record, and red. Until when is counted when it is asked for, by the rules and
the calendar of the place as they are then: a year that is published moves it. Source: LIC art. 44 and 82,
domain.md section 16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Literal, NamedTuple

from onenet.domain import filing, moves, results
from onenet.domain.bundle import Bundle
from onenet.domain.calendar import local_day
from onenet.domain.case import Step
from onenet.domain.clocks import Clock
from onenet.domain.commands import DeliverResults
from onenet.domain.deadlines import deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.filing import Filing
from onenet.domain.guidance import Plan
from onenet.domain.outcome import ResultGiven
from onenet.domain.procedures import ResultDelivery
from onenet.domain.rules import Rules
from onenet.domain.states import Light
from onenet.errors import Fault, FormInvalid, NotFound

Standing = Literal["issued", "delivered", "expired", "recalled", "revoked"]


def faults(bundle: Bundle, plan: Plan, said: Filing) -> Iterator[Fault]:
    """What is wrong with what was wished for: a way that no item offers, a courier without an address."""
    wish = said.delivery
    if wish is None:
        return
    if not any(wish.channel in bundle.member(code).delivery for code in plan.members):
        zh, en = "所办事项均不提供此送达方式", "No item offers this way"
        yield Fault("not_offered", zh, en, "/delivery/channel")
    if wish.channel == "courier" and wish.address is None:
        yield Fault("missing", "须填写邮寄地址", "Expected where to bring them", "/delivery/address")
    if wish.channel != "courier" and wish.address is not None:
        zh, en = "只有邮寄需要地址", "Expected none: only a courier needs it"
        yield Fault("needless", zh, en, "/delivery/address")


def of(step: Step) -> ResultDelivery | None:
    """The delivery of the step's results, if they are not electronic."""
    return next((each for each in step.procedures if isinstance(each, ResultDelivery)), None)


def begin(draft: Draft, code: str) -> None:
    """A step was decided: what it issued is to be handed over from here on."""
    channel = filing.result_channel(draft.case.bundle.member(code), draft.content.filing)
    if channel == "electronic" or not draft.steps[code].results:
        return
    until = _count(draft.now.at, draft.rules, draft.case.utc_offset_minutes)
    begun = ResultDelivery("result_delivery", channel, draft.now.at, **until._asdict())
    draft.put_procedure(code, begun)
    told = {"until": until.due_at.isoformat(), "is_provisional": until.is_provisional}
    draft.tell(EventType.RESULT_DELIVERY_DUE, code, channel=channel, **told)


class Until(NamedTuple):
    """Until when; `is_provisional`: a year on the way is not published yet, so it may still move."""

    due_at: datetime
    is_provisional: bool


def until(found: ResultDelivery, rules: Rules, utc_offset_minutes: int) -> Until:
    """Until when, as it is counted now; what was handed over or is overdue stays as it was told."""
    if found.delivered_at or found.is_overdue:
        return Until(found.due_at, False)
    return _count(found.at, rules, utc_offset_minutes)


def _count(since: datetime, rules: Rules, utc_offset_minutes: int) -> Until:
    counted = deadline(rules.result_delivery, Clock(since), rules.calendar, utc_offset_minutes)
    if counted.due_at is None:
        raise AssertionError("a clock that never stood still has an end")
    return Until(counted.due_at, counted.is_provisional)


def overdue_at(draft: Draft, step: Step) -> datetime | None:
    """When the delivery is overdue; None where none is awaited, or that was said."""
    found = _awaited(step)
    return until(found, draft.rules, draft.case.utc_offset_minutes).due_at if found else None


def _awaited(step: Step) -> ResultDelivery | None:
    """The delivery, while it is neither made nor overdue."""
    found = of(step) if step.procedures else None
    return found if found and not found.is_overdue and moves.is_to_be_delivered(step) else None


def say_moved(draft: Draft, step: Step) -> None:
    """Tells that it is due at another time than was told, or that this will move no more."""
    found = _awaited(step)
    if found is None:
        return
    now = until(found, draft.rules, draft.case.utc_offset_minutes)
    if now.due_at == found.due_at and (now.is_provisional or not found.is_provisional):
        return
    draft.put_procedure(step.code, replace(found, **now._asdict()), instead_of=found)
    told = {"from": found.due_at.isoformat(), "to": now.due_at.isoformat()}
    draft.add(
        EventType.STEP_DEADLINE_MOVED, step.code,
        limit=found.kind, **told, is_provisional=now.is_provisional,
    )  # fmt: skip


def say_overdue(draft: Draft, step: Step, due_at: datetime) -> None:
    """Says once that they were not handed over in time: the step is red, and so is its case."""
    found = of(step)
    if found is None:
        raise AssertionError("asked before: a delivery is awaited")
    draft.put_procedure(step.code, replace(found, is_overdue=True, due_at=due_at), instead_of=found)
    draft.tell(EventType.RESULT_DELIVERY_OVERDUE, step.code, channel=found.channel, due_at=due_at.isoformat())
    if step.timing.light is not Light.RED:
        step = draft.steps[step.code]
        draft.steps[step.code] = step._replace(timing=step.timing._replace(light=Light.RED))
        at = due_at.isoformat()
        draft.tell(EventType.STEP_LIGHT, step.code, light=Light.RED, due_at=at, ends_at=at)


def deliver(draft: Draft, command: DeliverResults) -> None:
    """Notes that they were. Raises: NotFound; MoveRefused where nothing is to be; FormInvalid."""
    step = draft.steps.get(command.step)
    if step is None:
        raise NotFound
    found = of(step)
    if found and found.delivered_at:
        raise moves.refused(f"they were handed over at {found.delivered_at.isoformat()}", draft, step)
    if found is None or not moves.is_to_be_delivered(step):
        raise moves.refused("no results of the step are to be delivered", draft, step)
    if wrong := tuple(_faults(found, command)):
        raise FormInvalid("a courier has a name and a number, and nobody else", faults=wrong)
    done = replace(
        found, delivered_at=draft.now.at, delivered_by=command.by,
        carrier=command.carrier, tracking_number=command.tracking_number,
    )  # fmt: skip
    draft.put_procedure(step.code, done, instead_of=found)
    draft.tell(
        EventType.RESULT_DELIVERED, step.code, channel=found.channel, by=command.by,
        carrier=command.carrier, tracking_number=command.tracking_number,
    )  # fmt: skip


def _faults(found: ResultDelivery, command: DeliverResults) -> Iterator[Fault]:
    by_courier = found.channel == "courier"
    for name in ("carrier", "tracking_number"):
        is_said = getattr(command, name) is not None
        if by_courier and not is_said:
            yield Fault("missing", "邮寄须填写", "Expected of a courier", f"/{name}")
        elif is_said and not by_courier:
            yield Fault("needless", "仅邮寄填写", "A courier's alone", f"/{name}")


def standing(
    step: Step, result: ResultGiven, today: date, utc_offset_minutes: int
) -> tuple[Standing, str | None]:
    """How a result stands on that local day, for those who have to do with it: one that holds is delivered
    once it is handed over; what is electronic is at once.
    """
    state, since = results.standing(result, today)
    if state != "issued" or result.issued_on is None:
        return state, since
    found = of(step)
    if found is None:
        return "delivered", since
    if found.delivered_at is None:
        return "issued", since
    return "delivered", local_day(found.delivered_at, utc_offset_minutes).isoformat()
