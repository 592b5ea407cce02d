"""The page of a case, for whoever holds its number and its secret: `GET /track/{number}?secret=…`.

A wrong number and a wrong secret get the same page. The page reloads itself, without JavaScript, while the
case is open; `refresh=off` stops that for readers whom it disturbs.
"""

from __future__ import annotations

import re
from hashlib import sha256
from importlib.resources import files
from urllib.parse import urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from onenet import __version__
from onenet.console.case_page import page_of
from onenet.console.words import PAGE, Language
from onenet.errors import NotFound, OnenetError
from onenet.services import cases
from onenet.services.catalogue import Catalogue
from onenet.store.database import Database

REFRESH_S = 10
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # The address holds the secret. There is no form here that would need an Origin.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language",
}
HTML_LANGUAGES = {"zh": "zh-CN", "en": "en"}

_WORD = re.compile(r"[0-9A-Za-z_.-]{1,64}")
"""What a number and a secret are made of; nothing else is looked up."""

_STYLE = (files("onenet.console") / "static" / "page.css").read_text(encoding="utf-8")
_STYLE_MARK = sha256(_STYLE.encode()).hexdigest()[:12]
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("onenet.console"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def routes(database: Database, catalogue: Catalogue) -> list[Route]:
    """The routes of the pages, to be added to the application."""

    async def case_page(request: Request) -> Response:
        language = language_of(request)
        try:
            number, secret = _proof(request)
            case = await cases.track(database, catalogue, number, secret)
        except NotFound:
            return _page("not_found.html", request, language, status=404, problem="not_found")
        except OnenetError as error:
            return _page("not_found.html", request, language, status=error.status, problem="unavailable")
        page = page_of(case, language)
        refresh_s = REFRESH_S if page.is_open and request.query_params.get("refresh") != "off" else None
        return _page("case.html", request, language, page=page, refresh_s=refresh_s)

    return [Route("/track/{number}", case_page), Route("/static/page.css", _stylesheet)]


def language_of(request: Request) -> Language:
    """`?lang=`, or else whichever of the two the browser names first; Chinese where it names neither."""
    asked = request.query_params.get("lang")
    for tag in [asked or "", *request.headers.get("accept-language", "").lower().split(",")]:
        match tag.strip().partition(";")[0].partition("-")[0]:
            case "zh":
                return "zh"
            case "en":
                return "en"
            case _:
                continue
    return "zh"


def _proof(request: Request) -> tuple[str, str]:
    """Number and secret. Raises: NotFound when they cannot be those of a case."""
    number, secret = request.path_params["number"], request.query_params.get("secret", "")
    if not (_WORD.fullmatch(number) and _WORD.fullmatch(secret)):
        raise NotFound
    return number, secret


def _page(
    template: str, request: Request, language: Language, *, status: int = 200, **known: object
) -> Response:
    def address(**changes: str) -> str:
        """The address of this page, with these parameters changed."""
        return f"{request.url.path}?{urlencode({**request.query_params, **changes})}"

    def say(key: str, **places: object) -> str:
        return PAGE[key][language].format(**places)

    html = _TEMPLATES.get_template(template).render(
        **known,
        say=say,
        address=address,
        lang=HTML_LANGUAGES[language],
        other="en" if language == "zh" else "zh",
        other_lang=HTML_LANGUAGES["en" if language == "zh" else "zh"],
        version=__version__,
        style=f"/static/page.css?v={_STYLE_MARK}",
    )
    return HTMLResponse(html, status, {**HEADERS, "Content-Language": HTML_LANGUAGES[language]})


async def _stylesheet(request: Request) -> Response:
    """The style of all pages; its address changes with its content."""
    cached = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(_STYLE, headers=cached, media_type="text/css")
