"""Hotline tickets: the hotline's system files, dispatches and calls back, units answer, supervision looks."""

from __future__ import annotations

import secrets
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import cursors, ticket_views
from onenet.api import ticket_examples as examples
from onenet.api.answers import answer, as_json, page, stored
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_queries import CaseId
from onenet.api.cases import position, with_secret
from onenet.api.contract import answers_with
from onenet.api.idempotency import once
from onenet.api.operations import Answers, Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import Page
from onenet.api.ticket_shapes import (
    CallBack,
    Close,
    Dispatch,
    HotlineAct,
    Lengthen,
    Name,
    NewTicket,
    Reasoned,
    Return,
    Said,
    TicketFigureQuery,
    TicketFigures,
    TicketQuery,
    TicketShape,
    UnitAct,
)
from onenet.domain import tracking
from onenet.domain.case import Applicant, Case, Decision
from onenet.domain.commands import Extend, HandleTicket
from onenet.domain.delegation import Owner
from onenet.domain.tickets import (
    AnswerTicket,
    CallBackAbout,
    CloseTicket,
    DispatchTicket,
    EndTicket,
    GivePart,
    ReopenTicket,
    ReturnTicket,
)
from onenet.domain.visibility import HOTLINE, Subject
from onenet.errors import NotFound
from onenet.services import cases, tickets
from onenet.services.cases import Replying
from onenet.services.once import answered
from onenet.services.reading import Seen
from onenet.services.tickets import Filed
from onenet.store.idempotency import StoredAnswer
from onenet.store.tickets import Wanted

operations = Operations("tickets")

KEY = ("Idempotency-Key",)

ListQuery = Annotated[TicketQuery, Query()]
MonthQuery = Annotated[TicketFigureQuery, Query()]
NewBody = Annotated[Body[NewTicket], Depends(JsonBody(NewTicket, examples.NEW_TICKET))]
HotlineBody = Annotated[Body[HotlineAct], Depends(JsonBody(HotlineAct, examples.HOTLINE_ACT))]
UnitBody = Annotated[Body[UnitAct], Depends(JsonBody(UnitAct, examples.UNIT_ACT))]

_NOW: Answers = {200: answers_with("The ticket as it now is", TicketShape, examples.TICKET)}


# ---- filing


@operations(
    "POST",
    "/v1/tickets",
    permission="tickets:file",
    answers={
        200: answers_with("The ticket that this number has", TicketShape, examples.TICKET),
        201: answers_with("The ticket is on disk", TicketShape, examples.FILED),
    },
    problems=(409,),
)
async def file_ticket(request: Request, body: NewBody) -> Response:
    """Files a ticket for whoever is on the line, once under the hotline's own number.

    The number is its Idempotency-Key: filed again it is answered as before, or as the ticket now stands. The
    answer is kept when the case is erased, and so repeats no word of what was said.
    """
    who, known, said = caller(request), parts(request), body.value
    owner = Owner(who.client, who.subject or "")
    await tickets.check_place(known.catalogue, said.jurisdiction, who.jurisdictions)
    about = await _case_named(request, said.case_number)
    filed = Filed(
        owner.client,
        owner.subject,
        said.reference,
        said.jurisdiction,
        said.about,
        said.text,
        Applicant(said.caller.name, "natural_person", "", "", said.caller.phone),
        said.place,
        about.id if about else None,
        about.number if about else None,
    )
    seed = secrets.token_urlsafe(tracking.SEED_BYTES)

    def tell(case: Case) -> StoredAnswer:
        members = ticket_views.facts(case, HOTLINE) | {"tracking_seed": seed}
        return StoredAnswer(201, as_json(members), {"Location": f"/v1/tickets/{case.id}"})

    def tell_known(case: Case) -> StoredAnswer:
        return StoredAnswer(200, as_json(ticket_views.whole(case, HOTLINE)), {})

    found, is_known = await tickets.file(
        known.gate,
        known.catalogue,
        filed,
        actor=who.id,
        secret=tracking.secret_of(seed, said.reference),
        tell=tell,
        tell_known=tell_known,
    )
    return stored(with_secret(found, said.reference), replayed=is_known)


async def _case_named(request: Request, number: str | None) -> Case | None:
    """The case that a ticket is about, of those that the caller may see. Raises: UnknownReference."""
    if number is None:
        return None
    known, now = parts(request), parts(request).machine_clock.now()
    try:
        id = await cases.id_of(known.database, number)
        seen = await known.reading.case(id, caller(request), now, what=None)
    except NotFound as error:
        raise cases.unknown("/case_number", "没有此办件", "no such case") from error
    return seen.case


# ---- looking


