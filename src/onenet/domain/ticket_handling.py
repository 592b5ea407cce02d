"""Handling hotline tickets: what an act makes of the round under way, and what time does to it.

The units of a round have one time, which begins with its lead: a co-unit gives its part within it. Days are
working days of the place; the hours within which a unit may return a ticket run round the clock. While no
unit leads, no time runs. Source: WEI art. 20-27 (domain.md section 12).
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args

from onenet.domain import limits
from onenet.domain.case import Case, Reply
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.procedures import Procedure
from onenet.domain.rules import Rules
from onenet.domain.states import FINAL_CASE, CaseState
from onenet.domain.tickets import (
    ACTS,
    Act,
    AnswerTicket,
    By,
    CallBack,
    CallBackAbout,
    CloseTicket,
    DispatchTicket,
    EndTicket,
    GivePart,
    Part,
    ReopenTicket,
    ReturnTicket,
    Round,
    Ticket,
    TicketAct,
    TicketState,
    Unit,
    UnitState,
    ticket_of,
)
from onenet.errors import MoveRefused, NotFound, ReturnTooLate, UnitNamed

_S, _U = TicketState, UnitState


def handle(draft: Draft, act: TicketAct) -> Reply:
    """Does it. Raises: NotFound for no ticket, MoveRefused, ReturnTooLate, UnitNamed."""
    ticket = ticket_of(draft.content.procedures)
    if ticket is None:
        raise NotFound
    if ticket.state not in ACTS[act.action].states:
        raise _refused(draft, ticket, f"the ticket is {ticket.state.value}")
    if isinstance(act, ReturnTicket | GivePart | AnswerTicket):
        _by_unit(draft, ticket, act)
    else:
        _by_hotline(draft, ticket, act)
    return "applied"


def _by_hotline(
    draft: Draft, ticket: Ticket, act: DispatchTicket | CloseTicket | CallBackAbout | ReopenTicket | EndTicket
) -> None:
    match act:
        case DispatchTicket():
            _dispatch(draft, ticket, act)
        case CloseTicket():
            _close(draft, ticket)
        case CallBackAbout():
            _call_back(draft, ticket, act)
        case ReopenTicket(reason):
            _reopen(draft, ticket, reason)
        case EndTicket(reason):
            _to(draft, ticket, _S.ENDED, EventType.TICKET_ENDED, reason=reason)
            draft.move_case(CaseState.COMPLETED)


def _by_unit(draft: Draft, ticket: Ticket, act: ReturnTicket | GivePart | AnswerTicket) -> None:
    match act:
        case ReturnTicket(department, reason):
            _return(draft, ticket, _own(draft, ticket, department), reason)
        case GivePart(department, words):
            _give_part(draft, ticket, _own(draft, ticket, department, part="co"), words)
        case AnswerTicket(department, words):
            _answer(draft, ticket, _own(draft, ticket, department, part="lead"), words)


def possible(procedures: Iterable[Procedure], whose: Container[By]) -> list[Act]:
    """What those can do with the ticket now; nothing where there is none."""
    ticket = ticket_of(procedures)
    acts = [act for act, move in ACTS.items() if ticket and ticket.state in move.states and move.by in whose]
    return [act for act in acts if act is not Act.EXTEND or limits.is_lengthenable(procedures)]


def allowed(procedures: Iterable[Procedure]) -> list[dict[str, Any]]:
    """What can be done by one or the other, and by whom, as it is told to whom something is refused."""
    return [{"action": act.value, "by": [ACTS[act].by]} for act in possible(procedures, get_args(By))]


def withdraw(draft: Draft) -> None:
    """The applicant takes it back: nothing more is due to it."""
    ticket = ticket_of(draft.content.procedures)
    if ticket is not None:
        _put(draft, ticket, replace(ticket.round, state=_S.WITHDRAWN, stopped_at=draft.now.at))


# ---- time


def due_at(case: Case) -> datetime | None:
    """Until when the lead is to answer; None while that time does not run."""
    ticket = ticket_of(case.content.procedures)
    runs = ticket is not None and ticket.round.began_at is not None and ticket.round.stopped_at is None
    return case.timing.promised_due_at if runs else None


def return_until(unit: Unit, rules: Rules) -> datetime:
    """Until when the unit may return it."""
    return unit.assigned_at + timedelta(hours=rules.ticket_return_hours)


def late_at(draft: Draft) -> datetime | None:
    """When the time of the round is used up; None where no unit is at work that was not late already."""
    ticket = ticket_of(draft.content.procedures)
    if ticket is None or draft.state in FINAL_CASE or not _late(ticket.round):
        return None
    case = draft.case._replace(timing=draft.timing, content=draft.content)
    found = limits.of_case(case, draft.rules.calendar).promised
    return found.due_at if found else None


def note_late(draft: Draft, due_at: datetime) -> None:
    """Notes which units had not ended their parts."""
    ticket = ticket_of(draft.content.procedures)
    if ticket is None:
        raise AssertionError("asked before: it is one")
    late = _late(ticket.round)
    draft.add(
        EventType.TICKET_OVERDUE,
        round=len(ticket.rounds),
        units=[unit.department for unit in late],
        due_at=due_at.isoformat(),
    )
    units = tuple(replace(unit, is_late=True) if unit in late else unit for unit in ticket.round.units)
    _put(draft, ticket, replace(ticket.round, units=units))


def _late(turn: Round) -> tuple[Unit, ...]:
    is_open = turn.state in ACTS[Act.GIVE_PART].states
    return tuple(unit for unit in turn.at_work if not unit.is_late) if is_open and turn.clock else ()


# ---- the hotline


def _dispatch(draft: Draft, ticket: Ticket, act: DispatchTicket) -> None:
    turn, now = ticket.round, draft.now.at
    wanted: dict[str, Part] = dict.fromkeys((act.lead, *act.co_units), "co")
    wanted[act.lead] = "lead"
    units = [_kept(unit, wanted, now, is_named=act.is_named) for unit in turn.units]
    taken_off = [unit.department for unit in turn.at_work if wanted.get(unit.department) != unit.part]
    has = {(unit.department, unit.part) for unit in units if unit.state in (_U.AT_WORK, _U.DONE)}
    new = [
        Unit(department, part, _U.AT_WORK, now, is_named=act.is_named)
        for department, part in wanted.items()
        if (department, part) not in has
    ]
    turn = replace(turn, state=_S.DISPATCHED, units=(*units, *new))
    if any(unit.part == "lead" for unit in new):
        limit = draft.rules.ticket_kinds.get(ticket.about, draft.rules.ticket)
        turn = replace(turn, began_at=now, limit=limit)
    if draft.state is CaseState.RECEIVED:
        draft.move_case(CaseState.ACCEPTED)
    _put(draft, ticket, turn)
    draft.add(
        EventType.TICKET_DISPATCHED,
        round=len(ticket.rounds),
        lead=act.lead,
        units=[unit.department for unit in new],
        taken_off=taken_off,
    )
    if act.is_named:
        named = [unit.department for unit in turn.at_work]
        draft.add(EventType.TICKET_NAMED, round=len(ticket.rounds), units=named, reason=act.reason)


def _kept(unit: Unit, wanted: dict[str, Part], now: datetime, *, is_named: bool) -> Unit:
    """The unit's part as it stands after the dispatch: whoever is not to have it any more is taken off it,
    who keeps it is named with the others.
    """
    if unit.state is not _U.AT_WORK:
        return unit
    if wanted.get(unit.department) == unit.part:
        return replace(unit, is_named=unit.is_named or is_named)
    return replace(unit, state=_U.TAKEN_OFF, ended_at=now)


def _close(draft: Draft, ticket: Ticket) -> None:
    lead = ticket.round.lead
    _to(draft, ticket, _S.CLOSED, EventType.TICKET_CLOSED, answer=lead and lead.words)


def _call_back(draft: Draft, ticket: Ticket, act: CallBackAbout) -> None:
    said = CallBack(draft.now.at, act.is_solved, act.is_satisfied, act.words)
    lead = ticket.round.lead
    _to(
        draft,
        replace(ticket, rounds=(*ticket.rounds[:-1], replace(ticket.round, call_back=said))),
        _S.SOLVED if act.is_solved else _S.UNSOLVED,
        EventType.TICKET_CALLED_BACK,
        lead=lead and lead.department,
        is_solved=act.is_solved,
        is_satisfied=act.is_satisfied,
        words=act.words,
    )
    if act.is_solved:
        draft.move_case(CaseState.COMPLETED)


def _reopen(draft: Draft, ticket: Ticket, reason: str) -> None:
    new = replace(ticket, rounds=(*ticket.rounds, Round(draft.now.at, reason=reason)))
    _to(draft, new, _S.RECEIVED, EventType.TICKET_REOPENED, reason=reason)


# ---- the units


def _own(draft: Draft, ticket: Ticket, department: str, *, part: Part | None = None) -> Unit:
    """The department's part in the round. Raises: MoveRefused where it has none, or another one."""
    unit = ticket.round.working(department)
    if unit is None or part not in (None, unit.part):
        raise _refused(draft, ticket, "the unit has no such part in this round, or has ended it")
    return unit


