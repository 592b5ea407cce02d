"""Logging in and out of the console, and who is logged in. Works without JavaScript; no token is in a page.

A change takes three things that another site has not: the cookie, which it cannot make a browser send with a
form, our own Origin, and the token of the form. Source: security.md sections 2 and 9, console.md section 4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onenet.console import words
from onenet.console.browsers import words_of
from onenet.console.counting import counted
from onenet.console.forms import MAX_FORM_BYTES, Cookies, check_origin, read_form, see
from onenet.console.pages import language_of, language_query, page
from onenet.console.trouble import trouble
from onenet.errors import Forbidden, InvalidInput, NotFound, OnenetError, Unauthenticated, Unavailable
from onenet.quotas import Quotas
from onenet.services import logins
from onenet.services.logins import Login, Logins, Place

HOME = "/console/"
TICKET_S = int(logins.BEGUN_FOR.total_seconds())
LONGEST_S = int(logins.LONGEST.total_seconds())

_TARGET = re.compile(r"/console/[A-Za-z0-9_~/-]*(\?[A-Za-z0-9_~/.=&%-]*)?")
"""Where one may be sent after a log-in: pages of the console, and nothing that a browser takes for a host."""


class LoginPages:
    """The pages, over the log-ins."""

    def __init__(self, known: Logins, quotas: Quotas):
        """`known`: who is logged in."""
        self._logins = known
        self._quotas = quotas
        self._cookies = Cookies(known.is_secure)
        self._login = self._cookies.named("login")  # holds the id of a log-in
        self._ticket = self._cookies.named("ticket")  # holds a log-in that is under way

    def routes(self) -> list[Route]:
        """To be added to the application; none where nobody can log in."""
        if not self._logins.issuers:
            return []
        return [
            Route("/console", self.home),
            Route(HOME, self.home),
            Route("/console/login", counted(self.login, self._quotas, "login")),
            Route(logins.CALLBACK, counted(self.callback, self._quotas, "login")),
            Route("/console/logout", self.logout, methods=["POST"]),
            Route("/console/logins", self.end_elsewhere, methods=["POST"]),
            Route("/console/left", self.left),
        ]

    async def home(self, request: Request) -> Response:
        """Who is logged in, and as what."""
        known = await self.login_of(request)
        if known is None:
            return see(f"/console/login?{urlencode({'next': HOME})}")
        id, found = known
        who, language = found.principal, language_of(request)
        return page(
            "console.html",
            request,
            who=who,
            role=words.ROLES[who.role][language],
            until=found.ends_at,
            form_token=logins.form_token(id),
            elsewhere=await self._logins.elsewhere(id, who),
        )

    async def login(self, request: Request) -> Response:
        """Asks at which issuer, and sends the browser there."""
        target = request.query_params.get("next", HOME)
        if not _TARGET.fullmatch(target) or "//" in target:
            return trouble(request, InvalidInput(), "bad_target")
        code = request.query_params.get("issuer")
        # A click on our own page begins a log-in; a visit does not, nor another site's link. An issuer that
        # knows the person would answer without a question, and nobody would have asked (ASVS 7.6.2).
        is_asked_here = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
        if code is None or not is_asked_here:
            links = {
                code: f"/console/login?{urlencode({'issuer': code, 'next': target})}"
                for code in self._logins.issuers
            }
            return page("login.html", request, links=links)
        try:
            begun = await self._logins.begin(code, target)
        except NotFound as error:
            return trouble(request, error, "no_issuer")
        except Unavailable as error:
            return trouble(request, error, "issuer_away")
        response = see(begun.location)
        self._cookies.put(response, self._ticket, begun.ticket, lasts_s=TICKET_S)
        return response

    async def callback(self, request: Request) -> Response:
        """Takes the issuer's answer."""
        given = request.query_params.multi_items()
        answer = dict(given)
        ticket = request.cookies.get(self._ticket, "")
        replaces = request.cookies.get(self._login)
        try:
            # A name that comes twice means one thing to one reader and another to the next.
            clear = answer if len(answer) == len(given) else {}
            done = await self._logins.finish(ticket, clear, replaces=replaces, place=_place(request))
        except Unavailable as error:
            return trouble(request, error, "issuer_away")
        except Unauthenticated as error:
            response = trouble(request, error, "login_failed")
        else:
            response = see(done.target)
            self._cookies.put(response, self._login, done.id, lasts_s=LONGEST_S)
        self._cookies.put(response, self._ticket, "", lasts_s=0)  # it serves once
        return response

    async def logout(self, request: Request) -> Response:
        """Ends the log-in."""
        try:
            id, _ = await self.changer(request)
        except OnenetError as error:
            return trouble(request, error)
        found = await self._logins.find(id)
        await self._logins.leave(id)
        query = f"?{urlencode({'issuer': found.principal.client})}" if found else ""
        response = see(f"/console/left{query}")
        self._cookies.put(response, self._login, "", lasts_s=0)
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    async def end_elsewhere(self, request: Request) -> Response:
        """Ends another log-in of the same person, or all others (ASVS 5.0 7.5.2)."""
        try:
            id, said = await self.changer(request)
        except OnenetError as error:
            return trouble(request, error)
        await self._logins.end_elsewhere(id, said.get("end", ""))
        return see(f"{HOME}{language_query(request)}")

    async def left(self, request: Request) -> Response:
        """Says that one is logged out here, and where to log out at the issuer."""
        code = request.query_params.get("issuer", "")
        farewell = await self._logins.farewell(code) if code in self._logins.issuers else None
        return page("left.html", request, farewell=farewell)

    async def login_of(self, request: Request) -> tuple[str, Login] | None:
        """Who is logged in in this browser, and the id of that log-in; None for nobody."""
        id = request.cookies.get(self._login)
        found = await self._logins.find(id)
        return (id, found) if id and found else None

    async def changer(self, request: Request, limit: int = MAX_FORM_BYTES) -> tuple[str, Mapping[str, str]]:
        """The id of the log-in that sent this form itself, and the form.

        Raises: Forbidden, PayloadTooLarge.
        """
        check_origin(request, self._logins.public_url)
        id = request.cookies.get(self._login)
        said = await read_form(request, limit)
        if id is None or not logins.is_form_token(id, said.get("form_token", "")):
            raise Forbidden
        return id, said


def _place(request: Request) -> Place:
    address = request.client.host[:64] if request.client else None
    return Place(address, words_of(request.headers.get("user-agent", "")) or None)
