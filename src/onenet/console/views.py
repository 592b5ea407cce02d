"""The page of a case, for whoever holds its number and its secret: `GET /track/{number}?secret=…`.

A wrong number and a wrong secret get the same page. The page reloads itself, without JavaScript, while the
case is open; `refresh=off` stops that for readers whom it disturbs.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onenet.console.case_page import page_of
from onenet.console.counting import counted
from onenet.console.pages import language_of, page, stylesheet
from onenet.errors import NotFound, OnenetError
from onenet.quotas import Quotas
from onenet.services import cases
from onenet.services.catalogue import Catalogue
from onenet.store.database import Database

REFRESH_S = 10

_WORD = re.compile(r"[0-9A-Za-z_.-]{1,64}")
"""What a number and a secret are made of; nothing else is looked up."""


def routes(database: Database, catalogue: Catalogue, quotas: Quotas) -> list[Route]:
    """The routes of the pages, to be added to the application."""

    async def case_page(request: Request) -> Response:
        try:
            number, secret = _proof(request)
            case = await cases.track(database, catalogue, number, secret)
        except NotFound:
            return page("not_found.html", request, status=404, problem="not_found")
        except OnenetError as error:
            return page("not_found.html", request, status=error.status, problem="unavailable")
        shown = page_of(case, language_of(request))
        refresh_s = REFRESH_S if shown.is_open and request.query_params.get("refresh") != "off" else None
        return page("case.html", request, page=shown, refresh_s=refresh_s)

    return [
        Route("/track/{number}", counted(case_page, quotas, "lookup")),
        Route("/static/page.css", stylesheet),
    ]


def _proof(request: Request) -> tuple[str, str]:
    """Number and secret. Raises: NotFound when they cannot be those of a case."""
    number, secret = request.path_params["number"], request.query_params.get("secret", "")
    if not (_WORD.fullmatch(number) and _WORD.fullmatch(secret)):
        raise NotFound
    return number, secret
