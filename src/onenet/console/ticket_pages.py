"""The pages of a unit for hotline tickets: those that it has a part in, and one with its forms.
`/console/tickets`. The hotline itself has a system, and no pages.

A form brings how the ticket was when the page was made: where that has changed, nothing is done. What a unit
has returned it sees no more, so that leads to the list, and a second click on it as well.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onenet.clock import Clock
from onenet.console.desk_forms import needed_text
from onenet.console.desk_pages import to_login
from onenet.console.forms import Written, see
from onenet.console.login_pages import LoginPages
from onenet.console.pages import language_of, language_query, page
from onenet.console.seats import Seated, once, replying, seated
from onenet.console.ticket_view import Seat, line_of, mark, page_of
from onenet.console.trouble import trouble
from onenet.domain import ticket_handling
from onenet.domain.case import Case
from onenet.domain.commands import HandleTicket
from onenet.domain.principal import Principal
from onenet.domain.tickets import AnswerTicket, GivePart, ReturnTicket, Ticket, ticket_of
from onenet.domain.visibility import Subject
from onenet.errors import (
    Conflict,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    OnenetError,
    PreconditionFailed,
    ReturnTooLate,
)
from onenet.services import logins, tickets
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.once import answered
from onenet.services.reading import Reading
from onenet.store.cases import Position
from onenet.store.tickets import Wanted

HOME = "/console/tickets"
PAGE_SIZE = 50
MAX_FORM_BYTES = 32_768

ACTS: Mapping[str, type[ReturnTicket | GivePart | AnswerTicket]] = {
    "return": ReturnTicket,
    "give_part": GivePart,
    "answer": AnswerTicket,
}
"""What a unit does, by the words of the forms; with each goes the department, and what is said."""


class TicketPages:
    """The pages, over the tickets."""

    def __init__(
        self, known: LoginPages, gate: Gate, reading: Reading, catalogue: Catalogue, machine_clock: Clock
    ):
        """`known`: who is logged in. `machine_clock`: of looks that go on record."""
        self._login_pages = known
        self._database = gate.database
        self._gate = gate
        self._reading = reading
        self._catalogue = catalogue
        self._machine_clock = machine_clock

    def routes(self) -> list[Route]:
        """To be added to the application, where people can log in."""
        return [
            Route(HOME, self.listed),
            Route(f"{HOME}/{{ticket:uuid}}", self.show, methods=["GET"]),
            Route(f"{HOME}/{{ticket:uuid}}", self.act, methods=["POST"]),
        ]

    async def listed(self, request: Request) -> Response:
        """Those that wait for the unit, or all that it has or had a part in; the newest first."""
        try:
            sitting = await seated(self._login_pages, request, "tickets:answer")
            after = _place(request.query_params.get("after"))
        except OnenetError as error:
            return trouble(request, error)
        if sitting is None:
            return to_login(request)
        who, language = sitting.who, language_of(request)
        is_all = request.query_params.get("which") == "all"
        found, further = await tickets.page(
            self._database,
            self._reading,
            await self._reading.visible(who, self._machine_clock.now(), of=Subject.TICKETS),
            Wanted(is_at_work=not is_all, department=who.department),
            after=after,
            limit=PAGE_SIZE,
        )
        shown = ((each.case, ticket_of(each.case.content.procedures)) for each in found)
        return page(
            "tickets.html",
            request,
            lines=[line_of(case, ticket, language) for case, ticket in shown if ticket],
            which="all" if is_all else "",
            further=f"{further.created_at.isoformat()}~{further.id}" if further else None,
        )

    async def show(self, request: Request) -> Response:
        """One of them."""
        try:
            sitting = await seated(self._login_pages, request, "tickets:answer")
            if sitting is None:
                return to_login(request)
            return await self._page(request, sitting)
        except OnenetError as error:
            return trouble(request, error)

    async def act(self, request: Request) -> Response:
        """Does what a form says."""
        try:
            sitting = await seated(self._login_pages, request, "tickets:answer")
            if sitting is None:
                return to_login(request)
            _, said = await self._login_pages.changer(request, MAX_FORM_BYTES)
            try:
                await self._work(request, sitting.who, said)
            except (Conflict, PreconditionFailed, IdempotencyKeyReused, InvalidInput) as error:
                written = Written(said, _problem_of(error), error.status)
                return await self._page(request, sitting, written)
        except OnenetError as error:
            return trouble(request, error)
        here = HOME if said.get("act") == "return" else f"{HOME}/{request.path_params['ticket']}"
        return see(f"{here}{language_query(request)}")

    async def _work(self, request: Request, who: Principal, said: Mapping[str, str]) -> None:
        place = f"{HOME} {request.path_params['ticket']}"
        under = once(place, who, said)
        try:
            case, _ = await self._find(request, who)
        except NotFound:
            if await answered(self._database, under) is None:
                raise
            return
        act = ACTS.get(said.get("act", ""))
        if act is None:
            raise InvalidInput
        command = HandleTicket(act(who.department or "", needed_text(said, "words")))
        if said.get("seen") != mark(case) and await answered(self._database, under) is None:
            raise PreconditionFailed
        await tickets.handle(self._gate, case.id, command, replying(place, case, who, said))

    async def _find(self, request: Request, who: Principal) -> tuple[Case, Ticket]:
        id: UUID = request.path_params["ticket"]
        seen = await self._reading.case(id, who, self._machine_clock.now(), what="ticket", of=Subject.TICKETS)
        ticket = ticket_of(seen.case.content.procedures)
        if ticket is None:
            raise NotFound
        return seen.case, ticket

    async def _page(self, request: Request, sitting: Seated, written: Written | None = None) -> Response:
        case, ticket = await self._find(request, sitting.who)
        seat = Seat(sitting.who.department or "", await tickets.names_of_units(self._catalogue, case))
        until = await self._return_until(case, ticket, seat.department)
        return page(
            "ticket.html",
            request,
            status=written.status if written else 200,
            page=page_of(case, ticket, seat, language_of(request), until),
            said=written.said if written else {},
            problem=written.problem if written else None,
            form_token=logins.form_token(sitting.login),
            key=secrets.token_urlsafe(16),
        )

    async def _return_until(self, case: Case, ticket: Ticket, department: str) -> datetime | None:
        """Until when the unit may return it; None where it is over, or there is nothing to return."""
        unit, rules = ticket.round.working(department), await self._catalogue.rules()
        until = ticket_handling.return_until(unit, rules[case.jurisdiction]) if unit else None
        return until if until and until >= self._gate.clock.now() else None


def _problem_of(error: OnenetError) -> str:
    """The words for what was not done."""
    match error:
        case InvalidInput():
            return "ticket_missing"
        case ReturnTooLate():
            return "ticket_too_late"
        case _:
            return "ticket_moved"


def _place(text: str | None) -> Position | None:
    """Where a page begins. Raises: InvalidInput for what no page of ours has."""
    if text is None:
        return None
    try:
        at, id = text.split("~")
        found = Position(datetime.fromisoformat(at), UUID(id))
    except ValueError:
        raise InvalidInput from None
    if found.created_at.tzinfo is None or not 1800 <= found.created_at.year <= 2199:
        raise InvalidInput
    return found
