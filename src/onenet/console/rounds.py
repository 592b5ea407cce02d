"""The rounds of a hotline ticket on the page of its case: which unit answers, until when, and what it said.

The answer is the one thing on that page that a person wrote: it was written for whoever called. What units
say to one another, and what the caller said, is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from markupsafe import Markup

from onenet.console import words
from onenet.console.notes import filled, stamped
from onenet.console.ticket_words import CALLED_BACK, TICKET, TICKET_STATES
from onenet.console.words import Language
from onenet.domain import ticket_handling
from onenet.domain.bundle import Names
from onenet.domain.case import Case
from onenet.domain.tickets import Round, ticket_of


@dataclass(frozen=True, slots=True)
class RoundLine:
    """One round. `unit`: who answers, or has answered."""

    name: str
    state: str
    notes: tuple[Markup, ...]
    unit: str | None


def rounds_of(case: Case, language: Language, units: Mapping[str, Names]) -> tuple[RoundLine, ...]:
    """The rounds of a ticket, none of another case. `units`: what the departments are called."""
    ticket = ticket_of(case.content.procedures)
    rounds = ticket.rounds if ticket else ()
    return tuple(
        RoundLine(
            name=TICKET["round"][language].format(number=number),
            state=TICKET_STATES[each.state][language],
            notes=tuple(_notes(case, each, language, is_last=number == len(rounds))),
            unit=units[each.lead.department][language] if each.lead else None,
        )
        for number, each in enumerate(rounds, 1)
    )


def _notes(case: Case, each: Round, language: Language, *, is_last: bool) -> Iterator[Markup]:
    due_at = ticket_handling.due_at(case) if is_last else None
    if due_at is not None:  # a day's end is the first moment of the next one
        yield filled(TICKET["due"][language], day=_day(case, due_at - timedelta(microseconds=1), language))
    if each.answer is not None:
        yield filled(TICKET["answer"][language], answer=each.answer)
    if (said := each.call_back) is not None:
        template = CALLED_BACK[said.is_solved, said.is_satisfied][language]
        yield filled(template, day=_day(case, said.at, language))


def _day(case: Case, at: datetime, language: Language) -> Markup:
    zone = timezone(timedelta(minutes=case.utc_offset_minutes))
    return stamped(at, zone, words.DAY, language)
