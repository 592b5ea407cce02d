"""What somebody is shown of a hotline ticket: its owner among the cases, and those who handle it.

A citizen is told what was answered once the hotline has closed the round with it; what units say to one
another, never. A unit sees the rounds in which it has a part, and of other units only what concerns it: the
lead sees the parts that co-units gave, a co-unit the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onenet.api.shapes import given, moment
from onenet.domain import ticket_handling
from onenet.domain.bundle import Names
from onenet.domain.case import Case
from onenet.domain.tickets import Act, By, Round, Ticket, Unit, as_whom, may_read, rounds_of, ticket_of
from onenet.domain.visibility import HOTLINE, Content, View


def own(case: Case, view: View) -> dict[str, Any]:
    """The members that a ticket adds to its case."""
    ticket = ticket_of(case.content.procedures)
    if ticket is None:
        return {}
    limit = ticket.round.limit
    rounds = [_own_round(number, each, view) for number, each in enumerate(ticket.rounds, 1)]
    told = {**_plain(ticket), **_said(ticket, view), "rounds": rounds}
    promised = {"number": limit.number, "unit": limit.unit} if limit else None
    return {"promised": promised, "ticket": given(told)}


def _own_round(number: int, each: Round, view: View) -> dict[str, Any]:
    return given(
        {
            "round": number,
            "state": each.state,
            "lead": each.lead.department if each.lead else None,
            "answer": each.answer if view.has_words else None,
            **_call_back(each, shows_words=view.content is not Content.NOTHING),
        }
    )


def progress(case: Case, units: Mapping[str, Names]) -> dict[str, Any]:
    """The member that a ticket adds to its progress. `units`: what the departments are called."""
    ticket = ticket_of(case.content.procedures)
    if ticket is None:
        return {}
    due_at = ticket_handling.due_at(case)
    rounds = [_progress_of(number, each, units) for number, each in enumerate(ticket.rounds, 1)]
    told = {"state": ticket.state, "due_at": moment(due_at) if due_at else None, "rounds": rounds}
    return {"ticket": given(told)}


def _progress_of(number: int, each: Round, units: Mapping[str, Names]) -> dict[str, Any]:
    lead = each.lead and each.lead.department
    return given(
        {
            "round": number,
            "state": each.state,
            "lead": {"code": lead, "names": dict(units[lead])} if lead else None,
            "answer": each.answer,
            **_call_back(each, shows_words=False),
        }
    )


def whole(case: Case, view: View | None) -> dict[str, Any]:
    """A ticket for those who handle it, or look after them. `view` None: who has just lost sight of it."""
    ticket = ticket_of(case.content.procedures)
    members = facts(case, view)
    if ticket is None or view is None:
        return members
    caller = case.content.applicant
    shows_caller = view.content is not Content.NOTHING
    shown = rounds_of(ticket, view.department) if view.department else enumerate(ticket.rounds, 1)
    rounds = [_round(number, each, view) for number, each in shown]
    return given(
        {
            **members,
            **_said(ticket, view),
            "caller": given({"name": caller.name, "phone": caller.phone}) if shows_caller else None,
            "rounds": rounds,
            "possible": [act.value for act in _possible(case, ticket, view)],
        }
    )


def _possible(case: Case, ticket: Ticket, view: View) -> list[Act]:
    """What whoever looks can do: the hotline, or a unit; looking after it is nobody."""
    whose: frozenset[By] = as_whom(ticket, view.department) if view.department else frozenset()
    return ticket_handling.possible(
        case.content.procedures, frozenset({"hotline"}) if view == HOTLINE else whose
    )


def facts(case: Case, view: View | None) -> dict[str, Any]:
    """What a list says of a ticket: nothing that anybody wrote. Of one that was erased there is little."""
    ticket = ticket_of(case.content.procedures)
    due_at = case.timing.promised_due_at
    return given(
        {
            "id": str(case.id),
            "number": case.number,
            **(_plain(ticket) if ticket else {}),
            "round": len(ticket.rounds) if ticket else None,
            "jurisdiction": case.jurisdiction,
            "filed_at": moment(case.created_at),
            "updated_at": moment(case.updated_at),
            "light": case.timing.light,
            "due_at": moment(due_at) if due_at else None,
            "links": _links(f"/v1/tickets/{case.id}", view),
        }
    )


def _links(here: str, view: View | None) -> dict[str, str]:
    """The ticket, and where whoever looks does something with it."""
    if view == HOTLINE:
        return {"self": here, "actions": f"{here}/actions"}
    return {"self": here, "answers": f"{here}/answers"} if view and view.department else {"self": here}


def _plain(ticket: Ticket) -> dict[str, Any]:
    return {"reference": ticket.reference, "about": ticket.about, "state": ticket.state}


def _said(ticket: Ticket, view: View) -> dict[str, Any]:
    """What the citizen said: for whoever sees what applicants say."""
    if view.content is Content.NOTHING:
        return {}
    return {"text": ticket.text, "place": ticket.place, "case_number": ticket.number}


def _round(number: int, each: Round, view: View) -> dict[str, Any]:
    units = [_unit(unit, shows_words=_may_read(each, unit, view)) for unit in each.units]
    return given(
        {
            "round": number,
            "state": each.state,
            "opened_at": moment(each.at),
            "reason": each.reason if view.has_words else None,
            "limit": {"number": each.limit.number, "unit": each.limit.unit} if each.limit else None,
            "units": units,
            **_call_back(each, shows_words=view.content is not Content.NOTHING),
        }
    )


def _may_read(each: Round, unit: Unit, view: View) -> bool:
    """Whether the words of that unit are for who looks."""
    return view.has_words and (view.department is None or may_read(each, unit, view.department))


def _unit(unit: Unit, *, shows_words: bool) -> dict[str, Any]:
    return given(
        {
            "department": unit.department,
            "part": unit.part,
            "state": unit.state,
            "assigned_at": moment(unit.assigned_at),
            "named": unit.is_named,
            "late": unit.is_late,
            "ended_at": moment(unit.ended_at) if unit.ended_at else None,
            "words": unit.words if shows_words else None,
        }
    )


def _call_back(each: Round, *, shows_words: bool) -> dict[str, Any]:
    said = each.call_back
    if said is None:
        return {}
    told = {"at": moment(said.at), "solved": said.is_solved, "satisfied": said.is_satisfied}
    return {"call_back": given({**told, "words": said.words if shows_words else None})}
