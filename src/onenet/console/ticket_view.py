"""What the pages of hotline tickets show to a unit, as over HTTP: the rounds in which it has a part, and of
other units what concerns it. Pure: tickets in, words out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from onenet.console import words
from onenet.console.ticket_words import CALLED_BACK, TICKET, TICKET_STATES
from onenet.console.words import Language
from onenet.domain import ticket_handling
from onenet.domain.bundle import Names
from onenet.domain.case import Case
from onenet.domain.tickets import Act, Part, Round, Ticket, Unit, as_whom, may_read, rounds_of


@dataclass(frozen=True, slots=True)
class TicketLine:
    """A ticket in the list: nothing that anybody wrote. `due`: the last day, while the lead's time runs."""

    id: str
    reference: str
    about: str
    state: str
    jurisdiction: str
    filed: str
    due: str | None


@dataclass(frozen=True, slots=True)
class UnitLine:
    """A unit's part of a round. `words`: where they are for who looks."""

    name: str
    part: Part
    state: str
    is_late: bool
    words: str | None


@dataclass(frozen=True, slots=True)
class RoundLines:
    """A round in which the unit has a part. `notes`: why it was opened, and what came of the call-back."""

    name: str
    state: str
    notes: tuple[str, ...]
    units: tuple[UnitLine, ...]


@dataclass(frozen=True, slots=True)
class TicketPage:
    """The page of one ticket. `mark`: how it is; `return_until`: None where that is over."""

    line: TicketLine
    text: str
    place: str | None
    caller: str
    case_number: str | None
    rounds: tuple[RoundLines, ...]
    possible: tuple[Act, ...]
    return_until: str | None
    mark: str


@dataclass(frozen=True, slots=True)
class Seat:
    """For which unit it is shown. `names`: what the departments are called."""

    department: str
    names: Mapping[str, Names]


def line_of(case: Case, ticket: Ticket, language: Language) -> TicketLine:
    """The ticket in a few words."""
    due_at = ticket_handling.due_at(case)
    return TicketLine(
        id=str(case.id),
        reference=ticket.reference,
        about=TICKET[f"ticket_{ticket.about}"][language],
        state=TICKET_STATES[ticket.state][language],
        jurisdiction=case.jurisdiction,
        filed=_time(case, case.created_at, language),
        due=_last_day(case, due_at, language) if due_at else None,
    )


def page_of(
    case: Case, ticket: Ticket, who: Seat, language: Language, return_until: datetime | None
) -> TicketPage:
    """The page of it for a unit. `return_until`: None where that is over."""
    caller = case.content.applicant
    acts = ticket_handling.possible(case.content.procedures, as_whom(ticket, who.department))
    return TicketPage(
        line=line_of(case, ticket, language),
        text=ticket.text,
        place=ticket.place,
        caller=f"{caller.name} {caller.phone or ''}".rstrip(),
        case_number=ticket.number,
        rounds=tuple(
            RoundLines(
                name=TICKET["round"][language].format(number=number),
                state=TICKET_STATES[each.state][language],
                notes=tuple(_notes(case, each, language)),
                units=tuple(_unit(each, unit, who, language) for unit in each.units),
            )
            for number, each in rounds_of(ticket, who.department)
        ),
        possible=tuple(act for act in acts if act is not Act.RETURN or return_until),
        return_until=_time(case, return_until, language) if return_until else None,
        mark=mark(case),
    )


def mark(case: Case) -> str:
    """How the ticket is: another one after everything that is done with it."""
    return str(case.version)


def _notes(case: Case, each: Round, language: Language) -> Iterator[str]:
    if each.reason is not None:
        yield TICKET["ticket_reason"][language].format(reason=each.reason)
    if (said := each.call_back) is not None:
        template = CALLED_BACK[said.is_solved, said.is_satisfied][language]
        yield template.format(day=_time(case, said.at, language))
        if said.words is not None:
            yield TICKET["ticket_said"][language].format(words=said.words)


def _unit(each: Round, unit: Unit, who: Seat, language: Language) -> UnitLine:
    return UnitLine(
        name=who.names[unit.department][language],
        part=unit.part,
        state=unit.state.value,
        is_late=unit.is_late,
        words=unit.words if may_read(each, unit, who.department) else None,
    )


def _last_day(case: Case, due_at: datetime, language: Language) -> str:
    """The day that ends then: its end is the first moment of the next one."""
    return _time(case, due_at - timedelta(microseconds=1), language, words.DAY)


def _time(case: Case, at: datetime, language: Language, template: words.Words = words.TIME) -> str:
    local = at.astimezone(timezone(timedelta(minutes=case.utc_offset_minutes)))
    return template[language].format(at=local, month=words.MONTHS[local.month - 1])
