"""The page of a case, for whoever has its number and its secret: `/track`.

The secret comes in a form, from our own page or from a front-end's, and then lies in a cookie for half an
hour: no address holds it (ASVS 5.0 14.2.1). Each case has its cookie, so that two can be looked at side by
side, and whoever sends somebody here with another's form opens no more than that other's case.
A link that still has the secret in its query is exchanged at once. A wrong number and a wrong secret get the
same page. The page reloads itself, without JavaScript, while the case is open; `refresh=off` stops that for
readers whom it disturbs.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onenet.console.case_page import page_of
from onenet.console.counting import counted
from onenet.console.forms import Cookies, check_origin, read_form, see
from onenet.console.pages import language_of, language_query, page, stylesheet
from onenet.console.trouble import trouble
from onenet.domain.case import Case
from onenet.errors import NotFound, OnenetError
from onenet.quotas import Quotas
from onenet.services import cases, results, tickets
from onenet.services.catalogue import Catalogue
from onenet.store.database import Database

REFRESH_S = 10
LASTS_S = 1_800
"""How long one looks at a case without the secret again, however busy: the page asks again by itself."""

_WORD = re.compile(r"[0-9A-Za-z_.-]{1,64}")
"""What a number and a secret are made of; nothing else is looked up."""


class ProgressPages:
    """The pages, over the cases."""

    def __init__(self, database: Database, catalogue: Catalogue, quotas: Quotas, public_url: str):
        """`public_url`: where browsers reach the service."""
        self._database = database
        self._catalogue = catalogue
        self._quotas = quotas
        self._public_url = public_url
        self._cookies = Cookies(public_url.startswith("https://"))

    def routes(self) -> list[Route]:
        """To be added to the application."""
        return [
            Route("/track", counted(self.ask, self._quotas, "lookup"), methods=["GET"]),
            Route("/track", counted(self.enter, self._quotas, "lookup"), methods=["POST"]),
            Route("/track/{number}", counted(self.show, self._quotas, "lookup"), methods=["GET"]),
            Route("/track/{number}", counted(self.enter, self._quotas, "lookup"), methods=["POST"]),
            Route("/track/{number}/leave", self.leave, methods=["POST"]),
            Route("/static/page.css", stylesheet),
        ]

    async def ask(self, request: Request) -> Response:
        """Asks for number and secret."""
        return self._asking(request)

    async def enter(self, request: Request) -> Response:
        """Takes them; the number may stand in the address already."""
        try:
            said = await read_form(request)
        except OnenetError as error:
            return trouble(request, error)
        number = request.path_params.get("number") or said.get("number", "").strip()
        return await self._exchange(request, number, said.get("secret", "").strip())

    async def show(self, request: Request) -> Response:
        """How the case stands, or what to do first."""
        number = request.path_params["number"]
        if (secret := request.query_params.get("secret")) is not None:
            return await self._exchange(request, number, secret)
        try:
            case = await self.case_of(request)
        except OnenetError as error:
            return self._refused(request, error)
        if case is None:
            return self._asking(request)
        codes = results.codes(self._database.ring, case)
        units = await tickets.names_of_units(self._catalogue, case)
        shown = page_of(case, language_of(request), codes, units)
        refresh_s = REFRESH_S if shown.is_open and request.query_params.get("refresh") != "off" else None
        return page("case.html", request, page=shown, refresh_s=refresh_s)

    async def case_of(self, request: Request) -> Case | None:
        """The case that this browser has the secret of; None where it has none. Raises: NotFound."""
        number = request.path_params["number"]
        name = self._cookies.named(f"case-{number}")
        secret = request.cookies.get(name) if _WORD.fullmatch(number) else None
        if secret is None:
            return None
        return await cases.track(self._database, self._catalogue, number, _word(secret))

    async def leave(self, request: Request) -> Response:
        """Forgets the secret: others may use this browser."""
        number = request.path_params["number"]
        try:
            check_origin(request, self._public_url)
            response = see(f"/track{language_query(request)}")
            self._cookies.put(response, self._cookies.named(f"case-{_word(number)}"), "", lasts_s=0)
        except OnenetError as error:
            return trouble(request, error)
        return response

    async def _exchange(self, request: Request, number: str, secret: str) -> Response:
        """A cookie for the secret, if it is right, and an address without it."""
        try:
            await cases.track(self._database, self._catalogue, _word(number), _word(secret))
        except OnenetError as error:
            return self._refused(request, error)
        response = see(f"/track/{number}{language_query(request)}")
        self._cookies.put(response, self._cookies.named(f"case-{number}"), secret, lasts_s=LASTS_S)
        return response

    def _refused(self, request: Request, error: OnenetError) -> Response:
        if isinstance(error, NotFound):
            return self._asking(request, problem="not_found", status=404)
        return trouble(request, error)

    def _asking(self, request: Request, *, problem: str | None = None, status: int = 200) -> Response:
        """Asks, and repeats nothing that was typed: it may be an identity number."""
        has_number = "number" in request.path_params
        return page("track.html", request, status=status, asks_number=not has_number, problem=problem)


def _word(text: str) -> str:
    """The text, if a number or a secret can be that. Raises: NotFound."""
    if not _WORD.fullmatch(text):
        raise NotFound
    return text