def _return(draft: Draft, ticket: Ticket, unit: Unit, reason: str) -> None:
    if unit.is_named:
        raise UnitNamed
    if draft.now.at > return_until(unit, draft.rules):
        raise ReturnTooLate(
            f"within {draft.rules.ticket_return_hours} hours of {unit.assigned_at.isoformat()}"
        )
    turn = replace(_ended(draft, ticket.round, unit, _U.RETURNED, reason), state=_S.RETURNED)
    if unit.part == "lead":
        turn = replace(turn, began_at=None, limit=None)
    _put(draft, ticket, turn)
    draft.add(EventType.TICKET_RETURNED, round=len(ticket.rounds), department=unit.department, reason=reason)


def _give_part(draft: Draft, ticket: Ticket, unit: Unit, words: str) -> None:
    _put(draft, ticket, _ended(draft, ticket.round, unit, _U.DONE, words))
    draft.add(EventType.TICKET_PART_GIVEN, round=len(ticket.rounds), department=unit.department, words=words)


def _answer(draft: Draft, ticket: Ticket, unit: Unit, words: str) -> None:
    turn = replace(_ended(draft, ticket.round, unit, _U.DONE, words), stopped_at=draft.now.at)
    changed = replace(ticket, rounds=(*ticket.rounds[:-1], turn))
    said = {"department": unit.department, "words": words}
    _to(draft, changed, _S.ANSWERED, EventType.TICKET_ANSWERED, **said)


def _ended(draft: Draft, turn: Round, unit: Unit, state: UnitState, words: str) -> Round:
    ended = replace(unit, state=state, ended_at=draft.now.at, words=words)
    return replace(turn, units=tuple(ended if each is unit else each for each in turn.units))


# ---- keeping it


def _to(draft: Draft, ticket: Ticket, state: TicketState, event: EventType, **said: Any) -> None:
    """Moves the last round there, and says so."""
    _put(draft, ticket, replace(ticket.round, state=state))
    draft.add(event, round=len(ticket.rounds), **said)


def _put(draft: Draft, ticket: Ticket, turn: Round) -> None:
    """The ticket with its last round as it now is; a case has one ticket."""
    now = replace(ticket, rounds=(*ticket.rounds[:-1], turn))
    procedures = tuple(now if isinstance(each, Ticket) else each for each in draft.content.procedures)
    draft.content = replace(draft.content, procedures=procedures)


def _refused(draft: Draft, ticket: Ticket, detail: str) -> MoveRefused:
    present = {"case": draft.state.value, "ticket": ticket.state.value, "round": len(ticket.rounds)}
    return MoveRefused(detail, present, allowed(draft.content.procedures))