@operations(
    "GET",
    "/v1/tickets",
    permission="tickets:read",
    answers={200: answers_with("A page of tickets, newest first", Page[TicketShape], examples.TICKET_PAGE)},
)
async def list_tickets(request: Request, query: ListQuery) -> Response:
    """Lists tickets: the hotline's own, those that a unit has or had, those of a jurisdiction."""
    who, known = caller(request), parts(request)
    wanted = Wanted(query.state, query.concern, bool(query.at_work), who.department)
    filters = {
        "list": "tickets",
        "of": who.id,
        "state": query.state,
        "concern": query.concern,
        "at_work": query.at_work,
    }
    found, after = await tickets.page(
        known.database,
        known.reading,
        await known.reading.visible(who, known.machine_clock.now(), of=Subject.TICKETS),
        wanted,
        after=position(query.cursor, filters),
        limit=query.size,
    )
    cursor = cursors.write([after.created_at.isoformat(), str(after.id)], filters) if after else None
    return answer(
        request, page(request, [ticket_views.facts(each.case, each.sight.view) for each in found], cursor)
    )


@operations("GET", "/v1/tickets/{ticket}", permission="tickets:read", answers=_NOW)
async def get_ticket(request: Request, ticket: CaseId) -> Response:
    """Shows a ticket with what was said, as far as it concerns who asks; the look is on record."""
    seen = await _load(request, ticket)
    return answer(request, ticket_views.whole(seen.case, seen.sight.view))


async def _load(request: Request, ticket: str) -> Seen:
    known = parts(request)
    now = known.machine_clock.now()
    return await known.reading.case(UUID(ticket), caller(request), now, what="ticket", of=Subject.TICKETS)


@operations(
    "GET",
    "/v1/ticket-figures",
    permission="tickets:read",
    answers={200: answers_with("The figures", TicketFigures, examples.FIGURES)},
)
async def get_ticket_figures(request: Request, query: MonthQuery) -> Response:
    """Counts the parts that units got in a month, by department: done, returned, late, solved or not."""
    who, known = caller(request), parts(request)
    visible = await known.reading.visible(who, known.machine_clock.now(), of=Subject.TICKETS)
    found = await tickets.figures(known.database, visible, query.month, who.department)
    return answer(request, {"month": query.month, "items": [each._asdict() for each in found]})


# ---- handling


@operations(
    "POST",
    "/v1/tickets/{ticket}/actions",
    permission="tickets:dispatch",
    answers=_NOW,
    takes=KEY,
    problems=(409,),
)
async def act_on_ticket(request: Request, ticket: CaseId, body: HotlineBody) -> Response:
    """Does the hotline's next thing: dispatch, name, extend, close, call back, reopen, end."""
    said = body.value.root
    if isinstance(said, Dispatch | Name):
        units = [(f"/co_units/{number}", code) for number, code in enumerate(said.co_units)]
        await tickets.check_units(parts(request).catalogue, [("/lead", said.lead), *units])
    return await _put_through(request, ticket, _of_hotline(said), body.raw)


def _of_hotline(
    said: Dispatch | Name | Lengthen | Close | CallBack | Reasoned,
) -> HandleTicket | Extend:
    match said:
        case Dispatch():
            return HandleTicket(DispatchTicket(said.lead, tuple(said.co_units)))
        case Name():
            return HandleTicket(DispatchTicket(said.lead, tuple(said.co_units), True, said.reason))
        case Lengthen():
            return Extend(None, "promised", said.days, said.approved_by, said.reason)
        case Close():
            return HandleTicket(CloseTicket())
        case CallBack():
            return HandleTicket(CallBackAbout(said.solved, said.satisfied, said.words))
        case Reasoned(act="reopen"):
            return HandleTicket(ReopenTicket(said.reason))
        case Reasoned():
            return HandleTicket(EndTicket(said.reason))


@operations(
    "POST",
    "/v1/tickets/{ticket}/answers",
    permission="tickets:answer",
    answers={200: answers_with("The ticket as it now is", TicketShape, examples.ANSWERED)},
    takes=KEY,
    problems=(409,),
)
async def answer_ticket(request: Request, ticket: CaseId, body: UnitBody) -> Response:
    """Does a unit's part: returns the ticket, gives a co-unit's part to the lead, answers as the lead.

    A unit that has returned it sees it no more; what it sent is still answered again under its key.
    """
    department, said = caller(request).department or "", body.value.root
    match said:
        case Return():
            act: ReturnTicket | GivePart | AnswerTicket = ReturnTicket(department, said.reason)
        case Said(act="give_part"):
            act = GivePart(department, said.words)
        case _:
            act = AnswerTicket(department, said.words)
    return await _put_through(request, ticket, HandleTicket(act), body.raw)


async def _put_through(request: Request, ticket: str, command: HandleTicket | Extend, raw: bytes) -> Response:
    who, known = caller(request), parts(request)
    under = once(request, who, raw)
    try:
        case, _ = await _load(request, ticket)
    except NotFound:
        kept = await answered(known.database, under)
        if kept is None:
            raise
        return stored(kept, replayed=True)
    ways = await known.reading.visible(who, known.machine_clock.now(), of=Subject.TICKETS)

    def render(after: Case, decision: Decision) -> StoredAnswer:
        sight = ways.sight_of(after)
        return StoredAnswer(200, as_json(ticket_views.whole(after, sight.view if sight else None)), {})

    result = await tickets.handle(known.gate, case.id, command, Replying(who.id, under, render))
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a change that was to be rendered")
    return stored(result.answer, replayed=result.replayed)
