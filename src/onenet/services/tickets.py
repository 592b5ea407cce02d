"""Hotline tickets: filed once under the hotline's own number, handled, listed, counted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import orjson
from sqlalchemy.exc import IntegrityError

from onenet.domain.bundle import Names
from onenet.domain.case import Applicant, Case, CaseContent, Decision
from onenet.domain.commands import Extend, HandleTicket, Open
from onenet.domain.tickets import BUNDLE, Round, Ticket, TicketKind, ticket_of
from onenet.domain.tracking import hash_of
from onenet.domain.visibility import EVERYTHING, OWN_PART, Column, Sight, Visible
from onenet.errors import NotFound, TicketKnown
from onenet.ids import derived_id
from onenet.services import cases
from onenet.services.advance import Gate
from onenet.services.cases import Replying, blank_case, change
from onenet.services.catalogue import Catalogue
from onenet.services.change import Once, Opening, Result
from onenet.services.once import answered
from onenet.services.reading import Reading, Seen
from onenet.store import tickets as store
from onenet.store.cases import Position
from onenet.store.database import Database
from onenet.store.idempotency import StoredAnswer
from onenet.store.tickets import Count, Wanted


@dataclass(frozen=True, slots=True)
class Filed:
    """What the hotline has taken down. `subject`: its name for the caller. `case`: what it is about."""

    client: str
    subject: str
    reference: str
    jurisdiction: str
    about: TicketKind
    text: str
    caller: Applicant
    place: str | None = None
    case: UUID | None = None
    number: str | None = None

    @property
    def case_id(self) -> UUID:
        """The id of its case: the hotline's number names it."""
        return derived_id(b"hotline ticket", self.client.encode(), self.reference.encode())

    @property
    def once(self) -> Once:
        """Under the hotline's number, for what this says."""
        scope, key = f"tickets:{self.client}", hashlib.sha256(self.reference.encode()).hexdigest()
        said = orjson.dumps(self, option=orjson.OPT_SORT_KEYS)
        return Once(scope, key, hashlib.sha256(said).digest(), TicketKnown)

    def ticket(self) -> Ticket:
        """The ticket before anything was done with it."""
        said = (self.reference, self.about, self.text)
        return Ticket("ticket", *said, (), self.place, self.case, self.number)


Told = Callable[[Case], StoredAnswer]
"""Makes the answer of it: a new one's, or the one's that there is."""


async def file(
    gate: Gate, catalogue: Catalogue, filed: Filed, *, actor: str, secret: str, tell: Told, tell_known: Told
) -> tuple[StoredAnswer, bool]:
    """Opens the case of a ticket, or finds it; the second part says which: True for found.

    Raises: TicketKnown where the number was used for something else; Unavailable.
    """
    if kept := await answered(gate.database, filed.once):
        return kept, True
    if known := await _known(gate.database, catalogue, filed):
        return tell_known(known), True
    jurisdiction = await catalogue.jurisdiction(filed.jurisdiction)
    now = gate.clock.now()
    ticket = replace(filed.ticket(), rounds=(Round(now),))
    content = CaseContent(filed.caller, {}, {}, (), procedures=(ticket,))
    blank = blank_case(filed.case_id, BUNDLE, jurisdiction, content, hash_of(secret))
    opening = Opening(
        blank._replace(subject=filed.subject, client=filed.client),
        await catalogue.number_template(filed.jurisdiction),
    )

    def render(case: Case, decision: Decision) -> StoredAnswer:
        return tell(case)

    try:
        result = await gate.submit(
            change(filed.case_id, Open(), Replying(actor, filed.once, render), opening)
        )
    except IntegrityError:  # another process was first
        if known := await _known(gate.database, catalogue, filed):
            return tell_known(known), True
        raise
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a change that was to be rendered")
    return result.answer, result.replayed


async def _known(database: Database, catalogue: Catalogue, filed: Filed) -> Case | None:
    """The case of that number, if there is one. Raises: TicketKnown when it says something else."""
    try:
        case = await cases.get(database, catalogue, filed.case_id, EVERYTHING)
    except NotFound:
        return None
    ticket = ticket_of(case.content.procedures)
    has = (case.subject, case.jurisdiction, case.content.applicant)
    is_same = has == (filed.subject, filed.jurisdiction, filed.caller)
    if ticket and not (is_same and replace(ticket, rounds=()) == filed.ticket()):
        raise TicketKnown
    return case


async def check_place(catalogue: Catalogue, code: str, within: frozenset[str]) -> None:
    """Passes when there is that place, within these where there are any. Raises: UnknownReference."""
    places = {each.code for each in await catalogue.jurisdictions()}
    if code not in (await catalogue.below(within) & places if within else places):
        raise cases.unknown("/jurisdiction", "没有此辖区", "no such jurisdiction")


async def check_units(catalogue: Catalogue, units: Iterable[tuple[str, str]]) -> None:
    """Passes when these are departments; each with its place in the body. Raises: UnknownReference."""
    known = {each.code for each in await catalogue.departments()}
    for pointer, code in units:
        if code not in known:
            raise cases.unknown(pointer, "没有此部门", "no such department")


async def handle(gate: Gate, case_id: UUID, command: HandleTicket | Extend, replying: Replying) -> Result:
    """Somebody does the next thing. Raises: NotFound, MoveRefused, and why else it is not possible."""
    return await gate.submit(change(case_id, command, replying))


async def names_of_units(catalogue: Catalogue, case: Case) -> Mapping[str, Names]:
    """What the departments are called that a ticket may be given to; of other cases its bundle tells that."""
    if ticket_of(case.content.procedures) is None:
        return {}
    return {each.code: each.names for each in await catalogue.departments()}


async def page(
    database: Database,
    reading: Reading,
    visible: Visible,
    wanted: Wanted,
    *,
    after: Position | None,
    limit: int,
) -> tuple[list[Seen], Position | None]:
    """Tickets, newest first, and where the next page begins, if there is one."""
    async with database.read() as connection:
        found = await store.page(connection, visible, wanted, after, limit + 1)
    shown = list(found)[:limit]
    whole = await reading.whole({id: found[id] for id in shown})
    seen = [Seen(case, sight) for id in shown if (sight := visible.sight_of(case := whole[id]))]
    last = whole[shown[-1]] if len(found) > limit else None
    return seen, Position(last.created_at, last.id) if last else None


async def figures(
    database: Database, visible: Visible, month: str, department: str | None
) -> Sequence[Count]:
    """How units did with the parts that they got in a month; a department sees all of its own parts."""
    if department is not None:
        # Also of tickets that it returned, and so sees no more: a figure tells nothing of them.
        kept = (each for sight in visible.sights for each in sight.conditions)
        places = tuple(each for each in kept if each.column is Column.JURISDICTION)
        visible = Visible((Sight("own_figures", places, OWN_PART),))
    async with database.read() as connection:
        return await store.counts(connection, visible, month, department)
