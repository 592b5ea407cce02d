"""Hearings 听证: the right is told, asked for within five working days, and held within twenty after that.

The clock of the step stands still from the day on which it is asked for until its minutes are recorded, as
for any special procedure (LIC art. 45); while an applicant only may ask, the office can go on with its work,
but not decide (`moves`). The right runs, and is used, whatever state the step is in: a step that is suspended
for something else, or held, stops for the hearing as soon as it is accepted again.
The decision stays the department's. Source: LIC art. 46 to 48; all its days are working days (art. 82).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from onenet.domain import moves, suspensions
from onenet.domain.bundle import Limit
from onenet.domain.case import Reply, Step
from onenet.domain.clocks import Clock
from onenet.domain.commands import AskHearing, Hear, WaiveHearing
from onenet.domain.deadlines import Deadline, deadline
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.outcome import RecordHearing, SetHearing, Suspended, TellHearingRight
from onenet.domain.procedures import Hearing, hearing_of
from onenet.domain.states import FINAL_STEP, StepState
from onenet.errors import HearingAhead, NotFound

ASKED_WITHIN, HELD_WITHIN, NOTICE = Limit(5, "workdays"), Limit(20, "workdays"), Limit(7, "workdays")
"""LIC art. 47, 47, and 48(1)."""

_OPEN_RIGHT = "the right to a hearing is open only once it was told and not used, waived or past"
_TO_BE_SET = "a hearing is set only once it was asked for, and before it was held"
_TO_BE_HELD = "a hearing is recorded only once it was set, and before it was held"
_NEEDED = {
    "tell_hearing": "the right to a hearing is told once, of a step that is accepted",
    **dict.fromkeys(("ask_hearing", "waive_hearing"), _OPEN_RIGHT),
    "set_hearing": _TO_BE_SET,
    "record_hearing": _TO_BE_HELD,
}
"""What each act needs, told to whoever is refused."""


def hear(draft: Draft, command: Hear) -> Reply:
    """Takes the hearing of a step one further. Raises: NotFound, MoveRefused, HearingAhead."""
    step = draft.steps.get(command.step)
    if step is None:
        raise NotFound
    moves.check_step(draft, step, command.act.action, _NEEDED[command.act.action])
    match command.act:
        case TellHearingRight(reason):
            _tell_right(draft, step, reason)
        case AskHearing(reason):
            _ask(draft, step, reason)
        case WaiveHearing():
            _put(draft, step, EventType.HEARING_WAIVED, state="waived")
        case SetHearing(on, place):
            _set(draft, step, on, place)
        case RecordHearing(minutes):
            _record(draft, step, minutes)
    return "applied"


def follow(draft: Draft) -> None:
    """Stops each step that this command left accepted, and whose hearing was asked for before that."""
    for code in dict.fromkeys(event.step for event in draft.events):
        step = draft.steps.get(code) if code else None
        if step is None or step is draft.case.steps.get(step.code) or step.state is not StepState.ACCEPTED:
            continue
        if (found := hearing_of(step.procedures)) and found.state in ("asked", "set"):
            _stop(draft, step)


def right_ends_at(draft: Draft, step: Step) -> datetime | None:
    """When the right to ask is over; None where nobody was told of one, or it was used or waived.

    A calendar that was changed meanwhile can make it later, and never earlier than the applicant was told.
    """
    if (found := open_right(step)) is None:
        return None
    counted = _counted(draft, ASKED_WITHIN, found.told_at).due_at
    return max(counted, found.until) if counted and found.until else counted


def say_moved(draft: Draft, step: Step) -> None:
    """Tells that the right lasts longer than the applicant was told, by a calendar published since."""
    found, until = open_right(step), right_ends_at(draft, step)
    if found is None or until is None or found.until is None or until == found.until:
        return
    told = {"from": found.until.isoformat(), "to": until.isoformat()}
    is_provisional = _counted(draft, ASKED_WITHIN, found.told_at).is_provisional
    draft.put_procedure(step.code, replace(found, until=until), instead_of=found)
    draft.add(
        EventType.STEP_DEADLINE_MOVED, step.code,
        limit="hearing_right", **told, is_provisional=is_provisional,
    )  # fmt: skip


def open_right(step: Step) -> Hearing | None:
    """The hearing of the step, while it can be asked for."""
    found = hearing_of(step.procedures)
    return found if found and found.state == "told" and step.state not in FINAL_STEP else None


def let_lapse(draft: Draft, step: Step, due_at: datetime) -> None:
    """Notes that nobody asked in time."""
    _put(draft, step, EventType.HEARING_LAPSED, {"due_at": due_at.isoformat()}, state="lapsed")


def _tell_right(draft: Draft, step: Step, reason: str) -> None:
    until = _counted(draft, ASKED_WITHIN, draft.now.at).due_at
    draft.put_procedure(step.code, Hearing("hearing", "told", reason, told_at=draft.now.at, until=until))
    draft.tell(EventType.HEARING_TOLD, step.code, reason=reason, until=until and until.isoformat())


def _ask(draft: Draft, step: Step, reason: str | None) -> None:
    _put(draft, step, EventType.HEARING_ASKED, {"reason": reason}, state="asked", asked_at=draft.now.at)
    if step.state is StepState.ACCEPTED:
        _stop(draft, draft.steps[step.code], reason)


def _stop(draft: Draft, step: Step, reason: str | None = None) -> None:
    """Stops the clock until the day by which the hearing is to be held, as `_between` counts it."""
    found = hearing_of(step.procedures)
    left = _counted(draft, HELD_WITHIN, (found and found.asked_at) or draft.now.at).left(draft.today)
    expected = replace(HELD_WITHIN, number=max(left or 0, 0) or HELD_WITHIN.number)
    suspensions.begin(draft, step, Suspended("hearing", reason, expected))


def _set(draft: Draft, step: Step, on: date, place: str) -> None:
    """Sets day and place, or others; the applicant hears of it seven working days before."""
    first, last = _between(draft, step)
    is_open = draft.rules.calendar.day(on).is_workday
    if not first < on <= last or not is_open:
        expected = f"expected a working day after {first}, seven are for the notice, and until {last}"
        raise moves.refused(f"on: {expected}", draft, step)
    _put(
        draft, step, EventType.HEARING_SET, {"on": on.isoformat(), "place": place},
        state="set", on=on, place=place,
    )  # fmt: skip


def _record(draft: Draft, step: Step, minutes: str) -> None:
    """Keeps the minutes of what was held on the day that the applicant was told, or later."""
    found = hearing_of(step.procedures)
    if found and found.on and draft.today < found.on:
        detail = f"it is set for {found.on}: expected its minutes on that day or later"
        raise moves.refused(detail, draft, step, HearingAhead, hearing_on=found.on.isoformat())
    _put(draft, step, EventType.HEARING_HELD, {"minutes": minutes}, state="held", minutes=minutes)
    if moves.is_stopped_for_hearing(step):
        suspensions.end(draft, draft.steps[step.code])


def _between(draft: Draft, step: Step) -> tuple[date, date]:
    """The last day of the notice, and the last one for the hearing: twenty working days after it was asked
    for. Where the notice reaches beyond those it is late anyway, which is on record, and they count from now.
    """
    found = hearing_of(step.procedures)
    first = _counted(draft, NOTICE, draft.now.at).due_on
    last = _counted(draft, HELD_WITHIN, (found and found.asked_at) or draft.now.at).due_on
    if first and last and last <= first:
        last = _counted(draft, HELD_WITHIN, draft.now.at).due_on
    if first is None or last is None:
        raise AssertionError("a clock that never stood still has an end")
    return first, last


def _put(
    draft: Draft, step: Step, event: EventType, told: dict[str, Any] | None = None, **changes: Any
) -> None:
    found = hearing_of(step.procedures)
    if found is None:
        raise AssertionError("asked before: there is one")
    draft.put_procedure(step.code, replace(found, **changes), instead_of=found)
    draft.tell(event, step.code, **(told or {}))


def _counted(draft: Draft, limit: Limit, since: datetime) -> Deadline:
    return deadline(limit, Clock(since), draft.rules.calendar, draft.case.utc_offset_minutes)
